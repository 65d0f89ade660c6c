internal import Definition
internal import Pipeline
internal import Platform
internal import Threads

/// Ranges of records: read from the broker, decoded as a stream decodes them (``RecordDecoder``), a partition at a time.
extension IngestEngine {
  /// How long a partition may give nothing before what is wanted of it, milliseconds.
  private static let silenceMilliseconds = 30_000
  private static let pollMilliseconds = 100
  private static let pollBytes = 1 << 20

  func fetch(_ range: InputRange, _ attempt: Attempt) {
    let parts = range.parts
    guard let first = parts.first else {
      _ = deliver(.endOfAttempt(unread: []), attempt)
      return
    }
    do throws(BrokerError) {
      guard let broker else {
        // Such ranges are never listed.
        throw BrokerError(
          .other, operation: "read", location: "\(range.at)", message: "there is no broker to read from")
      }
      let reader = try broker.reader(range.at, from: first.lowerBound)
      defer { reader.close() }
      for part in parts {
        if part != first { try reader.seek(to: part.lowerBound) }
        guard try read(part, range.at, reader, attempt) else { return }
      }
      _ = deliver(.endOfAttempt(unread: []), attempt)
    } catch {
      _ = deliver(.endOfAttempt(unread: [(0, error.description)]), attempt)
    }
  }

  /// False: the run has stopped.
  private func read(
    _ offsets: Range<Int64>, _ at: TopicPartition, _ reader: any PartitionReader, _ attempt: Attempt
  ) throws(BrokerError) -> Bool {
    var next = offsets.lowerBound
    var silent = 0
    while next < offsets.upperBound {
      guard let block = try reader.poll(milliseconds: Self.pollMilliseconds, maxBytes: Self.pollBytes) else {
        if lock.withLock({ stopped }) { return false }
        // The wanted ones may end in a hole.
        next = max(next, reader.position)
        silent += Self.pollMilliseconds
        if silent < Self.silenceMilliseconds { continue }
        throw BrokerError(
          .unavailable, operation: "read", location: "\(at)", message: "nothing comes at offset \(next)",
          hint: "offsets to \(offsets.upperBound) are wanted; try again")
      }
      silent = 0
      let wanted = block.entries.prefix { $0.offset < offsets.upperBound }.count
      if wanted > 0, !deliver(.records(block, 0..<wanted), attempt) { return false }
      next = block.nextOffset
    }
    return true
  }

  /// Decodes and deals records. By the one thread that holds `advancing`.
  func deal(_ block: RecordBlock, _ entries: Range<Int>, _ attempt: Attempt) {
    do {
      let decoder =
        try attempt.recordDecoder
        ?? RecordDecoder(decoding[attempt.source], maxRowBytes: plan.definition.maxRowBytes)
      attempt.recordDecoder = decoder
      let counts = try decoder.decode(
        block, entries, input: 0, into: attempt.splitter, rejects: &attempt.rejects)
      attempt.counts[0].read += counts.read
      attempt.counts[0].rejected += counts.rejected
      attempt.counts[0].afterAsOf += counts.afterAsOf
      lock.withLock {
        counters.rows += counts.read
        counters.rejected += counts.rejected
      }
    } catch {
      stop("source '\(plan.sources[attempt.source].source.name)': \(error)")
      return
    }
    lock.withLock { queue(attempt.splitter.takeSealed(), attempt) }
    if attempt.rejects.lines.count > IngestEngine.rejectBytesMax { spillRejects(attempt) }
  }

  /// An attempt of records or of rows has given all it has.
  func finish(_ attempt: Attempt, unread: [(input: Int, reason: String)]) {
    for (input, reason) in unread { fail(attempt, input: input, reason) }
    attempt.recordDecoder = nil
    lock.withLock {
      counters.objects += attempt.all.count
      attempt.cutAll = true
    }
  }
}
