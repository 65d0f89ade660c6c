internal import Definition
internal import Logging
internal import Pipeline
internal import Platform

/// Reads inputs again whose rows `rows` lost before our shards had them, and supplies these (ARCHITECTURE.md §4): the
/// same versions under the same numbers, or nothing.
///
/// One thread steps it; any thread asks. What others see lies under `asked`, hence `@unchecked Sendable`.
final class RowSupply: @unchecked Sendable {
  let context: StreamContext
  private let join: JoinLoop
  private let asked = Locked(Asked())
  /// Used by the stepping thread only.
  private var decoders: [Int: RecordDecoder] = [:]

  private struct Asked {
    var isAsked = false
    /// Commits that were supplied since somebody asked, by position.
    var done: Set<Int> = []
    /// Those that cannot be, and why; kept until somebody asks again.
    var failures: [Int: String] = [:]
  }

  /// Why a commit's rows cannot be supplied.
  struct Failure: Error { var reason: String }

  init(_ context: StreamContext, join: JoinLoop) {
    self.context = context
    self.join = join
  }

  // MARK: Asking

  /// Supplies what our shards miss, until nothing is missing that can be.
  func request() {
    asked.withLock { $0 = Asked(isAsked: true) }
  }

  /// Why commits could not be supplied, by position.
  var failures: [Int: String] { asked.withLock { $0.failures } }

  // MARK: Steps

  /// Supplies one commit; false when there is none to supply.
  func step() throws -> Bool {
    let now = asked.withLock { $0 }
    guard now.isAsked,
      let generation = context.ledger.readAtHead({ $0.semanticHash == context.semanticHash ? $0.generation : nil }),
      let generation
    else { return false }
    var missing: [Int: (rows: MissingRows, shards: Set<Int>)] = [:]
    for (shard, rows) in join.missing where now.failures[rows.position] == nil {
      missing[rows.position, default: (rows, [])].shards.insert(shard)
    }
    guard let next = missing.keys.sorted().first(where: { !now.done.contains($0) }), let (rows, shards) = missing[next]
    else {
      // Shards that have gone on may miss more.
      let end = context.ledger.position
      if join.shards.allSatisfy({ $0.position >= end || !$0.missing.isEmpty }) && missing.isEmpty {
        asked.withLock { $0.isAsked = false }
      }
      return false
    }
    do {
      try supply(rows, shards, generation)
      asked.withLock { _ = $0.done.insert(next) }
    } catch let failure as Failure {
      context.log.error(
        "rows cannot be supplied",
        [
          "source": .init(rows.commit.source), "inputs": .init(rows.names.prefix(3).joined(separator: ", ")),
          "position": .init(rows.position), "reason": .init(failure.reason),
        ])
      asked.withLock { $0.failures[next] = failure.reason }
    }
    return true
  }

  private func supply(_ missing: MissingRows, _ shards: Set<Int>, _ generation: Int) throws {
    let commit = missing.commit
    guard let source = context.source(commit.source) else { return }
    let plan = context.plan.sources[source]
    let id = context.attempts.make()
    var sender = RowSender(
      context, attempt: id, source: source, generation: generation, takesFiles: !commit.inputs.isEmpty)
    let packer = RowPacker(shards: context.plan.shards, types: plan.carriedTypes)
    func send(_ batches: [PackedRows]) throws { try sender.send(batches.filter { shards.contains($0.shard) }) }
    for (number, input) in commit.inputs.enumerated() {
      try read(input, number, source, packer, send)
    }
    for (number, range) in commit.ranges.enumerated() {
      try read(range, commit.inputs.count + number, source, packer, send)
    }
    try send(packer.finish())
    try sender.flush()
    for shard in shards.sorted() {
      let (was, now) = (commit.shards[shard], sender.receipts[shard])
      guard was.rows == now.rows, was.checksum == now.checksum else {
        throw Failure(
          reason: "they are other rows now: \(now.rows) of shard \(shard) instead of \(was.rows), or with other keys")
      }
    }
    let entry = LedgerEntry.supplied(Supply(position: missing.position, attempt: id, shards: sender.receipts))
    _ = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
    context.log.info(
      "rows supplied again",
      [
        "source": .init(commit.source), "inputs": .init(commit.inputCount), "position": .init(missing.position),
        "shards": .init(shards.count),
      ])
  }

  // MARK: Reading

  /// The version that was committed, whatever is there now.
  private func read(
    _ input: CommittedInput, _ number: Int, _ source: Int, _ packer: RowPacker,
    _ send: ([PackedRows]) throws -> Void
  ) throws {
    guard input.version != nil else { return }
    let name = input.object.location
    guard let facts = input.facts else { throw Failure(reason: "the ledger does not say which version \(name) was") }
    let info = ObjectInfo(
      bucket: input.object.bucket, key: input.object.key, size: facts.size, modifiedMicroseconds: facts.modified,
      etag: facts.etag, version: facts.versionID)
    let place: StorePlace
    do {
      place = try context.stores.open(info.bucket.isEmpty ? info.key : "s3://\(info.bucket)/")
    } catch {
      // What passes is waited out by whoever calls.
      if error.code == .unavailable { throw error }
      throw Failure(reason: error.description)
    }
    let file = InputFile(source: source, info: info, number: UInt32(number), store: place.store)
    let reading = ObjectReading(plan: context.decoding[source], maxRowBytes: context.definition.maxRowBytes)
    var rejects = RejectBuffer()
    let counts: InputCounts
    do {
      counts = try reading.read(file, number: number, into: packer, rejects: &rejects) { batches, rejects in
        try send(batches)
        // Told when they were read first.
        _ = rejects.takeLines()
      }
    } catch let failure as ObjectReading.Failure {
      switch failure {
      case .changed: throw Failure(reason: "the version of \(name) that was read is gone from the store")
      case .unreadable(let reason): throw Failure(reason: "\(name): \(reason)")
      case .store(let error):
        if error.code == .unavailable { throw error }
        throw Failure(reason: error.description)
      }
    }
    let isSame =
      counts.read == input.rowsRead && counts.rejected == input.rowsRejected
      && (facts.sha256 == nil || counts.sha256 == nil || facts.sha256 == counts.sha256)
    if !isSame { throw Failure(reason: "\(name) has other rows than when it was read first") }
  }

  private func read(
    _ range: CommittedRange, _ number: Int, _ source: Int, _ packer: RowPacker,
    _ send: ([PackedRows]) throws -> Void
  ) throws {
    let at = TopicPartition(range.range.topic, range.range.partition)
    let bounds: OffsetBounds
    do {
      bounds = try context.broker.bounds([at])[at] ?? OffsetBounds(first: 0, end: 0)
    } catch {
      if error.code != .noSuchTopic { throw error }
      throw Failure(reason: error.description)
    }
    if range.rowsRead == 0 { return }
    // Holes count as offsets, so a topic that ends before the range is not the one that was read.
    guard bounds.first < range.to, bounds.end >= range.to else {
      throw Failure(
        reason:
          "records \(range.from) to \(range.to) are no longer in \(at), which has \(bounds.first) to \(bounds.end)")
    }
    do {
      try read(range, at, from: max(range.from, bounds.first), number, source, packer, send)
    } catch let error as BrokerError {
      // What passes is waited out by whoever calls.
      switch error.code {
      case .outOfRange, .noSuchTopic: throw Failure(reason: error.description)
      default: throw error
      }
    }
  }

  private func read(
    _ range: CommittedRange, _ at: TopicPartition, from first: Int64, _ number: Int, _ source: Int,
    _ packer: RowPacker, _ send: ([PackedRows]) throws -> Void
  ) throws {
    let decoder = try decoder(source)
    let reader = try context.broker.reader(at, from: first)
    defer { reader.close() }
    var counts = InputCounts()
    var patience = RowSupply.patience
    // Offsets may have holes, also at the end, so it is the number of records that says when all have come.
    while counts.read < range.rowsRead {
      guard let block = try reader.poll(milliseconds: RowSupply.pollMilliseconds, maxBytes: 8 << 20) else {
        patience -= 1
        if patience == 0 { break }
        continue
      }
      let end = block.entries.firstIndex { $0.offset >= range.to } ?? block.count
      var rejects = RejectBuffer()
      let found = try decoder.decode(block, 0..<end, input: number, into: packer, rejects: &rejects)
      counts.read += found.read
      counts.rejected += found.rejected
      try send(packer.takeSealed())
      if end < block.count { break }
    }
    guard counts.read == range.rowsRead, counts.rejected == range.rowsRejected else {
      throw Failure(
        reason:
          "of \(range.rowsRead) records \(range.from) to \(range.to) of \(at) only \(counts.read) are there, or others")
    }
  }

  private static let pollMilliseconds = 100
  private static let patience = 50

  private func decoder(_ source: Int) throws -> RecordDecoder {
    if let held = decoders[source] { return held }
    let made = try RecordDecoder(context.decoding[source], maxRowBytes: context.definition.maxRowBytes)
    decoders[source] = made
    return made
  }
}
