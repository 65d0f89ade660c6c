internal import Columns

/// Rows by their shards: a counting sort of their indices, and of what a key table asks of their keys. Reused from block to
/// block; one thread at a time.
struct ShardOrder {
  let shards: Int
  private var order: [UInt32] = []
  private var probes: [KeyProbe] = []
  /// By row: murmur2 of its key, then its shard.
  private var shardOf: [UInt32] = []
  private var ends: [Int]

  init(shards: Int) {
    self.shards = shards
    ends = Array(repeating: 0, count: shards + 1)
  }

  /// Rows of one shard, as ascending indices.
  func range(_ shard: Int) -> Range<Int> { (shard == 0 ? 0 : ends[shard - 1])..<ends[shard] }

  /// What is asked of the keys of one shard's rows, in the same order.
  func withProbes<R>(_ shard: Int, _ body: (UnsafeBufferPointer<KeyProbe>) throws -> R) rethrows -> R {
    try probes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[range(shard)])) }
  }

  func withRows<R>(_ body: (UnsafeBufferPointer<UInt32>) throws -> R) rethrows -> R {
    try order.withUnsafeBufferPointer(body)
  }

  /// Takes all rows for one shard's. Without `probing` there are no probes, and keys may be undefined.
  mutating func sort(_ rows: RowColumns, shard only: Int, probing: Bool) {
    reserve(rows.count)
    for row in 0..<rows.count {
      order[row] = UInt32(truncatingIfNeeded: row)
      if probing { probes[row] = KeyProbe(rows, row) }
    }
    for shard in 0..<shards { ends[shard] = shard < only ? 0 : rows.count }
  }

  /// Sorts the rows whose `faults` code is 0. Without `probing` there are no probes.
  mutating func sort(_ rows: RowColumns, _ faults: RowFaults, probing: Bool) {
    let count = rows.count
    reserve(count)
    let codes = faults.codes
    let anyFault = faults.count > 0
    // A row at fault is of the shard behind the last.
    let none = UInt32(truncatingIfNeeded: shards)
    let number = UInt32(truncatingIfNeeded: shards)
    let isPower = shards & (shards - 1) == 0
    ends.withUnsafeMutableBufferPointer { ends in
      ends.update(repeating: 0)
      shardOf.withUnsafeMutableBufferPointer { shardOf in
        if let hashes = shardOf.baseAddress { Hashing.murmur2(of: rows.keys, count, in: rows.keyArena, into: hashes) }
        for row in 0..<count {
          let hash = shardOf[row] & 0x7fff_ffff
          var shard = isPower ? hash & (number &- 1) : hash % number
          if anyFault && codes[row] != 0 { shard = none }
          shardOf[row] = shard
          ends[Int(shard)] &+= 1
        }
        var sum = 0
        for shard in 0...shards {
          sum += ends[shard]
          ends[shard] = sum - ends[shard]
        }
        order.withUnsafeMutableBufferPointer { order in
          probes.withUnsafeMutableBufferPointer { probes in
            for row in 0..<count {
              let at = ends[Int(shardOf[row])]
              ends[Int(shardOf[row])] = at &+ 1
              order[at] = UInt32(truncatingIfNeeded: row)
              if probing { probes[at] = KeyProbe(rows, row) }
            }
          }
        }
      }
    }
  }

  private mutating func reserve(_ count: Int) {
    guard order.count < count else { return }
    order = Array(repeating: 0, count: count)
    probes = Array(repeating: KeyProbe.none, count: count)
    shardOf = Array(repeating: 0, count: count)
  }
}
