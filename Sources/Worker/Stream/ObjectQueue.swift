internal import Pipeline
internal import Platform

/// Which objects there are to be done, and what is to be done next: whoever owns it does it, and says so.
///
/// A value without I/O or a clock; its owner's lock guards it, and the tasks in it.
struct ObjectQueue {
  /// All that are not done.
  private(set) var tasks: [ObjectIdentity: ObjectTask] = [:]
  private var waiting: [ObjectTask] = []
  /// By source: seen, and to be read in groups.
  var looked: [[ObjectTask]]
  var staged: [ObjectAttempt] = []
  var appended: [ObjectAttempt] = []
  private var finished: [OffsetTracker.Token] = []
  /// Stored bytes of attempts that are read.
  private var readingBytes: Int64 = 0
  /// Threads that read them, those among them that cut a large object's blocks ahead of another.
  private var readingThreads = 0
  /// Looks under way.
  var looking = 0

  enum Job {
    case look([ObjectTask])
    case read(ObjectAttempt)
    case append(ObjectAttempt)
    case settle(ObjectAttempt, LedgerFold.Verdict)
  }

  /// Objects that one look job takes: each may cost a round trip.
  static let looksMax = 16
  /// Stored bytes of attempts that are read at a time, beyond the first.
  static let readingBytesMax: Int64 = 256 << 20
  /// Stored bytes of an object from which on it is worth a second thread.
  static let aheadBytesMin: Int64 = 4 << 20

  /// What an object takes in its entry, its key apart, and what all of them may: the entry has the shards' receipts, too.
  private static let entryBytes = 600
  private static let entryBytesMax = 480_000

  init(sources: Int) { looked = Array(repeating: [], count: sources) }

  /// See ``ObjectIngest/offer(_:source:again:isRepair:token:)``.
  mutating func offer(
    _ identity: ObjectIdentity, source: Int, again: Bool, isRepair: Bool, token: OffsetTracker.Token?
  ) {
    if let task = tasks[identity] {
      if let token { task.tokens.append(token) }
      task.again = task.again || again
      task.isDirty = true
      return
    }
    let task = ObjectTask(identity: identity, source: source)
    if let token { task.tokens.append(token) }
    task.again = again
    task.isRepair = isRepair
    tasks[identity] = task
    waiting.append(task)
  }

  mutating func takeFinished() -> [OffsetTracker.Token] {
    defer { finished = [] }
    return finished
  }

  /// The job nearest to the ledger; nil while there is none. `verdict`: that on the entry at an offset, if it is known.
  mutating func nextJob(now: Int64, verdict: (Int64) -> LedgerFold.Verdict?) -> Job? {
    for (index, attempt) in appended.enumerated() {
      guard let offset = attempt.offset, let verdict = verdict(offset) else { continue }
      appended.remove(at: index)
      return .settle(attempt, verdict)
    }
    if !staged.isEmpty { return .append(staged.removeFirst()) }
    let ready = waiting.count { $0.notBefore <= now }
    if readingBytes == 0 || readingBytes < ObjectQueue.readingBytesMax {
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
        guard task.notBefore <= now, taken.count < ObjectQueue.looksMax else { return false }
        taken.append(task)
        return true
      }
      looking += 1
      return .look(taken)
    }
    for source in looked.indices where !looked[source].isEmpty && readingBytes == 0 { return .read(group(source)) }
    return nil
  }

  private func groupMax(_ task: ObjectTask) -> Int {
    task.identity.bucket.isEmpty ? AttemptGrouping.inputsMax : AttemptGrouping.inputsMaxRemote
  }

  private mutating func group(_ source: Int) -> ObjectAttempt {
    var taken: [ObjectTask] = []
    var bytes: Int64 = 0
    var entryBytes = 0
    while let task = looked[source].first {
      let size = task.info?.size ?? 0
      // A control character takes six bytes in JSON.
      let key = task.identity.key.utf8.reduce(0) { $0 + ($1 < 0x20 || $1 == 0x7f ? 6 : 2) }
      let entrySize = ObjectQueue.entryBytes + key
      let fits =
        bytes + size <= AttemptGrouping.bytesMax && taken.count < groupMax(task)
        && entryBytes + entrySize <= ObjectQueue.entryBytesMax
      if !taken.isEmpty && !fits { break }
      taken.append(task)
      bytes += size
      entryBytes += entrySize
      looked[source].removeFirst()
    }
    let attempt = ObjectAttempt(source: source, tasks: taken)
    readingThreads += 1
    readingBytes += attempt.bytes
    return attempt
  }

  /// The attempt of a ``Job/read(_:)`` is read, or given up.
  mutating func finishReading(_ attempt: ObjectAttempt) {
    readingThreads -= 1
    readingBytes -= attempt.bytes
  }

  /// Whether an object of so many bytes gets a second thread, where as many as `threads` have processors. Whoever is given one
  /// says ``endAhead()``.
  mutating func beginAhead(_ bytes: Int64, threads: Int) -> Bool {
    guard bytes >= ObjectQueue.aheadBytesMin, readingThreads < threads else { return false }
    readingThreads += 1
    return true
  }

  mutating func endAhead() { readingThreads -= 1 }

  /// The task is done, unless somebody spoke of the object meanwhile.
  mutating func finish(_ task: ObjectTask) {
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

  /// It is to be looked at again, not before that time.
  mutating func again(_ task: ObjectTask, notBefore: Int64) {
    task.notBefore = notBefore
    waiting.append(task)
  }
}
