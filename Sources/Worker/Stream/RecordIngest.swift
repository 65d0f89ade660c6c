internal import Definition
internal import Logging
internal import Metrics
internal import Pipeline
internal import Platform
internal import Threads

/// Records on their way into the ledger: micro-batches of all partitions of a source become one attempt, one entry.
///
/// The consumer's thread brings blocks and performs the seeks that are asked for; one other thread calls ``step()``.
/// All state lies under one lock, hence `@unchecked Sendable`.
final class RecordIngest: @unchecked Sendable {
  let context: StreamContext
  let lock = ConditionLock()
  /// For who waits for less to wait.
  private let room: LockCondition
  var feeds: [RangeIdentity: RecordFeed] = [:]
  private var commits: [(offset: Int64, ranges: [CommittedRange], since: Int64, bytes: Int)] = []
  /// That wait.
  private var bytes = 0 { didSet { context.arriving.note(queued: bytes, underWay: bytesUnderWay) } }
  /// Of commits without a verdict, and of the one that is being made.
  private var bytesUnderWay = 0 { didSet { context.arriving.note(queued: bytes, underWay: bytesUnderWay) } }
  private(set) var counters = Counters()
  /// Used by the stepping thread only.
  private var decoders: [Int: RecordDecoder] = [:]

  struct Counters: Sendable {
    var recordsRead: UInt64 = 0
    var recordsRejected: UInt64 = 0
    var commits = 0
    var refused = 0
  }

  /// Bytes of records that wait, at which the consumer pauses and goes on again.
  static let bytesHigh = 64 << 20
  static let bytesLow = 16 << 20
  /// Bytes at which a micro-batch does not wait for its time. Of many shards, each is to have rows enough that a message and
  /// what is done for each pays.
  static let batchBytes = 8 << 20
  /// Bytes that wait at which the consumer's thread lets the commits come first: more would only take memory that the
  /// processor's caches do not hold. What it does not take waits in the library.
  static let bytesEnough = 12 << 20
  /// Bytes on their way into the ledger at which commits come one after the other.
  static let bytesMany = 4 << 20
  /// Entries without a verdict, at most.
  static let commitsMax = 4

  init(_ context: StreamContext) {
    self.context = context
    room = LockCondition(of: lock)
  }

  // MARK: The consumer's thread

  /// Sources that read the topic.
  private func sources(of topic: String) -> [Int] {
    context.definition.sources.indices.filter { context.definition.sources[$0].input == .records(topic: topic) }
  }

  func assign(_ at: TopicPartition) {
    lock.withLock {
      for source in sources(of: at.topic) {
        let identity = RangeIdentity(
          source: context.definition.sources[source].name, topic: at.topic, partition: at.partition)
        feeds[identity] = RecordFeed(identity: identity, source: source)
      }
      lock.wakeAll()
    }
  }

  func revoke(_ at: TopicPartition) {
    lock.withLock {
      for (identity, feed) in feeds where feed.at == at {
        bytes -= feed.queuedBytes
        feeds.removeValue(forKey: identity)
      }
    }
  }

  /// Where the consumer is to read each partition from: the least of its sources' places. Each is to be performed before
  /// the next poll, and told by ``sought(_:_:)``.
  func seeksWanted() -> [TopicPartition: Int64] {
    lock.withLock {
      var wanted: [TopicPartition: Int64] = [:]
      for feed in feeds.values {
        if case .seeking(let offset) = feed.phase { wanted[feed.at] = min(wanted[feed.at] ?? offset, offset) }
      }
      // Another source of the topic may be further behind, with its records not read yet.
      for feed in feeds.values where feed.phase == .active {
        if let offset = wanted[feed.at] { wanted[feed.at] = min(offset, feed.queuedTo) }
      }
      return wanted
    }
  }

  /// The consumer reads on from `offset`. A feed that came to want an earlier place meanwhile goes on wanting it: what lies
  /// between would pass for a hole.
  func sought(_ at: TopicPartition, _ offset: Int64) {
    lock.withLock {
      for (identity, feed) in feeds where feed.at == at {
        if case .seeking(let wanted) = feed.phase, wanted >= offset { feeds[identity]?.phase = .active }
      }
    }
  }

  func take(_ block: RecordBlock) {
    let now = context.clock.now()
    lock.withLock {
      for identity in feeds.keys where feeds[identity]?.at == block.at {
        guard var feed = feeds.removeValue(forKey: identity) else { continue }
        let before = feed.queuedBytes
        feed.take(block, now: now)
        bytes += feed.queuedBytes - before
        feeds[identity] = feed
      }
      lock.wakeAll()
    }
  }

  /// Whether the consumer is to hold back.
  var isFull: Bool { lock.withLock { bytes > RecordIngest.bytesHigh } }
  var isLow: Bool { lock.withLock { bytes < RecordIngest.bytesLow } }
  /// Waits for commits to take up some of what waits, if that is enough.
  func waitForRoom(milliseconds: Int) {
    lock.withLock { if bytes > RecordIngest.bytesEnough { room.wait(milliseconds: milliseconds) } }
  }
  var totals: Counters { lock.withLock { counters } }
  var isIdle: Bool { lock.withLock { commits.isEmpty && feeds.values.allSatisfy { $0.queue.isEmpty } } }
  /// Records that were read and are not known to be in the ledger.
  var waitingCount: Int {
    lock.withLock {
      let queued = feeds.values.reduce(0) { $0 + $1.queue.reduce(0) { $0 + $1.entries.count } }
      return queued + commits.reduce(0) { $0 + $1.ranges.reduce(0) { $0 + Int(clamping: $1.rowsRead) } }
    }
  }
  var stoppedReasons: [String] {
    lock.withLock { feeds.values.compactMap { if case .stopped(let reason) = $0.phase { reason } else { nil } } }
  }

  /// What the group's offsets may be, for lag: the accepted ends.
  func acceptedOffsets() -> [TopicPartition: Int64] {
    let held = lock.withLock { feeds.values.map { ($0.at, $0.identity) } }
    var offsets: [TopicPartition: Int64] = [:]
    for (at, identity) in held {
      guard let end = context.ledger.acceptedEnd(identity) else { continue }
      offsets[at] = min(offsets[at] ?? end, end)
    }
    return offsets
  }

  // MARK: The stepping thread

  func waitForWork(milliseconds: Int) { lock.withLock { lock.wait(milliseconds: milliseconds) } }

  /// Does what there is to do; false when there was nothing.
  func step() throws -> Bool {
    guard context.ledger.isAtHead,
      let generation = context.ledger.read({ $0.semanticHash == context.semanticHash ? $0.generation : nil })
    else { return false }
    var moved = settle()
    moved = try tear() || moved
    moved = try open(generation) || moved
    if lock.withLock({ commits.count < RecordIngest.commitsMax }) {
      for source in dueSources() { moved = try commit(source, generation) || moved }
    }
    return moved
  }

  /// Verdicts that have come.
  private func settle() -> Bool {
    lock.withLock {
      var moved = false
      while let first = commits.first, let verdict = context.ledger.verdict(at: first.offset) {
        commits.removeFirst()
        bytesUnderWay -= first.bytes
        context.ledger.forget(first.offset)
        moved = true
        // Of a commit whose verdict is not known, the accepted end tells where to go on.
        var accepted = first.ranges.map { _ in false }
        if case .inputs(let verdicts) = verdict { accepted = verdicts }
        counters.commits += 1
        context.metrics.commitSeconds.observe(Double(context.clock.now() - first.since) / 1e6)
        for (range, isAccepted) in zip(first.ranges, accepted) {
          let source = range.range.source
          context.metrics.inputsCommitted(source: source, isAccepted ? .accepted : .refused).increment()
          if isAccepted {
            context.metrics.rowsRead(source: source).increment(by: range.rowsRead)
            context.metrics.deadLetters.increment(by: range.rowsRejected)
            for (reason, rows) in range.reasons ?? [:] {
              context.metrics.rowsRejected(source: source, reason: reason).increment(by: rows)
            }
          }
          feeds[range.range]?.underWay -= 1
          if !isAccepted {
            counters.refused += 1
            feeds[range.range]?.isRefused = true
          }
        }
      }
      for identity in feeds.keys {
        guard var feed = feeds[identity], feed.isRefused, feed.underWay <= 0 else { continue }
        guard let end = context.ledger.acceptedEnd(identity) else { continue }
        bytes -= feed.queuedBytes
        feed.underWay = 0
        if context.options.sabotage == .seek { feed.isRefused = false } else { feed.restart(at: end) }
        feeds[identity] = feed
        moved = true
      }
      return moved
    }
  }

  func restart(_ identity: RangeIdentity, _ phase: RecordFeed.Phase) {
    lock.withLock {
      guard let feed = feeds[identity] else { return }
      bytes -= feed.queuedBytes
      var offset = feed.committedTo
      if case .seeking(let place) = phase { offset = place }
      feeds[identity]?.restart(at: offset)
      feeds[identity]?.phase = phase
    }
  }

  /// New partitions: where their reading begins is in the ledger, or is put there now.
  private func open(_ generation: Int) throws -> Bool {
    var moved = false
    for feed in lock.withLock({ Array(feeds.values) }) {
      switch feed.phase {
      case .new:
        let (held, isCurrent) = accepted(feed)
        if let held, isCurrent {
          let end = furthest()[feed.at]?.end ?? held.end
          // Asked after the ledger: what it has read must be there.
          let bounds = try context.broker.bounds([feed.at])[feed.at]
          lock.withLock {
            feeds[feed.identity]?.restart(at: held.end)
            if let bounds, bounds.end < end { feeds[feed.identity]?.torn = bounds }
          }
        } else {
          // New, or its columns have changed: then all that the topic still has is read by the new ones.
          let first = try context.broker.bounds([feed.at])[feed.at]?.first ?? 0
          if let held, held.end < first {
            // Some of it was not read by the old ones either, and is gone.
            try passOver(feed, from: held.end, to: first)
            moved = true
            continue
          }
          let entry = LedgerEntry.opened(
            feed.identity, offset: first, schema: context.plan.sources[feed.source].schemaHash, generation: generation)
          let offset = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
          context.ledger.expect(offset)
          lock.withLock { feeds[feed.identity]?.phase = .opening(offset) }
        }
        moved = true
      case .opening(let offset):
        guard context.ledger.verdict(at: offset) != nil, case (let held?, let isOpen) = accepted(feed) else { continue }
        context.ledger.forget(offset)
        lock.withLock {
          if isOpen { feeds[feed.identity]?.restart(at: held.end) } else { feeds[feed.identity]?.phase = .new }
        }
        moved = true
      default: continue
      }
    }
    return moved
  }

  /// What the ledger has of a feed's partition, and whether it was read by our columns since they are in force.
  private func accepted(_ feed: RecordFeed) -> (held: LedgerFold.AcceptedRange?, isCurrent: Bool) {
    let schema = context.plan.sources[feed.source].schemaHash
    return context.ledger.read { fold in
      let held = fold.ranges[feed.identity]
      return (held, held.map { fold.schemas.isCurrent($0, of: feed.identity.source, schema: schema) } ?? false)
    }
  }

  /// Sources with a micro-batch that is due.
  private func dueSources() -> [Int] {
    let now = context.clock.now()
    return lock.withLock {
      var bytes: [Int: Int] = [:]
      var since: [Int: Int64] = [:]
      for feed in feeds.values where !feed.queue.isEmpty {
        bytes[feed.source, default: 0] += feed.queuedBytes
        since[feed.source] = min(since[feed.source] ?? .max, feed.queuedSince)
      }
      return bytes.keys.sorted().filter {
        (bytes[$0] ?? 0) >= RecordIngest.batchBytes || now - (since[$0] ?? now) >= context.options.commitEvery
      }
    }
  }

  private func commit(_ source: Int, _ generation: Int) throws -> Bool {
    let (taken, takenBytes) = lock.withLock {
      let bytesBefore = bytes
      var taken: [(RangeIdentity, from: Int64, to: Int64, parts: [(block: RecordBlock, entries: Range<Int>)])] = []
      for identity in feeds.keys.sorted(by: { ($0.topic, $0.partition) < ($1.topic, $1.partition) })
      where feeds[identity]?.source == source {
        guard var feed = feeds.removeValue(forKey: identity) else { continue }
        let before = feed.queuedBytes
        if let range = feed.takeAll() { taken.append((identity, range.from, range.to, range.parts)) }
        bytes -= before - feed.queuedBytes
        feeds[identity] = feed
      }
      bytesUnderWay += bytesBefore - bytes
      room.wakeAll()
      return (taken, bytesBefore - bytes)
    }
    if taken.isEmpty { return false }
    let plan = context.plan.sources[source]
    let id = context.attempts.make()
    var sender = RowSender(context, attempt: id, source: source, generation: generation, takesFiles: false)
    var letters = DeadLetterSender(context, attempt: id)
    let packer = RowPacker(shards: context.plan.shards, types: plan.carriedTypes)
    do {
      let decoder = try decoder(source)
      var ranges: [CommittedRange] = []
      for (number, part) in taken.enumerated() {
        var read: UInt64 = 0
        var rejected: UInt64 = 0
        var rejects = RejectBuffer()
        for (block, entries) in part.parts {
          let counts = try decoder.decode(block, entries, input: number, into: packer, rejects: &rejects)
          read += counts.read
          rejected += counts.rejected
          try sender.send(packer.takeSealed())
        }
        try letters.send(&rejects)
        ranges.append(
          CommittedRange(
            range: part.0, from: part.from, to: part.to, rowsRead: read, rowsRejected: rejected,
            reasons: rejected == 0 ? nil : rejects.reasons))
      }
      try sender.send(packer.finish())
      try sender.flush()
      try letters.flush()
      let commit = Commit(
        generation: generation, attempt: id, inputs: [], ranges: ranges, schema: plan.schemaHash,
        shards: sender.receipts)
      let offset = try LedgerWriter.append(.commit(commit), to: context.broker, context.topics.ledger)
      context.ledger.expect(offset)
      lock.withLock {
        commits.append((offset, ranges, context.clock.now(), takenBytes))
        for range in ranges {
          counters.recordsRead += range.rowsRead
          counters.recordsRejected += range.rowsRejected
        }
      }
      return true
    } catch {
      // It may be in the ledger or not: start over from what is accepted.
      lock.withLock {
        bytesUnderWay -= takenBytes
        for part in taken {
          feeds[part.0]?.underWay -= 1
          feeds[part.0]?.isRefused = true
        }
      }
      throw error
    }
  }

  private func decoder(_ source: Int) throws -> RecordDecoder {
    if let held = decoders[source] { return held }
    let made = try RecordDecoder(context.decoding[source], maxRowBytes: context.definition.maxRowBytes)
    decoders[source] = made
    return made
  }
}
