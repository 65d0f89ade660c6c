internal import Columns
internal import Definition
internal import Pipeline

/// What a shard's part of a cut was written from, kept in memory so that the next part needs only what has come since.
///
/// Which rows have come follows from positions in the ledger: a segment behind the last cut is new, one before it is old,
/// and of one that was merged across it the inputs say it (of records, the offsets). A source of which rows *went* since
/// is read anew, and so is one that cannot follow the as-of time (``RollingState``). In the end the rows are counted.
///
/// Used by one thread at a time.
final class KeptCut: @unchecked Sendable {
  // Sendable: whoever writes a part takes it out of the shard, and puts it back.
  private let context: StreamContext
  private let rolling: RollingState
  /// What the last part was made of.
  let output: KeptOutput
  private var rows: ShardRows
  /// The cut's position; −1: nothing was read.
  private(set) var position = -1
  private var removals: [String: Int] = [:]
  /// How far the cut has each partition of records.
  private var ends: [RangeIdentity: Int64] = [:]
  /// Rows read, by source.
  private var counts: [Int]

  /// Of rows at or after the as-of time, a shard.
  private static let waitingBytesMax = 16 << 20

  init(_ context: StreamContext, storage: SegmentStorage, shard: Int, plan: DatasetPlan) {
    self.context = context
    rolling = RollingState(
      shard: shard, plan: plan, waitingBytesMax: KeptCut.waitingBytesMax, lease: context.keys.lease(shard))
    output = KeptOutput(rolling.state)
    rows = ShardRows(context, storage: storage)
    counts = plan.sources.map { _ in 0 }
  }

  var state: ShardState { rolling.state }
  /// What it takes at least; ``output`` can do without anything.
  var stateBytes: Int { rolling.bytes }

  /// Reads what `work` has and this has not. False: that did not come out even, and all is to be read anew. After an error
  /// it is of no use any more. `isStopping` is asked before each segment.
  func read(_ work: CutWork, _ plan: DatasetPlan, isStopping: () -> Bool) throws -> Bool {
    let sources = plan.sources.map(\.source.name)
    var replaced: Set<Int> = []
    for (index, name) in sources.enumerated() where removals[name] != work.removals?[name] { replaced.insert(index) }
    if context.options.sabotage == .kept { replaced = [] }
    let emptied = rolling.move(to: plan, replaced: replaced, tables: rows.tables)
    for source in emptied {
      rows.forget(source)
      counts[source] = 0
    }
    for ref in work.segments {
      if isStopping() { throw StreamError("stopped") }
      guard let source = sources.firstIndex(of: ref.header.source) else { continue }
      let isAll = position < 0 || emptied.contains(source) || ref.header.first > position
      if !isAll && ref.header.last < position { continue }
      try rows.each(ref, since: isAll ? nil : ShardRows.Since(position: position, ends: ends)) {
        batch, source, inputs, table in
        counts[source] += batch.count
        rolling.apply(batch, source: source, inputs: inputs, table: table)
      }
    }
    position = work.cut.position
    removals = work.removals ?? [:]
    ends = work.cut.ranges.mapValues(\.end)
    return context.options.sabotage == .kept || isEven(work, sources, plan)
  }

  /// Whether each source's rows are as many as its segments hold. (Dead ones are counted there, and not here.)
  private func isEven(_ work: CutWork, _ sources: [String], _ plan: DatasetPlan) -> Bool {
    sources.indices.allSatisfy { source in
      let refs = work.segments.filter {
        $0.header.source == sources[source] && $0.header.schema == plan.sources[source].schemaHash
      }
      return refs.contains { !$0.dead.isEmpty } || refs.reduce(0) { $0 + $1.header.rows } == counts[source]
    }
  }
}
