import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// Removals in `latest` sources, and what row batches do with rows' origins.
@Suite struct RemovalTests {
  private static func plan(isTimed: Bool) throws -> DatasetPlan {
    let source = ModelSource(name: "s", keep: .latest, isTimed: isTimed, inputs: [], rows: [])
    var dataset = ModelDataset(sources: [source], features: [], asOf: 1000)
    dataset.features = [Feature(name: "text", source: "s", value: .column("text"), type: .string)]
    return try DatasetPlan(dataset.definition(shards: 1), asOf: 1000, carriesAll: true)
  }

  struct Entry {
    var key: String
    var time: Int64
    var input: Int
    var row: UInt64
    /// nil: a removal.
    var text: String?
  }

  private static func batch(_ entries: [Entry], _ plan: SourcePlan) -> RowBatch {
    let batch = RowBatch(shard: 0, types: plan.carriedTypes, capacity: max(entries.count, 1))
    let position = plan.carried.firstIndex { plan.source.columns[$0].name == "text" }!
    for (row, entry) in entries.enumerated() {
      let view = batch.arena.append(entry.key)
      batch.keys[row] = view
      batch.hashes[row] = Hashing.hash64(UnsafePointer(batch.arena.base) + Int(view.start), view.length)
      batch.origins[row] = RowOrigin(input: entry.input, row: entry.row, isRemoval: entry.text == nil)
      batch.times[row] = entry.time
      for column in batch.columns {
        column.validity[row] = 0
        if column.type == .string { column.views[row] = ByteView(start: 0, length: 0) }
      }
      if let text = entry.text {
        batch.columns[position].views[row] = batch.arena.append(text)
        batch.columns[position].validity[row] = 1
      }
    }
    batch.count = entries.count
    return batch
  }

  private static func rows(_ state: ShardState, _ plan: DatasetPlan) throws -> [String: String?] {
    let lists = SnapshotRows(state, rule: SplitRule(plan.definition.split), by: nil).keys
    var rows: [String: String?] = [:]
    for keys in lists {
      var builder = SnapshotTableBuilder(plan: plan, keyCasts: [try Cast(type: .string)], rows: keys.count)
      try builder.append(state, keys: keys[...])
      let table = builder.finish()
      for row in 0..<table.count {
        guard case .string(let key)? = table.columns[0].literal(row: row) else { continue }
        var text: String?
        if case .string(let value)? = table.columns[1].literal(row: row) { text = value }
        rows[key] = .some(text)
      }
    }
    return rows
  }

  private static func permutations<T>(_ values: [T]) -> [[T]] {
    if values.count < 2 { return [values] }
    return values.indices.flatMap { index in
      var rest = values
      let value = rest.remove(at: index)
      return permutations(rest).map { [value] + $0 }
    }
  }

  /// Partitions 0 and 1 of one topic as inputs 1 and 0, so that the numbers do not order them.
  private static var table: InputTable {
    var table = InputTable()
    _ = table.add(.init(topic: "t", partition: 10))
    _ = table.add(.init(topic: "t", partition: 9))
    return table
  }

  @Test("removals and rows in any order and any batches", arguments: [false, true])
  func orders(isTimed: Bool) throws {
    let plan = try RemovalTests.plan(isTimed: isTimed)
    let entries = [
      Entry(key: "a", time: 5, input: 1, row: 1, text: "first"), Entry(key: "a", time: 5, input: 1, row: 2, text: nil),
      Entry(key: "b", time: 5, input: 1, row: 3, text: nil), Entry(key: "b", time: 5, input: 0, row: 1, text: "b"),
      Entry(key: "a", time: isTimed ? 4 : 6, input: 1, row: 4, text: "third"),
      Entry(key: "c", time: 2000, input: 1, row: 9, text: nil),
    ]
    // By time the third row of a is older than its removal; by offset it is newer. Partition 10 comes after 9.
    let wanted: [String: String?] = isTimed ? ["b": "b"] : ["a": "third", "b": "b"]
    for order in RemovalTests.permutations(entries) {
      for cut in [1, 2, 6] {
        let state = ShardState(shard: 0, plan: plan)
        for start in stride(from: 0, to: order.count, by: cut) {
          let part = RemovalTests.batch(Array(order[start..<min(start + cut, order.count)]), plan.sources[0])
          state.apply(part, source: 0, inputs: [0, 1], table: RemovalTests.table)
        }
        #expect(try RemovalTests.rows(state, plan) == wanted, "\(order.map { "\($0.key)\($0.row)" }), cut \(cut)")
      }
    }
  }

  @Test func originsHoldRemovals() throws {
    let plan = try RemovalTests.plan(isTimed: true).sources[0]
    let entries = [
      Entry(key: "a", time: 5, input: RowOrigin.inputsMax - 1, row: RowOrigin.rowsMax - 1, text: nil),
      Entry(key: "a", time: 5, input: RowOrigin.inputsMax - 1, row: RowOrigin.rowsMax - 1, text: "x"),
    ]
    let batch = RemovalTests.batch(entries, plan)
    let bytes = RowBatchCodec.encode(batch)
    let read = try bytes.withUnsafeBytes { try RowBatchCodec.decode($0, types: plan.carriedTypes) }
    for row in 0..<2 {
      #expect(read.origins[row].input == RowOrigin.inputsMax - 1)
      #expect(read.origins[row].row == RowOrigin.rowsMax - 1)
      #expect(read.origins[row].isRemoval == (row == 0))
    }
    #expect(read.checksum == batch.checksum)
    let swapped = RemovalTests.batch(entries.map { Entry(key: $0.key, time: 5, input: $0.input, row: $0.row) }, plan)
    #expect(swapped.checksum != batch.checksum)
  }

  @Test func inputsOfOneNameGoByRows() {
    var table = InputTable()
    let entries = [0, 1].map { _ in table.add(.init(topic: "t", partition: 3)) }
    for (a, b) in [(0, 1), (1, 0)] {
      let early = RowVersion(time: 1, input: entries[a], row: 4)
      let late = RowVersion(time: 1, input: entries[b], row: 5)
      #expect(late.isAfter(early, table) && !early.isAfter(late, table))
    }
    let names = [0, 2, 9, 10, 99, 100, Int(Int32.max)].map { InputTable.Entry(topic: "t", partition: $0).name }
    for (a, b) in zip(names, names.dropFirst()) { #expect(a.lexicographicallyPrecedes(b)) }
  }

  @Test("rows of chosen inputs", arguments: 0..<20)
  func filtering(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let plan = try RemovalTests.plan(isTimed: true).sources[0]
    let entries = (0..<random.pick([0, 1, 50, 500])).map { row in
      Entry(
        key: "k\(random.int(0...9))", time: Int64(random.int(0...9)), input: random.int(0...4), row: UInt64(row + 1),
        text: random.chance(4) ? nil : String(repeating: "x", count: random.int(0...40)))
    }
    let batch = RemovalTests.batch(entries, plan)
    let kept = Set((0...4).filter { _ in random.chance(2) })
    let filtered = batch.filtered { kept.contains($0) }
    let wanted = RemovalTests.batch(entries.filter { kept.contains($0.input) }, plan)
    #expect(RemovalTests.described(filtered) == RemovalTests.described(wanted), "seed \(seed)")
    #expect(filtered.checksum == wanted.checksum)
    batch.renumberInputs([7, 0, 3, 1 << 20, 9])
    let moved = entries.map { entry in
      var entry = entry
      entry.input = [7, 0, 3, 1 << 20, 9][entry.input]
      return entry
    }
    #expect(RemovalTests.described(batch) == RemovalTests.described(RemovalTests.batch(moved, plan)), "seed \(seed)")
  }

  private static func described(_ batch: RowBatch) -> [String] {
    (0..<batch.count).map { row in
      let origin = batch.origins[row]
      let cells = batch.columns.map { "\(String(describing: $0.literal(row: row)))" }
      return "\(batch.arena.string(batch.keys[row])) \(batch.hashes[row]) \(batch.times[row]) \(origin.input) "
        + "\(origin.row) \(origin.isRemoval) \(cells)"
    }
  }
}
