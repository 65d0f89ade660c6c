internal import Platform
internal import Status
internal import Threads

extension StreamNode {
  /// What a stop left undone because the broker did not answer. All of it is taken up again at the next start, here or
  /// elsewhere.
  public struct Unfinished: Sendable, Hashable {
    /// Objects and records that are not in the ledger, as far as they are known of here.
    public var objects: Int
    public var records: Int
    /// Shards that were not handed over: what came for them since their last checkpoint is folded again.
    public var shards: Int
    /// Threads that still wait for the broker: the process has to end without them.
    public var threads: Int
  }

  /// How long shards may take to be handed over when the node stops.
  static let drainMilliseconds = 7_000
  /// The same for a broker that says nothing, and for the threads that wait for it then.
  static let drainSilentMilliseconds = 2_000
  /// The same where the system gives no thread to ask it with.
  static let drainUnaskedMilliseconds = 5_000
  static let endMilliseconds = 2_000

  /// Stops: no more intake, what is done is committed, shards are checkpointed and handed over. Blocks for some seconds at
  /// most: where the broker does not answer there is no use in waiting for it, and what is left is given.
  public func stop() -> Unfinished? {
    parts.cuts.stop()
    let isAway = failure == nil && !drain()
    state.withLock { $0.phase = .stopping }
    feed?.cancel()
    parts.objects.wake()
    let left = isAway ? unfinished : nil
    // Appends that wait for it end at once.
    if isAway { context.broker.close() }
    guard isAway || failure != nil else {
      for thread in state.withLock({ $0.threads }) { thread.join() }
      close()
      return nil
    }
    var patience = StreamNode.endMilliseconds
    var threads = 0
    for thread in state.withLock({ $0.threads }) {
      let began = monotonicMicroseconds()
      if !thread.join(milliseconds: patience) { threads += 1 }
      patience = max(0, patience - Int(monotonicMicroseconds() - began) / 1000)
    }
    if threads == 0 { close() }
    guard var left else { return threads == 0 ? nil : Unfinished(objects: 0, records: 0, shards: 0, threads: threads) }
    left.threads = threads
    return left
  }

  /// Closed by their own threads as a rule; all that is left over here is closed now.
  private func close() {
    parts.ingest.close()
    parts.control.close()
    parts.join.close()
    context.ledger.close()
  }

  /// Lets the groups' threads hand over and leave while the shards' threads still run, for they write the last
  /// checkpoints. False if the broker does not answer.
  private func drain() -> Bool {
    let hasAnswered = Locked(false)
    // Its thread may outlive us: a question to a broker that is away is long.
    let asking = SystemThread.ifAny { [context] in
      do {
        _ = try context.broker.bounds([TopicPartition(context.topics.ledger, 0)])
      } catch let error as BrokerError where error.isTransient {
        return
      } catch {}
      hasAnswered.withLock { $0 = true }
    }
    asking?.detach()
    let patience = asking == nil ? StreamNode.drainUnaskedMilliseconds : StreamNode.drainSilentMilliseconds
    state.withLock { $0.isDraining = true }
    let began = monotonicMicroseconds()
    while true {
      let isOver = state.withLock { $0.isDrained || $0.failure != nil }
      let waited = Int(monotonicMicroseconds() - began) / 1000
      // Where nobody can ask, a hand-over that is done is an answer.
      let answers = hasAnswered.withLock { $0 } || (asking == nil && isOver)
      if answers && (isOver || waited >= StreamNode.drainMilliseconds) { return true }
      // Also where all is handed over: what is not in the ledger yet cannot be told.
      if !answers && waited >= patience { return false }
      pause(milliseconds: 20)
    }
  }

  private var unfinished: Unfinished {
    Unfinished(
      objects: parts.objects.openCount, records: parts.records.waitingCount, shards: parts.join.shards.count, threads: 0
    )
  }
}
