internal import Columns

/// Rows by their shards: a counting sort of their indices, and of what a key table asks of their keys. Reused from block to
/// block; one thread at a time.
struct ShardOrder {
  let shards: Int
  private var order: [UInt32] = []
  private var probes: [KeyProbe] = []
  /// By row.
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

  /// A row's among so many shards: Kafka's.
  static func shard(of rows: RowColumns, _ row: Int, among shards: Int) -> Int {
    let view = rows.keys[row]
    let hash = Hashing.murmur2(UnsafePointer(rows.keyArena.base) + Int(view.start), view.length)
    return Int(hash & 0x7fff_ffff) % shards
  }

  /// Takes all rows for one shard's. Without `probing` there are no probes, and keys may be undefined.
  mutating func sort(_ rows: RowColumns, shard only: Int, probing: Bool) {
    reserve(rows.count)
    order.withUnsafeMutableBufferPointer { order in
      for row in 0..<rows.count { order[row] = UInt32(truncatingIfNeeded: row) }
    }
    if probing {
      probes.withUnsafeMutableBufferPointer { probes in
        for row in 0..<rows.count { probes[row] = KeyProbe(rows, row) }
      }
    }
    for shard in 0..<shards { ends[shard] = shard < only ? 0 : rows.count }
  }

  /// Sorts the rows whose `faults` code is 0. Without `probing` there are no probes.
  mutating func sort(_ rows: RowColumns, _ faults: RowFaults, probing: Bool) {
    let count = rows.count
    reserve(count)
    let number = UInt32(truncatingIfNeeded: shards)
    // Out of the way of what else is changed.
    var taken: [UInt32] = []
    swap(&taken, &shardOf)
    taken.withUnsafeMutableBufferPointer { taken in
      guard let shardOf = taken.baseAddress else { return }
      Hashing.murmur2(of: rows.keys, count, in: rows.keyArena, into: shardOf)
      if number & (number &- 1) == 0 {
        for row in 0..<count { shardOf[row] = shardOf[row] & 0x7fff_ffff & (number &- 1) }
      } else {
        for row in 0..<count { shardOf[row] = (shardOf[row] & 0x7fff_ffff) % number }
      }
      deal(rows, faults, shardOf, probing: probing)
    }
    swap(&taken, &shardOf)
  }

  /// Sorts the rows whose `faults` code is 0 by their shards, which are changed for the others. There are no probes.
  mutating func sort(_ rows: RowColumns, _ faults: RowFaults, by shardOf: UnsafeMutablePointer<UInt32>) {
    reserve(rows.count)
    deal(rows, faults, shardOf, probing: false)
  }

  private mutating func deal(
    _ rows: RowColumns, _ faults: RowFaults, _ shardOf: UnsafeMutablePointer<UInt32>, probing: Bool
  ) {
    let count = rows.count
    if faults.count > 0 {
      // A row at fault is of the shard behind the last.
      let (codes, none) = (faults.codes, UInt32(truncatingIfNeeded: shards))
      for row in 0..<count where codes[row] != 0 { shardOf[row] = none }
    }
    ends.withUnsafeMutableBufferPointer { ends in
      ends.update(repeating: 0)
      for row in 0..<count { ends[Int(shardOf[row])] &+= 1 }
      var sum = 0
      for shard in ends.indices {
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

  private mutating func reserve(_ count: Int) {
    guard order.count < count else { return }
    order = Array(repeating: 0, count: count)
    probes = Array(repeating: KeyProbe.none, count: count)
    shardOf = Array(repeating: 0, count: count)
  }
}
