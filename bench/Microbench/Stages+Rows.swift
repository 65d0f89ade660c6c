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
    var spare = decoded.deal(ShardSplitter(shards: shards, types: types))
    return [
      Stage(
        name: "deal to \(shards) shards", rows: rows, bytes: bytes,
        run: {
          let splitter = ShardSplitter(shards: shards, types: types)
          splitter.spare = spare
          spare = decoded.deal(splitter)
          try require(spare.reduce(0) { $0 + $1.count } == rows, "rows were lost on the way to shards")
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

  /// The search for keys that are there; and that with the accumulators.
  static func state(_ lake: Lake, source: Int, _ batches: [RowBatch], _ states: [ShardState]) throws -> [Stage] {
    let rows = batches.reduce(0) { $0 + $1.count }
    let bytes = batches.reduce(0) { $0 + $1.valueBytes }
    let ordered = batches.sorted { $0.shard < $1.shard }
    let numbers = UnsafeMutablePointer<UInt32>.allocate(capacity: rows)
    let tables = (0..<lake.plan.shards).map { _ in KeyTable() }
    func probe() -> Int {
      var at = 0
      for batch in ordered {
        tables[batch.shard].numbers(of: batch, into: numbers + at)
        at += batch.count
      }
      return at
    }
    _ = probe()
    let keys = tables.map(\.count).max() ?? 1
    let (slots, mask) = Stage.table(keys)
    let load = Yardstick(name: "a load a row at random") {
      var sum: UInt64 = 0
      for batch in ordered { sum &+= yardstick_load(slots, batch.hashes, batch.count, mask) }
      try require(sum == UInt64(rows), "other slots were loaded")
    }
    let lines = 4
    let records = UnsafeMutablePointer<UInt8>.allocate(capacity: keys * 64 * lines)
    records.initialize(repeating: 0, count: keys * 64 * lines)
    let touch = Yardstick(name: "\(lines) cache lines a row, 1 added in each") {
      var at = 0
      for batch in ordered {
        yardstick_touch(records, numbers + at, batch.count, 64 * lines, lines)
        at += batch.count
      }
    }
    var inputs = InputTable()
    let input = inputs.add(InputTable.Entry(name: "usage", modified: 0))
    let table = inputs
    return [
      Stage(
        name: "probe, \(keys) keys a shard", rows: rows, bytes: bytes,
        run: { try require(probe() == rows, "rows were left out") }, yardsticks: [load]),
      Stage(
        name: "probe and accumulate", rows: rows, bytes: bytes,
        run: {
          for batch in ordered { states[batch.shard].apply(batch, source: source, inputs: [input], table: table) }
          try require(states.allSatisfy { $0.keyCount > 0 }, "a shard has no keys")
        }, yardsticks: [touch]),
    ]
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
