internal import Columns
internal import Definition
internal import Pipeline
internal import Platform
internal import Threads

/// Applying: what was dealt becomes state, and an attempt of which nothing is left is committed.
///
/// A batch keeps no state but its own and throws that away if anything fails, so rows need not wait in memory until their
/// attempt is whole, as they must in a stream: they are applied while it is read, and its verdict comes afterwards.
/// Nothing is published before all verdicts are in.
extension IngestEngine {
  /// Makes room in a shard for a source's rows. Where there are many keys this takes longer than a block's rows do, so all
  /// workers share it, and nobody has the shard meanwhile: else the first block's rows would make room in shard after shard,
  /// and all others wait.
  func grow(_ room: WantedRoom) {
    let (shard, source) = (room.place.shard, room.place.source)
    func wanted() -> RecordRoom? { states[shard].roomWanted(source: source, lastCame: room.more) }
    if let wanted = shardLocks[shard].withLock(wanted) {
      let memory = wanted.memory()
      shardLocks[shard].withLock { states[shard].add(memory, source: source) }
    }
    lock.withLock { _ = isGrowing.remove(room.place) }
  }

  /// Applies rows where they lie, shard by shard: a shard that another thread is at is come back to.
  func apply(_ dealt: DealtRows, _ reused: PreparedRows?) {
    let attempt = dealt.attempt
    let source = attempt.source
    let rows = reused ?? PreparedRows(plan.sources[source], shards: plan.shards, directory: directory)
    let shards: [Int]
    switch dealt.content {
    case .block(let decoder, let block):
      // Of keys that the directory knows nobody asks for hashes.
      rows.prepare(decoder.rowColumns(input: block.input, firstRow: block.firstRow, hashed: false), decoder.faults)
      // Threads begin at different shards, and then hardly ever meet.
      shards = states.indices.map { (dealt.number + $0) % states.count }
    case .batch(let batch):
      rows.prepare(batch, shard: batch.shard)
      shards = [batch.shard]
    }
    var applied: [(shard: Int, rows: Int)] = []
    applied.reserveCapacity(shards.count)
    let (inputs, table) = (attempt.numbers, tables[source])
    var wanting: [WantedRoom] = []
    func apply(_ shard: Int) {
      let state = states[shard]
      let keys = state.keyCount
      state.apply(rows, source: source, inputs: inputs, table: table)
      let more = state.keyCount - keys
      if more > 0 && state.roomWanted(source: source, lastCame: more) != nil {
        wanting.append(WantedRoom(place: .init(shard: shard, source: source), more: more))
      }
      shardLocks[shard].unlock()
      applied.append((shard, rows.count(shard)))
    }
    var taken: [Int] = []
    for shard in shards {
      if shardLocks[shard].tryLock() { apply(shard) } else { taken.append(shard) }
    }
    for shard in taken {
      shardLocks[shard].lock()
      apply(shard)
    }
    rows.removeAll()
    lock.lock()
    defer { lock.unlock() }
    for (shard, rows) in applied { attempt.applied[shard].rows += rows }
    for room in wanting { queue(room) }
    prepared[source].append(rows)
    if case .block(let decoder, _) = dealt.content { takeBack(decoder, attempt) }
    attempt.outstanding -= 1
    finishIfComplete(attempt)
  }

  /// Within the lock: all rows of the attempt were applied.
  func settle(_ attempt: Attempt) {
    let entry = LedgerEntry.commit(commit(attempt))
    guard case .inputs(let verdicts) = fold.judge(entry), verdicts.allSatisfy({ $0 }) else {
      // Cannot happen while one process owns the ledger and every input is committed once.
      failures.append("the ledger refused an input of attempt \(attempt.number)")
      stopped = true
      return
    }
    // I3.
    let applied = attempt.applied.reduce(0) { $0 + $1.rows }
    if applied != attempt.rowsDealt {
      failures.append(
        "\(applied) rows of attempt \(attempt.number) were applied, and \(attempt.rowsDealt) dealt; this is a bug")
      stopped = true
    }
    attemptsLeft -= 1
    attemptsLeftOfSource[attempt.source] -= 1
    if attemptsLeftOfSource[attempt.source] == 0 {
      // Their memory is for the next source's.
      retired.append(RetiredBuffers(decoders[attempt.source], prepared[attempt.source]))
      decoders[attempt.source] = []
      prepared[attempt.source] = []
    }
  }

  private func commit(_ attempt: Attempt) -> Commit {
    let name = plan.sources[attempt.source].source.name
    return Commit(
      generation: 1, attempt: AttemptID(high: 0, low: UInt64(attempt.number)),
      inputs: zip(attempt.inputs, attempt.counts).map { input, counts in
        let object = ObjectIdentity(source: name, bucket: input.info.bucket, key: input.info.key)
        return CommittedInput(
          object: object, version: ObjectVersion.text(of: input.info), base: fold.objects[object]?.position,
          rowsRead: counts.read, rowsApplied: counts.read - counts.rejected, rowsRejected: counts.rejected)
      },
      // One without offsets holds nothing, and the ledger would refuse it.
      ranges: zip(attempt.all.ranges, attempt.counts[attempt.inputs.count...]).compactMap { range, counts in
        guard range.to > range.from else { return nil }
        return CommittedRange(
          range: range.range, from: range.from, to: range.to, rowsRead: counts.read, rowsRejected: counts.rejected)
      }, shards: attempt.applied)
  }
}

extension ShardReceipt {
  mutating func merge(_ other: ShardReceipt) {
    rows += other.rows
    checksum = checksum &+ other.checksum
  }
}

/// A shard in which a source's rows have no room, or soon will have none.
struct WantedRoom: Sendable {
  /// Where only one worker makes room at a time.
  struct Place: Hashable, Sendable {
    let shard: Int
    let source: Int
  }

  let place: Place
  /// Keys that the last rows brought.
  let more: Int
}

/// Rows on their way to the states of their shards.
struct DealtRows: Sendable {
  enum Content: Sendable {
    /// A block of one input, where it was decoded.
    case block(BlockDecoder, (input: Int, firstRow: UInt64))
    case batch(RowBatch)
  }

  let attempt: Attempt
  let content: Content
  /// Counted up over the run.
  let number: Int
}
