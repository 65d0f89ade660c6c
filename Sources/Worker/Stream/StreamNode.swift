public import Definition
public import Logging
internal import Metrics
public import Pipeline
public import Platform
public import Status
internal import Threads

/// What a streaming worker is told from outside.
public struct NodeOptions: Sendable {
  /// The worker's static name in the groups; unique among the dataset's workers.
  public var name: String
  public var programVersion: String
  public var threads: Int
  /// Where segments are kept at hand.
  public var cacheDirectory: String
  /// Time between listings, microseconds; `listsForEvents`: they take the place of notifications.
  public var listEvery: Int64
  public var listsForEvents: Bool
  public var commitEvery: Int64
  public var checkpointEvery: Int64
  public var emitsFeatures: Bool
  /// Threads that read objects at a time, each blocked on a store most of the time.
  public var readers: Int
  public var brokerKind: NodeStatus.Broker.Kind
  /// What snapshots were made from, kept in memory for the next ones, bytes.
  public var keptBytes: Int
  /// New rows that are only in memory before a checkpoint writes them down sooner than its time, bytes.
  public var checkpointBytes: Int

  public init(
    name: String, programVersion: String, threads: Int, cacheDirectory: String, listEvery: Int64,
    listsForEvents: Bool, commitEvery: Int64 = 200_000, checkpointEvery: Int64 = 10_000_000, emitsFeatures: Bool = true,
    readers: Int, brokerKind: NodeStatus.Broker.Kind, keptBytes: Int = 1 << 30,
    checkpointBytes: Int = 64 << 20
  ) {
    self.name = name
    self.programVersion = programVersion
    self.threads = threads
    self.cacheDirectory = cacheDirectory
    self.listEvery = listEvery
    self.listsForEvents = listsForEvents
    self.commitEvery = commitEvery
    self.checkpointEvery = checkpointEvery
    self.emitsFeatures = emitsFeatures
    self.readers = readers
    self.brokerKind = brokerKind
    self.keptBytes = keptBytes
    self.checkpointBytes = checkpointBytes
  }

  var stream: StreamOptions {
    var stream = StreamOptions(member: name, programVersion: programVersion, threads: threads)
    stream.listEvery = listEvery
    stream.listsForEvents = listsForEvents
    stream.commitEvery = commitEvery
    stream.checkpointEvery = checkpointEvery
    stream.emitsFeatures = emitsFeatures
    stream.keptBytes = keptBytes
    stream.checkpointBytes = checkpointBytes
    // Of Parquet most of it is by reference what is kept anyway.
    stream.heldBytes = keptBytes / 4
    stream.createsRecordTopics = brokerKind == .embedded
    return stream
  }
}

/// Something that brings notifications to the topic of events from elsewhere: a queue, say.
public protocol EventFeed: Sendable {
  /// Brings what is there, waiting for it a while; false when there was nothing. One thread calls it. Throws
  /// ``StoreError`` or ``BrokerError`` where trying again may help.
  func step() throws -> Bool
  /// Ends a step under way soon. Any thread.
  func cancel()
}

/// One streaming worker: all loops of ``StreamParts`` on threads of their own.
///
/// ```
/// starting ─▶ running ─▶ stopping ─▶ stopped
///     └──────────┴──▶ failed: what no retry mends; `failure` says what
/// ```
public final class StreamNode: Sendable {
  let parts: StreamParts
  let options: NodeOptions
  let log: Log
  private let started: Int64
  let feed: (any EventFeed)?
  let state = Locked(State())

  struct State {
    var phase = NodeStatus.State.starting
    var failure: String?
    var threads: [SystemThread] = []
    /// What each loop is waiting out, by its name.
    var troubles: [String: String] = [:]
    var lag: [NodeStatus.Lag] = []
    var journal = NodeJournal()
    var isDraining = false
    var isDrained = false
  }

  /// Opens nothing yet; throws what is wrong with the definition or its places.
  public init(
    _ definition: Definition, semanticHash: String, record: Manifest.DefinitionRecord, broker: any Broker,
    stores: any StoreDirectory, clock: any WallClock, options: NodeOptions, log: Log, feed: (any EventFeed)? = nil
  ) throws {
    self.options = options
    self.feed = feed
    self.log = log
    started = clock.now()
    let context = try StreamContext(
      definition, semanticHash: semanticHash, record: record, broker: broker, stores: stores, clock: clock,
      attempts: .random, options: options.stream, log: log)
    parts = try StreamParts(context, files: DirectorySegmentFiles(options.cacheDirectory))
    context.metrics.shards { [parts] in
      parts.join.shards.map { WorkerMetrics.Shard($0.shard, position: Int64($0.position), rows: Int64($0.rows)) }
    }
    context.metrics.lag { [state] in
      state.withLock { $0.lag }.map { WorkerMetrics.Lag(topic: $0.topic, partition: $0.partition, records: $0.records) }
    }
  }

  var context: StreamContext { parts.context }
  var broker: any Broker { context.broker }

  // MARK: Life

  /// Lines for people who watch: when it serves, and now and then how much it has read.
  func tell() {
    let isReady = unready.isEmpty
    let totals = parts.totals
    let now = context.clock.now()
    for line in state.withLock({ $0.journal.lines(isReady: isReady, totals, now: now) }) {
      line.write(to: log)
    }
  }

  func trouble(_ name: String, _ text: String) {
    // What was given up because we stop is no trouble.
    guard isGoingOn else { return }
    let isNew = state.withLock { state in
      defer { state.troubles[name] = text }
      return state.troubles[name] != text
    }
    if isNew { log.warning("waiting", ["part": .init(name), "error": .init(text)]) }
    sleep(milliseconds: 1_000)
  }

  func fail(_ text: String) {
    let isFirst = state.withLock { state in
      defer {
        state.failure = state.failure ?? text
        state.phase = .stopping
      }
      return state.failure == nil
    }
    if isFirst { log.error(text) }
  }

  var isGoingOn: Bool { state.withLock { $0.phase != .stopping } }

  /// In small pieces, so that stopping does not wait.
  func sleep(milliseconds: Int) {
    var left = milliseconds
    while left > 0 && isGoingOn {
      pause(milliseconds: min(left, 50))
      left -= 50
    }
  }

  func pause(milliseconds: Int) {
    let lock = ConditionLock()
    lock.withLock { lock.wait(milliseconds: milliseconds) }
  }

  /// Why it cannot go on; nil while it can.
  public var failure: String? { state.withLock { $0.failure } }

  // MARK: Asking

  /// Asks for a snapshot, which any worker may cut. `listsFirst`: once the stores hold nothing that the ledger has not.
  public func requestSnapshot(id: String, asOf: Int64, listsFirst: Bool) {
    parts.control.request(
      ControlLoop.CutRequest(id: id, asOf: asOf, notBefore: .min, listsFirst: listsFirst))
  }

  /// Where a cut is: nil if no such cut was accepted, true once it ended.
  public func hasEnded(cut id: String) -> Bool? {
    context.ledger.read { fold in fold.hasCut(id) ? fold.cuts[id] == nil : nil }
  }

  public func wasPublished(cut id: String) -> Bool {
    context.ledger.read { fold in fold.published.contains { $0.id == id } }
  }

  /// Lists the stores now; with `again`, all objects are read anew.
  public func requestListing(again: Bool) { parts.control.requestListing(again: again) }

  /// What could not be used, and what can be done about it.
  public var deadLetters: DeadLetterBox {
    DeadLetterBox(context.definition, broker: context.broker, ledger: context.ledger)
  }

  /// Why it is not ready to serve; empty when it is.
  public var unready: [String] {
    let (phase, failure, troubles) = state.withLock { ($0.phase, $0.failure, $0.troubles) }
    var reasons: [String] = []
    if let failure { reasons.append(failure) }
    if phase == .starting { reasons.append("the ledger is being read") }
    if phase == .stopping && failure == nil { reasons.append("stopping") }
    for (part, text) in troubles.sorted(by: { $0.key < $1.key }) { reasons.append("\(part): \(text)") }
    if let problem = parts.objects.problem { reasons.append("objects wait: \(problem)") }
    if !parts.join.isJoined { reasons.append("the group of shards is being joined") }
    for shard in parts.join.shards where shard.state != "serving" || shard.reason != nil {
      reasons.append("shard \(shard.shard) is \(shard.state)" + (shard.reason.map { ": \($0)" } ?? ""))
    }
    reasons += parts.records.stoppedReasons
    return reasons
  }

  public var status: NodeStatus {
    let (phase, troubles, lag) = state.withLock { ($0.phase, $0.troubles, $0.lag) }
    return parts.status(
      options, phase: phase, started: started, isReachable: !troubles.values.contains { $0.contains("broker") },
      lag: lag)
  }

  /// Prometheus' text.
  public var metricsText: String {
    let metrics = context.metrics
    let totals = parts.totals
    metrics.inputsInFlight.set(totals.inputsInFlight)
    metrics.inputsFailed.set(context.ledger.read { $0.failed.count })
    metrics.ledgerPosition.set(totals.ledgerPosition)
    metrics.stagedBytes.set(totals.stagedBytes)
    return metrics.registry.text()
  }
}
