internal import Columns
internal import Definition
internal import Pipeline
internal import Platform

/// Applying: what was dealt becomes state, shard by shard, and an attempt of which nothing is left is committed.
///
/// A batch keeps no state but its own and throws that away if anything fails, so rows need not wait in memory until their
/// attempt is whole, as they must in a stream: they are applied while it is read, and its verdict comes afterwards.
/// Nothing is published before all verdicts are in.
extension IngestEngine {
  /// Within the lock: hands an attempt's sealed batches to their shards.
  func queue(_ batches: [DealtBatch], _ attempt: Attempt) {
    for dealt in batches {
      attempt.unapplied += 1
      waitingBytes += dealt.batch.memoryBytes
      queues[dealt.batch.shard].add(dealt)
    }
  }

  /// Notes what shards are sent, and hands it to them. By the one thread that holds `advancing`, of records and rows.
  func deal(_ batches: [RowBatch], _ attempt: Attempt) {
    let dealt = receipted(batches, attempt)
    lock.withLock { queue(dealt, attempt) }
  }

  /// Within the lock: all that waits for the shard with the most of it, but for those at work.
  func nextApply() -> Work? {
    var most = 0
    var chosen: Int?
    for shard in queues.indices where !queues[shard].isApplying && queues[shard].rows > most {
      most = queues[shard].rows
      chosen = shard
    }
    guard let chosen else { return nil }
    return .apply(shard: chosen, queues[chosen].take())
  }

  func apply(_ shard: Int, _ dealt: [DealtBatch]) {
    for item in dealt {
      let source = item.attempt.source
      states[shard].apply(item.batch, source: source, inputs: item.attempt.numbers, table: tables[source])
    }
    lock.lock()
    defer { lock.unlock() }
    queues[shard].isApplying = false
    for item in dealt {
      let attempt = item.attempt
      attempt.applied[shard].merge(item.receipt)
      attempt.unapplied -= 1
      waitingBytes -= item.batch.memoryBytes
      // (A segment's may be others', too.)
      if !attempt.all.isRetained && item.batch.capacity >= attempt.splitter.rowsMax
        && spareBatches[attempt.source].count < sparesMax
      {
        spareBatches[attempt.source].append(item.batch)
      }
      settleIfApplied(attempt)
    }
  }

  /// Batches of a source that wait to be filled again: what is under way at a time, and no more, however many come back.
  private var sparesMax: Int { 2 * plan.shards + 16 * options.threads }

  /// Within the lock: commits an attempt once all its rows are applied.
  func settleIfApplied(_ attempt: Attempt) {
    guard attempt.isDealt, attempt.unapplied == 0 else { return }
    let entry = LedgerEntry.commit(commit(attempt))
    guard case .inputs(let verdicts) = fold.judge(entry), verdicts.allSatisfy({ $0 }) else {
      // Cannot happen while one process owns the ledger and every input is committed once.
      failures.append("the ledger refused an input of attempt \(attempt.number)")
      stopped = true
      return
    }
    // I3.
    if let shard = states.indices.first(where: { attempt.applied[$0] != attempt.receipts[$0] }) {
      failures.append(
        "shard \(shard) received other rows of attempt \(attempt.number) than were committed; this is a bug")
      stopped = true
    }
    attemptsLeft -= 1
    attemptsLeftOfSource[attempt.source] -= 1
    if attemptsLeftOfSource[attempt.source] == 0 {
      // Their memory is for the next source's.
      decoders[attempt.source] = []
      spareBatches[attempt.source] = []
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
      }, shards: attempt.receipts)
  }
}

extension ShardReceipt {
  mutating func merge(_ other: ShardReceipt) {
    rows += other.rows
    checksum = checksum &+ other.checksum
  }
}

/// A sealed batch on its way to its shard.
struct DealtBatch: Sendable {
  let attempt: Attempt
  let batch: RowBatch
  /// Of this batch alone.
  let receipt: ShardReceipt
}

/// What waits for one shard. Under the engine's lock.
struct ShardQueue {
  private var dealt: [DealtBatch] = []
  private(set) var rows = 0
  /// A thread has taken rows and is not yet done with them.
  var isApplying = false

  mutating func add(_ batch: DealtBatch) {
    dealt.append(batch)
    rows += batch.batch.count
  }

  /// Takes all; the caller applies them.
  mutating func take() -> [DealtBatch] {
    defer {
      dealt = []
      rows = 0
      isApplying = true
    }
    return dealt
  }
}
