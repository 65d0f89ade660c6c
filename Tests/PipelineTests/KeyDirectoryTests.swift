import Columns
import TestKit
import Testing

@testable import Pipeline

/// Numbers that are found by keys' digits are those that a search finds.
@Suite struct KeyDirectoryTests {
  /// Applies batches of keys to the states of a few shards, with and without a directory: the same numbers.
  private func check(_ keys: [String], batchRows: Int, shards: Int = 3, isNumbered: Bool = false) throws {
    let layout = try AccumulatorLayout([], positions: [:], types: [], asOf: 0, source: "s")
    let directory = KeyDirectory()
    let prepared = [PreparedRows(layout, shards: shards, directory: directory), PreparedRows(layout, shards: shards)]
    let tables = prepared.map { _ in (0..<shards).map { _ in KeyTable() } }
    var known = 0
    var at = 0
    var found = [UInt32](repeating: 0, count: batchRows)
    var places = found
    while at < keys.count {
      let some = keys[at..<min(at + batchRows, keys.count)]
      at += some.count
      let batch = RowBatch(shard: 0, types: [], capacity: some.count)
      for (row, key) in some.enumerated() {
        batch.keys[row] = batch.arena.append(key)
        batch.hashes[row] = Hashing.hash64(Array(key.utf8), key.utf8.count)
      }
      batch.count = some.count
      for (rows, tables) in zip(prepared, tables) {
        rows.prepare(batch.rows, RowFaults(capacity: some.count))
        for shard in 0..<shards {
          rows.withChosen(shard) { chosen in
            rows.withProbes(shard) { probes in
              rows.number(chosen, probes, keys: tables[shard], records: RecordPages(stride: 16))
            }
          }
        }
      }
      for row in 0..<some.count where prepared[0].numbers[row] != prepared[1].numbers[row] {
        Issue.record("the number of '\(some[some.startIndex + row])' is \(prepared[0].numbers[row])")
        return
      }
      known += directory.find(batch.rows, into: &found, places: &places)
    }
    for (found, searched) in zip(tables[0], tables[1]) { #expect(found.count == searched.count) }
    // Something was found without a search, so that this compares what it says.
    if isNumbered { #expect(known > keys.count / 2) }
  }

  @Test("I1: customers that are numbered, whatever their beginning and their number of digits")
  func numbered() throws {
    var random = SeededGenerator(seed: testSeed())
    for beginning in ["", "c", "cust-", "customer"] {
      for digits in [1, 3, 7, 8] {
        let most = min(5000, Int(pow10(digits)) - 1)
        let keys = (0..<20_000).map { _ in
          let text = String(random.int(0...most))
          return beginning + String(repeating: "0", count: digits - text.count) + text
        }
        try check(keys, batchRows: 700, isNumbered: true)
      }
    }
  }

  @Test("I1: keys of all kinds beside numbered ones")
  func others() throws {
    var random = SeededGenerator(seed: testSeed())
    let odd = [
      "", "c", "c0", "c0000000", "c000000000", "d00000001", "c0000000x", "c00000 1", "c99999999", "00000001",
      "c-0000001",
      "c\u{0}0000001", "C00000001", "123456789012345678901234567890", "c0000000\u{e9}",
    ]
    for first in ["c00000007", "x", "no digits", "9", "1234567890123", "abcdefghi12345678"] {
      let keys = (0..<30_000).map { _ in
        let number = random.int(0...2999)
        return random.int(0...3) > 0
          ? "c" + String(repeating: "0", count: 8 - String(number).count) + String(number)
          : random.pick(odd)
      }
      try check([first] + keys, batchRows: 999)
    }
  }

  @Test("I1: numbers that lie far apart, and numbers above all that are kept")
  func sparse() throws {
    var random = SeededGenerator(seed: testSeed())
    for span in [70_000, 1_000_000, 90_000_000] {
      let values = (0..<3000).map { _ in random.int(0...span) } + Array(0..<500)
      let keys = (0..<15_000).map { _ in
        let text = String(random.pick(values))
        return "k" + String(repeating: "0", count: 8 - text.count) + text
      }
      try check(keys, batchRows: 500)
    }
  }

  private func pow10(_ exponent: Int) -> Int { (0..<exponent).reduce(1) { product, _ in product * 10 } }
}
