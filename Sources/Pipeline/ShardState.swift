public import Columns
internal import Definition

/// Everything one shard knows: its keys and each source's state, folded from accepted inputs.
///
/// A step function without I/O: batches in, state changed. One thread at a time (the driver sees to it).
public final class ShardState: @unchecked Sendable {
  public let shard: Int
  private(set) var plan: DatasetPlan
  let keys: KeyTable
  private(set) var latest: [LatestState?]
  private(set) var events: [EventsState?]
  /// Of each source, the last applied batch's rows.
  private var prepared: [PreparedRows?]
  /// Since the last snapshot; nil where nobody asks.
  private(set) var touched: TouchedKeys?
  private let directory: KeyDirectory?
  /// What makes the directory's entries of the shard this state's, where states come and go.
  private let lease: KeyDirectory.Lease?

  /// `lease`: of a directory that states share which come and go.
  public convenience init(shard: Int, plan: DatasetPlan, lease: KeyDirectory.Lease?) {
    self.init(shard: shard, plan: plan, directory: lease?.directory, lease: lease)
  }

  /// `directory`: where it keeps some of its keys' numbers, and all shards' states with it.
  public convenience init(shard: Int, plan: DatasetPlan, directory: KeyDirectory? = nil) {
    self.init(shard: shard, plan: plan, directory: directory, lease: nil)
  }

  private init(shard: Int, plan: DatasetPlan, directory: KeyDirectory?, lease: KeyDirectory.Lease?) {
    (self.directory, self.lease) = (directory, lease)
    self.shard = shard
    self.plan = plan
    keys = KeyTable(directory: directory, shard: shard)
    prepared = Array(repeating: nil, count: plan.sources.count)
    latest = plan.sources.map { LatestState($0) }
    events = plan.sources.map { EventsState($0) }
  }

  public var keyCount: Int { keys.count }

  /// The room that a source's state has too little of: for all keys that there are, or for those that come next, after the last
  /// `more`, if it takes long to get.
  public func roomWanted(source: Int, lastCame more: Int) -> RecordRoom? {
    latest[source]?.roomWanted(keys: keys.count, lastCame: more)
      ?? events[source]?.roomWanted(keys: keys.count, lastCame: more)
  }

  /// Gives a source's state what it wanted, got while others had this one.
  public func add(_ room: TableMemory, source: Int) {
    latest[source]?.add(room)
    events[source]?.add(room)
  }

  /// Applies one batch of an accepted attempt. `inputs[n]` is the number in `table` of the attempt's n-th input.
  public func apply(_ batch: RowBatch, source: Int, inputs: [UInt32], table: InputTable) {
    let rows = prepared[source] ?? PreparedRows(plan.sources[source], shards: plan.shards, directory: directory)
    prepared[source] = rows
    rows.prepare(batch, shard: shard)
    apply(rows, source: source, inputs: inputs, table: table)
    rows.removeAll()
  }

  /// Applies those of prepared rows that are this shard's.
  public func apply(_ prepared: PreparedRows, source: Int, inputs: [UInt32], table: InputTable) {
    if prepared.rows == nil || prepared.count(shard) == 0 { return }
    let (latest, events) = (latest[source], events[source])
    prepared.withChosen(shard) { all in
      prepared.withProbes(shard) { probes in
        var from = 0
        while from < all.count {
          let range = from..<min(from + ShardState.rowsAtOnce, all.count)
          let chosen = UnsafeBufferPointer(rebasing: all[range])
          prepared.number(
            chosen, UnsafeBufferPointer(rebasing: probes[range]), keys: keys,
            records: latest?.records ?? events?.records ?? RecordPages(stride: 8))
          latest?.apply(prepared, chosen, keyCount: keys.count, inputs: inputs, table: table)
          events?.apply(prepared, chosen, keyCount: keys.count, inputs: inputs, table: table)
          from = range.upperBound
        }
      }
      touched?.touch(source, all, prepared.numbers, keyCount: keys.count)
    }
  }

  /// Rows whose keys are looked up before their records are updated: few enough that those are still in the caches then.
  private static let rowsAtOnce = 2048

  /// Key numbers of a source's last applied batch, by row.
  func numbers(source: Int) -> UnsafePointer<UInt32>? { prepared[source].map { UnsafePointer($0.numbers) } }

  /// Goes on with a plan that differs in its as-of time only. `emptied`: sources whose rows are forgotten.
  func move(to plan: DatasetPlan, emptied: Set<Int>) {
    self.plan = plan
    // They are made for a plan.
    prepared = Array(repeating: nil, count: plan.sources.count)
    for (index, source) in plan.sources.enumerated() {
      if emptied.contains(index) {
        latest[index] = LatestState(source)
        events[index] = EventsState(source)
        touched?.touchAll(index)
      } else {
        latest[index]?.plan = source
        events[index]?.asOf = source.asOf
      }
    }
  }

  /// From now on notes which keys have rows, or no longer does.
  func watch(_ isWatching: Bool) { touched = isWatching ? TouchedKeys(sources: plan.sources.count) : nil }

  /// About how much memory it takes.
  var bytes: Int {
    latest.reduce(0) { $0 + ($1?.bytes ?? 0) } + events.reduce(0) { $0 + ($1?.bytes ?? 0) }
      + keys.bytes
  }

  /// Whether the rows' source has a row for the key that counts.
  func isRow(_ key: UInt32) -> Bool {
    if let state = latest[plan.rowsSource] { return state.has(key) }
    guard let state = events[plan.rowsSource], let record = state.record(key) else { return false }
    return state.layout.slots[AccumulatorLayout.rowsSlot].integer(record) > 0
  }
}

extension LatestState {
  fileprivate convenience init?(_ source: SourcePlan) {
    guard source.source.keep == .latest else { return nil }
    self.init(plan: source)
  }
}

extension EventsState {
  fileprivate convenience init?(_ source: SourcePlan) {
    guard source.source.keep == .events else { return nil }
    self.init(layout: source.layout, asOf: source.asOf)
  }
}
