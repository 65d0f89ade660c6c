internal import Columns
internal import Definition
internal import Digests
internal import Formats
internal import Pipeline
internal import Platform

/// Reads all attempts and folds them into shard states: fetch → cut → decode → deal → stage → commit → apply.
///
/// Fetchers block on I/O and fill each attempt's mailbox, held back by a byte budget. Workers do what is nearest to
/// the output first — apply accepted batches, decode cut blocks, cut further — so that memory drains before it fills.
/// All scheduling state lies under one lock, which is taken once a block or batch list, never a row.
final class IngestEngine: @unchecked Sendable {
  // Sendable: mutable state is guarded by `lock`, or by the `advancing`, `emitting` and `applying` flags under it.
  let plan: DatasetPlan
  let options: BatchOptions
  let decoding: [DecodingPlan]
  let tables: [InputTable]
  let states: [ShardState]
  private let attempts: [Attempt]
  private let lock = ConditionLock()
  private let spill: SpillFile

  private var nextToFetch = 0
  /// Attempts that are fetched and worked on at a time.
  private var openMax = 1
  private var open: [Attempt] = []
  private var blocks: [WaitingBlock] = []
  private var decoders: [[BlockDecoder]]
  private var pendingApplies: [[Attempt]]
  private var applying: [Bool]
  private var appliesLeft = 0
  private var attemptsLeft: Int
  private var fold = LedgerFold()
  private var ledgerEnd = 0
  private var stagedBytes = 0
  /// Of finished attempts, in memory.
  private var rejectBytes = 0
  private var failures: [String] = []
  private var stopped = false
  private var counters = Counters()

  /// Failing objects that are named before the run gives up.
  static let failuresMax = 20
  static let mailboxBytesMax = 4 << 20
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
    plan: DatasetPlan, decoding: [DecodingPlan], tables: [InputTable], groups: [[InputFile]],
    options: BatchOptions, semanticHash: String
  ) {
    self.plan = plan
    self.options = options
    self.decoding = decoding
    self.tables = tables
    states = (0..<plan.shards).map { ShardState(shard: $0, plan: plan) }
    attempts = groups.enumerated().map { Attempt(number: $0, source: $1[0].source, inputs: $1, plan: plan) }
    spill = SpillFile(directory: options.temporaryDirectory)
    decoders = Array(repeating: [], count: decoding.count)
    pendingApplies = Array(repeating: [], count: plan.shards)
    applying = Array(repeating: false, count: plan.shards)
    attemptsLeft = attempts.count
    _ = fold.judge(.defined(generation: 1, semanticHash: semanticHash, shards: plan.shards))
  }

  var progress: Counters { lock.withLock { counters } }

  /// Stops all threads at the next step; `run` then throws.
  func cancel() {
    lock.withLock {
      stopped = true
      if failures.isEmpty { failures += BatchError.cancelled.problems }
      lock.wakeAll()
    }
  }

  /// Runs to the end. Afterwards `states` are complete and owned by the caller.
  func run(fetchers: Int) throws(BatchError) {
    openMax = fetchers + max(options.threads, 1) + 1
    let fetching = (0..<fetchers).map { _ in WorkerThread { [self] in fetchLoop() } }
    let working = (0..<max(options.threads, 1)).map { _ in WorkerThread { [self] in workLoop() } }
    for thread in working { thread.join() }
    lock.withLock {
      if attemptsLeft > 0 || appliesLeft > 0 { stopped = true }
      lock.wakeAll()
    }
    for thread in fetching { thread.join() }
    let failures = lock.withLock { self.failures }
    if !failures.isEmpty { throw BatchError(failures) }
  }

  /// Per attempt, in order: its inputs with what was read of them.
  var results: [(input: InputFile, counts: InputCounts)] {
    attempts.flatMap { attempt in
      attempt.inputs.indices.map { index in
        var counts = attempt.counts[index]
        counts.sha256 = attempt.sha256[index]
        return (attempt.inputs[index], counts)
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
    }
  }

  var ledger: LedgerFold { fold }

  // MARK: Fetching

  private func fetchLoop() {
    while let attempt = takeAttempt() {
      for input in attempt.inputs {
        fetch(input, attempt)
        if lock.withLock({ stopped }) { return }
      }
    }
  }

  /// Waits while as many attempts are open as workers and fetchers can be busy with: an attempt fits its mailbox as a
  /// rule, so the mailboxes alone would let a fast disk fill the memory.
  private func takeAttempt() -> Attempt? {
    lock.lock()
    defer { lock.unlock() }
    while open.count >= openMax && !stopped { lock.wait() }
    if stopped || nextToFetch == attempts.count { return nil }
    let attempt = attempts[nextToFetch]
    nextToFetch += 1
    open.append(attempt)
    return attempt
  }

  private func fetch(_ input: InputFile, _ attempt: Attempt) {
    do {
      let reader = try input.store.open(input.info)
      let hash: Digests.SHA256? = input.info.bucket.isEmpty ? Digests.SHA256() : nil
      while true {
        let chunk = Chunk(capacity: Int(min(256 << 10, max(input.info.size + 1, 4096))))
        chunk.count = try reader.read(into: chunk.memory)
        if chunk.count == 0 { break }
        hash?.update(chunk.bytes)
        if !deliver(.bytes(chunk), chunk.count, attempt) { return }
      }
      _ = deliver(.endOfInput(sha256: hash?.finishHex()), 0, attempt)
    } catch {
      _ = deliver(.failure(error), 0, attempt)
    }
  }

  /// Waits while the mailbox is full; false when the run has stopped.
  private func deliver(_ piece: Piece, _ bytes: Int, _ attempt: Attempt) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    while attempt.mailboxBytes > IngestEngine.mailboxBytesMax && !stopped { lock.wait() }
    if stopped { return false }
    attempt.mailbox.append(piece)
    attempt.mailboxBytes += bytes
    counters.bytes += Int64(bytes)
    lock.wakeAll()
    return true
  }

  // MARK: Working

  private enum Work {
    case apply(Attempt, shard: Int, [StagedBatch])
    /// With a decoder that another block is done with, if there is one.
    case decode(WaitingBlock, BlockDecoder?)
    case advance(Attempt)
  }

  private func workLoop() {
    lock.lock()
    while true {
      if stopped || (attemptsLeft == 0 && appliesLeft == 0) { break }
      guard let work = nextWork() else {
        lock.wait()
        continue
      }
      lock.unlock()
      switch work {
      case .apply(let attempt, let shard, let staged): apply(attempt, shard, staged)
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
  private func nextWork() -> Work? {
    if appliesLeft > 0 {
      for shard in 0..<plan.shards where !applying[shard] && !pendingApplies[shard].isEmpty {
        applying[shard] = true
        let attempt = pendingApplies[shard].removeFirst()
        let staged = attempt.staged[shard]
        attempt.staged[shard] = []
        return .apply(attempt, shard: shard, staged)
      }
    }
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

  /// Cuts at most one block.
  private func advance(_ attempt: Attempt) {
    let block = nextBlock(attempt)
    lock.lock()
    if let block {
      attempt.outstanding += 1
      blocks.append(block)
    }
    attempt.advancing = false
    finishIfComplete(attempt)
    lock.unlock()
  }

  private func nextBlock(_ attempt: Attempt) -> WaitingBlock? {
    while true {
      if attempt.finishing {
        if let block = finishInput(attempt) { return block }
        continue
      }
      if let chunk = attempt.chunk {
        do {
          let cut = try attempt.cutter.next(chunk.bytes, used: &attempt.chunkUsed)
          if cut == nil { attempt.chunk = nil }
          if let cut, let block = try waiting(cut, attempt) { return block }
        } catch {
          fail(attempt, error.message)
          attempt.chunk = nil
        }
        continue
      }
      guard let piece = takePiece(attempt) else { return nil }
      switch piece {
      case .bytes(let chunk):
        if attempt.failedInput { continue }
        attempt.chunk = chunk
        attempt.chunkUsed = 0
      case .endOfInput(let sha256):
        attempt.pendingSHA256 = sha256
        attempt.finishing = true
      case .failure(let error):
        fail(attempt, error.description)
        attempt.finishing = true
      }
    }
  }

  private func finishInput(_ attempt: Attempt) -> WaitingBlock? {
    if !attempt.failedInput {
      do {
        if let cut = try attempt.cutter.finish() { return try waiting(cut, attempt) }
      } catch {
        fail(attempt, error.message)
      }
    }
    if !attempt.failedInput && !attempt.headerKnown, let header = attempt.cutter.header {
      // No rows: the header has to fit all the same, or an object of another kind would pass for an empty one.
      do {
        _ = try decoding[attempt.source].positions(in: header)
      } catch {
        fail(attempt, error.message)
      }
    }
    let done = attempt.currentInput
    let isLast = done + 1 == attempt.inputs.count
    attempt.sha256[done] = attempt.pendingSHA256
    lock.lock()
    counters.objects += 1
    attempt.finishing = false
    attempt.cutAll = isLast
    lock.unlock()
    attempt.pendingSHA256 = nil
    attempt.failedInput = false
    attempt.headerKnown = false
    attempt.currentInput += 1
    attempt.cutter = BlockCutter(
      format: plan.sources[attempt.source].source.format, maxRowBytes: plan.definition.maxRowBytes,
      columns: plan.sources[attempt.source].source.columns.count)
    return nil
  }

  private func takePiece(_ attempt: Attempt) -> Piece? {
    lock.lock()
    defer { lock.unlock() }
    if attempt.mailbox.isEmpty { return nil }
    let piece = attempt.mailbox.removeFirst()
    if case .bytes(let chunk) = piece { attempt.mailboxBytes -= chunk.count }
    lock.wakeAll()
    return piece
  }

  private func waiting(_ cut: CutBlock, _ attempt: Attempt) throws(FormatError) -> WaitingBlock? {
    if !attempt.headerKnown {
      attempt.headerKnown = true
      if case .csv = plan.sources[attempt.source].source.format {
        let header = attempt.cutter.header ?? []
        attempt.positions = try decoding[attempt.source].positions(in: header)
        attempt.width = header.count
      }
    }
    defer { attempt.blocksCut += 1 }
    return WaitingBlock(
      attempt: attempt, index: attempt.blocksCut, input: attempt.currentInput, block: cut,
      positions: attempt.positions, width: attempt.width)
  }

  private func fail(_ attempt: Attempt, _ message: String) {
    guard !attempt.failedInput else { return }
    attempt.failedInput = true
    let location = attempt.inputs[attempt.currentInput].location
    let source = plan.sources[attempt.source].source.name
    let text = message.contains(location) ? message : "\(location): \(message)"
    lock.withLock {
      failures.append("source '\(source)': \(text)")
      if failures.count >= IngestEngine.failuresMax {
        failures.append("gave up after \(failures.count) objects that cannot be read")
        stopped = true
      }
    }
  }

  private func decode(_ waiting: WaitingBlock, _ reused: BlockDecoder?) {
    let attempt = waiting.attempt
    var parsed = ParsedBlock(
      input: waiting.input, offset: waiting.block.offset, decoder: nil, oversized: waiting.block)
    if case .records = waiting.block.content {
      do {
        let decoder =
          try reused ?? BlockDecoder(decoding[attempt.source], maxRowBytes: plan.definition.maxRowBytes)
        try decoder.decode(waiting.block.text, positions: waiting.positions, width: waiting.width)
        parsed.decoder = decoder
        parsed.oversized = nil
      } catch {
        stop("\(error)")
        return
      }
    } else if let reused {
      lock.withLock { decoders[attempt.source].append(reused) }
    }
    lock.lock()
    attempt.parsed[waiting.index] = parsed
    if attempt.emitting {
      lock.unlock()
      return
    }
    attempt.emitting = true
    while let next = attempt.parsed.removeValue(forKey: attempt.nextToEmit) {
      lock.unlock()
      let (rows, rejected) = emit(next, attempt)
      lock.lock()
      attempt.nextToEmit += 1
      attempt.outstanding -= 1
      counters.rows += rows
      counters.rejected += rejected
      if let decoder = next.decoder { decoders[attempt.source].append(decoder) }
    }
    attempt.emitting = false
    finishIfComplete(attempt)
    lock.unlock()
  }

  /// Deals a block's rows to shards, in the input's order.
  private func emit(_ parsed: ParsedBlock, _ attempt: Attempt) -> (rows: UInt64, rejected: UInt64) {
    let input = attempt.inputs[parsed.input]
    let source = plan.sources[attempt.source]
    let firstRow = attempt.counts[parsed.input].read + 1
    var rows: UInt64 = 0
    let rejectedBefore = attempt.rejects.count
    if let decoder = parsed.decoder {
      decoder.complete(object: input.location, modified: input.modified, firstRow: firstRow)
      attempt.splitter.append(
        rows: decoder.rows, faults: decoder.faults, keyArena: decoder.keyArena, keys: decoder.keys,
        hashes: decoder.hashes, times: source.timeColumn == nil ? nil : UnsafePointer(decoder.times),
        columns: decoder.carried, input: parsed.input, firstRow: firstRow)
      if decoder.faults.count > 0 { reject(decoder, parsed, attempt, firstRow: firstRow) }
      rows = UInt64(decoder.rows)
      if let asOf = source.asOf { attempt.counts[parsed.input].afterAsOf += decoder.rowsAtOrAfter(asOf) }
    } else if let oversized = parsed.oversized, case .oversized(let length) = oversized.content {
      rows = 1
      attempt.rejects.add(
        source: source.source.name, object: input.location, row: firstRow, byte: parsed.offset, fault: .rowTooLong,
        column: nil, raw: UnsafeBufferPointer(start: oversized.text.base, count: oversized.text.count),
        length: length)
    }
    attempt.counts[parsed.input].read += rows
    let rejected = attempt.rejects.count - rejectedBefore
    attempt.counts[parsed.input].rejected += rejected
    stage(attempt.splitter.takeSealed(), attempt)
    if attempt.rejects.lines.count > IngestEngine.rejectBytesMax { spillRejects(attempt) }
    return (rows, rejected)
  }

  private func reject(_ decoder: BlockDecoder, _ parsed: ParsedBlock, _ attempt: Attempt, firstRow: UInt64) {
    let input = attempt.inputs[parsed.input]
    let source = plan.sources[attempt.source].source
    for row in 0..<decoder.rows where decoder.faults.codes[row] != 0 {
      let record = decoder.block.records[row]
      let index = Int(decoder.faults.columns[row])
      let column = index < source.columns.count ? source.columns[index] : nil
      attempt.rejects.add(
        source: source.name, object: input.location, row: firstRow + UInt64(row),
        byte: parsed.offset + UInt64(record.start), fault: RowFault(rawValue: decoder.faults.codes[row]) ?? .none,
        column: column.map { ($0.name, $0.type) },
        raw: UnsafeBufferPointer(start: decoder.block.text.base + Int(record.start), count: record.length),
        length: UInt64(record.length))
    }
  }

  private func spillRejects(_ attempt: Attempt) {
    let lines = attempt.rejects.takeLines()
    do {
      let extent = try lines.withRawBytes { bytes throws(StoreError) in try spill.write(bytes) }
      attempt.rejectExtents.append(extent)
    } catch {
      stop(error.description)
    }
  }

  /// Keeps a finished attempt's rejected rows in memory while all of them are few.
  private func keepRejects(_ attempt: Attempt) {
    let bytes = attempt.rejects.lines.count
    let fits = lock.withLock {
      if rejectBytes + bytes > IngestEngine.rejectBytesMaxFinished { return false }
      rejectBytes += bytes
      return true
    }
    if !fits { spillRejects(attempt) }
  }

  private func stop(_ message: String) {
    lock.withLock {
      failures.append(message)
      stopped = true
      lock.wakeAll()
    }
  }

  /// Keeps sealed batches until the attempt's verdict: in memory within the budget, else in the temporary file.
  private func stage(_ batches: [RowBatch], _ attempt: Attempt) {
    for batch in batches {
      attempt.receipts[batch.shard].add(batch)
      let bytes = batch.memoryBytes
      let fits = lock.withLock {
        if stagedBytes + bytes > options.stagingBytes { return false }
        stagedBytes += bytes
        return true
      }
      if fits {
        attempt.staged[batch.shard].append(.memory(batch))
        continue
      }
      do {
        let extent = try RowBatchCodec.encode(batch).withRawBytes { bytes throws(StoreError) in
          try spill.write(bytes)
        }
        attempt.staged[batch.shard].append(.spilled(extent))
      } catch {
        stop(error.description)
        return
      }
    }
  }

  // MARK: Commit and apply

  /// Within the lock: once all is cut and dealt, commits the attempt and lets its batches be applied.
  private func finishIfComplete(_ attempt: Attempt) {
    guard attempt.cutAll, attempt.outstanding == 0, !attempt.emitting, !attempt.advancing, !attempt.committed else {
      return
    }
    attempt.committed = true
    open.removeAll { $0 === attempt }
    lock.unlock()
    stage(attempt.splitter.finish(), attempt)
    keepRejects(attempt)
    lock.lock()
    let entry = LedgerEntry.commit(commit(attempt))
    guard case .inputs(let verdicts) = fold.judge(entry), verdicts.allSatisfy({ $0 }) else {
      // Cannot happen while one process owns the ledger and every input is committed once.
      failures.append("the ledger refused an input of attempt \(attempt.number)")
      stopped = true
      return
    }
    attemptsLeft -= 1
    for shard in 0..<plan.shards where !attempt.staged[shard].isEmpty {
      pendingApplies[shard].append(attempt)
      appliesLeft += 1
    }
    lock.wakeAll()
  }

  private func commit(_ attempt: Attempt) -> Commit {
    let name = plan.sources[attempt.source].source.name
    return Commit(
      generation: 1, attempt: UInt64(attempt.number),
      inputs: zip(attempt.inputs, attempt.counts).map { input, counts in
        let object = ObjectIdentity(source: name, bucket: input.info.bucket, key: input.info.key)
        return CommittedInput(
          object: object, version: input.info.version ?? input.info.etag ?? "\(input.info.modifiedMicroseconds)",
          base: fold.objects[object]?.position, rowsRead: counts.read,
          rowsApplied: counts.read - counts.rejected, rowsRejected: counts.rejected)
      }, shards: attempt.receipts)
  }

  private func apply(_ attempt: Attempt, _ shard: Int, _ staged: [StagedBatch]) {
    let inputs = attempt.inputs.map(\.number)
    var seen = ShardReceipt()
    var freed = 0
    do {
      for item in staged {
        let batch: RowBatch
        switch item {
        case .memory(let held):
          batch = held
          freed += held.memoryBytes
        case .spilled(let extent):
          let bytes = try spill.read(extent)
          batch = try bytes.withRawBytes { bytes throws(RowBatchCodec.CodecError) in
            try RowBatchCodec.decode(bytes, types: plan.sources[attempt.source].carriedTypes)
          }
        }
        seen.add(batch)
        states[shard].apply(batch, source: attempt.source, inputs: inputs, table: tables[attempt.source])
      }
      // I3. In one process the state is thrown away with the run, so the check may follow the application.
      if seen != attempt.receipts[shard] {
        stop("shard \(shard) received other rows of attempt \(attempt.number) than were committed; this is a bug")
      }
    } catch {
      stop("\(error)")
    }
    lock.withLock {
      stagedBytes -= freed
      applying[shard] = false
      appliesLeft -= 1
    }
  }
}

extension Array where Element == UInt8 {
  /// `withUnsafeBytes` that keeps the error's type.
  func withRawBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    var result: Result<R, E>?
    withUnsafeBytes { bytes in
      do throws(E) {
        result = .success(try body(bytes))
      } catch {
        result = .failure(error)
      }
    }
    guard let result else { preconditionFailure("the closure above always runs") }
    return try result.get()
  }
}
