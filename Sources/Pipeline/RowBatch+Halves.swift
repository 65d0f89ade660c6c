internal import Columns

extension RowBatch {
  /// The first and the second half of the rows as batches of their own, for a batch that is too large for a message.
  public func halves() -> [RowBatch] {
    let middle = UInt32(count / 2)
    return [0..<middle, middle..<UInt32(count)].map { range in
      let batch = RowBatch(
        shard: shard, types: columns.map(\.type), capacity: max(range.count, 1), arenaBytes: arena.count / 2)
      Array(range).withUnsafeBufferPointer { batch.append($0, of: rows) }
      return batch
    }
  }
}
