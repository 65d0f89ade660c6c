internal import FoundationEssentials
internal import Platform

/// Control documents: small JSON objects read and written whole.
enum SmallObject {
  static let bytesMax: Int64 = 1 << 30

  static func head(_ place: StorePlace, _ key: String) throws(StoreError) -> ObjectInfo? {
    do {
      return try place.store.head(key)
    } catch {
      if error.code == .notFound { return nil }
      throw error
    }
  }

  /// All objects below a prefix, without the markers of directories.
  static func list(_ place: StorePlace, _ prefix: String) throws(StoreError) -> [ObjectInfo] {
    var found: [ObjectInfo] = []
    do {
      try place.store.list(prefix: prefix) { page in
        found += page.filter { !$0.key.hasSuffix("/") }
        return true
      }
    } catch {
      if error.code == .notFound { return [] }
      throw error
    }
    return found
  }

  /// The bytes at `key`, or nil where there are none.
  static func bytes(_ place: StorePlace, _ key: String) throws -> [UInt8]? {
    guard let info = try head(place, key) else { return nil }
    guard info.size < bytesMax else {
      throw PublishError(
        .damaged, "\(location(place, key)) is \(info.size) bytes large: that is no document of ours")
    }
    return try whole(place, info)
  }

  /// All bytes of an object.
  static func whole(_ place: StorePlace, _ info: ObjectInfo) throws(StoreError) -> [UInt8] {
    let reader = try place.store.open(info)
    // A byte more than there should be, so that the end shows.
    let chunk = Chunk(capacity: Int(info.size) + 1)
    while chunk.count < chunk.memory.count {
      let count = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: chunk.memory[chunk.count...]))
      if count == 0 { break }
      chunk.count += count
    }
    return Array(chunk.bytes)
  }

  /// The document at `key`, or nil where there is none.
  static func decode<T: Decodable>(_ place: StorePlace, _ key: String) throws -> T? {
    guard let bytes = try bytes(place, key) else { return nil }
    do {
      return try JSONDecoder().decode(T.self, from: Data(bytes))
    } catch {
      throw PublishError(
        .damaged,
        "\(location(place, key)) is not a document of Tributary's, or is damaged; move it away or use another place")
    }
  }

  private static func location(_ place: StorePlace, _ key: String) -> String {
    place.bucket.isEmpty ? key : "s3://\(place.bucket)/\(key)"
  }

  static func encode<T: Encodable>(_ value: T) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value)) + [0x0a]
  }
}
