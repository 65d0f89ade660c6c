internal import Columns
internal import Definition
internal import Logging
internal import Metrics
internal import Pipeline
internal import Platform

/// One shard's state as the ledger makes it: staged batches become segments when their entry is accepted, cuts keep the
/// set of segments as it stood, checkpoints write down what is new.
///
/// ```
/// recovering ─▶ serving ─▶ (revoked) closed
///                │   ▲ └─▶ halted: something is wrong that nobody can mend from here; it says what it is
///                ▼   │
///               waiting: rows that it needs are gone (``MissingRows``), until they are supplied or given up
/// ```
/// Its owner calls it from one thread at a time, hence `@unchecked Sendable`.
final class JoinShard: @unchecked Sendable {
  let context: StreamContext
  let shard: Int
  let storage: SegmentStorage
  /// The next ledger entry's position.
  var position = 0
  var chain = LedgerChain()
  /// What has come of our partition of `rows`.
  var rowsTaken = RowsTaken()
  /// The offset before which all of it has come.
  var rowsOffset: Int64 { rowsTaken.next }
  /// The next entry's rows have not come.
  private var lacksRows = false
  /// An entry's rows were to be there, and were not.
  var missedRows = false
  private(set) var halted: String?
  /// Since when `rows` has ended before the rows of the next entry, and when that was last asked.
  var shortSince: Int64?
  var shortAskedAt: Int64 = 0
  /// Since when a file with the next entry's rows is not there, and when that was last asked.
  var goneSince: Int64?
  var goneAskedAt: Int64 = 0
  /// What it waits for, before ``position``.
  var waiting: Waiting?
  var segments = SegmentSet()
  private(set) var rowsApplied: UInt64 = 0
  var staging: ShardStaging
  var live: ShardLive?
  var cuts = PendingCuts()
  /// What the last cut was written from. Taken and put back by whoever writes a part.
  let kept = Locked<KeptCut?>(nil)
  var cursor: Int?
  var isChainKnown = true
  /// Of the checkpoint: pending there, and not looked up in the fold yet.
  var recoveredCuts: [(id: String, segments: [SegmentRef])] = []
  /// What the checkpoint's owner had told of the features.
  var told: Checkpoint.Told?
  /// Rows went, and the live features do not know it yet.
  var isLiveStale = false
  /// Of our definition, which is in force.
  private var schemas = SourceSchemas()
  var checkpointed = 0
  var checkpointedAt: Int64 = 0
  var sweptAt: Int64 = 0
  var uploaded: Set<String> = []
  var checkpoints = Totals()

  struct Totals: Sendable {
    var count = 0
    var bytes = 0
  }

  /// Entries that one step takes at most.
  static let entriesMax = 256
  /// Files of a source beyond which the small ones are merged.
  static let filesMax = 12
  static let filesMerged = 8
  static let sweepEvery: Int64 = 60_000_000
  static let sweepGrace: Int64 = 600_000_000

  init(_ context: StreamContext, shard: Int, files: any SegmentFiles, stagingBytes: Int) {
    self.context = context
    self.shard = shard
    storage = SegmentStorage(context: context, files: files, shard: shard)
    staging = ShardStaging(bytesMax: stagingBytes)
  }

  /// Why it stands still; nil while it goes on.
  var stopped: String? { halted ?? waiting?.reason }

  // MARK: Steps

  /// Whether there is something to do for a step, but for what `rows` brings.
  var isStepDue: Bool {
    if halted != nil { return false }
    if let waiting { return isWorthLooking(waiting) }
    return position < context.ledger.position || !recoveredCuts.isEmpty || isLiveStale
  }

  /// Takes what was read of our partition of `rows`.
  func take(_ block: RecordBlock) {
    let now = context.clock.now()
    for index in 0..<block.count {
      let entry = block.entries[index]
      let isNew = rowsTaken.takeFetched(entry.offset, now: now)
      // Once behind us, a message may come again after a seek; staging it twice does no harm.
      if isNew, let frame = block.valueSlice(index) { staging.add(frame, offset: entry.offset) }
    }
  }

  /// Takes what this worker has sent to our partition of `rows` itself, behind what was read of it.
  func take(_ own: [OwnRows.Message]) {
    let now = context.clock.now()
    for message in own {
      let frame = ArraySlice(message.frame)
      // What was fetched already may have been no more than where it lies.
      guard rowsTaken.takeOwn(message.offset, now: now) || staging.lacksBatch(of: frame) else { continue }
      staging.add(frame, offset: message.offset, isAlone: true)
    }
  }

  /// Whether it wants what others have sent, so that own messages are not enough.
  func wantsFetching(_ now: Int64) -> Bool {
    lacksRows || missedRows || rowsTaken.gapSince.map { now - $0 > OwnFeed.gapMax } == true
  }

  /// From now on all is to be fetched, from ``rowsOffset`` on.
  func fetchAll() {
    missedRows = false
    rowsTaken.fetchAll()
  }

  /// Our partition of `rows` begins at this offset now. What is gone and needed is found missing by its receipt.
  func noteFirst(_ offset: Int64) { rowsTaken.pass(to: offset, now: context.clock.now()) }

  /// Folds the entries that are there and whose batches have come; false when there was nothing to do.
  func step() throws -> Bool {
    guard halted == nil, try goesOn(), try isOnOurLedger(), takeUpCuts() else { return false }
    var moved = false
    let entries = context.ledger.entries(from: position, most: JoinShard.entriesMax)
    // Behind a newer definition there are rows of columns that we cannot read: they are for its workers, who must not find
    // a checkpoint that has passed them over. Asked for after the entries: none of these is behind it.
    guard let schemas = context.ledger.read({ $0.semanticHash == context.semanticHash ? $0.schemas : nil }) else {
      return false
    }
    self.schemas = schemas
    for judged in entries {
      guard judged.position >= position else { continue }
      guard try fold(judged) else { break }
      position = judged.position + 1
      chain = judged.chain
      moved = true
    }
    if moved, let cursor { context.ledger.moveCursor(cursor, to: position) }
    try refreshLive()
    return moved
  }

  /// After rows went, the features begin anew with what is live. Before a checkpoint, too: it says that all was told.
  func refreshLive() throws {
    guard isLiveStale else { return }
    try live?.replace(segments.refs, self)
    isLiveStale = false
  }

  /// Whether the ledger is the one that the checkpoint was made of: a broker that lost acknowledged entries, or was made
  /// anew, has another chain. False while it has not been read that far.
  private func isOnOurLedger() throws -> Bool {
    if isChainKnown { return true }
    guard context.ledger.position >= position else {
      // Whoever had the shard before us may have read further than we have: the broker knows where the ledger ends.
      let ledger = TopicPartition(context.topics.ledger, 0)
      if let end = try context.broker.bounds([ledger])[ledger]?.end, end < position {
        halt(
          "the ledger ends at \(end), before shard \(shard)'s checkpoint at \(position): the broker has lost entries that it had acknowledged, or another broker is asked"
        )
      }
      return false
    }
    guard let before = context.ledger.entries(from: position - 1, most: 1).first else { return false }
    guard before.chain == chain else {
      halt(
        "the ledger up to \(position) is not the one that shard \(shard)'s checkpoint was made of: the broker has lost or changed entries that it had acknowledged, or another broker is asked"
      )
      return false
    }
    isChainKnown = true
    return true
  }

  /// False: its batches have not come yet.
  private func fold(_ judged: LedgerView.Judged) throws -> Bool {
    switch (judged.entry, judged.verdict) {
    case (.commit(let commit), .inputs(let verdicts)):
      return try apply(commit, verdicts, at: judged)
    case (.cut, .accepted):
      // Rows before and after the cut must not meet in one segment while it is pending.
      if let state = judged.cut {
        cuts.begin(CutWork(cut: state, shard: shard, segments: segments.refs, removals: segments.removals))
      }
    case (.published(let id), .accepted), (.abandoned(let id, _), .accepted):
      cuts.end(id)
    case (.defined, .accepted):
      // Whatever is accepted of a source before its columns change is committed again, also where they change back. So
      // rows of other columns, and those that came before ours were in force, may be passed over.
      guard let schemas = judged.schemas else { break }
      if segments.supersede(sources: { schemas.since($0) >= judged.position }) { isLiveStale = true }
    case (.opened(let range, _, _, _), .accepted):
      if segments.supersede(range) {
        segments.dropDead()
        isLiveStale = true
      }
    case (.lost(let loss), .inputs(let verdicts)):
      try giveUp(loss, verdicts)
    default: break
    }
    return true
  }

  private func apply(_ commit: Commit, _ verdicts: [Bool], at judged: LedgerView.Judged) throws -> Bool {
    guard verdicts.contains(true), let source = context.source(commit.source) else {
      _ = staging.take(commit.attempt)
      return true
    }
    let receipt = shard < commit.shards.count ? commit.shards[shard] : ShardReceipt()
    var batches: [EncodedBatch] = []
    if receipt.rows > 0 && isCurrent(commit, at: judged.position) {
      lacksRows = !hasCome(commit.attempt, receipt)
      if lacksRows, try !isShort(of: receipt) { return false }
      guard let found = try collect(commit, verdicts, receipt, at: judged.position) else { return false }
      batches = found
    } else {
      _ = staging.take(commit.attempt)
    }
    var isReplaced = false
    for (number, input) in commit.inputs.enumerated() where verdicts[number] {
      if input.version == nil && context.definition.sources[source].onRemove == .keep { continue }
      if segments.supersede(input.object) { isReplaced = true }
    }
    if isReplaced { segments.dropDead() }
    if verdicts.contains(false) {
      batches = try batches.compactMap { batch in
        let kept = try batch.decode(types: context.types(source: source)).filtered { verdicts[$0] }
        return kept.count > 0 ? EncodedBatch(kept) : nil
      }
    }
    if !batches.isEmpty {
      let ref = SegmentRef(
        name: nil, bytes: batches.reduce(0) { $0 + $1.count },
        header: SegmentHeader(
          source: commit.source, schema: commit.schema, first: judged.position, last: judged.position,
          rows: batches.reduce(0) { $0 + $1.rows }, inputs: inputs(commit, at: judged.position), batches: []),
        dead: withoutRows(commit, verdicts), batches: batches.map { ($0, 0) })
      segments.add(ref)
      rowsApplied += UInt64(ref.header.rows)
      context.metrics.rowsApplied(source: ref.header.source).increment(by: ref.header.rows)
      if !isReplaced && !isLiveStale { try live?.add(ref) }
    }
    // Once for all entries of a step, and where it fails, the entry is not applied again.
    if isReplaced { isLiveStale = true }
    return true
  }

  /// Whether all of an attempt's batches have come that ever will.
  func hasCome(_ attempt: AttemptID, _ receipt: ShardReceipt) -> Bool {
    rowsOffset >= receipt.end || staging.isWhole(attempt, end: receipt.end)
  }

  /// Whether our columns are those of a commit, and were in force.
  func isCurrent(_ commit: Commit, at position: Int) -> Bool {
    guard let source = context.source(commit.source) else { return false }
    return schemas.isCurrent(commit, at: position, schema: context.plan.sources[source].schemaHash)
  }

  /// Numbers of objects that this entry brings no rows of: refused ones, and those that are not there. What the shard has
  /// of them lies elsewhere. (A partition's ranges are one input, which is never dead.)
  private func withoutRows(_ commit: Commit, _ verdicts: [Bool]) -> Set<Int> {
    if context.options.sabotage == .dead { return [] }
    var numbers: Set<Int> = []
    for (number, input) in commit.inputs.enumerated() where !verdicts[number] || input.version == nil {
      numbers.insert(number)
    }
    return numbers
  }

  private func inputs(_ commit: Commit, at position: Int) -> [SegmentInput] {
    commit.inputs.map {
      SegmentInput(
        bucket: $0.object.bucket, key: $0.object.key, position: position, modified: $0.facts?.modified ?? 0)
    } + commit.ranges.map { SegmentInput(topic: $0.range.topic, partition: $0.range.partition, position: position) }
  }

  func halt(_ reason: String) {
    halted = reason
    // The ledger need not be kept for it any longer.
    close()
    context.log.error(reason, ["shard": .init("\(shard)")])
  }

  // MARK: Cuts

  /// A cut whose part is not written yet. The taker says ``returnCut(_:)`` if it fails.
  func takeCut() -> CutWork? { cuts.take() }

  var hasCutToWrite: Bool { cuts.hasUntaken }

  func returnCut(_ id: String) { cuts.giveBack(id) }

  var pendingCuts: [String] { cuts.ids }
}
