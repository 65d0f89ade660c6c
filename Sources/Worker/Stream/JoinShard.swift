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
///                  └─▶ stopped: something is wrong that no retry mends; nothing is lost, and it says what it is
/// ```
/// Its owner calls it from one thread at a time, hence `@unchecked Sendable`.
final class JoinShard: @unchecked Sendable {
  let context: StreamContext
  let shard: Int
  let storage: SegmentStorage
  /// The next ledger entry's position.
  private(set) var position = 0
  private(set) var chain = LedgerChain()
  /// The next offset of our partition of `rows`.
  private(set) var rowsOffset: Int64 = 0
  private(set) var stopped: String?
  private(set) var segments = SegmentSet()
  private(set) var rowsApplied: UInt64 = 0
  var staging: ShardStaging
  var live: ShardLive?
  private var cuts: [String: PendingCut] = [:]
  private var cursor: Int?
  private var isChainKnown = true
  /// Of the checkpoint: pending there, and not looked up in the fold yet.
  private var recoveredCuts: [(id: String, segments: [SegmentRef])] = []
  /// What the checkpoint's owner had told of the features.
  private var told: Checkpoint.Told?
  /// Rows went, and the live features do not know it yet.
  private var isLiveStale = false
  private var checkpointed = 0
  private var checkpointedAt: Int64 = 0
  private var sweptAt: Int64 = 0
  private var uploaded: Set<String> = []
  private(set) var checkpoints = Totals()

  struct Totals: Sendable {
    var count = 0
    var bytes = 0
  }

  private struct PendingCut {
    var work: CutWork
    /// Taken by a writer, or reported.
    var isTaken = false
  }

  /// What a shard's part of a snapshot is written from: everything by value.
  struct CutWork: Sendable {
    var cut: LedgerFold.CutState
    var shard: Int
    var segments: [SegmentRef]
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

  // MARK: Recovery

  /// Takes up the highest checkpoint. Gives where to read `rows` from. May be repeated where it failed.
  func recover() throws -> Int64 {
    close()
    var failure: (any Error)?
    for key in try storage.checkpointKeys() {
      do {
        try takeUp(try storage.checkpoint(key))
        failure = nil
        break
      } catch {
        // The highest may name what others have swept, if who wrote it had been away for long; each other one will do.
        guard (error as? StoreError)?.code == .notFound || error is SegmentStorage.Damage else { throw error }
        context.log.warning(
          "a checkpoint cannot be used; the one before it is tried", ["key": .init(key), "error": .init("\(error)")])
        failure = failure ?? StreamError("no checkpoint of shard \(shard) can be used; \(key): \(error)")
      }
    }
    if let failure { throw failure }
    // Shards that begin together write their checkpoints one after another, not all at once.
    let every = context.options.checkpointEvery
    checkpointedAt = context.clock.now() - every / Int64(context.plan.shards) * Int64(shard)
    sweptAt = context.clock.now()
    // One entry further back: its chain has to be the checkpoint's.
    cursor = context.ledger.addCursor(at: max(0, position - 1))
    if !context.ledger.holds(max(0, position - 1)) { context.ledger.rewind() }
    isChainKnown = position == 0
    storage.removeLocally(except: Set(segments.refs.compactMap(\.name)).union(uploaded))
    if context.options.emitsFeatures { live = try ShardLive(self, recovering: segments.refs, told: told) }
    return rowsOffset
  }

  private func takeUp(_ checkpoint: Checkpoint) throws {
    let refs = try checkpoint.segments.map(open)
    recoveredCuts = try checkpoint.cuts.map { ($0.id, try $0.segments.map(open)) }
    segments = SegmentSet(refs)
    position = checkpoint.position
    chain = LedgerChain(checkpoint.chain) ?? LedgerChain()
    rowsOffset = checkpoint.rowsOffset
    checkpointed = position
    uploaded = checkpoint.names
    told = checkpoint.told
  }

  /// The checkpoint's cuts that have not ended meanwhile; the fold has their inputs. False while it is being read.
  private func takeUpCuts() -> Bool {
    if recoveredCuts.isEmpty { return true }
    guard let states = context.ledger.readAtHead({ fold in recoveredCuts.map { fold.cuts[$0.id] } }) else {
      return false
    }
    for (cut, state) in zip(recoveredCuts, states) {
      if let state { cuts[cut.id] = PendingCut(work: CutWork(cut: state, shard: shard, segments: cut.segments)) }
    }
    recoveredCuts = []
    return true
  }

  /// Whether a step is due although the ledger has nothing new.
  var isStepDue: Bool { stopped == nil && (!recoveredCuts.isEmpty || isLiveStale) }

  private func open(_ named: Checkpoint.Segment) throws -> SegmentRef {
    let bytes = try storage.bytes(named.name, verify: true)
    let header = try SegmentCodec.header(named.name, bytes.bytes)
    return SegmentRef(name: named.name, bytes: named.bytes, header: header, dead: Set(named.dead))
  }

  /// Lets go of what it holds elsewhere.
  func close() {
    if let cursor { context.ledger.removeCursor(cursor) }
    cursor = nil
  }

  // MARK: Steps

  /// Takes what was read of our partition of `rows`.
  func take(_ block: RecordBlock) {
    for index in 0..<block.count {
      let entry = block.entries[index]
      // Once behind us, a message may come again after a seek; staging it twice does no harm.
      if let frame = block.value(index) { staging.add(frame, offset: entry.offset) }
      rowsOffset = max(rowsOffset, entry.offset + 1)
    }
  }

  /// Folds the entries that are there and whose batches have come; false when there was nothing to do.
  func step() throws -> Bool {
    guard stopped == nil, try isOnOurLedger(), takeUpCuts() else { return false }
    var moved = false
    let entries = context.ledger.entries(from: position, most: JoinShard.entriesMax)
    // Behind a newer definition there are rows of columns that we cannot read: they are for its workers, who must not find
    // a checkpoint that has passed them over. Asked for after the entries: none of these is behind it.
    guard context.ledger.read({ $0.semanticHash == context.semanticHash }) else { return false }
    for judged in entries {
      guard judged.position >= position else { continue }
      guard try fold(judged) else { break }
      position = judged.position + 1
      chain = judged.chain
      moved = true
    }
    if moved, let cursor { context.ledger.moveCursor(cursor, to: position) }
    if isLiveStale {
      try live?.replace(segments.refs, self)
      isLiveStale = false
    }
    return moved
  }

  /// Whether the ledger is the one that the checkpoint was made of: a broker that lost acknowledged entries, or was made
  /// anew, has another chain. False while it has not been read that far.
  private func isOnOurLedger() throws -> Bool {
    if isChainKnown { return true }
    guard context.ledger.position >= position else {
      // Whoever had the shard before us may have read further than we have: the broker knows where the ledger ends.
      let ledger = TopicPartition(context.topics.ledger, 0)
      if let end = try context.broker.bounds([ledger])[ledger]?.end, end < position {
        stop(
          "the ledger ends at \(end), before shard \(shard)'s checkpoint at \(position): the broker has lost entries that it had acknowledged, or another broker is asked"
        )
      }
      return false
    }
    guard let before = context.ledger.entries(from: position - 1, most: 1).first else { return false }
    guard before.chain == chain else {
      stop(
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
    case (.cut(let id, _, _), .accepted):
      // Rows before and after the cut must not meet in one segment while it is pending.
      if let state = judged.cut {
        cuts[id] = PendingCut(work: CutWork(cut: state, shard: shard, segments: segments.refs))
      }
    case (.published(let id), .accepted), (.abandoned(let id, _), .accepted):
      cuts.removeValue(forKey: id)
    case (.opened(let range, _, _, _), .accepted):
      if segments.supersede(range) {
        segments.dropDead()
        isLiveStale = true
      }
    default: break
    }
    return true
  }

  private func apply(_ commit: Commit, _ verdicts: [Bool], at judged: LedgerView.Judged) throws -> Bool {
    guard verdicts.contains(true), let source = context.source(commit.source) else { return true }
    let receipt = shard < commit.shards.count ? commit.shards[shard] : ShardReceipt()
    var batches: [RowBatch] = []
    let isReadable = commit.schema == context.plan.sources[source].schemaHash
    if receipt.rows > 0 && isReadable {
      if rowsOffset < receipt.end { return false }
      guard let found = try collect(commit, receipt, source) else { return false }
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
    let accepted = batches.compactMap { batch -> RowBatch? in
      if verdicts.allSatisfy({ $0 }) { return batch }
      let kept = batch.filtered { verdicts[$0] }
      return kept.count > 0 ? kept : nil
    }
    if !accepted.isEmpty {
      let ref = SegmentRef(
        name: nil, bytes: accepted.reduce(0) { $0 + $1.memoryBytes },
        header: SegmentHeader(
          source: commit.source, schema: commit.schema, first: judged.position, last: judged.position,
          rows: accepted.reduce(0) { $0 + $1.count }, inputs: inputs(commit, at: judged.position), batches: []),
        dead: withoutRows(commit, verdicts), batches: accepted)
      segments.add(ref)
      rowsApplied += UInt64(ref.header.rows)
      context.metrics.rowsApplied(source: ref.header.source).increment(by: ref.header.rows)
      if !isReplaced && !isLiveStale { try live?.add(ref) }
    }
    // Once for all entries of a step, and where it fails, the entry is not applied again.
    if isReplaced { isLiveStale = true }
    return true
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

  /// The attempt's batches, verified against its receipt (I3): from staging, else read again. nil: not now.
  private func collect(_ commit: Commit, _ receipt: ShardReceipt, _ source: Int) throws -> [RowBatch]? {
    let types = context.types(source: source)
    if let batches = decode(staging.take(commit.attempt), types),
      matches(batches, receipt) || context.options.sabotage == .receipt
    {
      return batches
    }
    let frames: [[UInt8]]
    do {
      frames = try reread(commit.attempt, receipt)
    } catch let error as BrokerError {
      if case .outOfRange(let bounds) = error.code {
        stop(
          "the rows of \(names(commit)) (ledger position \(position)) are no longer in \(context.topics.rows)[\(shard)]: they begin at offset \(bounds.first) and \(receipt.first) is needed; restore that topic, or begin the dataset anew under another name (its objects are read again)"
        )
        return nil
      }
      throw error
    }
    guard let batches = decode(frames, types), matches(batches, receipt) else {
      stop(
        "shard \(shard) has other rows of \(names(commit)) than were committed at ledger position \(position) (attempt \(commit.attempt), offsets \(receipt.first) to \(receipt.end) of \(context.topics.rows)[\(shard)]): a row batch is damaged or missing; nothing was applied"
      )
      return nil
    }
    return batches
  }

  private func decode(_ frames: [[UInt8]], _ types: [ColumnType]) -> [RowBatch]? {
    var batches: [RowBatch] = []
    for frame in frames {
      guard let batch = frame.withRawBytes({ try? RowFrame.batch($0, types: types) }) else { return nil }
      batches.append(batch)
    }
    return batches
  }

  private func matches(_ batches: [RowBatch], _ receipt: ShardReceipt) -> Bool {
    var seen = ShardReceipt()
    for batch in batches { seen.add(batch) }
    return seen.rows == receipt.rows && seen.checksum == receipt.checksum
  }

  private func reread(_ attempt: AttemptID, _ receipt: ShardReceipt) throws -> [[UInt8]] {
    let partition = TopicPartition(context.topics.rows, shard)
    if let bounds = try context.broker.bounds([partition])[partition], bounds.first > receipt.first {
      throw BrokerError(
        .outOfRange(bounds), operation: "read", location: "\(partition)", message: "retention has removed them")
    }
    let reader = try context.broker.reader(partition, from: receipt.first)
    defer { reader.close() }
    var frames: [Int: [UInt8]] = [:]
    var next = receipt.first
    var patience = 100
    while next < receipt.end {
      guard let block = try reader.poll(milliseconds: 100, maxBytes: 8 << 20) else {
        patience -= 1
        if patience == 0 { throw StreamError("\(partition) gives nothing at offset \(next), before \(receipt.end)") }
        continue
      }
      for index in 0..<block.count where block.entries[index].offset < receipt.end {
        guard let bytes = block.value(index), let header = bytes.withRawBytes({ try? RowFrame($0) }) else { continue }
        if header.attempt == attempt { frames[header.number] = bytes }
      }
      next = block.nextOffset
    }
    return frames.sorted { $0.key < $1.key }.map(\.value)
  }

  private func names(_ commit: Commit) -> String {
    let all =
      commit.inputs.map(\.object.location)
      + commit.ranges.map { "\($0.range.topic)[\($0.range.partition)] \($0.from)..<\($0.to)" }
    let more = all.count > 3 ? " and \(all.count - 3) more" : ""
    return "source '\(commit.source)': " + all.prefix(3).joined(separator: ", ") + more
  }

  private func stop(_ reason: String) {
    stopped = reason
    // The ledger need not be kept for it any longer.
    close()
    context.log.error(reason, ["shard": .init("\(shard)")])
  }

  // MARK: Cuts

  /// A cut whose part is not written yet. The taker says ``returnCut(_:)`` if it fails.
  func takeCut() -> CutWork? {
    for (id, cut) in cuts.sorted(by: { $0.value.work.cut.position < $1.value.work.cut.position }) where !cut.isTaken {
      cuts[id]?.isTaken = true
      return cut.work
    }
    return nil
  }

  func returnCut(_ id: String) { cuts[id]?.isTaken = false }

  var pendingCuts: [String] { cuts.keys.sorted() }

  // MARK: Checkpoints

  /// Whether a checkpoint is due.
  func isCheckpointDue(memoryMax: Int) -> Bool {
    guard stopped == nil, recoveredCuts.isEmpty else { return false }
    if segments.memoryBytes >= memoryMax { return true }
    return position > checkpointed && context.clock.now() - checkpointedAt >= context.options.checkpointEvery
  }

  /// Writes down what is new: segments first, then the checkpoint that names them.
  func checkpoint() throws {
    // Nothing was folded since the last one.
    guard recoveredCuts.isEmpty else { return }
    try seal()
    if cuts.isEmpty { try merge() }
    let refs = segments.refs
    var pending: [Checkpoint.Cut] = []
    for (id, cut) in cuts.sorted(by: { $0.key < $1.key }) {
      pending.append(Checkpoint.Cut(id: id, segments: try cut.work.segments.map(named)))
    }
    let checkpoint = Checkpoint(
      dataset: context.definition.dataset, shard: shard, shards: context.plan.shards, position: position,
      chain: chain.description, rowsOffset: rowsOffset, segments: try refs.map(named),
      cuts: context.options.sabotage == .pin ? [] : pending, told: live?.told)
    let before = checkpoints.bytes
    // After a long pause we may own the shard no more, and its owner's sweep may have taken what only we knew of.
    let began = context.clock.now()
    if began - checkpointedAt > JoinShard.sweepGrace / 2 { uploaded = try storage.uploadedNames() }
    try upload(checkpoint.names)
    checkpoints.bytes += try storage.write(checkpoint)
    if context.clock.now() - began > JoinShard.sweepGrace / 2 {
      uploaded = try storage.uploadedNames()
      try upload(checkpoint.names)
    }
    checkpoints.count += 1
    context.metrics.checkpoints.increment()
    context.metrics.checkpointBytes.increment(by: checkpoints.bytes - before)
    uploaded = checkpoint.names
    checkpointed = position
    checkpointedAt = context.clock.now()
    storage.removeLocally(except: checkpoint.names)
    if checkpointedAt - sweptAt >= JoinShard.sweepEvery {
      sweptAt = checkpointedAt
      _ = try storage.sweep(grace: JoinShard.sweepGrace)
    }
  }

  /// Puts those into the store that are not there.
  private func upload(_ names: Set<String>) throws {
    for name in names.subtracting(uploaded).sorted() {
      try storage.upload(name)
      checkpoints.bytes += segments.refs.first { $0.name == name }?.bytes ?? 0
      uploaded.insert(name)
    }
  }

  private func named(_ ref: SegmentRef) throws -> Checkpoint.Segment {
    guard let name = ref.name else { throw StreamError("a segment of shard \(shard) has no file; this is a bug") }
    return Checkpoint.Segment(name: name, bytes: ref.bytes, dead: ref.dead.sorted())
  }

  /// Rows that are only in memory become files, one a source and stretch between cuts.
  private func seal() throws {
    let boundaries = context.options.sabotage == .stretch ? [] : cuts.values.map(\.work.cut.position).sorted()
    // By position, of which each entry's rows have their own: sealing one group moves the indices of the others.
    var groups: [String: [Int]] = [:]
    for ref in segments.refs where ref.name == nil {
      let stretch = boundaries.count { $0 < ref.header.first }
      groups["\(ref.header.source) \(ref.header.schema) \(stretch)", default: []].append(ref.header.first)
    }
    for positions in groups.values.sorted(by: { $0[0] < $1[0] }) {
      let members = Set(positions)
      let indices = segments.refs.indices.filter {
        segments.refs[$0].name == nil && members.contains(segments.refs[$0].header.first)
      }
      try join(indices, dropsDead: cuts.isEmpty)
    }
    // What only a pending cut still holds.
    for id in cuts.keys {
      guard var cut = cuts[id] else { continue }
      for (index, ref) in cut.work.segments.enumerated() where ref.name == nil {
        let (content, dead) = SegmentBuilder.join([(ref, ref.batches.map { ($0, 0) })], dropsDead: false)
        let (name, header, bytes) = try SegmentCodec.encode(content, shard: shard)
        try storage.saveLocally(name, bytes)
        cut.work.segments[index] = SegmentRef(name: name, bytes: bytes.count, header: header, dead: dead)
      }
      cuts[id] = cut
    }
  }

  /// Small files of a source become one, so that their number stays bounded as records come in.
  private func merge() throws {
    var groups: [String: [Int]] = [:]
    for (index, ref) in segments.refs.enumerated() {
      guard let source = context.source(ref.header.source),
        ref.header.schema == context.plan.sources[source].schemaHash
      else { continue }
      groups[ref.header.source, default: []].append(index)
    }
    for indices in groups.values where indices.count > JoinShard.filesMax {
      // The newest ones are the smallest as a rule; equal sizes are merged, as in any log of sorted files.
      let small = indices.sorted { segments.refs[$0].bytes < segments.refs[$1].bytes }
      try join(small.prefix(JoinShard.filesMerged).sorted(), dropsDead: true)
      return
    }
  }

  private func join(_ indices: [Int], dropsDead: Bool) throws {
    let parts = try indices.map { index in
      let ref = segments.refs[index]
      return (ref: ref, batches: try batches(of: ref))
    }
    let (content, dead) = SegmentBuilder.join(parts, dropsDead: dropsDead)
    let (name, header, bytes) = try SegmentCodec.encode(content, shard: shard)
    try storage.saveLocally(name, bytes)
    let ref = SegmentRef(name: name, bytes: bytes.count, header: header, dead: dead)
    // A cut that holds the same rows names the file from now on.
    let firsts = Set(indices.map { segments.refs[$0].header.first })
    for id in cuts.keys { rename(id, firsts, to: ref, parts.map(\.ref)) }
    segments.replace(indices, with: ref)
  }

  /// In a cut, the memory segments that were sealed together are that file, less what was dead at the cut.
  private func rename(_ id: String, _ firsts: Set<Int>, to ref: SegmentRef, _ parts: [SegmentRef]) {
    guard var cut = cuts[id] else { return }
    let mine = cut.work.segments.indices.filter {
      cut.work.segments[$0].name == nil && cut.work.segments[$0].header.source == ref.header.source
        && firsts.contains(cut.work.segments[$0].header.first)
    }
    guard let at = mine.first else { return }
    // What was dead at the cut, by identity: numbers in the file are others.
    var deadThen: Set<SegmentInput> = []
    for index in mine {
      let held = cut.work.segments[index]
      for number in held.dead { deadThen.insert(held.header.inputs[number]) }
    }
    var then = ref
    then.dead = Set(ref.header.inputs.indices.filter { deadThen.contains(ref.header.inputs[$0]) })
    cut.work.segments[at] = then
    for index in mine.dropFirst().reversed() { cut.work.segments.remove(at: index) }
    cuts[id] = cut
  }

  /// A segment's batches with what to add to their input numbers.
  func batches(of ref: SegmentRef) throws -> [(batch: RowBatch, inputBase: Int)] {
    guard let name = ref.name else { return ref.batches.map { ($0, 0) } }
    guard let source = context.source(ref.header.source) else { return [] }
    let bytes = try storage.bytes(name, verify: false)
    let types = context.types(source: source)
    return try ref.header.batches.map {
      (try SegmentCodec.batch(name, bytes.bytes, $0, types: types), $0.inputBase)
    }
  }
}
