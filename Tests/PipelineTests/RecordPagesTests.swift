import Columns
import TestKit
import Testing

@testable import Pipeline

/// Records stay where they are while others come, in pages of either size.
@Suite struct RecordPagesTests {
  @Test("records are zeros at first, lie apart, and stay", arguments: 0..<24)
  func growing(seed: Int) {
    var random = SeededGenerator(seed: seed)
    let stride = random.pick([8, 24, 64, 120, 512, 1040, 2064, 3088, 4096])
    // Beyond the bound from which on pages are large.
    let keysMax = (random.pick([1, 6, 12]) << 20) / stride
    var pages = RecordPages(stride: stride)
    var known: [(key: UInt32, record: UnsafeMutableRawPointer)] = []
    var keys = 0
    let isAhead = seed % 2 == 0
    while keys < keysMax {
      keys = min(keysMax, keys + random.pick([1, 1000, 100_000, keysMax]))
      // What there is no room without is got before, or is not.
      if isAhead, random.chance(2), let room = pages.wanted(for: keys, lastCame: 0) {
        pages.add(room.memory())
        #expect(pages.wanted(for: keys, lastCame: 0) == nil, "seed \(seed)")
      }
      pages.grow(to: keys)
      #expect(pages.wanted(for: keys, lastCame: 0) == nil, "seed \(seed)")
      // And what comes next.
      if isAhead, let room = pages.wanted(for: keys, lastCame: random.pick([0, 1, 100, 10_000])) {
        #expect(pages.bytes >= 4 << 20, "seed \(seed)")
        pages.add(room.memory())
      }
      for key in [UInt32(keys - 1), UInt32(random.int(0...keys - 1))] {
        guard let record = pages.record(key) else {
          Issue.record("seed \(seed): there is no record of key \(key) of \(keys)")
          continue
        }
        let isKnown = known.contains { $0.key == key }
        for word in 0..<stride / 8 {
          let found = record.load(fromByteOffset: 8 * word, as: UInt64.self)
          #expect(found == (isKnown ? UInt64(key) + 1 : 0), "seed \(seed), key \(key) of \(keys)")
          record.storeBytes(of: UInt64(key) + 1, toByteOffset: 8 * word, as: UInt64.self)
        }
        known.append((key, record))
      }
    }
    for (key, record) in known {
      #expect(pages.record(key) == record, "seed \(seed)")
      #expect(record.load(fromByteOffset: stride - 8, as: UInt64.self) == UInt64(key) + 1, "seed \(seed)")
    }
    // What there is room for and nobody asked for is bounded.
    let needed = keys * stride
    let page = RecordPages.rows * stride
    #expect(pages.bytes >= needed && pages.bytes <= needed + needed / (isAhead ? 3 : 7) + 2 * page)
  }
}
