internal import Columns
internal import Definition
internal import Formats
internal import Pipeline
internal import Platform

/// Staging, committing and applying: what was dealt waits for its verdict and becomes state.
extension IngestEngine {
  func stop(_ message: String) {
    lock.withLock {
      failures.append(message)
      stopped = true
      lock.wakeAll()
    }
  }

  /// Keeps sealed batches until the attempt's verdict: in memory within the budget, else in the temporary file.
  func stage(_ batches: [RowBatch], _ attempt: Attempt) {
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

  /// Within the lock: once all is cut and dealt, commits the attempt and lets its batches be applied.
  func finishIfComplete(_ attempt: Attempt) {
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

  func commit(_ attempt: Attempt) -> Commit {
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

  func apply(_ attempt: Attempt, _ shard: Int, _ staged: [StagedBatch]) {
    let inputs = attempt.all.numbers
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
