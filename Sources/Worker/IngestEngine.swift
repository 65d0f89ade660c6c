internal import Columns
internal import Definition
internal import Formats
internal import Pipeline
internal import Platform
internal import Threads

/// Reads all attempts and folds them into shard states: fetch → cut → decode → deal → apply → commit.
/// (Records of topics are not cut, rows of segments are only applied.)
///
/// Fetchers block on I/O and fill each attempt's mailbox, held back by a byte budget. Workers do what is nearest to
/// the output first — make room for a source's rows, apply what was dealt, decode cut blocks, cut further — so that
/// memory drains before it fills. All scheduling state lies under one lock, which is taken once a block, never a row.
final class IngestEngine: @unchecked Sendable {
  // Sendable: mutable state is guarded by `lock`, by the `advancing` and `emitting` flags under it, or (each shard's state)
  // by the shard's lock.
  let plan: DatasetPlan
  let options: BatchOptions
  let decoding: [DecodingPlan]
  let tables: [InputTable]
  let states: [ShardState]
  /// Where keys' numbers in `states` are found.
  let directory: KeyDirectory
  /// One a shard; held while rows are applied to its state, and never while `lock` is waited for.
  let shardLocks: [ConditionLock]
  let attempts: [Attempt]
  /// Workers wait on it for work.
  let lock = ConditionLock()
  /// What fetchers wait on: room in a mailbox, or for another attempt.
  let room: LockCondition
  let spill: SpillFile
  let chunks = ChunkPool()
  /// Where ranges are read from; there if any are.
  let broker: (any Broker)?
  /// Where retained inputs are read from; there if any are.
  let retained: RetainedRows?

  var nextToFetch = 0
  /// Set before threads begin.
  var mailboxBytesMax = mailboxBytesMaxLocal
  /// Attempts that are fetched and worked on at a time.
  var openMax = 1
  var open: [Attempt] = []
  var blocks: [WaitingBlock] = []
  var decoders: [[BlockDecoder]]
  /// Sources for whose rows shards were told to make room.
  var begun: Set<Int> = []
  /// Where room is still to be made.
  var growing: [WantedRoom] = []
  /// Those places, and those where a worker is at it.
  var isGrowing: Set<WantedRoom.Place> = []
  /// Dealt, and not yet applied.
  var dealt: [DealtRows] = []
  var dealtCount = 0
  /// Of each source, for rows to be applied.
  var prepared: [[PreparedRows]]
  /// What was for rows of sources of which nothing is left, until a worker frees it: the system takes its time over that
  /// where others get memory from it, so not within the lock.
  var retired: [RetiredBuffers] = []
  /// Of blocks that were dealt.
  var spareTexts: [ByteArena] = []
  var attemptsLeft: Int
  var attemptsLeftOfSource: [Int]
  var fold = LedgerFold()
  /// Of finished attempts, in memory.
  var rejectBytes = 0
  var failures: [String] = []
  /// Inputs of the manifest that is rebuilt which could not be read where they came from, and why.
  var unread: [InputIdentity: String] = [:]
  /// Those that segments do not hold whole either.
  var unretained: [InputIdentity: String] = [:]
  var stopped = false
  var counters = Counters()

  /// Failing objects that are named before the run gives up.
  static let failuresMax = 20
  /// What was read of an attempt and waits: enough to go on with while a store answers.
  static let mailboxBytesMaxRemote = 4 << 20
  /// Of a file little is enough, and that is still in a cache when it is inflated.
  static let mailboxBytesMaxLocal = 1 << 20
  static let spareTextsMax = 16
  /// Texts that grew beyond this are not kept.
  static let spareTextBytesMax = 1 << 20
  /// Rejected rows that an attempt under way, and all finished ones together, keep in memory.
  static let rejectBytesMax = 1 << 20
  static let rejectBytesMaxFinished = 16 << 20

  struct Counters: Sendable {
    var objects = 0
    var bytes: Int64 = 0
    var rows: UInt64 = 0
    var rejected: UInt64 = 0
  }

  init(
    plan: DatasetPlan, decoding: [DecodingPlan], tables: [InputTable], groups: [AttemptInputs],
    options: BatchOptions, semanticHash: String, broker: (any Broker)? = nil, retained: RetainedRows? = nil
  ) {
    self.plan = plan
    self.options = options
    self.decoding = decoding
    self.tables = tables
    let directory = KeyDirectory(shards: plan.shards)
    self.directory = directory
    states = (0..<plan.shards).map { ShardState(shard: $0, plan: plan, directory: directory) }
    self.broker = broker
    self.retained = retained
    attempts = groups.enumerated().map { Attempt(number: $0, $1, plan: plan) }
    room = LockCondition(of: lock)
    spill = SpillFile(directory: options.temporaryDirectory)
    decoders = Array(repeating: [], count: decoding.count)
    prepared = Array(repeating: [], count: decoding.count)
    shardLocks = (0..<plan.shards).map { _ in ConditionLock() }
    attemptsLeft = attempts.count
    attemptsLeftOfSource = decoding.indices.map { source in groups.count { $0.source == source } }
    _ = fold.judge(.defined(generation: 1, semanticHash: semanticHash, shards: plan.shards))
    for range in groups.flatMap(\.ranges) {
      _ = fold.judge(.opened(range.range, offset: range.from, schema: "", generation: 1))
    }
  }

  var progress: Counters { lock.withLock { counters } }

  /// Stops all threads at the next step; `run` then throws.
  func cancel() {
    lock.withLock {
      stopped = true
      if failures.isEmpty { failures += BatchError.cancelled.problems }
      wakeEverybody()
    }
  }

  /// Runs to the end. Afterwards `states` are complete and owned by the caller.
  func run(fetchers: Int, isRemote: Bool) throws(BatchError) {
    if isRemote { mailboxBytesMax = IngestEngine.mailboxBytesMaxRemote }
    openMax = fetchers + max(options.threads, 1) + 1
    // One of each is enough, so the first of both come before the others.
    var fetching: [SystemThread] = []
    var working: [SystemThread] = []
    for number in 0..<max(fetchers, options.threads, 1) {
      if number < fetchers, let thread = SystemThread.ifAny({ [self] in fetchLoop() }) { fetching.append(thread) }
      if number < max(options.threads, 1), let thread = SystemThread.ifAny({ [self] in workLoop() }) {
        working.append(thread)
      }
    }
    if fetching.isEmpty || working.isEmpty { stop(ThreadError.tooMany.description) }
    for thread in working { thread.join() }
    lock.withLock {
      if attemptsLeft > 0 { stopped = true }
      wakeEverybody()
    }
    for thread in fetching { thread.join() }
    releaseBuffers()
    let failures = lock.withLock { self.failures }
    if !failures.isEmpty { throw BatchError(failures) }
  }

  /// Of what all is read with: the snapshot is written in the same memory.
  private func releaseBuffers() {
    lock.withLock {
      decoders = decoders.map { _ in [] }
      prepared = prepared.map { _ in [] }
      spareTexts = []
      retired = []
    }
    chunks.removeAll()
  }

  /// Per attempt, in order: its inputs with what was read of them.
  var results: [(input: RunInput, counts: InputCounts)] {
    attempts.flatMap { attempt in
      (0..<attempt.all.count).map { index in
        var counts = attempt.counts[index]
        counts.sha256 = attempt.sha256[index]
        return (attempt.all.input(index), counts)
      }
    }
  }

  /// Per attempt, in order, rejected rows as JSON lines: in memory or spilled.
  func rejects(_ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void) throws(StoreError) {
    for attempt in attempts {
      for extent in attempt.rejectExtents {
        let bytes = try spill.read(extent)
        try bytes.withRawBytes(body)
      }
      if !attempt.rejects.lines.isEmpty { try attempt.rejects.lines.withRawBytes(body) }
    }
  }

  var rejectReasons: [String: UInt64] {
    attempts.reduce(into: [:]) { sum, attempt in
      for (reason, count) in attempt.rejects.reasons { sum[reason, default: 0] += count }
      if attempt.all.isRetained {
        let rejected = attempt.counts.reduce(0) { $0 + $1.rejected }
        if rejected > 0 { sum[IngestEngine.reasonNotRetained, default: 0] += rejected }
      }
    }
  }

  /// Of rejected rows of retained inputs: segments hold good rows only.
  static let reasonNotRetained = "not_retained"

  var ledger: LedgerFold { fold }

  // MARK: Working

  enum Work {
    case grow(WantedRoom)
    case free(RetiredBuffers)
    /// With room that other rows are done with, if there is some.
    case apply(DealtRows, PreparedRows?)
    /// With a decoder that another block is done with, if there is one.
    case decode(WaitingBlock, BlockDecoder?)
    case advance(Attempt)
  }

  func workLoop() {
    lock.lock()
    while true {
      if stopped || attemptsLeft == 0 { break }
      guard let work = nextWork() else {
        lock.wait()
        continue
      }
      lock.unlock()
      switch work {
      case .grow(let room): grow(room)
      case .free(let buffers): buffers.removeAll()
      case .apply(let dealt, let prepared): apply(dealt, prepared)
      case .decode(let block, let decoder): decode(block, decoder)
      case .advance(let attempt): advance(attempt)
      }
      lock.lock()
      lock.wakeAll()
    }
    lock.wakeAll()
    lock.unlock()
  }

  /// Within the lock.
  func nextWork() -> Work? {
    if let room = growing.popLast() { return .grow(room) }
    if let buffers = retired.popLast() { return .free(buffers) }
    if let rows = dealt.popLast() { return .apply(rows, prepared[rows.attempt.source].popLast()) }
    if let block = blocks.popLast() {
      let source = block.attempt.source
      return .decode(block, decoders[source].popLast())
    }
    let outstandingMax = options.threads * 2 + 2
    for attempt in open where !attempt.advancing && attempt.outstanding < outstandingMax {
      if attempt.chunk != nil || !attempt.mailbox.isEmpty || attempt.finishing {
        attempt.advancing = true
        return .advance(attempt)
      }
    }
    return nil
  }

  func stop(_ message: String) {
    lock.withLock {
      failures.append(message)
      stopped = true
      wakeEverybody()
    }
  }

  /// Within the lock, after `stopped` was set.
  func wakeEverybody() {
    lock.wakeAll()
    room.wakeAll()
  }
}

/// What rows of a source were decoded and applied with. One thread at a time, hence `@unchecked Sendable`.
final class RetiredBuffers: @unchecked Sendable {
  private var decoders: [BlockDecoder]
  private var prepared: [PreparedRows]

  init(_ decoders: [BlockDecoder], _ prepared: [PreparedRows]) { (self.decoders, self.prepared) = (decoders, prepared) }

  func removeAll() { (decoders, prepared) = ([], []) }
}
