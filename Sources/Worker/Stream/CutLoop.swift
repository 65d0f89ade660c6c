internal import Definition
internal import FoundationEssentials
internal import Logging
internal import Pipeline
internal import Platform

/// Writes our shards' parts of pending cuts and reports them, or holds them for the publisher, while ingestion goes on. Any
/// number of threads step it, each with a shard of its own.
final class CutLoop: Sendable {
  let context: StreamContext
  let join: JoinLoop
  private let files: any SegmentFiles
  /// After a failure, none is taken before this time.
  private let notBefore = Locked<Int64>(0)
  private let stopping = Locked(false)

  init(_ context: StreamContext, join: JoinLoop, files: any SegmentFiles) {
    self.context = context
    self.join = join
    self.files = files
  }

  /// Ends a part that is being written.
  func stop() { stopping.withLock { $0 = true } }

  /// Writes one shard's part; false when there was none to write.
  func step() throws -> Bool {
    let now = context.clock.now()
    guard now >= notBefore.withLock({ $0 }) else { return false }
    if context.options.sabotage != .held, let held = context.held.takeDue(now) {
      return try attempt(held.report.cut, held.report.shard, now) {
        try write(held)
      } orElse: {
        context.held.giveBack(held, now: now)
      }
    }
    guard let (work, shard) = join.takeCut() else { return false }
    return try attempt(work.cut.id, work.shard, now) {
      try write(work, of: shard)
    } orElse: {
      join.returnCut(work.cut.id, shard)
    }
  }

  private func attempt(
    _ cut: String, _ shard: Int, _ now: Int64, _ body: () throws -> Void, orElse giveBack: () -> Void
  ) throws -> Bool {
    do {
      try body()
      return true
    } catch {
      notBefore.withLock { $0 = now + 1_000_000 }
      giveBack()
      if stopping.withLock({ $0 }) { return false }
      guard
        error is BrokerError || error is StoreError || error is StreamError || error is BatchError
          || error is SegmentStorage.Missing || error is SegmentStorage.Damage
          || error is RowBatchCodec.CodecError
      else { throw error }
      context.log.warning(
        "a shard's part of a snapshot could not be written; will try again",
        ["shard": .init(shard), "snapshot": .init(cut), "error": .init("\(error)")])
      return true
    }
  }

  /// Writes what was held for the publisher.
  private func write(_ held: HeldParts.OfShard) throws {
    // What has ended needs none. While the ledger is read again, nobody knows.
    guard let isPending = context.ledger.readAtHead({ $0.cuts[held.report.cut] != nil }) else {
      throw StreamError("the ledger is being read")
    }
    guard isPending else { return }
    try report(
      held.write(
        to: context.stores.open(context.definition.snapshot.to),
        isCancelled: { [stopping] in stopping.withLock { $0 } }))
  }

  private func write(_ work: CutWork, of shard: JoinShard) throws {
    // A cut of another definition is not ours to write; its publisher abandons it. One that has ended may hold rows that
    // this shard went on without, for nobody needs them now. While the ledger is read again, nobody knows.
    guard
      let isOurs = context.ledger.readAtHead({
        $0.semanticHash == context.semanticHash && $0.generation == work.cut.generation
          && $0.cuts[work.cut.id] != nil
      })
    else { throw StreamError("the ledger is being read") }
    guard isOurs else { return }
    let plan = try DatasetPlan(context.definition, asOf: work.cut.asOf, carriesAll: true)
    let folded = try folded(work, plan, of: shard)
    let writer = ShardPartWriter(
      plan: plan,
      cut: ShardPartWriter.Cut(
        id: work.cut.id, position: work.cut.position, generation: work.cut.generation,
        semanticHash: context.semanticHash, chain: work.cut.chain.description),
      shard: work.shard, state: folded.state, target: try context.stores.open(context.definition.snapshot.to),
      contents: "", sourceRows: nil, writer: context.options.member,
      programVersion: context.options.programVersion, threads: threads, kept: keptOutput(folded, of: work))
    let isCancelled: @Sendable () -> Bool = { [stopping] in stopping.withLock { $0 } }
    if context.held.isOpen {
      let held = try writer.hold(in: context.held.room, isCancelled: isCancelled)
      keep(folded, of: work, in: shard)
      if held.room == nil { return try write(held) }
      context.held.hold(held, now: context.clock.now())
      return
    }
    let written = try writer.write(isCancelled: isCancelled)
    keep(folded, of: work, in: shard)
    try report(written)
  }

  private func report(_ report: ShardReport) throws {
    _ = try context.broker.append([
      OutgoingMessage(
        topic: context.topics.control, partition: 0, key: Array("\(report.cut)/\(report.shard)".utf8),
        value: report.message())
    ])
  }

  /// The shard as at the cut: what the last one left and what has come since, or all of it anew.
  private func folded(_ work: CutWork, _ plan: DatasetPlan, of shard: JoinShard) throws -> KeptCut {
    let isStopping = { [stopping] in stopping.withLock { $0 } }
    // What is of no use goes before another one is made, and with it its memory and its keys in the directory.
    if let kept = try followed(work, plan, of: shard, isStopping: isStopping) { return kept }
    let storage = SegmentStorage(context: context, files: files, shard: work.shard)
    let fresh = KeptCut(context, storage: storage, shard: work.shard, plan: plan)
    guard try fresh.read(work, plan, isStopping: isStopping) else {
      throw StreamError("the segments of shard \(work.shard) do not hold the rows that they name; this is a bug")
    }
    return fresh
  }

  /// What the last one left, with what has come since; nil where there is none, or it did not come out even.
  private func followed(_ work: CutWork, _ plan: DatasetPlan, of shard: JoinShard, isStopping: () -> Bool) throws
    -> KeptCut?
  {
    let kept = shard.kept.withLock { kept -> KeptCut? in
      guard let held = kept, work.removals != nil, held.position < work.cut.position else { return nil }
      kept = nil
      return held
    }
    guard let kept else { return nil }
    if try kept.read(work, plan, isStopping: isStopping) { return kept }
    context.log.warning(
      "the rows of a snapshot are read anew: those kept did not come out even",
      ["shard": .init(work.shard), "snapshot": .init(work.cut.id)])
    return nil
  }

  /// Where there is room for the state, the rest of it is for what the part is made of.
  private func keptOutput(_ folded: KeptCut, of work: CutWork) -> SnapshotWriter.Kept? {
    let room = keptBytesMax - folded.stateBytes
    guard work.removals != nil, room > 0 else { return nil }
    return (folded.output, room)
  }

  /// A shard's share of the memory for what is kept.
  private var keptBytesMax: Int { context.options.keptBytes / max(1, join.shards.count) }

  /// Keeps it for the next cut where there is room; if not for all, with less of what the part was made of.
  private func keep(_ folded: KeptCut, of work: CutWork, in shard: JoinShard) {
    guard work.removals != nil, folded.stateBytes <= keptBytesMax else { return }
    folded.output.shrink(to: keptBytesMax - folded.stateBytes)
    shard.kept.withLock { kept in
      if (kept?.position ?? -1) < folded.position { kept = folded }
    }
  }

  /// Of one shard's writer: as many shards as there are processors are written at a time, if we have so many.
  private var threads: Int {
    join.shards.count >= context.options.threads ? 1 : context.options.threads
  }
}
