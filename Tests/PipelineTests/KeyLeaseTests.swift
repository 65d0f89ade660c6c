import Columns
import TestKit
import Testing

@testable import Pipeline

/// States that come and go share a directory: each finds its own keys' numbers there and never those of another one.
@Suite struct KeyLeaseTests {
  /// A state's keys.
  private final class Tenant {
    let shard: Int
    let lease: KeyDirectory.Lease?
    private let prepared: PreparedRows
    private let table: KeyTable
    private var pages = RecordPages(stride: 16)
    private var known: [String: UInt32] = [:]

    init(_ shard: Int, of shards: Int, _ directory: KeyDirectory) throws {
      self.shard = shard
      lease = directory.lease(shard)
      let layout = try AccumulatorLayout([], positions: [:], types: [], asOf: 0, source: "s")
      prepared = PreparedRows(layout, shards: shards, directory: lease?.directory)
      table = KeyTable(directory: lease?.directory, shard: shard)
    }

    /// Whether all rows got their keys' numbers, and none another's.
    func take(_ keys: [String]) -> Bool {
      let batch = RowBatch(shard: shard, types: [], capacity: keys.count)
      for (row, key) in keys.enumerated() {
        batch.keys[row] = batch.arena.append(key)
        batch.hashes[row] = Hashing.hash64(Array(key.utf8), key.utf8.count)
      }
      batch.count = keys.count
      prepared.prepare(batch, shard: shard)
      prepared.withChosen(shard) { chosen in
        prepared.withProbes(shard) { prepared.number(chosen, $0, keys: table, records: pages) }
        pages.grow(to: table.count)
      }
      for (row, key) in keys.enumerated() {
        let number = prepared.numbers[row]
        guard number < table.count, known[key, default: number] == number,
          table.arena.string(table.views[Int(number)]) == key
        else { return false }
        known[key] = number
      }
      return table.count == known.count
    }
  }

  @Test("I1: states of a shard come and go, some beside one another", arguments: 1...30)
  func tenants(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let shards = random.pick([1, 3, 16])
    let directory = KeyDirectory(shards: shards, placesMax: random.pick([1 << 6, 1 << 12, 1 << 20]))
    var tenants: [Tenant] = []
    var leased = 0
    for _ in 0..<160 {
      if tenants.isEmpty || random.chance(4) {
        let shard = random.int(0...shards - 1)
        let isFree = !tenants.contains { $0.shard == shard && $0.lease != nil }
        let tenant = try Tenant(shard, of: shards, directory)
        #expect((tenant.lease != nil) == isFree, "seed \(seed)")
        leased += isFree ? 1 : 0
        tenants.append(tenant)
      } else if random.chance(3) {
        tenants.remove(at: random.int(0...tenants.count - 1))
      }
      guard let tenant = tenants.randomElement(using: &random) else { continue }
      var keys: [String] = []
      while keys.count < 200 {
        let text = String(random.int(0...(random.chance(20) ? 99_999 : 3_000)))
        let key = random.chance(40) ? "x\(text)" : "c" + String(repeating: "0", count: 5 - text.count) + text
        let isOwn = Hashing.shard(Array(key.utf8), key.utf8.count, of: shards) == tenant.shard
        // One that came to another shard than its own is a key like others.
        if isOwn || random.chance(200) { keys.append(key) }
      }
      #expect(tenant.take(keys), "seed \(seed)")
    }
    #expect(leased > 1)
  }

  @Test("a lease ends with its owner, and with it the shard's entries, and no others'")
  func ending() {
    let directory = KeyDirectory(shards: 4, placesMax: 100)
    var (one, two) = (directory.lease(1), directory.lease(2))
    #expect(one != nil && two != nil && directory.lease(1) == nil)
    #expect(directory.set(7, shard: 1, number: 3) && directory.set(99, shard: 1, number: 4))
    #expect(directory.set(8, shard: 2, number: 5))
    directory.hold(3)
    one = nil
    #expect(directory.number(at: 7, shard: 1) == KeyDirectory.unknown)
    #expect(directory.number(at: 99, shard: 1) == KeyDirectory.unknown)
    #expect(directory.number(at: 8, shard: 2) == 5)
    one = directory.lease(1)
    #expect(one != nil)
    two = nil
    #expect(directory.number(at: 8, shard: 2) == KeyDirectory.unknown)
    withExtendedLifetime((one, two)) {}
  }
}
