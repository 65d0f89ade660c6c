import Columns
import Definition
import Formats
import Pipeline
import Yardsticks

/// From typed columns to a shard's state.
extension Stage {
  static func hash(_ decoded: Decoded) throws -> Stage {
    let column = try decoded.column(decoded.source.plan.source.columns[decoded.source.plan.keyColumns[0]].name)
    let position = decoded.positions[column]
    let out = UnsafeMutablePointer<UInt64>.allocate(capacity: decoded.scanned.map(\.rows).max() ?? 0)
    return Stage(
      name: "hash of keys", rows: decoded.rows, bytes: decoded.textBytes(column), run: { decoded.hash() },
      yardsticks: [
        Yardstick(name: "a load and a store a field") {
          for block in decoded.scanned {
            yardstick_gather(block.text.base, block.fields + position, block.width, block.rows, out)
          }
        }
      ])
  }

  /// Dealing to shards, and row batches as they travel.
  static func batches(_ decoded: Decoded, _ batches: [RowBatch], shards: Int) throws -> [Stage] {
    let types = decoded.source.plan.carriedTypes
    let rows = batches.reduce(0) { $0 + $1.count }
    let bytes = batches.reduce(0) { $0 + $1.valueBytes }
    let encoded = batches.map { RowBatchCodec.encode($0) }
    let encodedBytes = encoded.reduce(0) { $0 + $1.count }
    let copy = Yardstick.copy(bytes)
    return [
      Stage(
        name: "deal to \(shards) shards", rows: rows, bytes: bytes,
        run: {
          let dealt = decoded.deal(ShardSplitter(shards: shards, types: types))
          try require(dealt.reduce(0) { $0 + $1.count } == rows, "rows were lost on the way to shards")
        }, yardsticks: [copy]),
      Stage(
        name: "row batch encode", rows: rows, bytes: bytes,
        run: {
          var total = 0
          for batch in batches { total += RowBatchCodec.encode(batch).count }
          try require(total == encodedBytes, "a batch was encoded otherwise")
        }, yardsticks: [copy]),
      Stage(
        name: "row batch decode", rows: rows, bytes: bytes,
        run: {
          var total = 0
          for batch in encoded {
            total += try batch.withUnsafeBytes { try RowBatchCodec.decode($0, types: types).count }
          }
          try require(total == rows, "\(total) rows of \(rows) came back")
        }, yardsticks: [copy]),
    ]
  }

  /// The search for keys that are there, with the one accumulator that every key has; and with all of them.
  static func state(_ lake: Lake, source: Int, _ batches: [RowBatch], _ states: [ShardState]) throws -> [Stage] {
    let rows = batches.reduce(0) { $0 + $1.count }
    let bytes = batches.reduce(0) { $0 + $1.valueBytes }
    let ordered = batches.sorted { $0.shard < $1.shard }
    var inputs = InputTable()
    let input = inputs.add(InputTable.Entry(name: lake.sources[source].name, modified: 0))
    let table = inputs
    func apply(_ states: [ShardState]) throws {
      for batch in ordered { states[batch.shard].apply(batch, source: source, inputs: [input], table: table) }
    }
    let counting = try Stage.counting(lake, source: source)
    let counts = (0..<lake.plan.shards).map { ShardState(shard: $0, plan: counting) }
    try apply(counts)
    let keys = counts.map(\.keyCount).max() ?? 1
    let (slots, mask) = Stage.table(keys)
    let load = Yardstick(name: "a load a row at random") {
      var sum: UInt64 = 0
      for batch in ordered { sum &+= yardstick_load(slots, batch.hashes, batch.count, mask) }
      try require(sum == UInt64(rows), "other slots were loaded")
    }
    let lines = 4
    let records = UnsafeMutablePointer<UInt8>.allocate(capacity: keys * 64 * lines)
    records.initialize(repeating: 0, count: keys * 64 * lines)
    let numbers = ordered.flatMap { batch in
      (0..<batch.count).map { UInt32(truncatingIfNeeded: batch.hashes[$0] % UInt64(keys)) }
    }
    let touch = Yardstick(name: "\(lines) cache lines a row, 1 added in each") {
      yardstick_touch(records, numbers, rows, 64 * lines, lines)
    }
    return [
      Stage(
        name: "probe and count, \(keys) keys a shard", rows: rows, bytes: bytes, run: { try apply(counts) },
        yardsticks: [load]),
      Stage(
        name: "probe and accumulate", rows: rows, bytes: bytes,
        run: {
          try apply(states)
          try require(states.allSatisfy { $0.keyCount > 0 }, "a shard has no keys")
        }, yardsticks: [touch]),
    ]
  }

  /// The plan without all features of a source but the count of its rows.
  private static func counting(_ lake: Lake, source: Int) throws -> DatasetPlan {
    var definition = lake.plan.definition
    let name = lake.sources[source].name
    definition.features = definition.features.filter { feature in
      guard feature.source == name, case .aggregate(let aggregate) = feature.value else { return false }
      return aggregate.column == nil && aggregate.predicate == nil && aggregate.over == nil
    }
    try require(!definition.features.isEmpty, "no feature counts all rows of '\(name)'")
    return try DatasetPlan(definition, asOf: lake.plan.asOf)
  }

  /// Slots of 16 bytes as a table of so many keys has them, each with a 1 to be found.
  private static func table(_ keys: Int) -> (UnsafeMutablePointer<UInt64>, mask: UInt64) {
    var size = 1
    while size < 2 * keys { size *= 2 }
    let slots = UnsafeMutablePointer<UInt64>.allocate(capacity: 2 * size)
    slots.initialize(repeating: 1, count: 2 * size)
    return (slots, UInt64(size - 1))
  }
}

extension RowBatch {
  /// Bytes of the rows' keys, hashes, origins, times and values.
  var valueBytes: Int { arena.count + count * columns.reduce(32) { $0 + $1.type.stride + 1 } }
}
