internal import Definition
internal import Logging
internal import Metrics
internal import Notifications
internal import Pipeline
internal import Platform

/// The ingest group's member: notifications become looks at objects, records go to their feeds, offsets are committed
/// behind what the ledger has.
///
/// One thread steps it.
final class IngestLoop: @unchecked Sendable {
  // Sendable: made on one thread and then used by its own only; what others see lies in `totals`.
  let context: StreamContext
  let objects: ObjectIngest
  let records: RecordIngest
  private let matcher: SourceMatcher
  let topics: [String]
  private var consumer: (any GroupConsumer)?
  private var starts = StartOffsets()
  /// Records that were given and are not taken: what an error left of a poll is not given again.
  private var waiting: [(block: RecordBlock, from: Int)] = []
  private var tracker = OffsetTracker()
  private var owned: Set<TopicPartition> = []
  private var paused: Set<TopicPartition> = []
  private var committedAt: Int64 = 0
  private let shared = Locked(Totals())

  struct Totals: Sendable {
    var notifications: [String: Int] = [:]
    var owned: [TopicPartition] = []
  }

  /// Objects under way at which no more notifications are taken.
  static let objectsHigh = 20_000
  static let commitEvery: Int64 = 1_000_000

  init(_ context: StreamContext, objects: ObjectIngest, records: RecordIngest) throws {
    self.context = context
    self.objects = objects
    self.records = records
    matcher = try SourceMatcher(context.definition, stores: context.stores)
    var topics: [String] = []
    if context.definition.sources.contains(where: { if case .objects = $0.input { true } else { false } }) {
      topics.append(context.eventsTopic)
    }
    self.topics = topics + context.definition.recordTopics.filter { !topics.contains($0) }
  }

  var group: String { "\(context.definition.dataset)-ingest" }
  var totals: Totals { shared.withLock { $0 } }

  func step(milliseconds: Int) throws -> Bool {
    // Before the ledger was read the dataset's topics may not be there, and a first message may be for the dead letters.
    if consumer == nil && !context.ledger.isAtHead { return false }
    let consumer = try joined()
    try starts.tell(consumer)
    if milliseconds > 0 { records.waitForRoom(milliseconds: milliseconds) }
    let event = try consumer.poll(milliseconds: milliseconds, maxBytes: 8 << 20)
    var moved = true
    switch event {
    case .nothing: moved = false
    case .assigned(let partitions): assign(partitions)
    case .revoked(let partitions, let lost): revoke(partitions, lost: lost, consumer)
    case .outOfRange(let at, let wanted, let bounds):
      if at.topic == context.eventsTopic {
        context.log.warning(
          "notifications were removed before they were read; the next listing finds what they spoke of",
          ["partition": .init("\(at)"), "from": .init("\(wanted)"), "to": .init("\(bounds.first)")])
        starts.want(at, from: .first)
      } else {
        records.gap(at, bounds)
      }
    case .records(let blocks): waiting += blocks.map { ($0, 0) }
    }
    try takeWaiting()
    for (at, offset) in records.seeksWanted().sorted(by: { $0.key < $1.key }) where owned.contains(at) {
      if try StartOffsets.begin(at, .at(offset), consumer) { records.sought(at, offset) }
    }
    try holdBack(consumer)
    for token in objects.takeFinished() { tracker.finish(token) }
    let now = context.clock.now()
    if now - committedAt >= IngestLoop.commitEvery {
      committedAt = now
      try commit(consumer)
    }
    return moved
  }

  private func joined() throws -> any GroupConsumer {
    if let consumer { return consumer }
    let made = try context.broker.consumer(group: group, topics: topics, member: "\(context.options.member)-ingest")
    consumer = made
    return made
  }

  private func assign(_ partitions: [TopicPartition]) {
    for at in partitions {
      owned.insert(at)
      if at.topic == context.eventsTopic {
        tracker.begin(at)
        starts.want(at, from: .committed)
      } else {
        records.assign(at)
      }
    }
    shared.withLock { $0.owned = owned.sorted() }
  }

  private func revoke(_ partitions: [TopicPartition], lost: Bool, _ consumer: any GroupConsumer) {
    for token in objects.takeFinished() { tracker.finish(token) }
    if !lost { try? commit(consumer) }
    for at in partitions {
      owned.remove(at)
      paused.remove(at)
      starts.forget(at)
      waiting.removeAll { $0.block.at == at }
      tracker.end(at)
      if at.topic != context.eventsTopic { records.revoke(at) }
    }
    shared.withLock { $0.owned = owned.sorted() }
  }

  private func takeWaiting() throws {
    while let (block, from) = waiting.first {
      if block.at.topic == context.eventsTopic { try take(block, from) } else { records.take(block) }
      waiting.removeFirst()
    }
  }

  /// Takes notifications; where it fails, it has noted how far it came.
  private func take(_ block: RecordBlock, _ from: Int) throws {
    for index in from..<block.count {
      waiting[0].from = index
      let entry = block.entries[index]
      guard let bytes = block.value(index) else {
        _ = tracker.take(block.at, offset: entry.offset, parts: 0)
        continue
      }
      switch bytes.withRawBytes({ NotificationParser.parse($0, messageKey: block.key(index)) }) {
      case .hints(let hints, let skipped):
        if skipped > 0 { count("skipped", skipped) }
        offer(hints, block.at, entry.offset)
      case .test:
        count("test", 1)
        _ = tracker.take(block.at, offset: entry.offset, parts: 0)
      case .unreadable(let reason):
        count("damaged", 1)
        context.log.warning(
          "a notification cannot be read; it goes to the dead letters",
          ["partition": .init("\(block.at)"), "offset": .init("\(entry.offset)"), "reason": .init(reason)])
        try DeadLetterSender.message(context, block.at, offset: entry.offset, reason: reason, bytes: bytes)
        _ = tracker.take(block.at, offset: entry.offset, parts: 0)
      }
    }
  }

  /// The record is done when all objects that it speaks of are.
  private func offer(_ hints: [ObjectHint], _ at: TopicPartition, _ offset: Int64) {
    var wanted: [(ObjectHint, Int)] = []
    for hint in hints {
      let sources = matcher.sources(hint)
      count(sources.isEmpty ? "foreign" : "read", 1)
      for source in sources { wanted.append((hint, source)) }
    }
    let parts = context.options.sabotage == .acknowledge ? 0 : wanted.count
    guard let token = tracker.take(at, offset: offset, parts: parts) else { return }
    for (hint, source) in wanted {
      let identity = ObjectIdentity(
        source: context.definition.sources[source].name, bucket: hint.bucket, key: hint.key)
      objects.offer(identity, source: source, again: hint.again, isRepair: hint.isRepair, token: token)
    }
  }

  private func count(_ outcome: String, _ number: Int) {
    context.metrics.notifications(outcome: outcome).increment(by: number)
    shared.withLock { $0.notifications[outcome, default: 0] += number }
  }

  /// Back-pressure: partitions are paused while what they bring is more than can be taken.
  private func holdBack(_ consumer: any GroupConsumer) throws {
    let recordsFull = records.isFull
    let recordsLow = records.isLow
    let objectsFull = objects.openCount > IngestLoop.objectsHigh
    var pause: [TopicPartition] = []
    var resume: [TopicPartition] = []
    for at in owned {
      let isEvents = at.topic == context.eventsTopic
      if paused.contains(at) {
        if isEvents ? !objectsFull : recordsLow { resume.append(at) }
      } else if isEvents ? objectsFull : recordsFull {
        pause.append(at)
      }
    }
    if !pause.isEmpty {
      try consumer.pause(pause)
      paused.formUnion(pause)
    }
    if !resume.isEmpty {
      try consumer.resume(resume)
      paused.subtract(resume)
    }
  }

  private func commit(_ consumer: any GroupConsumer) throws {
    var due = tracker.due()
    for (at, offset) in records.acceptedOffsets() where owned.contains(at) { due[at] = offset }
    if due.isEmpty { return }
    do {
      try consumer.commit(due)
      tracker.note(committed: due)
    } catch {
      // Somebody else owns it now, or the broker is away: the records come again, which changes nothing.
      guard error.code == .fenced || error.isTransient else { throw error }
    }
  }

  /// The broker took us for gone: everything of ours is others', and the next step joins as somebody new.
  func rejoin() {
    guard let consumer else { return }
    revoke(owned.sorted(), lost: true, consumer)
    consumer.close()
    self.consumer = nil
  }

  /// Commits what is done and leaves the group.
  func close() {
    guard let consumer else { return }
    for token in objects.takeFinished() { tracker.finish(token) }
    try? commit(consumer)
    consumer.close()
    self.consumer = nil
  }
}
