import Columns
import TestKit
import Testing

@Suite struct BulkHashTests {
  @Test("a hash of pieces is that of all bytes, however they are cut", arguments: 1...50)
  func pieces(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    for length in [0, 1, 7, 8, 31, 32, 33, 63, 64, 65, random.int(0...5_000)] {
      let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let whole = (bytes + [0]).withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { Hashing.bulk128($0, length) } ?? (0, 0)
      }
      var hash = BulkHash()
      var from = 0
      while from < length {
        let to = min(length, from + random.int(0...(random.chance(2) ? 40 : 900)))
        bytes[from..<to].withUnsafeBytes { hash.add($0) }
        from = to
      }
      let value = hash.value
      #expect(value == whole, "seed \(seed), \(length) bytes")
      // It is the same when it is asked for again, and goes on.
      bytes.withUnsafeBytes { hash.add($0) }
      let twice = (bytes + bytes + [0]).withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { Hashing.bulk128($0, 2 * length) } ?? (0, 0)
      }
      #expect(hash.value == twice, "seed \(seed), \(length) bytes twice")
    }
  }

  @Test("a hash that files are named by stays what it is")
  func constants() {
    let bytes = (0..<100).map { UInt8($0) }
    let (high, low) = bytes.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { Hashing.bulk128($0, buffer.count) } ?? (0, 0)
    }
    // By another program, in Python.
    #expect([high, low] == [0x7be6_78ac_ef1e_b13c, 0x8bdb_69f7_3416_93ea])
  }
}
