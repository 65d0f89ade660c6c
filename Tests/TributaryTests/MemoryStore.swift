import Platform

/// Keys and nothing behind them, as a bucket lists them.
struct MemoryStore: ObjectStore {
  var keys: [String]
  /// Keys that may not be looked at one by one.
  var forbidden: Set<String> = []

  func list(prefix: String, page: ([ObjectInfo]) throws -> Bool) throws(StoreError) {
    do {
      for key in keys.reversed() where key.hasPrefix(prefix) {
        if try !page([ObjectInfo(bucket: "b", key: key, size: 1, modifiedMicroseconds: 0)]) { return }
      }
    } catch {
      throw StoreError(.other, operation: "LIST", location: prefix, message: "\(error)")
    }
  }

  func head(_ key: String) throws(StoreError) -> ObjectInfo {
    guard !forbidden.contains(key) else {
      throw StoreError(.forbidden, operation: "HEAD", location: key, message: "not allowed")
    }
    guard keys.contains(key) else {
      throw StoreError(.notFound, operation: "HEAD", location: key, message: "nothing there")
    }
    return ObjectInfo(bucket: "b", key: key, size: 1, modifiedMicroseconds: 0)
  }

  func open(_ info: ObjectInfo) throws(StoreError) -> any ObjectReader { throw refusal(info.key) }
  func put(_ key: String, _ bytes: [UInt8], condition: PutCondition) throws(StoreError) -> String? {
    throw refusal(key)
  }
  func writer(_ key: String) throws(StoreError) -> any ObjectWriter { throw refusal(key) }
  func delete(_ key: String) throws(StoreError) { throw refusal(key) }

  private func refusal(_ key: String) -> StoreError {
    StoreError(.other, operation: "any", location: key, message: "this store only lists")
  }
}
