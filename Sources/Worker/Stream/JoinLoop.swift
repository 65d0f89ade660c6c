internal import Definition
internal import Logging
internal import Pipeline
internal import Platform
internal import Threads

/// The join group's member: owns shards, brings them their row batches, and lets worker threads move them on.
///
/// One thread calls ``poll(milliseconds:)``, any number call ``work()``: a shard is worked on by one at a time. All state
/// lies under one lock, hence `@unchecked Sendable`.
final class JoinLoop: @unchecked Sendable {
  let context: StreamContext
  private let files: any SegmentFiles
  /// Those who wait at the lock itself look for shards to move on.
  private let lock = ConditionLock()
  private let cutsToWrite: LockCondition
  private let shardsToClose: LockCondition
  private var slots: [Int: Slot] = [:]
  /// Those of `slots`, ascending.
  private var order: [Int] = []
  /// Of those who wait for work, one looks again soon; the others are woken.
  private var hasLookout = false
  private var sleepers = 0
  private var isMember = false
  private var consumer: (any GroupConsumer)?
  /// Of shards whose recovery has told where their rows are to be read from.
  private var starts = StartOffsets()
  private var paused: Set<TopicPartition> = []

  /// Used within the lock.
  private final class Slot {
    var shard: JoinShard
    var isBusy = false
    var isRecovered = false
    /// Its worker closes it: a last checkpoint, if it can.
    var isClosing = false
    /// Of what this worker sends to it itself.
    var feed = OwnFeed()
    var mailbox: [RecordBlock] = []
    var mailboxBytes = 0
    /// Where `rows` begins, if what was to be read next is gone.
    var rowsFirst: Int64?
    /// Not before this time: its last step failed.
    var notBefore: Int64 = 0
    var problem: String?
    var summary: ShardState

    init(shard: JoinShard) {
      self.shard = shard
      summary = ShardState(shard: shard.shard)
    }
  }

  /// What a shard is like, for status.
  struct ShardState: Sendable {
    var shard: Int
    var position = 0
    var rows = 0
    var rowsApplied: UInt64 = 0
    var segments = 0
    var stagedBytes = 0
    var checkpoints = JoinShard.Totals()
    var pendingCuts: [String] = []
    var state = "recovering"
    var reason: String?
    var missing: [MissingRows] = []
  }

  static let mailboxHigh = 16 << 20
  /// Own messages that wait for a shard before it looks at them without a commit.
  static let ownBytes = 1 << 20
  static let sleepMilliseconds = 100
  /// How long a shard that is taken away may write its last checkpoint.
  static let handOverMilliseconds = 5_000

  init(_ context: StreamContext, files: any SegmentFiles) {
    self.context = context
    self.files = files
    cutsToWrite = LockCondition(of: lock)
    shardsToClose = LockCondition(of: lock)
  }

  var group: String { "\(context.definition.dataset)-join" }

  // MARK: The consumer's thread

  /// Polls the group once and brings what came to the shards.
  func poll(milliseconds: Int) throws -> Bool {
    let consumer = try joined()
    // A partition that goes on does so before it is told from where.
    try holdBack(consumer)
    try tellStarts(consumer)
    let event = try consumer.poll(milliseconds: milliseconds, maxBytes: 16 << 20)
    // Not before the shards are there: who asks sees both or neither.
    defer { lock.withLock { isMember = consumer.isMember } }
    switch event {
    case .nothing: return false
    case .assigned(let partitions): assign(partitions)
    case .revoked(let partitions, let lost): try revoke(partitions.map(\.partition), lost: lost)
    case .outOfRange(let at, _, let bounds):
      lock.withLock {
        starts.want(at, from: .at(bounds.first))
        slots[at.partition]?.rowsFirst = bounds.first
      }
    case .records(let blocks):
      lock.withLock {
        for block in blocks {
          slots[block.at.partition]?.mailbox.append(block)
          slots[block.at.partition]?.mailboxBytes += block.bytes.count
          // One for each: whoever has a shard looks for the next by itself.
          lock.wakeOne()
        }
      }
    }
    return true
  }

  private func joined() throws -> any GroupConsumer {
    if let consumer { return consumer }
    let made = try context.broker.consumer(
      group: group, topics: [context.topics.rows], member: "\(context.options.member)-join")
    consumer = made
    return made
  }

  private func assign(_ partitions: [TopicPartition]) {
    lock.withLock {
      let each = context.options.stagingBytes / max(1, slots.count + partitions.count)
      for at in partitions where slots[at.partition] == nil {
        slots[at.partition] = Slot(
          shard: JoinShard(context, shard: at.partition, files: files, stagingBytes: max(each, 8 << 20)))
      }
      order = slots.keys.sorted()
      lock.wakeAll()
    }
  }

  /// Hands shards over: whoever works on one finishes its step and writes a last checkpoint, so that the next owner has
  /// little to replay. A shard that was lost already is let go of at once.
  private func revoke(_ shards: [Int], lost: Bool) throws {
    lock.withLock {
      for shard in shards {
        slots[shard]?.isClosing = true
        if lost || slots[shard]?.isRecovered == false { drop(shard) }
      }
      lock.wakeAll()
      let until = monotonicMicroseconds() + Int64(JoinLoop.handOverMilliseconds) * 1000
      while context.options.hasThreads, isClosing(shards), monotonicMicroseconds() < until {
        shardsToClose.wait(milliseconds: 50)
      }
    }
    // Without threads whoever takes the shards away does their work.
    while !context.options.hasThreads, lock.withLock({ isClosing(shards) }), try work() {}
    lock.withLock { for shard in shards { drop(shard) } }
  }

  /// Within the lock.
  private func isClosing(_ shards: [Int]) -> Bool {
    shards.contains { shard in slots[shard].map { context.options.hasThreads || !$0.isBusy } ?? false }
  }

  /// Within the lock.
  private func drop(_ shard: Int) {
    guard let slot = slots.removeValue(forKey: shard) else { return }
    order.removeAll { $0 == shard }
    context.own.close(shard)
    starts.forget(TopicPartition(context.topics.rows, shard))
    paused.remove(TopicPartition(context.topics.rows, shard))
    if !slot.isBusy { slot.shard.close() }
  }

  private func tellStarts(_ consumer: any GroupConsumer) throws(BrokerError) {
    // Shards are taken away by this thread only, so what is put back is still wanted.
    var taken = lock.withLock {
      defer { starts = StartOffsets() }
      return starts
    }
    defer { lock.withLock { starts.merge(taken) } }
    try taken.tell(consumer)
  }

  private func holdBack(_ consumer: any GroupConsumer) throws {
    var pause: [TopicPartition] = []
    var resume: [TopicPartition] = []
    lock.withLock {
      for (shard, slot) in slots where slot.isRecovered {
        let at = TopicPartition(context.topics.rows, shard)
        if slot.feed.isFeeding || slot.mailboxBytes > JoinLoop.mailboxHigh {
          if !paused.contains(at) { pause.append(at) }
        } else if slot.mailboxBytes < JoinLoop.mailboxHigh / 4, paused.contains(at) {
          resume.append(at)
        }
      }
    }
    // Noted once it is done: what fails is asked for again.
    if !pause.isEmpty {
      try consumer.pause(pause)
      lock.withLock { paused.formUnion(pause) }
    }
    if !resume.isEmpty {
      try consumer.resume(resume)
      lock.withLock { paused.subtract(resume) }
    }
  }

  /// The broker took us for gone: our shards are others', and the next poll joins as somebody new.
  func rejoin() {
    try? revoke(lock.withLock { Array(slots.keys) }, lost: true)
    lock.withLock { isMember = false }
    consumer?.close()
    consumer = nil
  }

  /// Leaves the group after handing all shards over.
  func close() {
    try? revoke(lock.withLock { Array(slots.keys) }, lost: false)
    consumer?.close()
    consumer = nil
  }

  // MARK: Worker threads

  /// One of those who wait looks again after the time given: what comes by the ledger, or with time, wakes nobody. Once it
  /// has something to do, another one takes its place (``take(_:)``).
  func waitForWork(milliseconds: Int) {
    lock.withLock {
      let isLookout = !hasLookout
      if isLookout { hasLookout = true } else { sleepers += 1 }
      lock.wait(milliseconds: isLookout ? milliseconds : JoinLoop.sleepMilliseconds)
      if isLookout { hasLookout = false } else { sleepers -= 1 }
    }
  }

  func waitForCuts(milliseconds: Int) { lock.withLock { cutsToWrite.wait(milliseconds: milliseconds) } }

  /// Moves one shard on; false when none had anything to do.
  func work() throws -> Bool {
    let now = context.clock.now()
    guard let (shard, blocks, wasRecovered, isClosing) = take(now) else { return false }
    var moved = true
    var problem: String?
    var start: Int64?
    var unexpected: (any Error)?
    var startsOver = false
    do {
      if isClosing {
        if wasRecovered && shard.halted == nil { try checkpoint(shard) }
      } else if !wasRecovered {
        start = try shard.recover()
      } else {
        moved = try move(shard, blocks)
      }
    } catch let error as SegmentStorage.Missing {
      // Another owner in this process has cleared the directory, or a file was damaged there before the store had it: what the
      // last checkpoint holds is made whole again.
      problem = error.description
      startsOver = true
    } catch let error as RowBatchCodec.CodecError {
      // A file at hand is damaged: recovering looks at all of them, and fetches those again.
      problem = error.description
      startsOver = true
    } catch {
      problem = "\(error)"
      if !(error is BrokerError || error is StoreError || error is StreamError || error is SegmentStorage.Damage) {
        unexpected = error
      }
    }
    if let problem {
      context.log.warning("a shard waits and tries again", ["shard": .init(shard.shard), "error": .init(problem)])
    }
    let summary = summary(shard, problem)
    lock.withLock {
      slots[shard.shard]?.summary = summary
      guard slots[shard.shard]?.shard === shard else {
        // Taken away while we worked on it.
        shard.close()
        return
      }
      if startsOver {
        shard.close()
        slots[shard.shard]?.shard = JoinShard(
          context, shard: shard.shard, files: files, stagingBytes: shard.staging.bytesMax)
        slots[shard.shard]?.isRecovered = false
        slots[shard.shard]?.feed = OwnFeed()
        context.own.close(shard.shard)
      }
      slots[shard.shard]?.isBusy = false
      slots[shard.shard]?.problem = problem
      if let start { starts.want(TopicPartition(context.topics.rows, shard.shard), from: .at(start)) }
      if problem == nil {
        slots[shard.shard]?.isRecovered = true
        if shard.rowsTaken.ownFrom != nil { slots[shard.shard]?.feed.begin(now) }
      } else {
        slots[shard.shard]?.notBefore = now + 1_000_000
      }
      if isClosing {
        drop(shard.shard)
        shardsToClose.wakeAll()
      }
      if shard.hasCutToWrite { cutsToWrite.wakeAll() }
    }
    if let unexpected { throw unexpected }
    return moved
  }

  private func move(_ shard: JoinShard, _ blocks: [RecordBlock]) throws -> Bool {
    for block in blocks { shard.take(block) }
    let own = context.own.take(shard.shard)
    shard.take(own)
    var moved = !blocks.isEmpty || !own.isEmpty
    moved = try shard.step() || moved
    let moreToCome = moreToCome(shard)
    if context.options.sabotage == .told, shard.isCheckpointDue(memoryMax: memoryMax) { try checkpoint(shard) }
    if let live = shard.live { moved = try live.emit(shard, moreToCome: moreToCome) || moved }
    if shard.isCheckpointDue(memoryMax: memoryMax) {
      try checkpoint(shard)
      moved = true
    }
    return moved
  }

  /// Whether commits are at hand that may change again what the shard has to tell.
  private func moreToCome(_ shard: JoinShard) -> Bool {
    shard.position < context.ledger.position || context.arriving.areMany
  }

  /// After a restart, what a checkpoint holds counts as told; so it is told first.
  private func checkpoint(_ shard: JoinShard) throws {
    try shard.refreshLive()
    if context.options.sabotage != .told {
      try shard.live?.catchUp(shard)
      _ = try shard.live?.emit(shard, moreToCome: false)
    }
    try shard.checkpoint()
  }

  /// New rows that one shard keeps in memory.
  private var memoryMax: Int {
    max(1 << 20, context.options.checkpointBytes / max(1, lock.withLock { slots.count }))
  }

  /// The shard to work on, the longest untouched first, with what came for it.
  private func take(_ now: Int64) -> (JoinShard, [RecordBlock], wasRecovered: Bool, isClosing: Bool)? {
    lock.withLock {
      turn &+= 1
      for index in order.indices {
        let number = order[(index + turn) % order.count]
        guard let slot = slots[number], !slot.isBusy, slot.notBefore <= now || slot.isClosing else { continue }
        // A halted shard has none: it must not take the others' turns. What comes for it is not wanted either.
        if slot.shard.halted != nil && !slot.isClosing {
          slot.mailbox = []
          slot.mailboxBytes = 0
          context.own.close(number)
          continue
        }
        if slot.isRecovered && !slot.isClosing { choose(number, slot, now) }
        let hasWork =
          slot.isClosing || !slot.isRecovered || !slot.mailbox.isEmpty || slot.rowsFirst != nil || slot.shard.isStepDue
          || context.own.bytes(number) > JoinLoop.ownBytes
          || slot.shard.isCheckpointDue(memoryMax: .max)
          || slot.shard.live?.isDue(now: now, moreToCome: moreToCome(slot.shard)) == true
        guard hasWork else { continue }
        if !slot.isRecovered && !slot.isClosing && !context.ledger.isAtHead { continue }
        slot.isBusy = true
        if let first = slot.rowsFirst { slot.shard.noteFirst(first) }
        slot.rowsFirst = nil
        let blocks = slot.mailbox
        slot.mailbox = []
        slot.mailboxBytes = 0
        if !hasLookout && sleepers > 0 { lock.wakeOne() }
        return (slot.shard, blocks, slot.isRecovered, slot.isClosing)
      }
      return nil
    }
  }
  private var turn = 0

  /// Within the lock: whether a shard goes by what we send to it ourselves, or has all fetched from where it is.
  private func choose(_ number: Int, _ slot: Slot, _ now: Int64) {
    if slot.feed.isFeeding {
      guard slot.shard.wantsFetching(now) else { return slot.feed.wantsNothing() }
      guard slot.feed.needsOthers(at: slot.shard.position, ownWait: context.own.bytes(number) > 0) else { return }
      slot.feed.end(now)
      context.own.close(number)
      slot.shard.fetchAll()
      starts.want(TopicPartition(context.topics.rows, number), from: .at(slot.shard.rowsOffset))
    } else if slot.mailbox.isEmpty, slot.shard.position >= context.ledger.position, slot.feed.opens(now) {
      // Not while it is behind: what it can do nothing with yet would take the place of what it can.
      slot.shard.missedRows = false
      context.own.open(number)
    }
  }

  /// Shards that go by what we send to them ourselves.
  var feeding: [Int] { lock.withLock { order.filter { slots[$0]?.feed.isFeeding == true } } }

  // MARK: Cuts and status

  /// A cut of one of our shards whose part is to be written.
  func takeCut() -> (work: CutWork, shard: JoinShard)? {
    lock.withLock {
      for slot in slots.values.sorted(by: { $0.shard.shard < $1.shard.shard })
      where slot.isRecovered && !slot.isBusy && !slot.isClosing {
        if let work = slot.shard.takeCut() { return (work, slot.shard) }
      }
      return nil
    }
  }

  /// Its part could not be written: it is to be tried again.
  func returnCut(_ id: String, _ shard: JoinShard) {
    lock.withLock {
      while let slot = slots[shard.shard], slot.shard === shard, slot.isBusy { cutsToWrite.wait(milliseconds: 20) }
      // Of one that was taken away, whoever still works on it may be at its cuts.
      if slots[shard.shard]?.shard === shard { shard.returnCut(id) }
    }
  }

  /// Whether the group has said which shards are ours, be it none.
  var isJoined: Bool { lock.withLock { isMember } }

  var shards: [ShardState] { lock.withLock { slots.values.map(\.summary).sorted { $0.shard < $1.shard } } }

  /// What our shards wait for.
  var missing: [(shard: Int, rows: MissingRows)] {
    lock.withLock { slots.values.flatMap { slot in slot.summary.missing.map { (slot.summary.shard, $0) } } }
  }

  private func summary(_ shard: JoinShard, _ problem: String?) -> ShardState {
    ShardState(
      shard: shard.shard, position: shard.position, rows: shard.segments.rows, rowsApplied: shard.rowsApplied,
      segments: shard.segments.refs.count, stagedBytes: shard.staging.bytes, checkpoints: shard.checkpoints,
      pendingCuts: shard.pendingCuts, state: shard.stopped == nil ? "serving" : "stopped",
      reason: shard.stopped ?? problem, missing: shard.waiting?.missing ?? [])
  }
}
