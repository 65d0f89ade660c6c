internal import Digests
import Glibc
public import Platform

/// The file system as a store of objects: a key is a path, relative to the working directory or absolute.
///
/// Files appear whole or not at all: they are written under another name, synchronised and renamed. Names that begin with
/// `.tributary-` are this store's own (unfinished files, locks); listings leave them out.
public struct LocalStore: ObjectStore {
  let write: WriteCall
  /// Ends in a slash; nil: directories are never removed.
  private let root: String?

  /// `root`: directories below it that are empty once a file of theirs was removed are removed with it, as if directories
  /// were but parts of keys. It stays itself, and so does all that is above or elsewhere.
  public init(root: String? = nil) {
    write = systemWrite
    self.root = root.map { Self.directoryPath($0) }
  }

  /// For tests of full devices: `write` stands in for write(2).
  init(write: @escaping WriteCall) {
    self.write = write
    root = nil
  }

  /// Lists a file, a directory with all below it, or the files and directories whose names begin with the last component
  /// of `prefix`. Where nothing is, the list is empty. A directory that cannot be read is an error.
  public func list(prefix: String, page: ([ObjectInfo]) throws -> Bool) throws(StoreError) {
    var status = stat()
    if stat(prefix.isEmpty ? "." : prefix, &status) == 0 {
      if status.isDirectory {
        var walk = DirectoryWalk(operation: "LIST")
        return try walk.run(Self.directoryPath(prefix), page: page)
      }
      guard status.isRegular else {
        throw StoreError(
          .other, operation: "LIST", location: prefix, message: "this is neither a file nor a directory",
          hint: "pipes and devices cannot be read again, so they are not inputs")
      }
      do {
        _ = try page([ObjectInfo(status, path: prefix)])
      } catch {
        throw StoreError(passingOn: error, operation: "LIST", location: prefix)
      }
      return
    }
    guard errno == ENOENT || errno == ENOTDIR else {
      throw fileError(errno, operation: "LIST", path: prefix)
    }
    let parent = Self.parent(of: prefix)
    guard stat(parent.isEmpty ? "." : parent, &status) == 0, status.isDirectory else { return }
    var walk = DirectoryWalk(operation: "LIST")
    try walk.run(parent, nameBegins: String(prefix.dropFirst(parent.count)), page: page)
  }

  public func head(_ key: String) throws(StoreError) -> ObjectInfo {
    let file = try FileDescriptor(key, O_RDONLY | O_NONBLOCK, operation: "HEAD")
    let status = try file.status(operation: "HEAD", path: key)
    guard status.isRegular else {
      throw StoreError(.notFound, operation: "HEAD", location: key, message: "this is not a file")
    }
    var info = ObjectInfo(status, path: key)
    if info.size <= Self.taggedBytesMax {
      info.etag = Self.entityTag(try file.contents(operation: "HEAD", path: key))
    }
    return info
  }

  public func open(_ info: ObjectInfo) throws(StoreError) -> any ObjectReader {
    try LocalReader(info)
  }

  public func bytes(_ info: ObjectInfo, _ range: Range<Int64>) throws(StoreError) -> [UInt8] {
    let file = try FileDescriptor(info.key, O_RDONLY | O_NONBLOCK, operation: "read")
    let status = try file.status(operation: "read", path: info.key)
    guard status.isRegular, Int64(status.st_size) == info.size else {
      throw StoreError(
        .changed, operation: "read", location: info.key,
        message: "it is no file of \(info.size) bytes, as when it was written")
    }
    var failure: StoreError?
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { memory, count in
      while count < range.count {
        let more = retryingInterrupts {
          pread(
            file.number, memory.baseAddress.map { $0 + count }, range.count - count,
            off_t(range.lowerBound) + off_t(count))
        }
        guard more > 0 else {
          failure =
            more < 0
            ? fileError(errno, operation: "read", path: info.key)
            : StoreError(
              .changed, operation: "read", location: info.key,
              message: "it ends at byte \(range.lowerBound + Int64(count)) of \(info.size)")
          return
        }
        count += more
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// The entity tag is the SHA-256 of the content, in hexadecimal; nil for a large object, as ``head(_:)`` gives none.
  @discardableResult
  public func put(_ key: String, _ bytes: [UInt8], condition: PutCondition) throws(StoreError) -> String? {
    let temporary = try TemporaryFile(beside: key, write: write, operation: "PUT")
    do throws(StoreError) {
      var failure: StoreError?
      bytes.withUnsafeBytes { raw in
        do throws(StoreError) { try temporary.write(raw) } catch { failure = error }
      }
      if let failure { throw failure }
      try temporary.synchronize()
      switch condition {
      case .ifAbsent:
        try temporary.publishIfAbsent()
      case .always:
        let lock = try KeyLock(key, operation: "PUT")
        try temporary.publish()
        lock.release()
      case .ifMatch(let etag):
        let lock = try KeyLock(key, operation: "PUT")
        try requireUnchanged(key, etag)
        try temporary.publish()
        lock.release()
      }
    } catch {
      temporary.discard()
      throw error
    }
    return bytes.count <= Self.taggedBytesMax ? Self.entityTag(bytes) : nil
  }

  public func writer(_ key: String) throws(StoreError) -> any ObjectWriter {
    LocalWriter(try TemporaryFile(beside: key, write: write, operation: "write"))
  }

  public func delete(_ key: String) throws(StoreError) {
    var status = stat()
    guard lstat(key, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return }
      throw fileError(errno, operation: "DELETE", path: key)
    }
    let lock: KeyLock
    do throws(StoreError) {
      lock = try KeyLock(key, operation: "DELETE")
    } catch {
      // Somebody has removed it, and its directory, meanwhile.
      if error.code == .notFound { return }
      throw error
    }
    let code = unlink(key) == 0 ? 0 : errno
    lock.release()
    if code != 0, code != ENOENT { throw fileError(code, operation: "DELETE", path: key) }
    removeEmptyDirectories(above: key)
  }

  /// rmdir(2) refuses a directory that holds anything, so whoever writes into one at the same time is not robbed of it
  /// (``TemporaryFile`` makes it anew where it was too late).
  private func removeEmptyDirectories(above key: String) {
    guard let root, !root.isEmpty || !key.hasPrefix("/") else { return }
    var directory = Self.parent(of: key)
    while directory.utf8.count > root.utf8.count, directory.hasPrefix(root), rmdir(directory) == 0 {
      directory = Self.parent(of: String(directory.dropLast()))
    }
  }

  /// Files above this many bytes are not hashed: conditional writes are for small control files.
  static let taggedBytesMax: Int64 = 4 << 20

  static func entityTag(_ bytes: [UInt8]) -> String { SHA256.hex(SHA256.digest(bytes)) }

  /// The part of a path up to and with its last slash; "" for a bare name.
  static func parent(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
    return String(path[...slash])
  }

  /// A directory's path with exactly one slash behind it; "" for the working directory.
  static func directoryPath(_ path: String) -> String {
    if path.isEmpty { return "" }
    var end = path.utf8.endIndex
    while end > path.utf8.startIndex, path.utf8[path.utf8.index(before: end)] == UInt8(ascii: "/") {
      end = path.utf8.index(before: end)
    }
    return String(path[..<end]) + "/"
  }

  private func requireUnchanged(_ key: String, _ etag: String) throws(StoreError) {
    let found: String
    do throws(StoreError) {
      let file = try FileDescriptor(key, O_RDONLY | O_NONBLOCK, operation: "PUT")
      found = Self.entityTag(try file.contents(operation: "PUT", path: key))
    } catch {
      guard error.code == .notFound else { throw error }
      throw StoreError(.changed, operation: "PUT", location: key, message: "the file is gone")
    }
    guard found == etag else {
      throw StoreError(
        .changed, operation: "PUT", location: key, message: "somebody else has written the file")
    }
  }
}
