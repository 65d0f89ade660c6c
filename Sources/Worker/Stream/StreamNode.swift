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
  private let options: NodeOptions
  private let log: Log
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

  /// Starts all threads; returns at once. One of each kind is needed; of what more there are for speed, the system may give
  /// fewer.
  public func start() {
    spawn("ledger", needsTopics: false) { [self] in
      try parts.define()
      let moved = try context.ledger.step(milliseconds: 50)
      try parts.checkDefinition()
      if context.ledger.isAtHead { state.withLock { if $0.phase == .starting { $0.phase = .running } } }
      return moved
    }
    // Each group's member belongs to its thread, which leaves the group as soon as the node is to stop: all three at once,
    // for leaving may take seconds.
    spawn("ingest", rejoins: parts.ingest.rejoin) { [self] in
      guard state.withLock({ $0.isDraining }) else { return try parts.ingest.step(milliseconds: 20) }
      parts.ingest.close()
      return false
    }
    spawn("records") { [self] in
      let moved = try parts.records.step()
      if !moved { parts.records.waitForWork(milliseconds: 5) }
      return true
    }
    spawn("join", rejoins: parts.join.rejoin) { [self] in
      // This one hands the shards over, too.
      guard state.withLock({ $0.isDraining }) else { return try parts.join.poll(milliseconds: 20) }
      parts.join.close()
      state.withLock { $0.isDrained = true }
      return false
    }
    if let feed {
      spawn("events") { [self] in
        // The topic is made by the ledger's thread.
        context.ledger.isAtHead ? try feed.step() : false
      }
    }
    spawn("supply") { [self] in
      let moved = try parts.supply.step()
      if !moved { sleep(milliseconds: 200) }
      return moved
    }
    spawn("control", rejoins: parts.control.rejoin) { [self] in
      guard state.withLock({ $0.isDraining }) else { return try parts.control.step(milliseconds: 20) }
      parts.control.close()
      return false
    }
    spawn("lag") { [self] in
      let lag = parts.lag()
      state.withLock { $0.lag = lag }
      tell()
      sleep(milliseconds: 2_000)
      return true
    }
    // Twice as many for shards as there are processors: one waits for the broker and the store now and then. As many for
    // cuts: while a part's files are brought to the device, another is made.
    let (readers, workers) = (max(1, options.readers), 2 * max(1, options.threads))
    var missing = 0
    for number in 0..<max(readers, workers) {
      if number < readers && !spawnReader(number) { missing += 1 }
      if number < workers { missing += spawnWorkers(number) }
    }
    if missing > 0 && isGoingOn {
      log.warning(
        "goes on with fewer threads",
        [
          "missing": .init(missing), "of": .init(readers + 2 * workers),
          "error": .init(ThreadError.tooMany.description),
        ])
    }
  }

  private func spawnReader(_ number: Int) -> Bool {
    spawn("objects-\(number)", isNeeded: number == 0) { [self] in
      let moved = try parts.objects.step()
      if !moved { parts.objects.waitForWork(milliseconds: 20) }
      return true
    }
  }

  /// Of shards and of cuts; gives how many cannot be had.
  private func spawnWorkers(_ number: Int) -> Int {
    let hasShards = spawn("shards-\(number)", isNeeded: number == 0) { [self] in
      let moved = try parts.join.work()
      if !moved { parts.join.waitForWork(milliseconds: 5) }
      return true
    }
    let hasCuts = spawn("cuts-\(number)", isNeeded: number == 0) { [self] in
      let moved = try parts.cuts.step()
      // A shard that has come to a cut wakes us.
      if !moved { parts.join.waitForCuts(milliseconds: 20) }
      return true
    }
    return (hasShards ? 0 : 1) + (hasCuts ? 0 : 1)
  }

  /// A thread that steps until the node stops. What the world outside does wrong is waited out and told; anything else
  /// fails the node, and so does a thread that cannot be had, where it `isNeeded`. Says whether there is one.
  @discardableResult private func spawn(
    _ name: String, needsTopics: Bool = true, isNeeded: Bool = true, rejoins: (@Sendable () -> Void)? = nil,
    _ step: @escaping @Sendable () throws -> Bool
  ) -> Bool {
    guard isGoingOn else { return false }
    do {
      let thread = try SystemThread { [self] in loop(name, needsTopics: needsTopics, rejoins: rejoins, step) }
      state.withLock { $0.threads.append(thread) }
      return true
    } catch {
      if isNeeded { fail(error.description) }
      return false
    }
  }

  private func loop(
    _ name: String, needsTopics: Bool, rejoins: (@Sendable () -> Void)?, _ step: @Sendable () throws -> Bool
  ) {
    var fences = FenceCount()
    while isGoingOn {
      // A dataset that begins has none yet, and a group that subscribes to what is not there is refused.
      if needsTopics && !parts.areTopicsMade {
        sleep(milliseconds: 10)
        continue
      }
      do {
        let moved = try step()
        state.withLock { _ = $0.troubles.removeValue(forKey: name) }
        if !moved { sleep(milliseconds: 5) }
      } catch let error as BrokerError where Self.isWaitedOut(error) {
        trouble(name, error.description)
      } catch let error as BrokerError where error.code == .closed {
        return
      } catch let error as BrokerError where error.code == .fenced && rejoins != nil {
        guard fences.mayRejoin(now: context.clock.now()) else {
          fail("\(error)")
          return
        }
        log.warning("was away for too long; joining again", ["part": .init(name), "error": .init(error.description)])
        rejoins?()
      } catch let error as StoreError where error.code != .protocolViolation {
        trouble(name, error.description)
      } catch {
        fail("\(error)")
      }
    }
  }

  /// A topic that was just made may be unknown to some brokers of a cluster for a while; one that nobody made is told of
  /// until somebody does.
  private static func isWaitedOut(_ error: BrokerError) -> Bool {
    error.isTransient || error.code == .full || error.code == .noSuchTopic
  }

  /// Lines for people who watch: when it serves, and now and then how much it has read.
  private func tell() {
    let isReady = unready.isEmpty
    let totals = parts.totals
    let now = context.clock.now()
    for line in state.withLock({ $0.journal.lines(isReady: isReady, totals, now: now) }) {
      line.write(to: log)
    }
  }

  private func trouble(_ name: String, _ text: String) {
    // What was given up because we stop is no trouble.
    guard isGoingOn else { return }
    let isNew = state.withLock { state in
      defer { state.troubles[name] = text }
      return state.troubles[name] != text
    }
    if isNew { log.warning("waiting", ["part": .init(name), "error": .init(text)]) }
    sleep(milliseconds: 1_000)
  }

  private func fail(_ text: String) {
    let isFirst = state.withLock { state in
      defer {
        state.failure = state.failure ?? text
        state.phase = .stopping
      }
      return state.failure == nil
    }
    if isFirst { log.error(text) }
  }

  private var isGoingOn: Bool { state.withLock { $0.phase != .stopping } }

  /// In small pieces, so that stopping does not wait.
  private func sleep(milliseconds: Int) {
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

/// How often a group has shut a member out lately. A worker that was frozen, or cut off, for longer than its session is
/// shut out once and joins again; one that shares its name with another is shut out as often as it joins.
struct FenceCount {
  private var times: [Int64] = []

  static let most = 4
  static let within: Int64 = 120_000_000

  /// `now`: microseconds.
  mutating func mayRejoin(now: Int64) -> Bool {
    times.removeAll { now - $0 >= FenceCount.within }
    times.append(now)
    return times.count <= FenceCount.most
  }
}
