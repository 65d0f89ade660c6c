import Console
import Platform

/// A local store whose relative keys start from a directory other than the current one.
///
/// So keys are the same wherever the program is started and wherever the tree lies: they decide ties (I1), stand in
/// manifests and can be a column (`$object`). Changing the current directory would do the same, but for relative paths in
/// the environment (TMPDIR, AWS_CA_BUNDLE).
struct RootedStore: ObjectStore {
  let base: any ObjectStore
  /// As seen from the current directory; "" is the current one, and nothing changes.
  let root: String

  func list(prefix: String, page: ([ObjectInfo]) throws -> Bool) throws(StoreError) {
    try base.list(prefix: full(prefix)) { found in try page(found.map { relative($0, asked: prefix) }) }
  }

  func head(_ key: String) throws(StoreError) -> ObjectInfo { relative(try base.head(full(key)), asked: key) }

  func open(_ info: ObjectInfo) throws(StoreError) -> any ObjectReader {
    var info = info
    info.key = full(info.key)
    return try base.open(info)
  }

  func bytes(_ info: ObjectInfo, _ range: Range<Int64>) throws(StoreError) -> [UInt8] {
    var info = info
    info.key = full(info.key)
    return try base.bytes(info, range)
  }

  func put(_ key: String, _ bytes: [UInt8], condition: PutCondition) throws(StoreError) -> String? {
    try base.put(full(key), bytes, condition: condition)
  }

  func adopt(_ key: String, file: String) throws(StoreError) -> Bool { try base.adopt(full(key), file: file) }

  func writer(_ key: String) throws(StoreError) -> any ObjectWriter { try base.writer(full(key)) }

  func delete(_ key: String) throws(StoreError) { try base.delete(full(key)) }

  /// A key as the base knows it.
  func full(_ key: String) -> String { PlaceText.resolve(key, from: root) }

  /// The same object under the key that this store has for it; absolute where an absolute path was asked for.
  func relative(_ info: ObjectInfo, asked: String) -> ObjectInfo {
    let prefix = root.hasSuffix("/") ? root : root + "/"
    guard !asked.hasPrefix("/"), info.key.hasPrefix(prefix) else { return info }
    var info = info
    info.key = String(info.key.dropFirst(prefix.count))
    return info
  }
}
