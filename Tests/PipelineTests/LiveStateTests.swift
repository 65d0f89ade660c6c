import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// ``LiveState`` against ``NaiveModel`` over the rows that were applied so far, step by step.
@Suite struct LiveStateTests {
  /// A base source whose rows come and go, and events with and without time. One in four: events name the keys.
  static func dataset(_ values: inout RandomValues, seed: Int) -> ModelDataset {
    let keys = (0..<values.random.int(1...25)).map { "key-\($0)" + values.text() }
    func source(_ name: String, _ keep: Source.Keep, isTimed: Bool, rows: Int) -> ModelSource {
      let inputs = (0..<values.random.int(1...4)).map {
        ModelInput(name: "in/\($0 * 7 % 5)-\(values.text())", modified: Int64(values.random.int(0...2)))
      }
      var counts = [UInt64](repeating: 0, count: inputs.count)
      let rows = (0..<rows).map { _ in
        let input = values.random.int(0...inputs.count - 1)
        counts[input] += 1
        var row = ModelRow(
          key: values.random.pick(keys), time: Int64(values.random.int(0...130)), input: input, row: counts[input],
          cells: values.cells())
        if keep == .latest && values.random.chance(3) {
          row.isRemoval = true
          row.cells = row.cells.map { _ in nil }
        }
        return row
      }
      return ModelSource(name: name, keep: keep, isTimed: isTimed, inputs: inputs, rows: rows)
    }
    let count = values.random.pick([5, 60, 600])
    var sources = [
      source("base", .latest, isTimed: seed % 3 != 0, rows: keys.count * 2),
      source("timed", .events, isTimed: true, rows: count), source("timeless", .events, isTimed: false, rows: count),
      source("second", .events, isTimed: true, rows: count / 3),
    ]
    if seed % 4 == 3 { sources.swapAt(0, 1) }
    var dataset = ModelDataset(sources: sources, features: [], asOf: 0)
    while dataset.features.count < 30 {
      let index = values.random.int(0...3)
      if sources[index].keep == .latest {
        let column = values.random.int(0...6)
        dataset.features.append(
          Feature(
            name: "f\(dataset.features.count)", source: "base", value: .column(ModelSource.names[column]),
            type: ModelSource.types[column]))
        continue
      }
      var aggregate = values.aggregate()
      if index == 2 {
        aggregate.over = nil
      } else if values.random.chance(3) {
        aggregate.over = Int64(values.random.int(1...60))
      }
      // The squares of the greatest doubles are beyond the model's arithmetic.
      if aggregate.function == .stddev && values.doubles == .special { continue }
      guard var feature = dataset.feature("f\(dataset.features.count)", index, aggregate) else { continue }
      if values.random.chance(4) { feature.fallback = values.value(feature.type) }
      dataset.features.append(feature)
    }
    return dataset
  }

  struct Delivery {
    var source: Int
    var batch: RowBatch
    var inputs: [UInt32]
    var rows: [ModelRow]
  }

  /// All rows as batches, in random order; each attempt has inputs of its own.
  static func deliveries(_ dataset: ModelDataset, _ plan: DatasetPlan, _ random: inout SeededGenerator)
    -> [Delivery]
  {
    var deliveries: [Delivery] = []
    for (source, model) in dataset.sources.enumerated() {
      for input in model.inputs.indices {
        let rows = model.rows.filter { $0.input == input }.sorted { $0.row < $1.row }
        var at = 0
        while at < rows.count {
          let part = Array(rows[at..<min(at + random.int(1...40), rows.count)])
          at += part.count
          // One attempt, one batch: the input's number in it is anything.
          let number = random.int(0...2)
          let splitter = ShardSplitter(shards: 1, types: plan.sources[source].carriedTypes, rowsMax: 4096)
          splitter.append(part, plan.sources[source], input: number)
          let inputs = (0...2).map { $0 == number ? UInt32(input) : UInt32.max }
          for batch in splitter.finish() {
            deliveries.append(Delivery(source: source, batch: batch, inputs: inputs, rows: part))
          }
        }
      }
    }
    return deliveries.shuffled(using: &random)
  }

  static func tables(_ dataset: ModelDataset) -> [InputTable] {
    dataset.sources.map { source in
      var table = InputTable()
      for input in source.inputs { _ = table.add(.init(name: input.name, modified: input.modified)) }
      return table
    }
  }

  /// What a state gives out: rows by key, nil for removals.
  private static func changes(_ state: LiveState, asOf: Int64, _ tables: [InputTable]) throws
    -> [String: [Literal?]?]
  {
    var found: [String: [Literal?]?] = [:]
    func add(_ number: UInt32, _ row: [Literal?]?) {
      let key = String(decoding: state.key(number), as: UTF8.self)
      precondition(found.updateValue(row, forKey: key) == nil, "'\(key)' twice")
    }
    try state.changes(asOf: asOf, tables: tables) { changes in
      for (row, key) in changes.keys.enumerated() {
        #expect(
          changes.table.columns[0].literal(row: row) == .string(String(decoding: state.key(key), as: UTF8.self)))
        add(key, changes.table.columns.dropFirst().map { $0.literal(row: row) })
      }
      for key in changes.removed { add(key, nil) }
    }
    return found
  }

  /// What a snapshot of these batches would hold.
  static func answers(_ dataset: ModelDataset, _ applied: [Delivery], asOf: Int64)
    -> [String: [NaiveModel.Answer]]
  {
    var visible = dataset
    visible.asOf = asOf
    for index in visible.sources.indices {
      visible.sources[index].rows = applied.filter { $0.source == index }.flatMap(\.rows)
    }
    return NaiveModel(dataset: visible).answers()
  }

  private static func isSame(_ a: [NaiveModel.Answer]?, _ b: [NaiveModel.Answer]?) -> Bool {
    guard let a, let b else { return a == nil && b == nil }
    return zip(a, b).allSatisfy { a, b in
      switch (a, b) {
      case (.value(let a), .value(let b)): a.map { a in b.map { a.isIdentical(to: $0) } ?? false } ?? (b == nil)
      case (.near(let a, _), .near(let b, _)): a == b || (a.isNaN && b.isNaN)
      default: false
      }
    }
  }

  @Test("touched keys' rows are a snapshot's: windows, removals, rows to come", arguments: 0..<40)
  func model(seed: Int) throws {
    var values = RandomValues(seed: UInt64(seed) &* 15_485_863)
    let dataset = LiveStateTests.dataset(&values, seed: seed)
    var random = values.random.fork()
    let definition = dataset.definition(shards: 1)
    var state = try LiveState(definition, shards: 1, shard: 0, asOf: Int64(random.pick([-5, 0, 30])))
    let deliveries = LiveStateTests.deliveries(dataset, state.plan, &random)
    let tables = LiveStateTests.tables(dataset)

    var asOf = state.asOf
    var applied: [Delivery] = []
    /// Keys that are out; keys whose rows came to count since the last look.
    var out: Set<String> = []
    var pending: [(key: String, time: Int64?)] = []
    var next = 0
    var steps = 0
    while next < deliveries.count || steps < 12 {
      steps += 1
      for _ in 0..<random.int(0...max(1, deliveries.count / 6)) where next < deliveries.count {
        let delivery = deliveries[next]
        next += 1
        applied.append(delivery)
        let isTimed = dataset.sources[delivery.source].isTimed
        pending += delivery.rows.map { ($0.key, isTimed ? $0.time : nil) }
        state.apply(
          delivery.batch, source: delivery.source, inputs: delivery.inputs, table: tables[delivery.source])
      }
      asOf += Int64(random.pick([0, 1, 5, 20]))
      if random.chance(10) {
        // A rebuild, of all or of less, touches what is different for it, and forgets nothing that is out.
        let (old, before) = (state, LiveStateTests.answers(dataset, applied, asOf: asOf))
        for _ in 0..<random.int(0...2) where !applied.isEmpty {
          let gone = applied.remove(at: random.int(0...applied.count - 1))
          // Rows whose time has come were touched before they went.
          for row in gone.rows where dataset.sources[gone.source].isTimed && row.time >= asOf {
            if let at = pending.firstIndex(where: { $0.key == row.key && $0.time == row.time }) {
              pending.remove(at: at)
            }
          }
        }
        state = try LiveState(definition, shards: 1, shard: 0, asOf: old.asOf)
        for delivery in applied.shuffled(using: &random) {
          state.apply(
            delivery.batch, source: delivery.source, inputs: delivery.inputs, table: tables[delivery.source])
        }
        state.replace(old, asOf: asOf, tables: tables, oldTables: tables)
        let after = LiveStateTests.answers(dataset, applied, asOf: asOf)
        for key in Set(before.keys).union(after.keys) where !LiveStateTests.isSame(before[key], after[key]) {
          pending.append((key, nil))
        }
      }
      let touched = Set(pending.filter { $0.time.map { $0 < asOf } ?? true }.map(\.key))
      pending.removeAll { $0.time.map { $0 < asOf } ?? true }

      let wanted = LiveStateTests.answers(dataset, applied, asOf: asOf).filter { touched.contains($0.key) }
      let removed = touched.intersection(out).subtracting(wanted.keys)
      let found = try LiveStateTests.changes(state, asOf: asOf, tables)
      #expect(state.touchedCount == 0)
      #expect(Set(found.filter { $0.value == nil }.keys) == removed, "seed \(seed), step \(steps), as of \(asOf)")
      let differences = AccumulatorTests.compare(found.compactMapValues { $0 }, wanted, dataset)
      #expect(
        differences.isEmpty,
        "seed \(seed), step \(steps), as of \(asOf): \(differences.prefix(3).joined(separator: "; "))")
      out.formUnion(wanted.keys)
      out.subtract(removed)
    }
  }

  @Test func settledKeysAreNotGivenOut() throws {
    var values = RandomValues(seed: 77)
    let dataset = LiveStateTests.dataset(&values, seed: 1)
    let state = try LiveState(dataset.definition(shards: 1), shards: 1, shard: 0, asOf: 100)
    var random = values.random.fork()
    let tables = LiveStateTests.tables(dataset)
    for delivery in LiveStateTests.deliveries(dataset, state.plan, &random) {
      state.apply(delivery.batch, source: delivery.source, inputs: delivery.inputs, table: tables[delivery.source])
    }
    state.settle(asOf: 100, tables: tables)
    #expect(try LiveStateTests.changes(state, asOf: 100, tables).isEmpty)
    // Rows that were to come touch their keys all the same, and what went meanwhile is told.
    let later = Set(
      dataset.sources.filter(\.isTimed).flatMap(\.rows).filter { $0.time >= 100 && $0.time < 120 }.map(\.key))
    let found = try LiveStateTests.changes(state, asOf: 120, tables)
    #expect(Set(found.keys).isSubset(of: later) && !found.isEmpty)
  }

  @Test("links of rows that no window reaches are let go of")
  func memory() throws {
    var values = RandomValues(seed: 3)
    var dataset = LiveStateTests.dataset(&values, seed: 1)
    dataset.features = [dataset.feature("recent", 1, Aggregate(function: .count, over: 50))!]
    let plan = try DatasetPlan(dataset.definition(shards: 1), asOf: .max, carriesAll: true)
    let rows = WindowRows(plan: try #require(try WindowPlan(plan, source: 1)))
    var table = InputTable()
    _ = table.add(.init(name: "in", modified: 0))
    var count = 0
    for round in 0..<400 {
      let splitter = ShardSplitter(shards: 1, types: plan.sources[1].carriedTypes)
      let asOf = Int64(round * 10 + 10)
      splitter.append(
        (0..<100).map { row in
          ModelRow(
            key: "k\(row)", time: Int64(round * 10 + row % 10), input: 0, row: UInt64(round * 100 + row + 1),
            cells: values.cells())
        }, plan.sources[1], input: 0)
      for batch in splitter.finish() {
        let numbers = (0..<batch.count).map { UInt32($0) }
        rows.add(batch, numbers: numbers, keyCount: 100, inputs: [0], asOf: asOf)
      }
      rows.expire(asOf: asOf)
      count = max(count, rows.linkCount)
      let state = rows.state(of: [7, 3], asOf: asOf, table: table)
      let column = Column(type: .int, capacity: 2)
      _ = state.read(rows.plan.readings[1]!, keys: [0, 1], into: column, at: 0)
      // Ten rounds of a row a key and ten microseconds; the window holds five of them.
      #expect(column.int64s[0] == Int64(min(round + 1, 5)) && column.int64s[1] == Int64(min(round + 1, 5)))
    }
    #expect(count < 10_000, "\(count) links of at most 600 live ones")
  }
}
