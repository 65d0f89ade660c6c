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

  /// The document at `key`, or nil where there is none.
  static func decode<T: Decodable>(_ place: StorePlace, _ key: String) throws -> T? {
    guard let info = try head(place, key) else { return nil }
    let location = place.bucket.isEmpty ? key : "s3://\(place.bucket)/\(key)"
    guard info.size < bytesMax else {
      throw PublishError(.damaged, "\(location) is \(info.size) bytes large: that is no document of ours")
    }
    let reader = try place.store.open(info)
    let chunk = Chunk(capacity: Int(info.size) + 1)
    while chunk.count < chunk.memory.count {
      let n = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: chunk.memory[chunk.count...]))
      if n == 0 { break }
      chunk.count += n
    }
    do {
      return try JSONDecoder().decode(T.self, from: Data(chunk.bytes))
    } catch {
      throw PublishError(
        .damaged,
        "\(location) is not a document of Tributary's, or is damaged; move it away or use another place")
    }
  }

  static func encode<T: Encodable>(_ value: T) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value)) + [0x0a]
  }
}
