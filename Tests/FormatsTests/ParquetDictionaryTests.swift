import Columns
import TestKit
import Testing

@testable import Formats

/// A dictionary of values that lie near to each other is the one that is made of any values.
@Suite struct ParquetDictionaryTests {
  private struct Outcome: Equatable {
    var pays: Bool
    var entries: [UInt64]
    var indices: [UInt32]
  }

  private func build<T: FixedWidthInteger & SignedInteger, Key: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ values: [T], _ dictionary: ParquetFixedDictionary<Key>, within range: (low: T, high: T)?
  ) -> Outcome {
    let keys = values.map { Key(truncatingIfNeeded: $0) }
    var indices = [UInt32](repeating: 0, count: values.count)
    let pays = dictionary.build(
      keys, keys.count, width: MemoryLayout<Key>.size,
      within: range.map { (Key(truncatingIfNeeded: $0.low), Key(truncatingIfNeeded: $0.high)) }, indices: &indices)
    return Outcome(
      pays: pays, entries: (0..<dictionary.count).map { UInt64(dictionary.entries[$0]) }, indices: pays ? indices : [])
  }

  @Test func nearValues() {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    let (near64, any64) = (ParquetFixedDictionary<UInt64>(), ParquetFixedDictionary<UInt64>())
    let (near32, any32) = (ParquetFixedDictionary<UInt32>(), ParquetFixedDictionary<UInt32>())
    for round in 0..<60 {
      let count = random.int(1...(round % 3 == 0 ? 60_000 : 300))
      let span = Int64(random.pick([0, 1, 2, 100, 5000, (1 << 15) - 1, 1 << 15, 1 << 20]))
      let low = random.pick([-3, 0, 1000, .min, .max - span, Int64(Int32.min), Int64(Int32.max) - span])
      let values = (0..<count).map { _ in low + Int64.random(in: 0...span, using: &random) }
      let what = "seed \(seed), round \(round)"
      let range = ParquetBounds.range(values, count)
      #expect(range?.low == values.min() && range?.high == values.max(), "\(what)")
      #expect(build(values, near64, within: range) == build(values, any64, within: nil), "\(what)")
      guard values.allSatisfy({ Int32(exactly: $0) != nil }) else { continue }
      let narrow = values.map { Int32(truncatingIfNeeded: $0) }
      let narrowRange = ParquetBounds.range(narrow, count)
      #expect(narrowRange?.low == narrow.min() && narrowRange?.high == narrow.max(), "\(what)")
      #expect(build(narrow, near32, within: narrowRange) == build(narrow, any32, within: nil), "\(what)")
    }
    #expect(ParquetBounds.range([Int64](), 0) == nil && ParquetBounds.range([Int32](), 0) == nil)
  }
}
