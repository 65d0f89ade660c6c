public import Columns

/// Takes the good rows of decoded blocks and deals them out to shards.
public protocol RowDealer: AnyObject {
  /// Adds the rows whose `faults` code is 0.
  func append(_ rows: RowColumns, _ faults: RowFaults)
}

/// Deals a block's good rows out to shards: a counting sort by shard, then one gather a column and shard.
///
/// Holds one open ``RowBatch`` a shard and gives it to `sealed` when it is full. One thread at a time.
public final class ShardSplitter: RowDealer, @unchecked Sendable {
  private let shards: Int
  private let types: [ColumnType]
  /// Rows that a batch holds at most.
  public let rowsMax: Int
  private var open: [RowBatch?]
  /// Next batch's capacity a shard: doubles from batch to batch, so that small attempts stay small.
  private var nextCapacity: [Int]
  /// Bytes of keys and strings a row, as the fullest batch so far had them.
  private var arenaBytesPerRow = 16
  private var order: ShardOrder
  /// Finished batches, in order of sealing; the owner takes them.
  public private(set) var sealed: [RowBatch] = []

  /// Memory that a batch's fixed-size parts take at most.
  static let batchBytesMax = 512 << 10
  /// Bytes of keys and strings at which a batch is sealed, whatever its rows.
  static let arenaBytesMax = 1 << 20

  /// `types`: the carried columns' types. A batch holds at most `rowsMax` rows, fewer where rows are wide.
  public init(shards: Int, types: [ColumnType], rowsMax: Int = 4096) {
    self.shards = shards
    self.types = types
    self.rowsMax = ShardSplitter.rowsMax(types, wanted: rowsMax)
    open = Array(repeating: nil, count: shards)
    nextCapacity = Array(repeating: min(64, self.rowsMax), count: shards)
    order = ShardOrder(shards: shards)
  }

  /// Rows that a batch holds at most, fewer where rows are wide.
  static func rowsMax(_ types: [ColumnType], wanted: Int) -> Int {
    max(8, min(wanted, batchBytesMax / types.reduce(32) { $0 + $1.stride + 1 }))
  }

  /// Adds the rows of a block whose `faults` code is 0.
  ///
  /// `keyArena` holds the bytes of `keys`; `columns` are the carried columns in the plan's order; `times` is nil for a
  /// source without event time. Row `i` of the block is row `firstRow + i` of the input, or `origins[i]` where rows do
  /// not follow one another.
  public func append(
    rows: Int, faults: RowFaults, keyArena: ByteArena, keys: UnsafePointer<ByteView>,
    hashes: UnsafePointer<UInt64>, times: UnsafePointer<Int64>?, columns: [Column], input: Int,
    firstRow: UInt64, origins: UnsafePointer<RowOrigin>? = nil
  ) {
    append(
      RowColumns(
        count: rows, keyArena: keyArena, keys: keys, hashes: hashes, times: times, columns: columns, input: input,
        firstRow: firstRow, origins: origins), faults)
  }

  public func append(_ source: RowColumns, _ faults: RowFaults) {
    order.sort(source, faults, probing: false)
    order.withRows { order in
      for shard in 0..<shards {
        let range = self.order.range(shard)
        var from = range.lowerBound
        let to = range.upperBound
        while from < to {
          let batch = openBatch(shard, expecting: to - from)
          let n = min(to - from, batch.capacity - batch.count)
          let rows = UnsafeBufferPointer(rebasing: order[from..<from + n])
          batch.append(rows, of: source)
          if batch.count == batch.capacity || batch.arena.count >= ShardSplitter.arenaBytesMax {
            arenaBytesPerRow = max(arenaBytesPerRow, batch.arena.count / batch.count + 1)
            sealed.append(batch)
            open[shard] = nil
          }
          from += n
        }
      }
    }
  }

  /// Seals what is open and gives all sealed batches.
  public func finish() -> [RowBatch] {
    for shard in 0..<shards {
      if let batch = open[shard], batch.count > 0 { sealed.append(batch) }
      open[shard] = nil
    }
    return takeSealed()
  }

  public func takeSealed() -> [RowBatch] {
    let batches = sealed
    sealed = []
    return batches
  }

  private func openBatch(_ shard: Int, expecting rows: Int) -> RowBatch {
    if let batch = open[shard] { return batch }
    let capacity = min(rowsMax, max(nextCapacity[shard], rows))
    nextCapacity[shard] = min(rowsMax, capacity * 4)
    let batch = RowBatch(
      shard: shard, types: types, capacity: capacity,
      arenaBytes: min(capacity * arenaBytesPerRow, ShardSplitter.arenaBytesMax))
    open[shard] = batch
    return batch
  }
}
