internal import Columns

/// Rows whose event time the as-of time has not passed, of all sources of a shard.
///
/// A stream's newest rows mostly are at or after the as-of time of the last look, and before that of the next one. So a
/// batch first waits whole, and is applied whole if it can be; rows that wait longer go into a heap by time.
struct FutureRows {
  struct Waiting {
    let batch: RowBatch
    let source: Int
    let inputs: [UInt32]
  }

  private struct Row {
    var time: Int64
    var batch: Int
    var row: UInt32
  }

  private var fresh: [Waiting] = []
  private var freshEarliest = Int64.max
  /// A binary heap, the earliest row first.
  private var heap: [Row] = []
  /// Batches of rows in the heap, with how many of them are there.
  private var held: [Int: (waiting: Waiting, rows: Int)] = [:]
  private var nextBatch = 0

  /// The earliest time of the rows that wait; nil: none do.
  var earliest: Int64? {
    if fresh.isEmpty && heap.isEmpty { return nil }
    return min(freshEarliest, heap.first?.time ?? .max)
  }

  mutating func add(_ waiting: Waiting) {
    for row in 0..<waiting.batch.count { freshEarliest = min(freshEarliest, waiting.batch.times[row]) }
    fresh.append(waiting)
  }

  /// Gives the rows before `asOf`, as batches that are to be applied, and forgets them.
  mutating func release(before asOf: Int64, _ body: (Waiting) -> Void) {
    var due: [UInt32] = []
    for waiting in fresh {
      let batch = waiting.batch
      due.removeAll(keepingCapacity: true)
      for row in 0..<batch.count where batch.times[row] < asOf { due.append(UInt32(truncatingIfNeeded: row)) }
      if due.count == batch.count {
        body(waiting)
        continue
      }
      hold(waiting, after: asOf)
      if !due.isEmpty { body(waiting.rows(due)) }
    }
    fresh.removeAll(keepingCapacity: true)
    freshEarliest = .max

    var released: [Int: [UInt32]] = [:]
    while let first = heap.first, first.time < asOf {
      released[first.batch, default: []].append(first.row)
      removeFirst()
    }
    // In the batches' order, so that the same calls give the same order of keys.
    for number in released.keys.sorted() {
      guard let entry = held[number], let rows = released[number] else { continue }
      held[number]?.rows -= rows.count
      if entry.rows == rows.count { held[number] = nil }
      body(entry.waiting.rows(rows))
    }
  }

  private mutating func hold(_ waiting: Waiting, after asOf: Int64) {
    let before = heap.count
    for row in 0..<waiting.batch.count where waiting.batch.times[row] >= asOf {
      insert(Row(time: waiting.batch.times[row], batch: nextBatch, row: UInt32(truncatingIfNeeded: row)))
    }
    held[nextBatch] = (waiting, heap.count - before)
    nextBatch += 1
  }

  private mutating func insert(_ row: Row) {
    heap.append(row)
    var at = heap.count - 1
    while at > 0 {
      let parent = (at - 1) / 2
      if heap[parent].time <= heap[at].time { break }
      heap.swapAt(parent, at)
      at = parent
    }
  }

  private mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var at = 0
    while true {
      var least = at
      for child in [2 * at + 1, 2 * at + 2] where child < heap.count && heap[child].time < heap[least].time {
        least = child
      }
      if least == at { break }
      heap.swapAt(at, least)
      at = least
    }
  }
}

extension FutureRows.Waiting {
  /// A batch of some of the rows.
  func rows(_ chosen: [UInt32]) -> FutureRows.Waiting {
    let part = RowBatch(shard: batch.shard, types: batch.columns.map(\.type), capacity: chosen.count)
    chosen.withUnsafeBufferPointer { part.append($0, of: batch.rows) }
    return FutureRows.Waiting(batch: part, source: source, inputs: inputs)
  }
}
