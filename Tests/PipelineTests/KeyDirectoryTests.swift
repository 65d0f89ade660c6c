import Columns
import TestKit
import Testing

@testable import Pipeline

/// Keys that are found by their digits have numbers of their own in their shards, as those that are searched.
@Suite struct KeyDirectoryTests {
  /// One way to number rows, by two threads in turn, and the shards' keys and records that it leads to.
  private final class Side {
    let prepared: [PreparedRows]
    let tables: [KeyTable]
    var pages: [RecordPages]

    init(shards: Int, directory: KeyDirectory?) throws {
      let layout = try AccumulatorLayout([], positions: [:], types: [], asOf: 0, source: "s")
      prepared = (0..<2).map { _ in PreparedRows(layout, shards: shards, directory: directory) }
      tables = (0..<shards).map { KeyTable(directory: directory, shard: $0) }
      pages = (0..<shards).map { _ in RecordPages(stride: 16) }
    }

    func number(_ rows: PreparedRows) {
      for shard in tables.indices {
        rows.withChosen(shard) { chosen in
          rows.withProbes(shard) { rows.number(chosen, $0, keys: tables[shard], records: pages[shard]) }
          pages[shard].grow(to: tables[shard].count)
          rows.findRecords(chosen, in: pages[shard])
        }
      }
    }

    /// Whether a row has its key's number, and the record of that.
    func isRight(_ rows: PreparedRows, _ row: Int, _ key: String, _ shard: Int) -> Bool {
      let (table, number) = (tables[shard], rows.numbers[row])
      return number < table.count && table.arena.string(table.views[Int(number)]) == key
        && table.hashes[Int(number)] == Hashing.hash64(Array(key.utf8), key.utf8.count)
        && rows.records[row] == pages[shard].record(number)
    }
  }

  /// Rows on their way; `only`: all to one shard, be it their keys' or not.
  private struct Some {
    let keys: [String]
    let batch: RowBatch
    var rows: RowColumns
    let faults: RowFaults
    let only: Int?

    /// `isPlain`: each to its key's shard, and none at fault.
    init(_ keys: [String], shards: Int, _ random: inout SeededGenerator, isPlain: Bool = false) {
      self.keys = keys
      batch = RowBatch(shard: 0, types: [], capacity: keys.count)
      for (row, key) in keys.enumerated() {
        batch.keys[row] = batch.arena.append(key)
        batch.hashes[row] = Hashing.hash64(Array(key.utf8), key.utf8.count)
      }
      batch.count = keys.count
      rows = batch.rows
      if random.chance(2) { rows.hashes = nil }
      faults = RowFaults(capacity: keys.count)
      for row in keys.indices where !isPlain && random.chance(50) { faults.note(row: row, .keyIsNull, column: 0) }
      only = !isPlain && random.chance(5) ? random.int(0...shards - 1) : nil
    }

    func prepare(_ prepared: PreparedRows) {
      if let only { prepared.prepare(batch, shard: only) } else { prepared.prepare(rows, faults) }
    }
  }

  /// Numbers rows of a few shards with and without a directory: in a shard each key has one number and no two have the
  /// same. Of three blocks the last is looked up in the directory before the others are numbered, as by another thread.
  private func check(_ keys: [String], batchRows: Int, shards: Int = 3, isNumbered: Bool = false) throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    let directory = KeyDirectory(shards: shards)
    let sides = [try Side(shards: shards, directory: directory), try Side(shards: shards, directory: nil)]
    var known = 0
    var at = 0
    while at < keys.count {
      var three: [Some] = []
      while at < keys.count && three.count < 3 {
        three.append(Some(Array(keys[at..<min(at + batchRows, keys.count)]), shards: shards, &random))
        at += batchRows
      }
      for side in sides {
        let held = three.count - 1
        three[held].prepare(side.prepared[1])
        for (index, some) in three.enumerated() {
          let prepared = side.prepared[index == held ? 1 : 0]
          if index < held { some.prepare(prepared) }
          side.number(prepared)
          for row in some.keys.indices where some.only != nil || some.faults.codes[row] == 0 {
            let shard = some.only ?? ShardOrder.shard(of: some.rows, row, among: shards)
            if side.isRight(prepared, row, some.keys[row], shard) { continue }
            Issue.record("the number of '\(some.keys[row])' is \(prepared.numbers[row]); seed \(seed)")
            return
          }
        }
      }
      for some in three { known += some.keys.count - find(directory, some.rows).unknown.count }
    }
    for (found, searched) in zip(sides[0].tables, sides[1].tables) {
      #expect(found.count == searched.count, "seed \(seed)")
      // Be it in the directory or not.
      for number in 0..<found.count {
        let view = found.views[number]
        #expect(found.number(of: found.arena.base + Int(view.start), view.length) == UInt32(number), "seed \(seed)")
      }
    }
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

  @Test("I1: a key that gets a place while rows of it are on their way")
  func late() throws {
    let directory = KeyDirectory(shards: 1)
    let side = try Side(shards: 1, directory: directory)
    func some(_ values: some Sequence<Int>) -> Some {
      var random = SeededGenerator(seed: 1)
      let keys = values.map { value in
        let text = String(value)
        return "c" + String(repeating: "0", count: 8 - text.count) + text
      }
      return Some(keys, shards: 1, &random, isPlain: true)
    }
    // Beyond what is kept however few there are.
    let high = 70_000
    let held = some([high, high, 3])
    func number(_ some: Some) {
      some.prepare(side.prepared[0])
      withExtendedLifetime(some) { side.number(side.prepared[0]) }
    }
    number(some(0..<100))
    held.prepare(side.prepared[1])
    #expect(side.prepared[1].numbers[0] == KeyDirectory.unknown)
    // More keys, and so higher ones.
    for values in [Array(0..<20_000), [high]] { number(some(values)) }
    #expect(find(directory, held.rows).unknown.isEmpty)
    withExtendedLifetime(held) { side.number(side.prepared[1]) }
    for row in 0..<3 { #expect(side.isRight(side.prepared[1], row, held.keys[row], 0)) }
    #expect(side.tables[0].count == 20_001)
  }

  @Test("I1: keys whose numbers find no room beside the shard are searched")
  func manyShards() {
    let table = KeyTable(directory: KeyDirectory(shards: 1 << 20), shard: 5)
    let keys = (0..<6000).map { "c\($0)" }
    let order = Array(keys.indices) + [0, 4094, 4095, 5999] + keys.indices.reversed()
    for rows in [order.prefix(6004), order.suffix(6000)] {
      let batch = RowBatch(shard: 5, types: [], capacity: rows.count)
      for (row, value) in rows.enumerated() {
        batch.keys[row] = batch.arena.append(keys[value])
        batch.hashes[row] = Hashing.hash64(Array(keys[value].utf8), keys[value].utf8.count)
      }
      batch.count = rows.count
      var numbers = [UInt32](repeating: KeyDirectory.unknown, count: rows.count)
      let places = rows.map { UInt32($0 + 1) }
      var left = [UInt32](repeating: 0, count: rows.count)
      let all = rows.indices.map { UInt32($0 - rows.startIndex) }
      numbers.withUnsafeMutableBufferPointer { numbers in
        guard let numbers = numbers.baseAddress else { return }
        let count = all.withUnsafeBufferPointer { all in
          left.withUnsafeMutableBufferPointer { left in
            places.withUnsafeBufferPointer { places in
              guard let places = places.baseAddress, let left = left.baseAddress else { return 0 }
              return table.numbersOfPlaced(of: batch.rows, all, places, into: numbers, left: left)
            }
          }
        }
        let probes = left.prefix(count).map { KeyProbe(batch.rows, Int($0)) }
        left.prefix(count).withUnsafeBufferPointer { left in
          probes.withUnsafeBufferPointer {
            table.numbers(of: batch.rows, left, $0, into: numbers, records: RecordPages(stride: 16))
          }
        }
      }
      #expect(zip(numbers, rows).allSatisfy { table.arena.string(table.views[Int($0)]) == keys[$1] })
    }
    #expect(table.count == keys.count)
  }

  @Test("a number that finds no room beside the shard is not kept")
  func high() {
    let directory = KeyDirectory(shards: 1 << 20)
    #expect(!directory.set(1, shard: 5, number: 4095))
    #expect(directory.set(2, shard: 5, number: 4094))
    #expect(!directory.set(KeyDirectory.noPlace, shard: 5, number: 1))
    let batch = RowBatch(shard: 0, types: [], capacity: 3)
    for (row, key) in ["c0", "c1", "x"].enumerated() { batch.keys[row] = batch.arena.append(key) }
    batch.count = 3
    let found = find(directory, batch.rows)
    #expect(found.numbers == [KeyDirectory.unknown, 4094, KeyDirectory.unknown] && found.shards[1] == 5)
    #expect(found.unknown == [0, 2])
  }

  private func pow10(_ exponent: Int) -> Int { (0..<exponent).reduce(1) { product, _ in product * 10 } }
}
