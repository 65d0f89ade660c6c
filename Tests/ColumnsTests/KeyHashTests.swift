import Columns
import TestKit
import Testing

/// Hashes of many keys at a time are those of each alone.
@Suite struct KeyHashTests {
  @Test("keys of any lengths", arguments: 0..<100)
  func same(seed: Int) {
    var random = SeededGenerator(seed: seed + 77)
    let lengths = random.pick([0...0, 9...9, 8...8, 16...16, 0...16, 0...17, 0...40, 36...36])
    let arena = ByteArena()
    let keys = (0..<random.pick([0, 1, 7, 8, 9, 63, 200])).map { _ in
      let bytes = (0..<random.int(lengths)).map { _ in UInt8(random.int(0...255)) }
      let start = bytes.withUnsafeBufferPointer { bytes in
        bytes.baseAddress.map { arena.append($0, bytes.count) } ?? UInt32(arena.count)
      }
      return ByteView(start: start, length: UInt32(bytes.count))
    }
    var hashes = [UInt64](repeating: 0, count: keys.count)
    var partitions = [UInt32](repeating: 0, count: keys.count)
    Hashing.hash64(of: keys, keys.count, in: arena, into: &hashes)
    Hashing.murmur2(of: keys, keys.count, in: arena, into: &partitions)
    let base = UnsafePointer(arena.base)
    #expect(hashes == keys.map { Hashing.hash64(base + Int($0.start), $0.length) }, "seed \(seed)")
    #expect(partitions == keys.map { Hashing.murmur2(base + Int($0.start), $0.length) }, "seed \(seed)")
  }
}
