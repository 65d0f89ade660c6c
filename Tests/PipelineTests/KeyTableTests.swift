import Columns
import TestKit
import Testing

@testable import Pipeline

@Suite struct KeyTableTests {
  private func batch(_ keys: [String], hash: (String) -> UInt64) -> RowBatch {
    let batch = RowBatch(shard: 0, types: [], capacity: max(keys.count, 1))
    for (row, key) in keys.enumerated() {
      batch.keys[row] = batch.arena.append(key)
      batch.hashes[row] = hash(key)
    }
    batch.count = keys.count
    return batch
  }

  private static func hash(_ key: String) -> UInt64 {
    let bytes = Array(key.utf8)
    return Hashing.hash64(bytes, bytes.count)
  }

  private func numbers(of batch: RowBatch, in table: KeyTable) -> [UInt32] {
    var order = ShardOrder(shards: 1)
    order.sort(batch.rows, shard: 0, probing: true)
    var numbers = [UInt32](repeating: .max, count: batch.count)
    numbers.withUnsafeMutableBufferPointer { numbers in
      guard let base = numbers.baseAddress else { return }
      order.withRows { rows in
        let chosen = UnsafeBufferPointer(rebasing: rows[order.range(0)])
        order.withProbes(0) { table.numbers(of: batch.rows, chosen, $0, into: base, records: RecordPages(stride: 24)) }
      }
    }
    return numbers
  }

  /// Looks keys up in batches and compares with a dictionary.
  private func check(_ keys: [String], batchRows: Int, hash: (String) -> UInt64) {
    let table = KeyTable()
    var wanted: [String: UInt32] = [:]
    var at = 0
    var wrong = 0
    while at < keys.count {
      let some = Array(keys[at..<min(at + batchRows, keys.count)])
      at += some.count
      let numbers = numbers(of: batch(some, hash: hash), in: table)
      for (key, number) in zip(some, numbers) {
        if wanted[key] == nil { wanted[key] = UInt32(wanted.count) }
        if number != wanted[key] { wrong += 1 }
      }
    }
    #expect(wrong == 0)
    #expect(table.count == wanted.count)
    for (key, number) in wanted.prefix(1000) {
      #expect(table.arena.string(table.views[Int(number)]) == key)
      #expect(table.hashes[Int(number)] == hash(key))
    }
  }

  @Test("200,000 keys, each seen again")
  func many() {
    var random = SeededGenerator(seed: UInt64(2))
    let keys = (0..<400_000).map { _ in "customer-\(random.int(0...199_999))" }
    check(keys, batchRows: 4096, hash: Self.hash)
  }

  @Test("keys of every length whose hashes are all equal, or zero, or differ in the highest bits alone")
  func collisions() {
    var random = SeededGenerator(seed: UInt64(3))
    let texts =
      (0..<300).map { String(repeating: "x", count: $0 % 40) + "\($0 / 40)" } + ["", "\u{0}", "\u{0}\u{0}"]
      + (7...13).flatMap { length in ["\u{0}", "y"].map { String(repeating: "y", count: length) + $0 } }
    let keys = (0..<3000).map { _ in random.pick(texts) }
    for rows in [1, 17, 3000] {
      check(keys, batchRows: rows) { _ in 0 }
      check(keys, batchRows: rows) { _ in 0xffff_ffff_ffff_ffff }
      check(keys, batchRows: rows) { UInt64($0.utf8.count % 3) << 62 }
    }
  }

  @Test("the canonical order is by hash, then bytes, whatever came first")
  func order() {
    var random = SeededGenerator(seed: UInt64(4))
    let keys = (0..<500).map { "k\($0)" } + ["", "k", "\u{7f}"]
    var orders: Set<[String]> = []
    for _ in 0..<4 {
      let table = KeyTable()
      let shuffled = keys.shuffled(using: &random)
      _ = numbers(of: batch(shuffled) { UInt64($0.utf8.count) }, in: table)
      orders.insert(table.canonicalOrder().map { table.arena.string(table.views[Int($0)]) })
    }
    #expect(orders.count == 1)
    #expect(orders.first == keys.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) })
  }
}
