public import Columns

/// Deals a block's good rows out to shards: a counting sort by shard, then one gather a column and shard.
///
/// Holds one open ``RowBatch`` a shard and gives it to `sealed` when it is full. One thread at a time.
public final class ShardSplitter: @unchecked Sendable {
  private let shards: Int
  private let types: [ColumnType]
  private let rowsMax: Int
  private var open: [RowBatch?]
  /// Next batch's capacity a shard: doubles from batch to batch, so that small attempts stay small.
  private var nextCapacity: [Int]
  private var starts: [Int]
  /// Bytes of keys and strings a row, as the fullest batch so far had them.
  private var arenaBytesPerRow = 16
  private var order: [UInt32] = []
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
    let rowBytes = types.reduce(32) { $0 + $1.stride + 1 }
    self.rowsMax = max(8, min(rowsMax, ShardSplitter.batchBytesMax / rowBytes))
    open = Array(repeating: nil, count: shards)
    nextCapacity = Array(repeating: min(64, self.rowsMax), count: shards)
    starts = Array(repeating: 0, count: shards + 1)
  }

  /// Adds the rows of a block whose `faults` code is 0.
  ///
  /// `keyArena` holds the bytes of `keys`; `columns` are the carried columns in the plan's order; `times` is nil for a
  /// source without event time. Row `i` of the block is row `firstRow + i` of the input.
  public func append(
    rows: Int, faults: RowFaults, keyArena: ByteArena, keys: UnsafePointer<ByteView>,
    hashes: UnsafePointer<UInt64>, times: UnsafePointer<Int64>?, columns: [Column], input: Int,
    firstRow: UInt64
  ) {
    sortByShard(rows: rows, faults: faults, keyArena: keyArena, keys: keys)
    order.withUnsafeBufferPointer { order in
      for shard in 0..<shards {
        var from = starts[shard]
        let to = starts[shard + 1]
        while from < to {
          let batch = openBatch(shard, expecting: to - from)
          let n = min(to - from, batch.capacity - batch.count)
          let rows = UnsafeBufferPointer(rebasing: order[from..<from + n])
          gather(
            rows, into: batch, keyArena: keyArena, keys: keys, hashes: hashes, times: times, columns: columns,
            origin: RowOrigin(input: input, row: firstRow))
          batch.count += n
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

  private func sortByShard(
    rows: Int, faults: RowFaults, keyArena: ByteArena, keys: UnsafePointer<ByteView>
  ) {
    let base = UnsafePointer(keyArena.base)
    if order.count < rows { order = Array(repeating: 0, count: rows) }
    let anyFault = faults.count > 0
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: max(rows, 1)) { shardOf in
      withUnsafeTemporaryAllocation(of: Int.self, capacity: shards) { next in
        next.initialize(repeating: 0)
        for row in 0..<rows {
          if anyFault && faults.codes[row] != 0 {
            shardOf[row] = UInt16.max
            continue
          }
          let shard = Hashing.shard(base + Int(keys[row].start), keys[row].length, of: shards)
          shardOf[row] = UInt16(truncatingIfNeeded: shard)
          next[shard] &+= 1
        }
        var sum = 0
        for shard in 0..<shards {
          starts[shard] = sum
          sum += next[shard]
          next[shard] = starts[shard]
        }
        starts[shards] = sum
        order.withUnsafeMutableBufferPointer { order in
          for row in 0..<rows where shardOf[row] != UInt16.max {
            let shard = Int(shardOf[row])
            order[next[shard]] = UInt32(truncatingIfNeeded: row)
            next[shard] &+= 1
          }
        }
      }
    }
  }

  private func gather(
    _ rows: UnsafeBufferPointer<UInt32>, into batch: RowBatch, keyArena: ByteArena,
    keys: UnsafePointer<ByteView>, hashes: UnsafePointer<UInt64>, times: UnsafePointer<Int64>?,
    columns: [Column], origin: RowOrigin
  ) {
    let at = batch.count
    gatherViews(rows, from: keys, source: keyArena, to: batch.keys + at, arena: batch.arena)
    for i in 0..<rows.count {
      let row = Int(rows[i])
      batch.hashes[at + i] = hashes[row]
      batch.origins[at + i] = RowOrigin(packed: origin.packed &+ UInt64(row))
    }
    if let times {
      for i in 0..<rows.count { batch.times[at + i] = times[Int(rows[i])] }
    }
    for (from, to) in zip(columns, batch.columns) {
      for i in 0..<rows.count { to.validity[at + i] = from.validity[Int(rows[i])] }
      switch from.type {
      case .string:
        gatherViews(rows, from: from.views, source: from.arena, to: to.views + at, arena: batch.arena)
      case .int, .timestamp, .double:
        for i in 0..<rows.count { to.int64s[at + i] = from.int64s[Int(rows[i])] }
      case .date:
        for i in 0..<rows.count { to.int32s[at + i] = from.int32s[Int(rows[i])] }
      case .bool:
        for i in 0..<rows.count { to.bytes[at + i] = from.bytes[Int(rows[i])] }
      case .decimal:
        for i in 0..<rows.count { to.int128s[at + i] = from.int128s[Int(rows[i])] }
      }
    }
  }

  /// Copies the bytes behind views and writes views into `arena`. A null's view may be undefined in the source, so
  /// nulls must have length 0 there (``Cast`` sees to it).
  private func gatherViews(
    _ rows: UnsafeBufferPointer<UInt32>, from: UnsafePointer<ByteView>, source: ByteArena,
    to: UnsafeMutablePointer<ByteView>, arena: ByteArena
  ) {
    var total = 0
    for i in 0..<rows.count { total &+= from[Int(rows[i])].length }
    // Word copies below may write up to 7 bytes past the end: within the arena's padding.
    arena.reserve(total)
    var at = arena.count
    let target = UnsafeMutableRawPointer(arena.base)
    let bytes = UnsafeRawPointer(source.base)
    for i in 0..<rows.count {
      let view = from[Int(rows[i])]
      let length = view.length
      to[i] = ByteView(start: UInt32(truncatingIfNeeded: at), length: UInt32(truncatingIfNeeded: length))
      let from = bytes + Int(view.start)
      if length <= 16 {
        // Two words cover the short strings that keys and categories are; both arenas are padded by 64 bytes.
        let low = from.loadUnaligned(as: UInt64.self)
        let high = from.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        (target + at).storeBytes(of: low, as: UInt64.self)
        (target + at).storeBytes(of: high, toByteOffset: 8, as: UInt64.self)
      } else {
        (target + at).copyMemory(from: from, byteCount: length)
      }
      at &+= length
    }
    arena.setCount(at)
  }
}
