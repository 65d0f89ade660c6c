import Columns
import Definition
import Platform
import TestKit
import Testing

@testable import Pipeline
@testable import Worker

/// I1: a part for which the last one's columns and rows' numbers are used again has the bytes of one made from scratch.
@Suite struct KeptOutputTests {
  @Test("parts, profiles and reports are those made of the state alone, snapshot after snapshot", arguments: 0..<60)
  func sameBytes(seed: Int) throws {
    var values = RandomValues(seed: UInt64(seed) &* 86_028_121)
    let dataset = LiveStateTests.dataset(&values, seed: seed)
    var random = values.random.fork()
    let definition = KeptOutputTests.definition(dataset, &random)
    var asOf = Int64(random.pick([-5, 30, 60]))
    let plan = try DatasetPlan(definition, asOf: asOf, carriesAll: true)
    let rolling = RollingState(shard: 0, plan: plan, waitingBytesMax: random.pick([0, 4096, 1 << 20]))
    let output = KeptOutput(rolling.state)
    let tables = LiveStateTests.tables(dataset)
    var coming = LiveStateTests.deliveries(dataset, plan, &random)
    var applied: [LiveStateTests.Delivery] = []
    let threads = random.int(1...3)

    for step in 0..<14 {
      asOf = max(asOf + Int64(random.pick([0, 0, 0, 5, 20, -3])), -5)
      var replaced: Set<Int> = []
      if random.chance(6), !applied.isEmpty {
        replaced.insert(applied.remove(at: random.int(0...applied.count - 1)).source)
      }
      let moved = try DatasetPlan(definition, asOf: asOf, carriesAll: true)
      let emptied = rolling.move(to: moved, replaced: replaced, tables: tables)
      // Mostly few rows come, of one source, and sometimes none.
      let only = random.chance(2) ? random.int(0...3) : nil
      let come = coming.filter { only == nil || $0.source == only }.prefix(random.int(0...random.pick([1, 4, 20])))
      coming.removeAll { delivery in come.contains { $0.batch === delivery.batch } }
      for delivery in applied.filter({ emptied.contains($0.source) }) + come {
        rolling.apply(
          delivery.batch, source: delivery.source, inputs: delivery.inputs, table: tables[delivery.source])
      }
      applied += come
      // Sometimes memory runs short, or a snapshot is made without.
      if random.chance(8) { output.removeAll() }
      let room = random.chance(6) ? 300 : 1 << 20
      let writes = random.chance(10) ? nil : (output: output, bytesMax: room)

      let kept = try KeptOutputTests.write(moved, rolling.state, step, threads, writes)
      let scratch = try KeptOutputTests.write(moved, rolling.state, step, threads, nil)
      // Sometimes there is less room for what is kept of it.
      if random.chance(4) {
        let bytes = random.int(0...output.bytes)
        output.shrink(to: bytes)
        #expect(output.bytes <= bytes, "seed \(seed), step \(step)")
      }
      #expect(kept.report == scratch.report, "seed \(seed), step \(step)")
      #expect(kept.objects.keys == scratch.objects.keys, "seed \(seed), step \(step)")
      for key in scratch.objects.keys {
        #expect(kept.objects[key] == scratch.objects[key], "seed \(seed), step \(step): \(key)")
      }
      try KeptOutputTests.expectHeld(
        moved, rolling.state, step, threads, roomBytes: random.pick([0, 200, 3000, 1 << 20]), as: scratch,
        "seed \(seed), step \(step)")
    }
  }

  @Test("what no row has come for is not made again")
  func reuse() throws {
    var values = RandomValues(seed: 3, doubles: .cents)
    var dataset = LiveStateTests.dataset(&values, seed: 0)
    dataset.sources[0].isTimed = false
    dataset.features.removeAll { feature in
      if case .aggregate(let aggregate) = feature.value { aggregate.over != nil } else { false }
    }
    var random = values.random.fork()
    let definition = dataset.definition(shards: 1)
    let plan = try DatasetPlan(definition, asOf: 1000, carriesAll: true)
    let rolling = RollingState(shard: 0, plan: plan, waitingBytesMax: 0)
    let tables = LiveStateTests.tables(dataset)
    let all = LiveStateTests.deliveries(dataset, plan, &random)
    func apply(_ deliveries: [LiveStateTests.Delivery]) {
      for delivery in deliveries {
        rolling.apply(delivery.batch, source: delivery.source, inputs: delivery.inputs, table: tables[delivery.source])
      }
    }
    let events = all.filter { $0.source == 1 }
    apply(all.filter { $0.source != 1 } + events.dropLast())
    let rows = RollingRows(rolling.state)
    let rule = SplitRule(definition.split)
    let lists = rows.begin(rule: rule, by: nil)
    for split in lists.keys.indices {
      let range = lists.keys[split].indices
      #expect(rows.changes(split, range).columns.allSatisfy { $0 } && rows.changes(split, range).keys == nil)
      rows.take(lists.keys[split][...], Array(repeating: 1, count: range.count))
    }
    _ = rows.finish()
    apply(Array(events.suffix(1)))
    let touched = Set(events[events.count - 1].rows.map(\.key))
    let again = rows.begin(rule: rule, by: nil)
    #expect(again.keys == lists.keys && rows.haveSameRows)
    for split in again.keys.indices {
      let changes = rows.changes(split, again.keys[split].indices)
      let keys = Set((changes.keys ?? []).map { rolling.state.keys.arena.string(rolling.state.keys.views[Int($0)]) })
      #expect(changes.keys != nil && keys.isSubset(of: touched))
      for (column, isAnew) in zip(plan.output, changes.columns) {
        #expect(isAnew == (column.source == 1 && !keys.isEmpty), "\(column.name)")
      }
    }
  }

  @Test("of few changed keys only their aggregates are made again, as long as there is room for the others'")
  func values() throws {
    var patched = 0
    for seed in 0..<24 { patched += try KeptOutputTests.patched(seed: seed) }
    #expect(patched > 20)
  }

  /// How many columns of chunks need only few rows' values, when one delivery comes behind the first part.
  private static func patched(seed: Int) throws -> Int {
    var values = RandomValues(seed: UInt64(seed) &* 7919, doubles: .cents)
    var dataset = LiveStateTests.dataset(&values, seed: 0)
    dataset.sources[0].isTimed = false
    dataset.features.removeAll { feature in
      if case .aggregate(let aggregate) = feature.value { aggregate.over != nil } else { false }
    }
    var random = values.random.fork()
    var definition = dataset.definition(shards: 1)
    definition.snapshot.format = .parquet(ParquetOptions(compression: .zstd))
    let plan = try DatasetPlan(definition, asOf: 1000, carriesAll: true)
    let rolling = RollingState(shard: 0, plan: plan, waitingBytesMax: 0)
    let tables = LiveStateTests.tables(dataset)
    let all = LiveStateTests.deliveries(dataset, plan, &random)
    let last = all.filter { $0.source == 1 }.min { Set($0.rows.map(\.key)).count < Set($1.rows.map(\.key)).count }
    let one = try #require(last)
    for delivery in all where delivery.batch !== one.batch {
      rolling.apply(delivery.batch, source: delivery.source, inputs: delivery.inputs, table: tables[delivery.source])
    }
    let output = KeptOutput(rolling.state)
    _ = try write(plan, rolling.state, 0, 1, (output: output, bytesMax: 1 << 20))
    rolling.apply(one.batch, source: 1, inputs: one.inputs, table: tables[1])

    func changes() -> [KeptOutput.Changes.OfChunk] {
      let rows = output.begin(rule: SplitRule(definition.split), by: nil, bytesMax: 1 << 20)
      let runs = rows.keys.indices.filter { !rows.keys[$0].isEmpty }.map { (split: $0, range: rows.keys[$0].indices) }
      return output.changes(runs, columns: plan.output.count).chunks
    }
    var patched = 0
    for chunk in changes() where chunk.keys.map({ !$0.isEmpty }) == true {
      #expect(chunk.isKept && chunk.rows.count == chunk.keys?.count && chunk.keepsValues, "seed \(seed)")
      for (index, column) in plan.output.enumerated() where chunk.encoded[index] {
        let isNumber = if case .aggregate = column.value { column.type != .string } else { false }
        #expect(column.source == 1 && chunk.built[index] != isNumber, "seed \(seed): \(column.name)")
        patched += isNumber ? 1 : 0
      }
    }
    // Values are the first to go, and chunks the next.
    let (count, whole) = (changes().count { $0.isKept }, output.bytes)
    output.shrink(to: whole - 1)
    #expect(output.bytes < whole && (patched == 0 || changes().count { $0.isKept } == count), "seed \(seed)")
    output.shrink(to: 0)
    #expect(output.bytes == 0 && changes().allSatisfy { !$0.isKept && $0.keys == nil }, "seed \(seed)")
    return patched
  }

  private static func definition(_ dataset: ModelDataset, _ random: inout SeededGenerator) -> Definition {
    var definition = dataset.definition(shards: 1)
    if dataset.sources[0].keep == .latest && random.chance(3) { definition.split.by = "text" }
    var parquet = ParquetOptions(compression: random.pick([.zstd, .snappy, .none]))
    // Sometimes many chunks of few rows.
    parquet.rowGroupRows = random.pick([2, 5, 1 << 16])
    definition.snapshot.format =
      random.chance(4) ? random.pick([.json, .csv(CSVOutputOptions())]) : .parquet(parquet)
    definition.snapshot.partTarget = random.pick([500, 1 << 20])
    return definition
  }

  /// Parts that are held, as far as there is room, and those that then go to the store have the bytes of those written.
  private static func expectHeld(
    _ plan: DatasetPlan, _ state: ShardState, _ step: Int, _ threads: Int, roomBytes: Int,
    as written: (report: ShardReport, objects: MemoryObjects), _ place: Comment
  ) throws {
    let objects = MemoryObjects()
    let room = PartRoom(roomBytes)
    let held = try writer(plan, state, step, threads, nil, objects).hold(in: room) { false }
    #expect(held.report.splits == written.report.splits, place)
    #expect(held.report.fingerprint == written.report.fingerprint, place)
    var heldBytes = 0
    for (part, other) in zip(held.report.parts, written.report.parts) {
      let key = "out/snapshot=cut-\(step)/\(part.key)"
      let inMemory = held.parts[part.key]
      let bytes = inMemory.map { Array($0.pieces.joined()) } ?? objects[key]
      #expect(bytes == written.objects[key] && bytes?.count == part.bytes, place)
      #expect((objects[key] == nil) == (inMemory != nil), place)
      var same = part
      same.sha256 = other.sha256
      #expect(same == other && (part.sha256 == other.sha256 || part.sha256.isEmpty && inMemory != nil), place)
      if inMemory != nil { heldBytes += part.bytes }
    }
    #expect(held.report.parts.count == written.report.parts.count && heldBytes <= roomBytes, place)
    #expect(roomBytes < 1 << 20 || objects.keys.isEmpty, place)
    #expect(held.summary.encode().count == written.report.state.bytes, place)
  }

  private static func write(
    _ plan: DatasetPlan, _ state: ShardState, _ step: Int, _ threads: Int, _ kept: SnapshotWriter.Kept?
  ) throws -> (report: ShardReport, objects: MemoryObjects) {
    let objects = MemoryObjects()
    return (try writer(plan, state, step, threads, kept, objects).write { false }, objects)
  }

  private static func writer(
    _ plan: DatasetPlan, _ state: ShardState, _ step: Int, _ threads: Int, _ kept: SnapshotWriter.Kept?,
    _ objects: MemoryObjects
  ) -> ShardPartWriter {
    ShardPartWriter(
      plan: plan,
      cut: .init(id: "cut-\(step)", position: step, generation: 1, semanticHash: "hash", chain: "chain"), shard: 0,
      state: state, target: StorePlace(store: MemoryStore(objects), bucket: "", path: "out"), contents: "",
      sourceRows: nil, writer: "w", programVersion: "test", threads: threads, kept: kept)
  }
}
