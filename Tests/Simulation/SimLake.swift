import Digests
import Foundation
import Pipeline
import Platform
import TestKit

@testable import Worker

/// A bucket that never forgets: what every key ever held, for those who check, and the rules of what may change.
///
/// Of its world, in which one thread is at a time; hence `@unchecked Sendable`.
final class SimLake: @unchecked Sendable {
  struct Version {
    var bytes: [UInt8]
    /// Microseconds, whole seconds: what S3's Last-Modified tells.
    var modified: Int64
    var etag: String
    var version: String?
    var number: Int
  }

  static let bucket = "lake"
  /// Snapshots lie there.
  static let out = "out/"

  private let clock: VirtualClock
  var isVersioned = false
  private(set) var current: [String: Version] = [:]
  /// All versions of inputs.
  private(set) var history: [String: [Version]] = [:]
  private var count = 0
  var violate: (String) -> Void = { _ in }
  /// Files of published snapshots by key, with the hash that the manifest says.
  private var published: [String: String] = [:]
  private(set) var manifests: [String: [UInt8]] = [:]
  private var latestCut = Int64.min

  init(clock: VirtualClock) { self.clock = clock }

  static func etag(_ bytes: [UInt8]) -> String { String(SHA256.hex(SHA256.digest(bytes)).prefix(16)) }

  var keys: [String] { current.keys.sorted() }

  func info(_ key: String, _ version: Version, listed: Bool) -> ObjectInfo {
    ObjectInfo(
      bucket: SimLake.bucket, key: key, size: Int64(version.bytes.count), modifiedMicroseconds: version.modified,
      etag: version.etag, version: listed ? nil : version.version)
  }

  /// `modified`: an upload that began earlier carries the time of its beginning.
  @discardableResult
  func put(_ key: String, _ bytes: [UInt8], modified: Int64? = nil) -> Version {
    count += 1
    let version = Version(
      bytes: bytes, modified: (modified ?? clock.now()) / 1_000_000 * 1_000_000,
      etag: SimLake.etag(bytes), version: isVersioned ? "v\(count)" : nil, number: count)
    check(put: key, bytes)
    current[key] = version
    if !key.hasPrefix(SimLake.out) { history[key, default: []].append(version) }
    return version
  }

  func delete(_ key: String) {
    if let hash = published[key] { violate("\(key) of a published snapshot (\(hash.prefix(8))) was deleted") }
    if key.hasSuffix("/manifest.json"), current[key] != nil { violate("\(key) was deleted") }
    current[key] = nil
  }

  /// A version that a reader is pinned to: what is there, or, where the bucket keeps versions, what was.
  func pinned(_ info: ObjectInfo) -> Version? {
    if let held = current[info.key], held.version == info.version, info.etag == nil || info.etag == held.etag {
      return held
    }
    if let version = info.version { return history[info.key]?.first { $0.version == version } }
    return current[info.key].flatMap { info.etag == nil || $0.etag == info.etag ? $0 : nil }
  }

  // MARK: What may change

  private func check(put key: String, _ bytes: [UInt8]) {
    guard key.hasPrefix(SimLake.out) else { return }
    let hash = SHA256.hex(SHA256.digest(bytes))
    if let before = published[key], before != hash { violate("\(key) of a published snapshot was overwritten") }
    if key.hasSuffix("/manifest.json") { published(manifest: key, bytes) }
    if key == SimLake.out + "latest.json",
      let pointer = try? JSONDecoder().decode(LatestPointer.self, from: Data(bytes))
    {
      if pointer.cutMicroseconds < latestCut { violate("latest.json moved back to \(pointer.snapshot)") }
      latestCut = pointer.cutMicroseconds
    }
  }

  private func published(manifest key: String, _ bytes: [UInt8]) {
    let folder = String(key.dropLast("manifest.json".count))
    if let before = manifests[key] {
      // Only retention's tombstone may take its place.
      if let document = try? JSONDecoder().decode(ManifestDocument.self, from: Data(bytes)), case .tombstone = document
      {
        for file in published.keys where file.hasPrefix(folder) { published[file] = nil }
      } else if before != bytes {
        violate("\(key) was overwritten")
      }
      return
    }
    manifests[key] = bytes
    guard let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(bytes)) else {
      return violate("\(key) cannot be read")
    }
    for part in manifest.parts {
      published[folder + part.key] = part.sha256
      guard let held = current[folder + part.key] else {
        violate("\(key) names \(part.key), which is not there")
        continue
      }
      if SHA256.hex(SHA256.digest(held.bytes)) != part.sha256 { violate("\(key): \(part.key) has other bytes") }
    }
  }
}

/// The lake as one life of a worker reaches it.
struct SimStore: ObjectStore {
  let world: SimWorld
  let who: SimIncarnation
  private var lake: SimLake { world.lake }

  init(_ world: SimWorld, _ who: SimIncarnation) {
    self.world = world
    self.who = who
  }

  private func around<R>(_ operation: String, _ key: String, _ body: () throws(StoreError) -> R) throws(StoreError) -> R
  {
    try trouble(operation, key, isDone: false)
    let result = try body()
    try trouble(operation, key, isDone: true)
    return result
  }

  private func trouble(_ operation: String, _ key: String, isDone: Bool) throws(StoreError) {
    switch world.befalls(who, .store, isDone: isDone, { "\(operation) \(key)" }) {
    case nil: return
    case .died: throw StoreError(.other, operation: operation, location: key, message: "this worker is dead")
    case .unavailable:
      throw StoreError(.unavailable, operation: operation, location: key, message: "the store does not answer")
    }
  }

  func list(prefix: String, page: ([ObjectInfo]) throws -> Bool) throws(StoreError) {
    try around("LIST", prefix) { () throws(StoreError) in
      guard world.isListable || prefix.hasPrefix(SimLake.out) else {
        throw StoreError(.forbidden, operation: "LIST", location: prefix, message: "listing is forbidden")
      }
      let found = lake.keys.filter { $0.hasPrefix(prefix) }
      // As it stood: pages of one listing are not of one moment, and neither is what the caller makes of them.
      for start in stride(from: 0, to: max(found.count, 1), by: 3) {
        let some = found[min(start, found.count)..<min(start + 3, found.count)].compactMap { key in
          lake.current[key].map { lake.info(key, $0, listed: true) }
        }
        do {
          if try !page(some) { return }
        } catch {
          throw StoreError(passingOn: error, operation: "LIST", location: prefix)
        }
        if start + 3 < found.count { try trouble("LIST more", prefix, isDone: false) }
      }
    }
  }

  func head(_ key: String) throws(StoreError) -> ObjectInfo {
    try around("HEAD", key) { () throws(StoreError) in
      guard let held = lake.current[key] else {
        throw StoreError(.notFound, operation: "HEAD", location: key, message: "there is no such object")
      }
      return lake.info(key, held, listed: false)
    }
  }

  func open(_ info: ObjectInfo) throws(StoreError) -> any ObjectReader {
    try around("GET", info.key) { () throws(StoreError) in
      guard let held = lake.pinned(info) else {
        guard lake.current[info.key] == nil || info.version != nil else {
          throw StoreError(.changed, operation: "GET", location: info.key, message: "the object changed")
        }
        throw StoreError(.notFound, operation: "GET", location: info.key, message: "there is no such object")
      }
      return Reader(key: info.key, bytes: held.bytes, store: self)
    }
  }

  func put(_ key: String, _ bytes: [UInt8], condition: PutCondition) throws(StoreError) -> String? {
    try around("PUT", key) { () throws(StoreError) in
      let held = lake.current[key]
      switch condition {
      case .always: break
      case .ifAbsent:
        if held != nil { throw StoreError(.exists, operation: "PUT", location: key, message: "it is there") }
      case .ifMatch(let etag):
        if held?.etag != etag { throw StoreError(.changed, operation: "PUT", location: key, message: "it changed") }
      }
      return lake.put(key, bytes).etag
    }
  }

  func writer(_ key: String) throws(StoreError) -> any ObjectWriter { Writer(key: key, store: self) }

  func delete(_ key: String) throws(StoreError) {
    try around("DELETE", key) { () throws(StoreError) in lake.delete(key) }
  }

  // Both are used by one thread at a time, as the protocols say; hence `@unchecked Sendable`.
  private final class Reader: ObjectReader, @unchecked Sendable {
    let key: String
    let bytes: [UInt8]
    let store: SimStore
    var at = 0

    init(key: String, bytes: [UInt8], store: SimStore) {
      self.key = key
      self.bytes = bytes
      self.store = store
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
      if at == bytes.count { return 0 }
      try store.trouble("read", key, isDone: false)
      let most = key.hasPrefix(SimLake.out) ? bytes.count : 200
      let count = min(buffer.count, bytes.count - at, most)
      bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[at..<at + count])) }
      at += count
      return count
    }
  }

  private final class Writer: ObjectWriter, @unchecked Sendable {
    let key: String
    let store: SimStore
    var bytes: [UInt8] = []

    init(key: String, store: SimStore) {
      self.key = key
      self.store = store
    }

    func write(_ more: UnsafeRawBufferPointer) throws(StoreError) {
      try store.trouble("upload", key, isDone: false)
      bytes += more
    }

    func finish() throws(StoreError) {
      _ = try store.around("PUT", key) { () throws(StoreError) in store.lake.put(key, bytes) }
    }

    func abort() {}
  }
}

/// All places are in the one bucket.
struct SimDirectory: StoreDirectory {
  let store: SimStore

  func open(_ location: String) throws(StoreError) -> StorePlace {
    let place = try S3Location.parse(location)
    return StorePlace(store: store, bucket: place.bucket, path: place.key)
  }

  func objects(at place: StorePlace) throws(StoreError) -> [ObjectInfo] {
    var found: [ObjectInfo] = []
    let pattern = try PlacePattern(place)
    try place.store.list(prefix: place.path) { page in
      found += page.filter { pattern.contains($0.key) }
      return true
    }
    return found
  }
}
