internal import Columns

extension RowBatch {
  /// A copy of the rows that are given an origin, in the same order and with those origins.
  public func selecting(_ origin: (RowOrigin) -> RowOrigin?) -> RowBatch {
    var kept: [UInt32] = []
    var given: [RowOrigin] = []
    for row in 0..<count {
      guard let origin = origin(origins[row]) else { continue }
      kept.append(UInt32(truncatingIfNeeded: row))
      given.append(origin)
    }
    let batch = RowBatch(
      shard: shard, types: columns.map(\.type), capacity: max(kept.count, 1),
      arenaBytes: count == 0 ? 0 : arena.count / count * kept.count)
    kept.withUnsafeBufferPointer { batch.append($0, of: rows) }
    for (row, origin) in given.enumerated() { batch.origins[row] = origin }
    return batch
  }
}
