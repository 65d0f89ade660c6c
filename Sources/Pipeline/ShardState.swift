internal import Columns
internal import Definition

/// Everything one shard knows: its keys and each source's state, folded from accepted inputs.
///
/// A step function without I/O: batches in, state changed. One thread at a time (the driver sees to it).
public final class ShardState: @unchecked Sendable {
  public let shard: Int
  let plan: DatasetPlan
  let keys = KeyTable()
  let latest: [LatestState?]
  let events: [EventsState?]
  /// Key numbers of the last applied batch's rows.
  private(set) var numbers: [UInt32] = []

  public init(shard: Int, plan: DatasetPlan) {
    self.shard = shard
    self.plan = plan
    latest = plan.sources.map { $0.source.keep == .latest ? LatestState(plan: $0) : nil }
    events = plan.sources.map {
      $0.source.keep == .events ? EventsState(layout: $0.layout, asOf: $0.asOf) : nil
    }
  }

  public var keyCount: Int { keys.count }

  /// Applies one batch of an accepted attempt. `inputs[n]` is the number in `table` of the attempt's n-th input.
  public func apply(_ batch: RowBatch, source: Int, inputs: [UInt32], table: InputTable) {
    if numbers.count < batch.count { numbers = Array(repeating: 0, count: batch.capacity) }
    numbers.withUnsafeMutableBufferPointer { buffer in
      guard let numbers = buffer.baseAddress else { return }
      keys.numbers(of: batch, into: numbers)
      if let state = latest[source] {
        state.apply(batch, numbers: numbers, keyCount: keys.count, inputs: inputs, table: table)
      } else if let state = events[source] {
        state.apply(batch, numbers: numbers, keyCount: keys.count, inputs: inputs, table: table)
      }
    }
  }

  /// Whether the rows' source has a row for the key that counts.
  func isRow(_ key: UInt32) -> Bool {
    if let state = latest[plan.rowsSource] { return state.has(key) }
    guard let record = events[plan.rowsSource]?.record(key) else { return false }
    let slot = plan.sources[plan.rowsSource].layout.slots[AccumulatorLayout.rowsSlot]
    return (record + slot.offset).load(as: Int64.self) > 0
  }
}
