public import Columns

/// Deals a block's good rows out to shards, as ``ShardSplitter`` does, into what is to be written and sent.
///
/// Holds one open ``PackedRows`` a shard and seals it when it is full. One thread at a time.
public final class RowPacker: RowDealer, @unchecked Sendable {
  private let shards: Int
  private let types: [ColumnType]
  private let rowsMax: Int
  private var open: [PackedRows?]
  /// Next batch's capacity a shard: grows from batch to batch, so that small attempts stay small.
  private var nextCapacity: [Int]
  /// Bytes of texts a row, as the fullest batch so far had them.
  private var textBytesPerRow = 16
  private var order: ShardOrder
  private let block: PackedBlock
  private var form: PackedForm?
  /// Finished batches, in order of sealing; the owner takes them.
  private var sealed: [PackedRows] = []

  /// `types`: the carried columns' types. A batch holds at most `rowsMax` rows, fewer where rows are wide.
  public init(shards: Int, types: [ColumnType], rowsMax: Int = 4096) {
    self.shards = shards
    self.types = types
    self.rowsMax = ShardSplitter.rowsMax(types, wanted: rowsMax)
    open = Array(repeating: nil, count: shards)
    nextCapacity = Array(repeating: min(64, self.rowsMax), count: shards)
    order = ShardOrder(shards: shards)
    block = PackedBlock(types: types)
  }

  public func append(_ rows: RowColumns, _ faults: RowFaults) {
    guard faults.count < rows.count else { return }
    block.read(rows, faults)
    guard let form = block.form else { return }
    if form != self.form {
      for shard in 0..<shards { seal(shard) }
      self.form = form
    }
    order.sort(rows, faults, probing: false)
    order.withRows { order in
      for shard in 0..<shards {
        let range = self.order.range(shard)
        var from = range.lowerBound
        while from < range.upperBound {
          let batch = openBatch(shard, form, expecting: range.upperBound - from)
          let n = min(range.upperBound - from, batch.capacity - batch.count)
          batch.append(UnsafeBufferPointer(rebasing: order[from..<from + n]), of: rows, block)
          if batch.count == batch.capacity || batch.textBytes >= ShardSplitter.arenaBytesMax {
            textBytesPerRow = max(textBytesPerRow, batch.textBytes / batch.count + 1)
            seal(shard)
          }
          from += n
        }
      }
    }
  }

  /// Seals what is open and gives all sealed batches.
  public func finish() -> [PackedRows] {
    for shard in 0..<shards { seal(shard) }
    return takeSealed()
  }

  public func takeSealed() -> [PackedRows] {
    defer { sealed = [] }
    return sealed
  }

  private func seal(_ shard: Int) {
    if let batch = open[shard] { sealed.append(batch) }
    open[shard] = nil
  }

  private func openBatch(_ shard: Int, _ form: PackedForm, expecting rows: Int) -> PackedRows {
    if let batch = open[shard] { return batch }
    let capacity = min(rowsMax, max(nextCapacity[shard], rows))
    nextCapacity[shard] = min(rowsMax, capacity * 4)
    let texts = form.keys == nil || zip(types, form.columns).contains { $0 == .string && $1 == .plain }
    let batch = PackedRows(
      shard: shard, capacity: capacity,
      arenaBytes: texts ? min(capacity * textBytesPerRow, ShardSplitter.arenaBytesMax) : 0, form: form, types: types,
      block: block)
    open[shard] = batch
    return batch
  }
}
