internal import Digests
internal import Pipeline
internal import Platform
internal import Threads

/// Fetching: threads that block on stores and fill mailboxes, held back by their size.
extension IngestEngine {
  func fetchLoop() {
    while let attempt = takeAttempt() {
      if attempt.all.isRetained {
        fetchRetained(attempt)
        continue
      }
      for range in attempt.all.ranges { fetch(range, attempt) }
      for input in attempt.inputs {
        fetch(input, attempt)
        if lock.withLock({ stopped }) { return }
      }
    }
  }

  /// Waits while as many attempts are open as workers and fetchers can be busy with: an attempt fits its mailbox as a
  /// rule, so the mailboxes alone would let a fast disk fill the memory.
  func takeAttempt() -> Attempt? {
    lock.lock()
    defer { lock.unlock() }
    while open.count >= openMax && !stopped { room.wait() }
    if stopped || nextToFetch == attempts.count { return nil }
    let attempt = attempts[nextToFetch]
    nextToFetch += 1
    open.append(attempt)
    return attempt
  }

  func fetch(_ input: InputFile, _ attempt: Attempt) {
    do {
      let reader = try input.store.open(input.info)
      let hash: Digests.SHA256? = input.info.bucket.isEmpty ? Digests.SHA256() : nil
      while true {
        let chunk = Chunk(objectBytes: input.info.size, chunks)
        chunk.count = try reader.read(into: chunk.memory)
        if chunk.count == 0 { break }
        hash?.update(chunk.bytes)
        if !deliver(.bytes(chunk), attempt) { return }
      }
      _ = deliver(.endOfInput(sha256: hash?.finishHex()), attempt)
    } catch {
      _ = deliver(.failure(error), attempt)
    }
  }

  /// Waits while the mailbox is full; false when the run has stopped.
  func deliver(_ piece: Piece, _ attempt: Attempt) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    while attempt.mailboxBytes > mailboxBytesMax && !stopped { room.wait() }
    if stopped { return false }
    attempt.mailbox.append(piece)
    attempt.mailboxBytes += piece.bytes
    // The total that is shown beside it is that of the objects.
    if case .bytes(let chunk) = piece { counters.bytes += Int64(chunk.count) }
    lock.wakeAll()
    return true
  }
}

extension Piece {
  /// What it takes in a mailbox, near enough.
  var bytes: Int {
    switch self {
    case .bytes(let chunk): chunk.count
    case .records(let block, _): block.bytes.count
    case .rows(let batch): batch.memoryBytes
    case .endOfInput, .failure, .endOfAttempt: 0
    }
  }
}
