import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// A row of a source as a test states it.
struct ModelRow {
  var key: String
  /// Event time; of no meaning in a timeless source.
  var time: Int64
  /// Index of the input in its source.
  var input: Int
  /// From 1.
  var row: UInt64
  /// One a column of ``ModelSource/types``.
  var cells: [Literal?]
  /// Of a `latest` source: the key has no row from here on.
  var isRemoval = false
}

struct ModelInput {
  var name: String
  var modified: Int64
}

/// A source with all of its rows in memory.
struct ModelSource {
  var name: String
  var keep: Source.Keep
  var isTimed: Bool
  var inputs: [ModelInput]
  var rows: [ModelRow]

  /// Every type, and the columns' names.
  static let types: [ColumnType] = [
    .string, .int, .double, .bool, .date, .timestamp, .decimal(precision: 38, scale: 3),
  ]
  static let names = ["text", "int", "double", "bool", "date", "time", "decimal"]

  var source: Source {
    var columns = [SourceColumn(name: "k", location: .named("k"), type: .string)]
    if isTimed { columns.append(SourceColumn(name: "at", location: .named("at"), type: .timestamp)) }
    for (name, type) in zip(Self.names, Self.types) {
      columns.append(SourceColumn(name: name, location: .named(name), type: type))
    }
    return Source(
      name: name, input: .objects(name), format: .json, keep: keep, time: isTimed ? "at" : nil,
      columns: columns)
  }
}

/// Sources, features over them, and the keys that are rows.
struct ModelDataset {
  /// The first one is the rows' source.
  var sources: [ModelSource]
  var features: [Feature]
  var asOf: Int64

  func definition(shards: Int) -> Definition {
    Definition(
      dataset: "model", key: ["k"], sources: sources.map(\.source), features: features,
      rows: Rows(source: sources[0].name),
      split: Split(shares: [.init(name: "train", share: 0.7), .init(name: "eval", share: 0.3)]),
      snapshot: SnapshotTarget(to: "nowhere", format: .json), shards: shards)
  }

  /// A feature over the source at `index`.
  func feature(_ name: String, _ index: Int, _ aggregate: Aggregate, fallback: Literal? = nil) -> Feature? {
    let type = aggregate.column.map { ModelSource.types[ModelSource.names.firstIndex(of: $0)!] }
    guard let result = aggregate.resultType(of: type) else { return nil }
    return Feature(
      name: name, source: sources[index].name, value: .aggregate(aggregate), fallback: fallback, type: result)
  }
}

/// How a run deals a dataset's rows out: everything that must not matter.
struct Arrangement: CustomStringConvertible {
  var shards: Int
  var seed: UInt64
  var description: String { "\(shards) shards, arrangement \(seed)" }

  /// Features by key.
  typealias Outcome = [String: [Literal?]]

  /// Stages the rows as random attempts cut into random blocks and batches, applies the batches in random order, and
  /// reads the snapshot.
  func run(_ dataset: ModelDataset) throws -> Outcome {
    var random = SeededGenerator(seed: seed)
    let plan = try DatasetPlan(dataset.definition(shards: shards), asOf: dataset.asOf)
    let states = (0..<shards).map { ShardState(shard: $0, plan: plan) }
    var staged: [(source: Int, batch: RowBatch, inputs: [UInt32])] = []
    var tables: [InputTable] = []
    for (index, model) in dataset.sources.enumerated() {
      var table = InputTable()
      var numbers = [UInt32](repeating: 0, count: model.inputs.count)
      for input in model.inputs.indices.shuffled(using: &random) {
        numbers[input] = table.add(
          .init(name: model.inputs[input].name, modified: model.inputs[input].modified))
      }
      tables.append(table)
      let attempts = random.int(1...3)
      let attemptOf = model.inputs.map { _ in random.int(0...attempts - 1) }
      for attempt in 0..<attempts {
        let inputs = model.inputs.indices.filter { attemptOf[$0] == attempt }.shuffled(using: &random)
        let batches = stage(model, inputs, plan.sources[index], &random)
        staged += batches.map { (index, $0, inputs.map { numbers[$0] }) }
      }
    }
    for (source, batch, inputs) in staged.shuffled(using: &random) {
      states[batch.shard].apply(batch, source: source, inputs: inputs, table: tables[source])
    }
    return try Arrangement.read(states, plan)
  }

  private func stage(
    _ model: ModelSource, _ inputs: [Int], _ plan: SourcePlan, _ random: inout SeededGenerator
  ) -> [RowBatch] {
    let splitter = ShardSplitter(shards: shards, types: plan.carriedTypes, rowsMax: random.int(1...200))
    for (number, input) in inputs.enumerated() {
      let rows = model.rows.filter { $0.input == input }.sorted { $0.row < $1.row }
      var at = 0
      while at < rows.count {
        // Rows of a block follow one another.
        var end = min(at + random.int(1...150), rows.count)
        if let gap = (at + 1..<max(end, at + 1)).first(where: { rows[$0].row != rows[$0 - 1].row + 1 }) {
          end = gap
        }
        splitter.append(Array(rows[at..<end]), plan, input: number)
        at = end
      }
    }
    return splitter.finish()
  }

  static func read(_ states: [ShardState], _ plan: DatasetPlan) throws -> Outcome {
    let rule = SplitRule(plan.definition.split)
    let casts = [try Cast(type: .string)]
    var outcome: Outcome = [:]
    var spare: Table?
    for state in states {
      for list in SnapshotRows(state, rule: rule, by: nil).keys {
        var builder = SnapshotTableBuilder(
          plan: plan, keyCasts: casts, rows: list.count, reusing: spare, fingerprintOf: "train")
        try builder.append(state, keys: list[...])
        let fingerprint = builder.fingerprint
        let table = builder.finish()
        var after = Fingerprint()
        after.add(table: table, split: "train")
        #expect(fingerprint == after, "made with the table and of it")
        for row in 0..<table.count {
          guard case .string(let key)? = table.columns[0].literal(row: row) else { continue }
          outcome[key] = table.columns.dropFirst().map { $0.literal(row: row) }
        }
        for column in table.columns { column.scribble() }
        spare = table
      }
    }
    return outcome
  }
}

extension ShardSplitter {
  /// Adds rows as a decoded block would; faults are none.
  func append(_ rows: [ModelRow], _ plan: SourcePlan, input: Int) {
    let keyArena = ByteArena()
    var keys = rows.map { keyArena.append($0.key) }
    var hashes = keys.map { Hashing.hash64(UnsafePointer(keyArena.base) + Int($0.start), $0.length) }
    var times = rows.map(\.time)
    let columns = plan.carried.map { index in
      let column = plan.source.columns[index]
      guard let position = ModelSource.names.firstIndex(of: column.name) else {
        return Column(column.type, rows.map { column.type == .string ? .string($0.key) : .timestamp($0.time) })
      }
      return Column(ModelSource.types[position], rows.map { $0.cells[position] })
    }
    let origins = rows.map { RowOrigin(input: input, row: $0.row, isRemoval: $0.isRemoval) }
    times.withUnsafeMutableBufferPointer { times in
      append(
        rows: rows.count, faults: RowFaults(capacity: rows.count), keyArena: keyArena, keys: &keys,
        hashes: &hashes,
        times: plan.timeColumn.flatMap { _ in times.baseAddress.map { UnsafePointer($0) } }, columns: columns,
        input: input, firstRow: rows[0].row, origins: rows.contains { $0.isRemoval } ? origins : nil)
    }
  }
}

extension Column {
  /// What nobody may find there any more.
  func scribble() {
    values.initializeMemory(as: UInt8.self, repeating: 0xa5, count: capacity * type.stride)
    validity.update(repeating: 1, count: capacity)
  }

  convenience init(_ type: ColumnType, _ values: [Literal?]) {
    self.init(type: type, capacity: values.count)
    for (row, value) in values.enumerated() {
      guard let value else { continue }
      validity[row] = 1
      switch value {
      case .string(let text): views[row] = arena.append(text)
      case .int(let int), .timestamp(let int): int64s[row] = int
      case .double(let double): doubles[row] = double
      case .bool(let bool): bytes[row] = bool ? 1 : 0
      case .date(let days): int32s[row] = days
      case .decimal(let unscaled): int128s[row] = unscaled
      }
    }
  }
}

extension Literal {
  /// Whether two values are the same to the bit (NaN equals itself, −0 is not 0).
  func isIdentical(to other: Literal) -> Bool {
    if case .double(let a) = self, case .double(let b) = other { return a.bitPattern == b.bitPattern }
    return self == other
  }
}
