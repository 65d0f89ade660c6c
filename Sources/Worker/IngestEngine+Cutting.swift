internal import Definition
internal import Formats
internal import Pipeline
internal import Platform
internal import Threads

/// Cutting: an attempt's pieces become blocks of whole records, one at a time.
extension IngestEngine {
  /// Cuts at most one block.
  func advance(_ attempt: Attempt) {
    if attempt.cutter.spareText == nil { attempt.cutter.spareText = lock.withLock { spareTexts.popLast() } }
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

  func nextBlock(_ attempt: Attempt) -> WaitingBlock? {
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
      case .records(let block, let entries):
        deal(block, entries, attempt)
        return nil
      case .rows(let batch):
        take(batch, attempt)
        return nil
      case .endOfAttempt(let unread):
        finish(attempt, unread: unread)
        return nil
      }
    }
  }

  func finishInput(_ attempt: Attempt) -> WaitingBlock? {
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

  func takePiece(_ attempt: Attempt) -> Piece? {
    lock.lock()
    defer { lock.unlock() }
    if attempt.mailbox.isEmpty { return nil }
    let piece = attempt.mailbox.removeFirst()
    if piece.bytes > 0 {
      let before = attempt.mailboxBytes
      attempt.mailboxBytes -= piece.bytes
      // Not for every piece: a fetcher that is woken should find room for some.
      let enough = mailboxBytesMax / 2
      if before > enough && attempt.mailboxBytes <= enough { room.wakeAll() }
    }
    return piece
  }

  func waiting(_ cut: CutBlock, _ attempt: Attempt) throws(FormatError) -> WaitingBlock? {
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

  /// The input that is being cut cannot be read.
  func fail(_ attempt: Attempt, _ message: String) {
    guard !attempt.failedInput else { return }
    attempt.failedInput = true
    fail(attempt, input: attempt.currentInput, message)
  }

  func fail(_ attempt: Attempt, input number: Int, _ message: String) {
    let input = attempt.all.input(number)
    let source = plan.sources[attempt.source].source.name
    let text = message.contains(input.location) ? message : "\(input.location): \(message)"
    lock.withLock {
      if attempt.all.isRetained {
        unretained[input.identity(source: source)] = message
      } else if input.isExpected {
        unread[input.identity(source: source)] = "input \(text)"
      }
      failures.append("source '\(source)': \(text)")
      if failures.count >= IngestEngine.failuresMax {
        failures.append("gave up after \(failures.count) inputs that cannot be read")
        stopped = true
        wakeEverybody()
      }
    }
  }
}
