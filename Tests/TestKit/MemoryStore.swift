public import Platform

/// What a store holds, shared by any number of ``MemoryStore``s.
public final class MemoryObjects: Sendable {
  struct Stored {
    var bytes: [UInt8]
    var modified: Int64
    var etag: String
  }

  let stored = Guarded<[String: Stored]>([:])
  private let changes = Guarded(0)

  public init() {}

  public subscript(key: String) -> [UInt8]? { stored.withLock { $0[key]?.bytes } }
  public var keys: [String] { stored.withLock { $0.keys.sorted() } }

  public func set(_ key: String, _ bytes: [UInt8], modified: Int64 = 0) {
    let number = changes.withLock { changes in
      changes += 1
      return changes
    }
    stored.withLock { $0[key] = Stored(bytes: bytes, modified: modified, etag: "tag-\(number)") }
  }

  /// Sets a key only if `allows` says so of what is there; gives the new entity tag.
  func set(_ key: String, _ bytes: [UInt8], if allows: (Stored?) -> Bool) -> String? {
    let number = changes.withLock { changes in
      changes += 1
      return changes
    }
    return stored.withLock { stored in
      guard allows(stored[key]) else { return nil }
      stored[key] = Stored(bytes: bytes, modified: Int64(number), etag: "tag-\(number)")
      return "tag-\(number)"
    }
  }

  /// The same version by another name, or again by its own.
  public func copy(_ key: String, to other: String) { stored.withLock { $0[other] = $0[key] } }

  public func remove(_ key: String) { stored.withLock { _ = $0.removeValue(forKey: key) } }
}

/// A bucket in memory, with a place to put faults, delays and pauses before each operation. Thread-safe.
public struct MemoryStore: ObjectStore {
  public enum Operation: String, Sendable { case list, head, open, read, put, write, finish, delete }

  /// Called before each operation, with the key; may block or throw.
  public typealias Hook = @Sendable (Operation, String) throws(StoreError) -> Void

  public let bucket: String
  public let objects: MemoryObjects
  private let hook: Hook
  /// Bytes a read gives at most.
  private let readMax: Int

  public init(_ objects: MemoryObjects, bucket: String = "", readMax: Int = 1 << 20, hook: @escaping Hook = { _, _ in })
  {
    self.objects = objects
    self.bucket = bucket
    self.readMax = readMax
    self.hook = hook
  }

  private func info(_ key: String, _ stored: MemoryObjects.Stored) -> ObjectInfo {
    ObjectInfo(
      bucket: bucket, key: key, size: Int64(stored.bytes.count), modifiedMicroseconds: stored.modified,
      etag: stored.etag)
  }

  private func missing(_ operation: String, _ key: String) -> StoreError {
    StoreError(.notFound, operation: operation, location: key, message: "there is no such object")
  }

  public func list(prefix: String, page: ([ObjectInfo]) throws -> Bool) throws(StoreError) {
    try hook(.list, prefix)
    let found = objects.stored.withLock { stored in
      stored.filter { $0.key.hasPrefix(prefix) }.map { info($0.key, $0.value) }
    }
    do { _ = try page(found) } catch { throw StoreError(passingOn: error, operation: "LIST", location: prefix) }
  }

  public func head(_ key: String) throws(StoreError) -> ObjectInfo {
    try hook(.head, key)
    guard let stored = objects.stored.withLock({ $0[key] }) else { throw missing("HEAD", key) }
    return info(key, stored)
  }

  public func open(_ info: ObjectInfo) throws(StoreError) -> any ObjectReader {
    try hook(.open, info.key)
    guard let stored = objects.stored.withLock({ $0[info.key] }) else { throw missing("GET", info.key) }
    guard info.etag == nil || info.etag == stored.etag else {
      throw StoreError(.changed, operation: "GET", location: info.key, message: "the object changed")
    }
    return Reader(key: info.key, bytes: stored.bytes, most: readMax, hook: hook)
  }

  @discardableResult
  public func put(_ key: String, _ bytes: [UInt8], condition: PutCondition) throws(StoreError) -> String? {
    try hook(.put, key)
    let tag = objects.set(key, bytes) { held in
      switch condition {
      case .always: true
      case .ifAbsent: held == nil
      case .ifMatch(let etag): held?.etag == etag
      }
    }
    if let tag { return tag }
    let code: StoreError.Code = condition == .ifAbsent ? .exists : .changed
    throw StoreError(code, operation: "PUT", location: key, message: "the condition does not hold")
  }

  public func writer(_ key: String) throws(StoreError) -> any ObjectWriter {
    Writer(key: key, objects: objects, hook: hook)
  }

  public func delete(_ key: String) throws(StoreError) {
    try hook(.delete, key)
    objects.remove(key)
  }

  /// Used by one thread at a time, as the protocol says; hence `@unchecked Sendable`.
  private final class Reader: ObjectReader, @unchecked Sendable {
    let key: String
    let bytes: [UInt8]
    let most: Int
    let hook: Hook
    var at = 0

    init(key: String, bytes: [UInt8], most: Int, hook: @escaping Hook) {
      self.key = key
      self.bytes = bytes
      self.most = most
      self.hook = hook
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
      try hook(.read, key)
      let count = min(buffer.count, bytes.count - at, most)
      bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[at..<at + count])) }
      at += count
      return count
    }
  }

  /// Used by one thread at a time, as the protocol says; hence `@unchecked Sendable`.
  private final class Writer: ObjectWriter, @unchecked Sendable {
    let key: String
    let objects: MemoryObjects
    let hook: Hook
    var bytes: [UInt8] = []

    init(key: String, objects: MemoryObjects, hook: @escaping Hook) {
      self.key = key
      self.objects = objects
      self.hook = hook
    }

    func write(_ more: UnsafeRawBufferPointer) throws(StoreError) {
      try hook(.write, key)
      bytes += more
    }

    func finish() throws(StoreError) {
      try hook(.finish, key)
      objects.set(key, bytes)
    }

    func abort() {}
  }
}

/// All locations in one store in memory: `s3://bucket/prefix`, or plain paths, which stand for local files.
public struct MemoryDirectory: StoreDirectory {
  private let store: @Sendable (String) -> MemoryStore

  /// `store`: the store of a bucket ("" for local files).
  public init(_ store: @escaping @Sendable (String) -> MemoryStore) { self.store = store }

  public func open(_ location: String) throws(StoreError) -> StorePlace {
    guard S3Location.isS3(location) else { return StorePlace(store: store(""), bucket: "", path: location) }
    let place = try S3Location.parse(location)
    return StorePlace(store: store(place.bucket), bucket: place.bucket, path: place.key)
  }

  public func objects(at place: StorePlace) throws(StoreError) -> [ObjectInfo] {
    var found: [ObjectInfo] = []
    try place.store.list(prefix: place.path) { page in
      found += page
      return true
    }
    return found
  }
}
