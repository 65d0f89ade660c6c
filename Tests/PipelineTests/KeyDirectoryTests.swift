import Columns
import TestKit
import Testing

@testable import Pipeline

/// Numbers that are found by keys' digits are those that a search finds.
@Suite struct KeyDirectoryTests {
  /// One way to number rows, and the shards' keys and records that it leads to.
  private final class Side {
    let rows: PreparedRows
    let tables: [KeyTable]
    var pages: [RecordPages]

    init(_ rows: PreparedRows, shards: Int) {
      self.rows = rows
      tables = (0..<shards).map { _ in KeyTable() }
      pages = (0..<shards).map { _ in RecordPages(stride: 16) }
    }

    func number(_ shard: Int) {
      rows.withChosen(shard) { chosen in
        rows.withProbes(shard) { probes in
          rows.number(chosen, probes, shard: shard, keys: tables[shard], records: pages[shard])
        }
        pages[shard].grow(to: tables[shard].count)
        rows.findRecords(chosen, in: pages[shard])
      }
    }
  }

  /// Numbers rows of a few shards with and without a directory: the same numbers. Some rows are at fault, and some batches
  /// come whole to one shard, be it their keys' or not.
  private func check(_ keys: [String], batchRows: Int, shards: Int = 3, isNumbered: Bool = false) throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    let layout = try AccumulatorLayout([], positions: [:], types: [], asOf: 0, source: "s")
    let directory = KeyDirectory(shards: shards)
    let sides = [
      Side(PreparedRows(layout, shards: shards, directory: directory), shards: shards),
      Side(PreparedRows(layout, shards: shards), shards: shards),
    ]
    var known = 0
    var at = 0
    while at < keys.count {
      let some = keys[at..<min(at + batchRows, keys.count)]
      at += some.count
      let batch = RowBatch(shard: 0, types: [], capacity: some.count)
      for (row, key) in some.enumerated() {
        batch.keys[row] = batch.arena.append(key)
        batch.hashes[row] = Hashing.hash64(Array(key.utf8), key.utf8.count)
      }
      batch.count = some.count
      var rows = batch.rows
      if random.chance(2) { rows.hashes = nil }
      let faults = RowFaults(capacity: some.count)
      for row in 0..<some.count where random.chance(50) { faults.note(row: row, .keyIsNull, column: 0) }
      let only = random.chance(5) ? random.int(0...shards - 1) : nil
      for side in sides {
        if let only { side.rows.prepare(batch, shard: only) } else { side.rows.prepare(rows, faults) }
        for shard in 0..<shards { side.number(shard) }
      }
      for row in 0..<some.count where only != nil || faults.codes[row] == 0 {
        let key = some[some.startIndex + row]
        let shard = only ?? ShardOrder.shard(of: rows, row, among: shards)
        let number = sides[1].rows.numbers[row]
        let isSame =
          sides[0].rows.numbers[row] == number
          && sides.allSatisfy { $0.rows.records[row] == $0.pages[shard].record(number) }
        if isSame { continue }
        Issue.record("the number of '\(key)' is \(sides[0].rows.numbers[row]), not \(number); seed \(seed)")
        return
      }
      known += some.count - find(directory, rows).unknown.count
    }
    for (found, searched) in zip(sides[0].tables, sides[1].tables) { #expect(found.count == searched.count) }
    // Something was found without a search, so that this compares what it says.
    if isNumbered { #expect(known > keys.count / 2) }
  }

  /// What a directory says of rows' keys, and which rows' it does not know.
  private func find(_ directory: KeyDirectory, _ rows: RowColumns) -> (
    numbers: [UInt32], shards: [UInt32], unknown: [UInt32]
  ) {
    var numbers = [UInt32](repeating: 0, count: rows.count)
    var (shards, places, unknown) = (numbers, numbers, numbers)
    let count = numbers.withUnsafeMutableBufferPointer { numbers in
      shards.withUnsafeMutableBufferPointer { shards in
        places.withUnsafeMutableBufferPointer { places in
          unknown.withUnsafeMutableBufferPointer { unknown in
            guard let numbers = numbers.baseAddress, let shards = shards.baseAddress,
              let places = places.baseAddress, let unknown = unknown.baseAddress
            else { return rows.count }
            return directory.find(
              rows, into: KeyDirectory.Found(numbers: numbers, shards: shards, places: places, unknown: unknown))
          }
        }
      }
    }
    return (numbers, shards, Array(unknown.prefix(count)))
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
        try check(keys, batchRows: 700, shards: random.pick([1, 2, 3, 16, 100]), isNumbered: true)
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

  @Test("a number that finds no room beside the shard is not kept")
  func high() {
    let directory = KeyDirectory(shards: 1 << 20)
    directory.set(1, shard: 5, number: 4095)
    directory.set(2, shard: 5, number: 4094)
    directory.set(KeyDirectory.noPlace, shard: 5, number: 1)
    let batch = RowBatch(shard: 0, types: [], capacity: 3)
    for (row, key) in ["c0", "c1", "x"].enumerated() { batch.keys[row] = batch.arena.append(key) }
    batch.count = 3
    let found = find(directory, batch.rows)
    #expect(found.numbers == [KeyDirectory.unknown, 4094, KeyDirectory.unknown] && found.shards[1] == 5)
    #expect(found.unknown == [0, 2])
  }

  private func pow10(_ exponent: Int) -> Int { (0..<exponent).reduce(1) { product, _ in product * 10 } }
}
