internal import Digests
internal import Platform

/// Fetching: threads that block on stores and fill mailboxes, held back by their size.
extension IngestEngine {
  func fetchLoop() {
    while let attempt = takeAttempt() {
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
  func deliver(_ piece: Piece, _ bytes: Int, _ attempt: Attempt) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    while attempt.mailboxBytes > IngestEngine.mailboxBytesMax && !stopped { room.wait() }
    if stopped { return false }
    attempt.mailbox.append(piece)
    attempt.mailboxBytes += bytes
    counters.bytes += Int64(bytes)
    lock.wakeAll()
    return true
  }
}
