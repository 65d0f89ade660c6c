/// One object as a listing or a HEAD describes it.
public struct ObjectInfo: Sendable, Hashable {
  /// The bucket, or "" for local files.
  public var bucket: String
  /// The key, or the file's path as the listing found it.
  public var key: String
  /// Bytes as stored (compressed).
  public var size: Int64
  /// Microseconds since 1970-01-01T00:00:00Z.
  public var modifiedMicroseconds: Int64
  /// The entity tag without quotes; nil for local files (but `head` gives small ones their SHA-256, for `ifMatch`).
  public var etag: String?
  /// The version id where the bucket has versioning; nil otherwise ("null" versions too).
  public var version: String?

  public init(
    bucket: String, key: String, size: Int64, modifiedMicroseconds: Int64, etag: String? = nil,
    version: String? = nil
  ) {
    self.bucket = bucket
    self.key = key
    self.size = size
    self.modifiedMicroseconds = modifiedMicroseconds
    self.etag = etag
    self.version = version
  }
}

/// What a failed operation on a store means for the caller.
public struct StoreError: Error, Sendable, CustomStringConvertible {
  public enum Code: Sendable, Hashable {
    case notFound
    /// 403, or no permission on a file. Not the same as absence.
    case forbidden
    /// The object is no longer the version that was asked for (412 on If-Match, a file that changed).
    case changed
    /// A conditional PUT found something there already (412 on If-None-Match, EEXIST).
    case exists
    /// No room on the device.
    case full
    /// The server or network failed after all retries.
    case unavailable
    /// The server answered with something that the protocol does not allow, or refused the request (4xx).
    case protocolViolation
    /// Anything else; see the message.
    case other
  }

  public var code: Code
  /// What was being done: "GET", "LIST", "read", …
  public var operation: String
  /// `s3://bucket/key` or a path.
  public var location: String
  /// What went wrong, without secrets.
  public var message: String
  /// What the user can do next, or "".
  public var hint: String

  public init(_ code: Code, operation: String, location: String, message: String, hint: String = "") {
    self.code = code
    self.operation = operation
    self.location = location
    self.message = message
    self.hint = hint
  }

  /// Passes on what a caller's closure threw: a store's error as it is, any other as its description.
  public init(passingOn error: any Error, operation: String, location: String) {
    self =
      error as? StoreError
      ?? StoreError(.other, operation: operation, location: location, message: "\(error)")
  }

  public var description: String {
    "\(operation) \(location): \(message)" + (hint.isEmpty ? "" : "; \(hint)")
  }
}

/// Objects under one root: a bucket, or the local file system. Thread-safe; all calls block.
///
/// Keys of a local store are file paths.
public protocol ObjectStore: Sendable {
  /// Every object whose key begins with `prefix`, in pages, in no particular order. Directory markers are included.
  /// `page` returns false to stop early.
  func list(prefix: String, page: ([ObjectInfo]) throws -> Bool) throws(StoreError)

  /// The object's description; throws `.notFound` when there is none.
  func head(_ key: String) throws(StoreError) -> ObjectInfo

  /// Opens one object version for reading from the start; pinned to `info`'s version or entity tag (local: size and
  /// modification time), so that a change underneath ends in `.changed`, never in mixed bytes.
  func open(_ info: ObjectInfo) throws(StoreError) -> any ObjectReader

  /// The bytes of a range of an object that is never written to again and `info.size` bytes long. Throws `.changed` where it
  /// has another length.
  func bytes(_ info: ObjectInfo, _ range: Range<Int64>) throws(StoreError) -> [UInt8]

  /// Writes a whole object. With `ifAbsent`, throws `.exists` if there is one; exactly one of many racing writers wins.
  /// With `ifMatch` (an entity tag that ``head(_:)`` gave), throws `.changed` unless it is still that one.
  /// Nothing partial is ever visible. Returns the entity tag where there is one.
  @discardableResult
  func put(_ key: String, _ bytes: [UInt8], condition: PutCondition) throws(StoreError) -> String?

  /// Puts a file of this machine, whole and never written to again, under a key, as a ``put(_:_:condition:)`` of its bytes
  /// would, whatever is there. False: this store has no shorter way than to be given the bytes.
  func adopt(_ key: String, file: String) throws(StoreError) -> Bool

  /// Starts a large object that is written piece by piece and becomes visible whole at `finish`.
  func writer(_ key: String) throws(StoreError) -> any ObjectWriter

  /// Removes an object; no error when there is none.
  func delete(_ key: String) throws(StoreError)
}

extension ObjectStore {
  /// By asking for its length, and reading all that is before it.
  public func bytes(_ info: ObjectInfo, _ range: Range<Int64>) throws(StoreError) -> [UInt8] {
    let size = try head(info.key).size
    guard size == info.size else {
      throw StoreError(
        .changed, operation: "read", location: info.key, message: "its size is \(size), and was \(info.size)")
    }
    let reader = try open(info)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(range.upperBound), alignment: 16)
    defer { memory.deallocate() }
    var count = 0
    while count < memory.count {
      let more = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: memory[count...]))
      if more == 0 {
        throw StoreError(
          .changed, operation: "read", location: info.key, message: "it ends at byte \(count) of \(info.size)")
      }
      count += more
    }
    return Array(memory[Int(range.lowerBound)...])
  }

  public func adopt(_ key: String, file: String) throws(StoreError) -> Bool { false }
}

public enum PutCondition: Sendable, Hashable {
  case always
  case ifAbsent
  case ifMatch(etag: String)
}

/// Sequential bytes of one object. One thread at a time.
public protocol ObjectReader: AnyObject, Sendable {
  /// Fills the start of `buffer`; gives the number of bytes, 0 only at the end. Blocks.
  /// A body shorter than promised is an error, never an early end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int
}

/// Builds one object. One thread at a time. Dropped without `finish`, it leaves nothing visible.
public protocol ObjectWriter: AnyObject, Sendable {
  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError)
  /// Makes the object visible.
  func finish() throws(StoreError)
  /// Gives up and frees what was stored so far; harmless after `finish`.
  func abort()
}
