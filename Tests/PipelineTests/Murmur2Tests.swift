import Columns
import TestKit
import Testing

/// Kafka's partitioner, against the vectors of its own test (`UtilsTest.testMurmur2`).
@Suite struct Murmur2Tests {
  static let vectors: [(String, Int32)] = [
    ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
  ]

  /// The algorithm a byte at a time.
  static func paper(_ bytes: [UInt8]) -> UInt32 {
    let m: UInt32 = 0x5bd1_e995
    var hash: UInt32 = 0x9747_b28c ^ UInt32(bytes.count)
    for word in 0..<bytes.count / 4 {
      var k: UInt32 = 0
      for i in (0..<4).reversed() { k = k << 8 | UInt32(bytes[word * 4 + i]) }
      k = k &* m
      k ^= k >> 24
      hash = hash &* m ^ k &* m
    }
    let rest = Array(bytes[(bytes.count / 4 * 4)...])
    if !rest.isEmpty {
      for (i, byte) in rest.enumerated() { hash ^= UInt32(byte) << UInt32(8 * i) }
      hash = hash &* m
    }
    hash ^= hash >> 13
    hash = hash &* m
    return hash ^ hash >> 15
  }

  @Test("Kafka's vectors", arguments: vectors)
  func vector(text: String, hash: Int32) {
    let bytes = Array(text.utf8)
    #expect(Int32(bitPattern: Hashing.murmur2(bytes, bytes.count)) == hash)
    #expect(Int32(bitPattern: Self.paper(bytes)) == hash)
  }

  @Test("every length")
  func lengths() {
    var random = SeededGenerator(seed: UInt64(1))
    for length in 0..<200 {
      let bytes = (0..<length).map { _ in UInt8(random.int(0...255)) }
      #expect(Hashing.murmur2(bytes, length) == Self.paper(bytes))
      #expect(Hashing.shard(bytes, length, of: 7) == Int(Self.paper(bytes) & 0x7fff_ffff) % 7)
    }
  }
}
