import Columns
import Pipeline
import TestKit

extension FuzzTarget {
  /// Damaged row batches, some with a hash that fits the damage: an error, or a batch whose views can be followed.
  static let rowBatch = FuzzTarget(name: "rowbatch") { fuzzCase in
    let types = CastFuzz.types.filter { _ in fuzzCase.random.chance(2) }
    guard let batch = RandomBatch.make(types, &fuzzCase.random) else { return }
    let bytes = RowBatchCodec.encode(batch)
    let back = try bytes.withUnsafeBytes { try RowBatchCodec.decode($0, types: types) }
    try require(back.checksum == batch.checksum && back.count == batch.count, "a batch came back as another")

    var damaged = bytes
    Mutation(["\u{0}", "\u{0}\u{0}\u{0}\u{0}", "\u{7f}"]).apply(
      &damaged, times: fuzzCase.random.int(1...4), &fuzzCase.random)
    let fitsHash = fuzzCase.random.chance(2) && damaged.count >= 8
    if fitsHash {
      let end = damaged.count - 8
      let hash = damaged.withUnsafeBufferPointer { $0.baseAddress.map { Hashing.bulk128($0, end).high } ?? 0 }
      for i in 0..<8 { damaged[end + i] = UInt8(truncatingIfNeeded: hash >> UInt64(8 * i)) }
    }
    fuzzCase.give(damaged)
    let decoded = damaged.withUnsafeBytes { try? RowBatchCodec.decode($0, types: types) }
    guard let decoded else { return }
    try require(fitsHash || damaged == bytes, "damage was not noticed")
    var sum = 0
    for row in 0..<decoded.count {
      for view in [decoded.keys[row]] + decoded.columns.filter({ $0.type == .string }).map({ $0.views[row] }) {
        for i in 0..<view.length { sum &+= Int(decoded.arena.base[Int(view.start) + i]) }
      }
    }
    try require(sum >= 0, "bytes add up")
  }
}

private enum RandomBatch {
  /// nil for a batch without rows.
  static func make(_ types: [ColumnType], _ random: inout SeededGenerator) -> RowBatch? {
    let rows = random.pick([0, 1, 3, 50])
    let splitter = ShardSplitter(shards: 1, types: types)
    let arena = ByteArena()
    // Of many lengths, or of one and with digits at the end.
    let isNumbered = random.chance(2)
    var keys = (0..<rows).map { row in
      isNumbered
        ? arena.append("key-\(100_000 + random.int(0...800_000))")
        : arena.append("key \(row)" + String(repeating: "x", count: row % 20))
    }
    var hashes = keys.map { Hashing.hash64(UnsafePointer(arena.base) + Int($0.start), $0.length) }
    let columns = types.map { type in
      let column = Column(type: type, capacity: rows)
      for row in 0..<rows where !random.chance(4) {
        column.validity[row] = 1
        if type == .string { column.views[row] = column.arena.append("text \(random.int(0...1000))") }
      }
      return column
    }
    splitter.append(
      rows: rows, faults: RowFaults(capacity: rows), keyArena: arena, keys: &keys, hashes: &hashes, times: nil,
      columns: columns, input: 3, firstRow: 1)
    return splitter.finish().first
  }
}
