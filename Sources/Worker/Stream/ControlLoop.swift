internal import Columns
internal import Definition
internal import Formats
internal import FoundationEssentials
internal import Logging
internal import Metrics
internal import Pipeline
internal import Platform

/// The publisher: whoever owns `control`'s partition. Gathers the shards' reports of each pending cut, publishes the
/// snapshot, and keeps the schedule; lists stores for what no notification spoke of.
///
/// Nothing depends on there being one: a second one repeats steps that are harmless when repeated. One thread steps it.
final class ControlLoop: @unchecked Sendable {
  // Sendable: used by its own thread; what others see or ask lies in `shared`.
  let context: StreamContext
  private let target: StorePlace
  private let schedule: Schedule?
  private let scanner: StoreScanner
  private var consumer: (any GroupConsumer)?
  private var starts = StartOffsets()
  private var isOwner = false
  private var reports: [String: [ShardReport]] = [:]
  private var publishers: [String: CutPublisher] = [:]
  private var failedUntil: [String: Int64] = [:]
  private var retired: Set<String> = []
  /// Failed tries to publish for want of reports that agree.
  private var failures: [String: Int] = [:]
  private var retainedAt: Int64 = 0
  private var savedFold: Int?
  private var asked: [CutRequest] = []
  /// The cut that this worker appended last, where and when.
  private var appended: (cut: String, offset: Int64, at: Int64)?
  /// What the first of those that were asked for waits for.
  private var watch: (cut: String, records: RecordsWatch)?
  private let shared = Locked(Shared())

  static let cutAgainAfter: Int64 = 5_000_000

  struct Shared: Sendable {
    var isOwner = false
    var published = 0
    var lastPublished: (id: String, at: Int64, fingerprint: String, rows: Int)?
    var nextSlot: Int64?
    var problem: String?
    var requests: [CutRequest] = []
  }

  /// A cut that somebody asked for. `listsFirst`: it is appended once the ledger has all objects of the stores, and the
  /// records that were there.
  struct CutRequest: Sendable {
    var id: String
    var asOf: Int64
    var notBefore: Int64
    var listsFirst: Bool
  }

  init(_ context: StreamContext) throws {
    self.context = context
    target = try context.stores.open(context.definition.snapshot.to)
    let zones = ZoneFiles.system
    schedule = try Schedule(context.definition.snapshot, zones: { name throws(CastError) in try zones.rules(name) })
    scanner = try StoreScanner(context)
  }

  var group: String { "\(context.definition.dataset)-publish" }
  var status: Shared { shared.withLock { $0 } }

  /// Asks for a snapshot; harmless if repeated. Any thread.
  func request(_ request: CutRequest) {
    shared.withLock { shared in
      if !shared.requests.contains(where: { $0.id == request.id }) { shared.requests.append(request) }
    }
  }

  /// Lists the stores at the next step; with `again`, all objects are read anew. Any thread.
  func requestListing(again: Bool) { scanner.request(again: again) }

  // MARK: Steps

  func step(milliseconds: Int) throws -> Bool {
    let consumer = try joined()
    try starts.tell(consumer)
    var moved = true
    // A snapshot that is being published has its next step to do.
    switch try consumer.poll(milliseconds: publishers.isEmpty ? milliseconds : 0, maxBytes: 8 << 20) {
    case .nothing: moved = false
    case .assigned(let partitions):
      // From the first: reports of cuts that are pending still lie there, whoever read them before.
      for at in partitions { starts.want(at, from: .first) }
      own(true)
    case .revoked(let partitions, _):
      for at in partitions { starts.forget(at) }
      own(false)
    case .outOfRange(let at, _, _): starts.want(at, from: .first)
    case .records(let blocks): for block in blocks { take(block) }
    }
    guard context.ledger.isAtHead, context.ledger.read({ $0.semanticHash == context.semanticHash }) else {
      return moved
    }
    moved = try cut() || moved
    if scanner.isAsked { moved = try scanner.step() || moved }
    guard isOwner else { return moved }
    moved = try publish() || moved
    moved = try scanner.step() || moved
    moved = try retain() || moved
    moved = try saveFold() || moved
    return moved
  }

  private func joined() throws -> any GroupConsumer {
    if let consumer { return consumer }
    let made = try context.broker.consumer(
      group: group, topics: [context.topics.control], member: "\(context.options.member)-publish")
    consumer = made
    return made
  }

  private func own(_ owns: Bool) {
    isOwner = owns
    shared.withLock { $0.isOwner = owns }
    if !owns {
      reports = [:]
      publishers = [:]
    }
  }

  /// The broker took us for gone: the next step joins as somebody new.
  func rejoin() {
    own(false)
    close()
  }

  func close() {
    consumer?.close()
    consumer = nil
  }

  // MARK: Publishing

  private func take(_ block: RecordBlock) {
    let decoder = JSONDecoder()
    for index in 0..<block.count {
      guard let bytes = block.value(index) else { continue }
      guard let report = try? decoder.decode(ShardReport.self, from: Data(bytes)) else {
        context.log.warning(
          "a report cannot be read; it is passed over",
          ["partition": .init("\(block.at)"), "offset": .init(block.entries[index].offset)])
        continue
      }
      // Of cuts that ended there is nothing more to do; those that we have not folded yet may still come.
      if context.ledger.read({ $0.hasCut(report.cut) && $0.cuts[report.cut] == nil }) { continue }
      reports[report.cut, default: []].append(report)
    }
  }

  /// Forgets what belongs to cuts that have ended. Reports may have been read before the ledger was.
  private func forgetEnded() {
    let known = Set(reports.keys).union(publishers.keys).union(failedUntil.keys).union(failures.keys)
    if known.isEmpty { return }
    let ended = context.ledger.readAtHead { fold in known.filter { fold.hasCut($0) && fold.cuts[$0] == nil } } ?? []
    for id in ended {
      reports.removeValue(forKey: id)
      publishers.removeValue(forKey: id)
      failedUntil.removeValue(forKey: id)
      failures.removeValue(forKey: id)
    }
  }

  private func publish() throws -> Bool {
    forgetEnded()
    let now = context.clock.now()
    let pending = context.ledger.read { Array($0.cuts.values) }.sorted { $0.position < $1.position }
    for cut in pending where (failedUntil[cut.id] ?? 0) <= now {
      if cut.generation != context.ledger.generation {
        let entry = LedgerEntry.abandoned(cut: cut.id, reason: "the definition changed before it was written")
        _ = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
        failedUntil[cut.id] = now + 5_000_000
        return true
      }
      let held = (reports[cut.id] ?? []).filter { $0.cutPosition == cut.position }
      guard Set(held.map(\.shard)).count == context.plan.shards else { continue }
      do {
        try publish(cut, held, now)
        return true
      } catch {
        failedUntil[cut.id] = now + 2_000_000
        publishers.removeValue(forKey: cut.id)
        try failed(cut, error)
        return true
      }
    }
    return false
  }

  private func publish(_ cut: LedgerFold.CutState, _ held: [ShardReport], _ now: Int64) throws {
    let publisher =
      try publishers[cut.id]
      ?? CutPublisher(
        plan: DatasetPlan(context.definition, asOf: cut.asOf, carriesAll: true), facts: CutFacts(cut, context),
        reports: held, place: target, programVersion: context.options.programVersion)
    publishers[cut.id] = publisher
    guard try publisher.step(), let outcome = publisher.outcome else { return }
    _ = try LedgerWriter.append(.published(cut: cut.id), to: context.broker, context.topics.ledger)
    try announce(outcome)
    publishers.removeValue(forKey: cut.id)
    reports.removeValue(forKey: cut.id)
    // Until our own entry is folded the cut looks pending.
    failedUntil[cut.id] = now + 5_000_000
    let manifest = outcome.manifest
    context.metrics.snapshotsPublished.increment()
    context.metrics.snapshotSeconds.observe(Double(max(0, context.clock.now() - cut.appendedAt)) / 1e6)
    context.metrics.snapshotLastTimestampSeconds.set(context.clock.now() / 1_000_000)
    shared.withLock {
      $0.published += 1
      $0.lastPublished = (cut.id, context.clock.now(), manifest.fingerprint, manifest.rows)
      $0.problem = nil
    }
    context.log.info(
      "snapshot published",
      [
        "snapshot": .init(cut.id), "rows": .init(manifest.rows), "fingerprint": .init(manifest.fingerprint),
        "at": .init(outcome.location),
      ])
  }

  private func failed(_ cut: LedgerFold.CutState, _ error: any Error) throws {
    guard
      error is BrokerError || error is StoreError || error is PublishError || error is BatchError
        || error is StreamError
    else { throw error }
    context.log.error("a snapshot could not be published", ["snapshot": .init(cut.id), "error": .init("\(error)")])
    shared.withLock { $0.problem = "\(error)" }
    guard let error = error as? PublishError else { return }
    switch error.code {
    case .check, .otherRows, .otherDataset, .removed:
      let entry = LedgerEntry.abandoned(cut: cut.id, reason: error.description)
      _ = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
    case .reports, .damaged:
      // A report of another ledger is never believed, and nobody writes parts a second time: after some tries the cut ends,
      // or its segments would be kept for ever.
      failures[cut.id, default: 0] += 1
      if failures[cut.id, default: 0] < ControlLoop.triesMax { break }
      let entry = LedgerEntry.abandoned(cut: cut.id, reason: error.description)
      _ = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
    case .busy: break
    }
  }

  /// Tries with reports that do not agree.
  static let triesMax = 3

  private struct Announcement: Encodable {
    var dataset: String
    var snapshot: String
    var manifest: String
    var rows: Int
    var fingerprint: String
    var asOf: String
    enum CodingKeys: String, CodingKey {
      case dataset, snapshot, manifest, rows, fingerprint
      case asOf = "as_of"
    }
  }

  private func announce(_ outcome: CutPublisher.Outcome) throws {
    let manifest = outcome.manifest
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let bytes = try encoder.encode(
      Announcement(
        dataset: manifest.dataset, snapshot: manifest.snapshot, manifest: "\(outcome.location)/manifest.json",
        rows: manifest.rows, fingerprint: manifest.fingerprint, asOf: manifest.asOf))
    _ = try context.broker.append([
      OutgoingMessage(
        topic: context.topics.snapshots, partition: 0, key: Array(manifest.snapshot.utf8), value: Array(bytes))
    ])
  }

  // MARK: Cutting

  /// Slots that are due, and what was asked for.
  private func cut() throws -> Bool {
    let now = context.clock.now()
    let requests = shared.withLock { shared in
      let taken = shared.requests
      shared.requests = []
      return taken
    }
    for request in requests where !asked.contains(where: { $0.id == request.id }) { asked.append(request) }
    if isOwner, let schedule, let slot = schedule.slot(atOrBefore: now - schedule.delay) {
      let id = Schedule.id(of: slot)
      let isNew = context.ledger.read { !$0.hasCut(id) && slot >= ($0.definedAt ?? .max) }
      if isNew && !asked.contains(where: { $0.id == id }) {
        asked.append(
          CutRequest(
            id: id, asOf: context.definition.asOf ?? slot, notBefore: slot + schedule.delay,
            listsFirst: context.definition.snapshot.listsBeforeCut))
      }
      let next = schedule.nextSlot(after: slot)
      shared.withLock { $0.nextSlot = next }
    }
    guard let first = asked.first else { return false }
    if context.ledger.read({ $0.hasCut(first.id) }) {
      asked.removeFirst()
      return true
    }
    // What was appended is not appended again before its verdict; refused as too early for its slot (our clock is fast),
    // there is time.
    if let appended, appended.cut == first.id,
      context.ledger.verdict(at: appended.offset) == nil || now - appended.at < ControlLoop.cutAgainAfter
    {
      return false
    }
    do {
      if try waitsForNewColumns() { return false }
      if first.listsFirst, try !hasRecords(first.id) || !scanner.isComplete() { return false }
    } catch let error as StoreError {
      // A store that cannot be listed holds up this cut, and nothing else.
      shared.withLock { $0.problem = "the snapshot '\(first.id)' waits: \(error)" }
      return false
    }
    let entry = LedgerEntry.cut(id: first.id, asOf: first.asOf, notBefore: first.notBefore)
    let offset = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
    context.ledger.expect(offset)
    if let appended { context.ledger.forget(appended.offset) }
    appended = (first.id, offset, now)
    watch = nil
    context.log.info("cut", ["snapshot": .init(first.id)])
    return true
  }

  /// Whether the ledger has the records that were there when the cut was first looked at.
  private func hasRecords(_ cut: String) throws -> Bool {
    var records: RecordsWatch
    if let watch, watch.cut == cut { records = watch.records } else { records = try RecordsWatch(context) }
    defer { watch = (cut, records) }
    return records.isOver(context)
  }

  /// After a change of a source's columns, its objects are read again before the next cut. Gives hints for those that are
  /// not yet.
  private func waitsForNewColumns() throws -> Bool {
    let waiting = context.ledger.read { fold in
      fold.objects.contains { object, held in
        guard held.version != nil, let source = context.source(object.source) else { return false }
        return held.schema != context.plan.sources[source].schemaHash && fold.failed[object] == nil
      }
    }
    if waiting { _ = try scanner.isComplete() }
    return waiting
  }

  // MARK: The fold

  /// Saves the fold now and then, so that workers that start need not read the whole ledger.
  private func saveFold() throws -> Bool {
    guard let fold = context.ledger.forSaving(since: savedFold ?? 0, least: context.options.foldEvery) else {
      return false
    }
    try context.folds.save(fold)
    savedFold = fold.position
    return true
  }

  // MARK: Retention

  private func retain() throws -> Bool {
    let snapshot = context.definition.snapshot
    guard snapshot.keepLast != nil || snapshot.keepFor != nil else { return false }
    let now = context.clock.now()
    guard now - retainedAt > 10_000_000 else { return false }
    retainedAt = now
    let (published, pending) = context.ledger.read { ($0.published, Set($0.cuts.keys)) }
    let known = published.filter { !retired.contains($0.id) }.map {
      RetentionRule.Snapshot(id: $0.id, cutMicroseconds: $0.cutAt)
    }
    let retention = SnapshotRetention(
      place: target, dataset: context.definition.dataset,
      rule: RetentionRule(keepLast: snapshot.keepLast, keepFor: snapshot.keepFor))
    for id in try retention.removable(known, pending: pending, now: now) {
      if try retention.remove(id, now: now) == .removed {
        context.log.info("snapshot removed by retention", ["snapshot": .init(id)])
      }
      retired.insert(id)
    }
    return true
  }
}
