internal import Definition
internal import Formats
internal import Logging
internal import Metrics
internal import Pipeline
internal import Platform

/// Objects on their way into the ledger: look at the store, read what is there, send its rows to the shards, append an
/// entry, and believe the fold's verdict only.
///
/// Any number of threads call ``step()``; each call does one job that may block on a store or the broker. All state lies
/// under one lock, taken per job, hence `@unchecked Sendable`.
final class ObjectIngest: @unchecked Sendable {
  let context: StreamContext
  private let lock = ConditionLock()
  private var tasks: [ObjectIdentity: ObjectTask] = [:]
  private var waiting: [ObjectTask] = []
  private var looked: [[ObjectTask]]
  private var staged: [ObjectAttempt] = []
  private var appended: [ObjectAttempt] = []
  private var finished: [OffsetTracker.Token] = []
  private var readingBytes: Int64 = 0
  private var looking = 0
  private(set) var counters = Counters()
  /// What the world outside did wrong last, until something succeeds.
  private var trouble: String?

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

  /// Objects that one look job takes: each may cost a round trip.
  static let looksMax = 16
  /// Stored bytes of attempts that are read at a time, beyond the first.
  static let readingBytesMax: Int64 = 256 << 20
  static let backoffFirst: Int64 = 500_000
  static let backoffMax: Int64 = 30_000_000

  init(_ context: StreamContext) {
    self.context = context
    looked = Array(repeating: [], count: context.definition.sources.count)
  }

  // MARK: In and out

  /// Somebody says that something happened to an object. `token` is finished once that is in the ledger, or needs not be.
  func offer(_ identity: ObjectIdentity, source: Int, again: Bool, isRepair: Bool, token: OffsetTracker.Token?) {
    lock.withLock {
      if let task = tasks[identity] {
        if let token { task.tokens.append(token) }
        task.again = task.again || again
        task.isDirty = true
      } else {
        let task = ObjectTask(identity: identity, source: source)
        if let token { task.tokens.append(token) }
        task.again = again
        task.isRepair = isRepair
        tasks[identity] = task
        waiting.append(task)
      }
      lock.wakeOne()
    }
  }

  /// Records of `s3.events` that are done with.
  func takeFinished() -> [OffsetTracker.Token] {
    lock.withLock {
      let taken = finished
      finished = []
      return taken
    }
  }

  /// Objects that are not done.
  var openCount: Int { lock.withLock { tasks.count } }
  var totals: Counters { lock.withLock { counters } }

  /// What objects wait for: a broker or store that does not answer, or has no room. nil if nothing is known of.
  var problem: String? { lock.withLock { tasks.isEmpty ? nil : trouble } }

  func waitForWork(milliseconds: Int) { lock.withLock { lock.wait(milliseconds: milliseconds) } }
  func wake() { lock.withLock { lock.wakeAll() } }

  // MARK: Jobs

  enum Job {
    case look([ObjectTask])
    case read(ObjectAttempt)
    case append(ObjectAttempt)
    case settle(ObjectAttempt, LedgerFold.Verdict)
  }

  /// Does one job; false when there was none to do now. Throws what no retry will mend.
  func step() throws -> Bool {
    guard let generation = ourGeneration else { return false }
    guard let job = nextJob() else { return false }
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

  private func nextJob() -> Job? {
    let now = context.clock.now()
    return lock.withLock {
      for (index, attempt) in appended.enumerated() {
        guard let offset = attempt.offset, let verdict = context.ledger.verdict(at: offset) else { continue }
        appended.remove(at: index)
        return .settle(attempt, verdict)
      }
      if !staged.isEmpty { return .append(staged.removeFirst()) }
      let ready = waiting.count { $0.notBefore <= now }
      if readingBytes == 0 || readingBytes < ObjectIngest.readingBytesMax {
        for source in looked.indices where !looked[source].isEmpty {
          // A group that may still grow waits for the looks under way.
          let bytes = looked[source].reduce(0) { $0 + ($1.info?.size ?? 0) }
          let isFull =
            bytes >= AttemptGrouping.bytesMax || looked[source].count >= groupMax(looked[source][0])
            || (ready == 0 && looking == 0)
          if isFull { return .read(group(source)) }
        }
      }
      if ready > 0 {
        var taken: [ObjectTask] = []
        waiting.removeAll { task in
          guard task.notBefore <= now, taken.count < ObjectIngest.looksMax else { return false }
          taken.append(task)
          return true
        }
        looking += 1
        return .look(taken)
      }
      for source in looked.indices where !looked[source].isEmpty && readingBytes == 0 { return .read(group(source)) }
      return nil
    }
  }

  private func groupMax(_ task: ObjectTask) -> Int {
    task.identity.bucket.isEmpty ? AttemptGrouping.inputsMax : AttemptGrouping.inputsMaxRemote
  }

  /// Within the lock.
  private func group(_ source: Int) -> ObjectAttempt {
    var taken: [ObjectTask] = []
    var bytes: Int64 = 0
    while let task = looked[source].first {
      let size = task.info?.size ?? 0
      if !taken.isEmpty && (bytes + size > AttemptGrouping.bytesMax || taken.count >= groupMax(task)) { break }
      taken.append(task)
      bytes += size
      looked[source].removeFirst()
    }
    let attempt = ObjectAttempt(source: source, tasks: taken)
    readingBytes += attempt.bytes
    return attempt
  }

  // MARK: Looking

  private func look(_ tasks: [ObjectTask]) {
    var found: [ObjectTask] = []
    var done: [ObjectTask] = []
    for task in tasks {
      lock.withLock { task.isDirty = false }
      // Before the look: whatever is accepted from here on makes the observation stale, and the entry is refused.
      let (accepted, failed) = context.ledger.read { ($0.objects[task.identity], $0.failed[task.identity]) }
      task.base = accepted?.position
      task.info = nil
      do {
        task.info = try head(task)
      } catch {
        task.info = nil
        fail(task, .store(error))
        continue
      }
      let version = task.info.map { ObjectVersion.text(of: $0) }
      let schema = context.plan.sources[task.source].schemaHash
      let isKnown =
        accepted.map { $0.version == version && (version == nil || $0.schema == schema) } ?? false
        || (version != nil && failed?.version == version && failed?.schema == schema)
      if isKnown && !task.again { done.append(task) } else { found.append(task) }
    }
    lock.withLock {
      looking -= 1
      for task in found { looked[task.source].append(task) }
      for task in done {
        counters.objectsSkipped += 1
        finish(task)
      }
    }
  }

  private func head(_ task: ObjectTask) throws(StoreError) -> ObjectInfo? {
    let location = task.identity.bucket.isEmpty ? task.identity.key : "s3://\(task.identity.bucket)/"
    let place = try context.stores.open(location)
    do {
      var info = try place.store.head(task.identity.key)
      // The place's own spelling, as the listing has it.
      info.bucket = task.identity.bucket
      info.key = task.identity.key
      // `head` gives a small file its content's hash; a listing does not, and versions must compare.
      if info.bucket.isEmpty { info.etag = nil }
      return info
    } catch {
      if error.code == .notFound { return nil }
      throw error
    }
  }

  /// Within the lock: the task is done, unless somebody spoke of the object meanwhile.
  private func finish(_ task: ObjectTask) {
    if task.isDirty {
      task.tries = 0
      task.delays = 0
      task.notBefore = 0
      waiting.append(task)
      return
    }
    finished += task.tokens
    tasks.removeValue(forKey: task.identity)
  }

  /// Within the lock.
  private func again(_ task: ObjectTask, after: Int64) {
    task.notBefore = after == 0 ? 0 : context.clock.now() + after
    waiting.append(task)
  }

  // MARK: Reading

  private func read(_ attempt: ObjectAttempt, generation: Int) throws {
    let id = context.attempts.make()
    let source = context.plan.sources[attempt.source]
    let splitter = ShardSplitter(shards: context.plan.shards, types: source.carriedTypes)
    var sender = RowSender(context, attempt: id, source: attempt.source, generation: generation)
    var letters = DeadLetterSender(context, attempt: id)
    let reading = ObjectReading(plan: context.decoding[attempt.source], maxRowBytes: context.definition.maxRowBytes)
    var inputs: [CommittedInput] = []
    var rowsRead: UInt64 = 0
    var rowsRejected: UInt64 = 0
    defer { lock.withLock { readingBytes -= attempt.bytes } }
    for (number, task) in attempt.tasks.enumerated() {
      guard let info = task.info else {
        inputs.append(
          CommittedInput(
            object: task.identity, version: nil, base: task.base, rowsRead: 0, rowsApplied: 0, rowsRejected: 0))
        continue
      }
      do {
        let place = try context.stores.open(info.bucket.isEmpty ? info.key : "s3://\(info.bucket)/")
        let file = InputFile(source: attempt.source, info: info, number: UInt32(number), store: place.store)
        var rejects = RejectBuffer()
        let counts = try reading.read(file, number: number, into: splitter, rejects: &rejects) { batches, rejects in
          try sender.send(batches)
          if rejects.lines.count > IngestEngine.rejectBytesMax { try letters.send(&rejects) }
        }
        try letters.send(&rejects)
        rowsRead += counts.read
        rowsRejected += counts.rejected
        inputs.append(
          CommittedInput(
            object: task.identity, version: ObjectVersion.text(of: info), base: task.base, rowsRead: counts.read,
            rowsApplied: counts.read - counts.rejected, rowsRejected: counts.rejected,
            facts: ObjectFacts(
              size: info.size, modified: info.modifiedMicroseconds, etag: info.etag, versionID: info.version,
              sha256: counts.sha256, reasons: counts.rejected == 0 ? nil : rejects.reasons)))
      } catch {
        // The attempt's rows lie in `rows` without an entry: nobody will ever see them. The others are read again.
        lock.withLock { for other in attempt.tasks where other !== task { again(other, after: 0) } }
        try failed(task, error)
        return
      }
    }
    do {
      try sender.send(splitter.finish())
      try sender.flush()
      try letters.flush()
    } catch {
      try failed(attempt, error)
      return
    }
    attempt.commit = Commit(
      generation: generation, attempt: id, inputs: inputs, schema: source.schemaHash, shards: sender.receipts)
    context.metrics.rowsRead(source: source.source.name).increment(by: rowsRead)
    context.metrics.bytesRead(source: source.source.name).increment(by: attempt.bytes)
    context.metrics.deadLetters.increment(by: letters.count)
    lock.withLock {
      counters.rowsRead += rowsRead
      counters.rowsRejected += rowsRejected
      counters.bytesRead += attempt.bytes
      counters.deadLetters += letters.count
      trouble = nil
      staged.append(attempt)
    }
  }

  private func failed(_ task: ObjectTask, _ error: any Error) throws {
    switch error {
    case let error as ObjectReading.Failure: fail(task, error)
    case let error as StoreError: fail(task, .store(error))
    case let error as StreamError: fail(task, .unreadable(error.description))
    case let error as BrokerError:
      context.log.warning("cannot send rows; will try again", ["error": .init(error.description)])
      lock.withLock {
        trouble = error.description
        again(task, after: ObjectIngest.backoffFirst)
      }
    default: throw error
    }
  }

  private func failed(_ attempt: ObjectAttempt, _ error: any Error) throws {
    guard error is BrokerError || error is StoreError else { throw error }
    context.log.warning("cannot commit; will try again", ["error": .init("\(error)")])
    lock.withLock {
      trouble = "\(error)"
      for task in attempt.tasks { again(task, after: ObjectIngest.backoffFirst) }
    }
  }

  /// Tries again later, or sets the object aside.
  private func fail(_ task: ObjectTask, _ failure: ObjectReading.Failure) {
    let backoff = min(
      ObjectIngest.backoffMax, ObjectIngest.backoffFirst << Int64(min(task.tries + task.delays, 10)))
    let reason: String
    switch failure {
    case .changed:
      // Once it is looked at again at once; one that changes all the time, or whose store contradicts itself, waits.
      task.delays += 1
      lock.withLock { again(task, after: task.delays == 1 ? 0 : backoff) }
      return
    case .store(let error):
      // A store that is away comes back; what it refuses, it may refuse for ever.
      if error.code == .unavailable || error.code == .full {
        context.log.warning("the store does not answer; will try again", ["error": .init(error.description)])
        task.delays += 1
        lock.withLock {
          trouble = error.description
          again(task, after: backoff)
        }
        return
      }
      reason = error.description
    case .unreadable(let message): reason = message
    }
    task.tries += 1
    // It is aside already, and nothing new is known of it: said once is enough.
    if let failed = context.ledger.read({ $0.failed[task.identity] }), failed.version == task.version,
      !task.again || task.tries >= context.options.triesMax
    {
      lock.withLock { finish(task) }
      return
    }
    context.log.warning(
      "cannot read an object",
      [
        "input": .init(task.identity.location), "source": .init(task.identity.source), "reason": .init(reason),
        "try": .init("\(task.tries)"),
      ]
    )
    if task.tries < context.options.triesMax {
      lock.withLock { again(task, after: backoff) }
      return
    }
    let failed = context.ledger.read { $0.failed[task.identity] }
    if let failed, failed.version == task.version, failed.schema == schema(task), failed.reason == reason {
      // Whoever lists the store speaks of it again and again: the ledger knows already.
      lock.withLock { finish(task) }
      return
    }
    let attempt = ObjectAttempt(source: task.source, tasks: [task])
    attempt.setsAside = reason
    lock.withLock { staged.append(attempt) }
  }

  private func schema(_ task: ObjectTask) -> String { context.plan.sources[task.source].schemaHash }

  // MARK: Committing

  private func append(_ attempt: ObjectAttempt) throws {
    do {
      if let reason = attempt.setsAside, let task = attempt.tasks.first {
        let version = task.version
        try DeadLetterSender.object(context, task.identity, version: version, reason: reason, tries: task.tries)
        let entry = LedgerEntry.setAside(
          task.identity, version: version, reason: reason, schema: schema(task))
        attempt.offset = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
      } else if let commit = attempt.commit {
        attempt.offset = try LedgerWriter.append(.commit(commit), to: context.broker, context.topics.ledger)
      }
    } catch {
      // It may be in the ledger all the same: then the next look finds its version accepted.
      try failed(attempt, error)
      return
    }
    if let offset = attempt.offset { context.ledger.expect(offset) }
    lock.withLock { appended.append(attempt) }
  }

  private func settle(_ attempt: ObjectAttempt, _ verdict: LedgerFold.Verdict) {
    if let offset = attempt.offset { context.ledger.forget(offset) }
    lock.withLock {
      guard case .inputs(let verdicts) = verdict else {
        // Set aside; or a commit whose verdict is not known, which the next look will tell.
        for task in attempt.tasks { if attempt.setsAside != nil { finish(task) } else { again(task, after: 0) } }
        return
      }
      let source = context.plan.sources[attempt.source].source.name
      for (index, (task, accepted)) in zip(attempt.tasks, verdicts).enumerated() {
        context.metrics.inputsCommitted(source: source, accepted ? .accepted : .refused).increment()
        if accepted {
          for (reason, rows) in attempt.commit?.inputs[index].facts?.reasons ?? [:] {
            context.metrics.rowsRejected(source: source, reason: reason).increment(by: rows)
          }
          if task.isRepair { context.metrics.repairedInputs.increment() }
          counters.objectsAccepted += 1
          if task.isRepair { counters.repaired += 1 }
          task.again = false
          finish(task)
        } else {
          counters.objectsRefused += 1
          again(task, after: 0)
        }
      }
    }
  }
}
