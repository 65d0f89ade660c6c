internal import Definition
internal import Formats
internal import Metrics
internal import Pipeline
internal import Platform
internal import Threads

/// Reading: an attempt's objects become rows of the shards and, where they cannot be used, dead letters.
extension ObjectIngest {
  func read(_ attempt: ObjectAttempt, generation: Int) throws {
    let id = context.attempts.make()
    let source = context.plan.sources[attempt.source]
    let packer = RowPacker(shards: context.plan.shards, types: source.carriedTypes)
    var sender = RowSender(context, attempt: id, source: attempt.source, generation: generation, takesFiles: true)
    var letters = DeadLetterSender(context, attempt: id)
    let reading = ObjectReading(plan: context.decoding[attempt.source], maxRowBytes: context.definition.maxRowBytes)
    var inputs: [CommittedInput] = []
    var rowsRead: UInt64 = 0
    var rowsRejected: UInt64 = 0
    defer { lock.withLock { queue.finishReading(attempt) } }
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
        // Asked again and again: what else is read when an object begins may be read long before it.
        var isAhead = false
        defer { if isAhead { lock.withLock { queue.endAhead() } } }
        func beginAhead() -> Bool {
          isAhead =
            context.options.hasThreads
            && lock.withLock { queue.beginAhead(info.size, threads: context.options.threads) }
          return isAhead
        }
        let counts = try reading.read(
          file, number: number, into: packer, rejects: &rejects, beginAhead: beginAhead
        ) { batches, rejects in
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
        sender.abandon()
        lock.withLock { for other in attempt.tasks where other !== task { again(other, after: 0) } }
        try failed(task, error)
        return
      }
    }
    do {
      try sender.send(packer.finish())
      try sender.flush()
      try letters.flush()
    } catch {
      sender.abandon()
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
      queue.staged.append(attempt)
    }
  }
}
