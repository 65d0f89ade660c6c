internal import Logging
internal import Platform
internal import Status
internal import Threads

/// The node's threads: which there are, and what each does about what goes wrong.
extension StreamNode {
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
