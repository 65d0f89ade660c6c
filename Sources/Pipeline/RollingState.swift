internal import Columns
internal import Definition

/// A shard's state that snapshots are made from, one after another: rows come, and the as-of time moves on.
///
/// Rows at or after the as-of time are kept aside until it has passed them, for there are few as a rule: those that came
/// between a slot and its cut. A source has to be read anew where that does not help:
/// - the as-of time went back behind rows that were taken in,
/// - it moved, and the source has windows, which end there,
/// - more rows were kept aside than there is room for, and some of them count now.
///
/// A step function without I/O; one thread at a time, hence `@unchecked Sendable`.
public final class RollingState: @unchecked Sendable {
  public let state: ShardState
  private var asOf: Int64
  private var sources: [OfSource]
  private let waitingBytesMax: Int
  private var waitingBytes = 0

  private struct OfSource {
    /// The latest event time that was taken in.
    var newest = Int64.min
    var waiting: [FutureRows.Waiting] = []
    /// The earliest event time of rows that were let go.
    var forgotten = Int64.max
  }

  /// `waitingBytesMax`: rows that are kept aside. `lease`: of the directory that all shards' states have some keys in.
  public init(shard: Int, plan: DatasetPlan, waitingBytesMax: Int, lease: KeyDirectory.Lease? = nil) {
    state = ShardState(shard: shard, plan: plan, lease: lease)
    asOf = plan.asOf
    sources = plan.sources.map { _ in OfSource() }
    self.waitingBytesMax = waitingBytesMax
  }

  /// About how much memory it takes.
  public var bytes: Int { state.bytes + waitingBytes }

  /// Goes on as of another time: `plan` is the same but for that. Gives the sources that are empty now and have to be read
  /// anew: `replaced`, of which rows went, and those that cannot follow. `tables` by source.
  public func move(to plan: DatasetPlan, replaced: Set<Int>, tables: [InputTable]) -> Set<Int> {
    let before = asOf
    asOf = plan.asOf
    var emptied = replaced
    for (index, source) in plan.sources.enumerated() where source.timeColumn != nil && asOf != before {
      let held = sources[index]
      let hasWindows = source.layout.filters.contains { $0.over != nil }
      if hasWindows || held.newest >= asOf || held.forgotten < asOf { emptied.insert(index) }
    }
    state.move(to: plan, emptied: emptied)
    for index in sources.indices {
      let waiting = sources[index].waiting
      if emptied.contains(index) {
        waitingBytes -= waiting.reduce(0) { $0 + $1.batch.memoryBytes }
        sources[index] = OfSource()
      } else if asOf > before && !waiting.isEmpty {
        waitingBytes -= waiting.reduce(0) { $0 + $1.batch.memoryBytes }
        sources[index].waiting = []
        for rows in waiting { apply(rows.batch, source: index, inputs: rows.inputs, table: tables[index]) }
      }
    }
    return emptied
  }

  /// Adds an accepted batch's rows, as ``ShardState/apply(_:source:inputs:table:)`` does.
  public func apply(_ batch: RowBatch, source: Int, inputs: [UInt32], table: InputTable) {
    state.apply(batch, source: source, inputs: inputs, table: table)
    guard state.plan.sources[source].timeColumn != nil else { return }
    let (times, asOf) = (batch.times, asOf)
    var newest = sources[source].newest
    var late = 0
    for row in 0..<batch.count {
      let isLate = times[row] >= asOf
      late &+= isLate ? 1 : 0
      newest = max(newest, isLate ? .min : times[row])
    }
    sources[source].newest = newest
    if late > 0 { keepAside(FutureRows.Waiting(batch: batch, source: source, inputs: inputs), late) }
  }

  private func keepAside(_ waiting: FutureRows.Waiting, _ count: Int) {
    let batch = waiting.batch
    var late: [UInt32] = []
    late.reserveCapacity(count)
    var earliest = Int64.max
    for row in 0..<batch.count where batch.times[row] >= asOf {
      late.append(UInt32(truncatingIfNeeded: row))
      earliest = min(earliest, batch.times[row])
    }
    let rows = waiting.rows(late)
    if waitingBytes + rows.batch.memoryBytes > waitingBytesMax {
      sources[waiting.source].forgotten = min(sources[waiting.source].forgotten, earliest)
    } else {
      waitingBytes += rows.batch.memoryBytes
      sources[waiting.source].waiting.append(rows)
    }
  }
}
