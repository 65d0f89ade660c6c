internal import Definition
internal import Pipeline
internal import Platform
internal import Threads

/// Objects on their way into the ledger: look at the store, read what is there, send its rows to the shards, append an
/// entry, and believe the fold's verdict only.
///
/// Any number of threads call ``step()``; each call does one job that may block on a store or the broker. All state lies
/// under one lock, taken per job, hence `@unchecked Sendable`.
final class ObjectIngest: @unchecked Sendable {
  let context: StreamContext
  let lock = ConditionLock()
  var queue: ObjectQueue
  var counters = Counters()
  /// What the world outside did wrong last, until something succeeds.
  var trouble: String?

  struct Counters: Sendable {
    var objectsAccepted = 0
    var objectsRefused = 0
    var objectsSkipped = 0
    var repaired = 0
    var rowsRead: UInt64 = 0
    var rowsRejected: UInt64 = 0
    var bytesRead: Int64 = 0
    var deadLetters = 0
  }

  static let backoffFirst: Int64 = 500_000
  static let backoffMax: Int64 = 30_000_000

  init(_ context: StreamContext) {
    self.context = context
    queue = ObjectQueue(sources: context.definition.sources.count)
  }

  // MARK: In and out

  /// Somebody says that something happened to an object. `token` is finished once that is in the ledger, or needs not be.
  func offer(_ identity: ObjectIdentity, source: Int, again: Bool, isRepair: Bool, token: OffsetTracker.Token?) {
    lock.withLock {
      queue.offer(identity, source: source, again: again, isRepair: isRepair, token: token)
      lock.wakeOne()
    }
  }

  /// Records of `s3.events` that are done with.
  func takeFinished() -> [OffsetTracker.Token] { lock.withLock { queue.takeFinished() } }

  /// Objects that are not done.
  var openCount: Int { lock.withLock { queue.tasks.count } }
  var totals: Counters { lock.withLock { counters } }

  /// What objects wait for: a broker or store that does not answer, or has no room. nil if nothing is known of.
  var problem: String? { lock.withLock { queue.tasks.isEmpty ? nil : trouble } }

  func waitForWork(milliseconds: Int) { lock.withLock { lock.wait(milliseconds: milliseconds) } }
  func wake() { lock.withLock { lock.wakeAll() } }

  // MARK: Jobs

  /// Does one job; false when there was none to do now. Throws what no retry will mend.
  func step() throws -> Bool {
    guard let generation = ourGeneration else { return false }
    let now = context.clock.now()
    guard let job = lock.withLock({ queue.nextJob(now: now) { context.ledger.verdict(at: $0) } }) else { return false }
    switch job {
    case .look(let tasks): look(tasks)
    case .read(let attempt): try read(attempt, generation: generation)
    case .append(let attempt): try append(attempt)
    case .settle(let attempt, let verdict): settle(attempt, verdict)
    }
    lock.withLock { lock.wakeAll() }
    return true
  }

  /// The generation of our definition, if it is the one in force and the ledger has been read to its end.
  private var ourGeneration: Int? {
    guard context.ledger.isAtHead else { return nil }
    return context.ledger.read { $0.semanticHash == context.semanticHash ? $0.generation : nil }
  }

  /// Within the lock.
  func again(_ task: ObjectTask, after: Int64) {
    queue.again(task, notBefore: after == 0 ? 0 : context.clock.now() + after)
  }
}
