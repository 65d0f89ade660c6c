internal import Columns
internal import Definition
internal import Formats
internal import Pipeline
internal import Platform
internal import Threads

/// Dealing: blocks are decoded on any thread, and their rows numbered and their bad rows put aside in their object's order.
extension IngestEngine {
  func decode(_ waiting: WaitingBlock, _ reused: BlockDecoder?) {
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
      let (rows, rejected, firstRow) = emit(next, attempt)
      lock.lock()
      if let decoder = next.decoder {
        attempt.rowsDealt += Int(rows - rejected)
        queue(.block(decoder, (next.input, firstRow)), attempt)
        growShards(attempt.source, for: Int(rows - rejected))
      }
      attempt.nextToEmit += 1
      attempt.outstanding -= 1
      counters.rows += rows
      counters.rejected += rejected
    }
    attempt.emitting = false
    finishIfComplete(attempt)
    lock.unlock()
  }

  /// Within the lock.
  private func queue(_ content: DealtRows.Content, _ attempt: Attempt) {
    attempt.outstanding += 1
    dealt.append(DealtRows(attempt: attempt, content: content, number: dealtCount))
    dealtCount += 1
  }

  /// Within the lock: lets all shards make room for a source's rows with the first block that has rows of nearly all of them.
  private func growShards(_ source: Int, for rows: Int) {
    if rows < states.count * 3 || !begun.insert(source).inserted { return }
    for shard in states.indices { queue(WantedRoom(place: .init(shard: shard, source: source), more: 0)) }
  }

  /// Within the lock.
  func queue(_ room: WantedRoom) {
    if isGrowing.insert(room.place).inserted { growing.append(room) }
  }

  /// Within the lock: batches that no block holds.
  func queue(_ batches: [RowBatch], _ attempt: Attempt) {
    for batch in batches {
      attempt.rowsDealt += batch.count
      queue(.batch(batch), attempt)
    }
  }

  /// Within the lock: keeps a decoder and its block's text for others.
  func takeBack(_ decoder: BlockDecoder, _ attempt: Attempt) {
    let text = decoder.block.text
    if text.capacity <= IngestEngine.spareTextBytesMax && spareTexts.count < IngestEngine.spareTextsMax {
      spareTexts.append(text)
    }
    decoders[attempt.source].append(decoder)
  }

  /// Within the lock: once all is cut and dealt, seals what is open; when that is applied, the attempt is committed.
  func finishIfComplete(_ attempt: Attempt) {
    guard attempt.cutAll, attempt.outstanding == 0, !attempt.emitting, !attempt.advancing else { return }
    if !attempt.isSealed {
      attempt.isSealed = true
      open.removeAll { $0 === attempt }
      room.wakeAll()
      // Nobody takes it for done meanwhile.
      attempt.outstanding += 1
      lock.unlock()
      let last = attempt.splitter.finish()
      keepRejects(attempt)
      lock.lock()
      queue(last, attempt)
      attempt.outstanding -= 1
      lock.wakeAll()
    }
    if attempt.outstanding == 0 { settle(attempt) }
  }

  /// Numbers a block's rows and rejects the bad ones, in the input's order.
  func emit(_ parsed: ParsedBlock, _ attempt: Attempt) -> (rows: UInt64, rejected: UInt64, firstRow: UInt64) {
    let input = attempt.inputs[parsed.input]
    let firstRow = attempt.counts[parsed.input].read + 1
    var rows: UInt64 = 0
    let rejectedBefore = attempt.rejects.count
    if let decoder = parsed.decoder {
      decoder.complete(object: input.location, modified: input.modified, firstRow: firstRow)
      if decoder.faults.count > 0 { reject(decoder, parsed, attempt, firstRow: firstRow) }
      rows = UInt64(decoder.rows)
      if let asOf = plan.sources[attempt.source].asOf {
        attempt.counts[parsed.input].afterAsOf += decoder.rowsAtOrAfter(asOf)
      }
    } else if let oversized = parsed.oversized, case .oversized(let length) = oversized.content {
      rows = 1
      attempt.rejects.add(
        source: plan.sources[attempt.source].source.name, object: input.location, row: firstRow, byte: parsed.offset,
        fault: .rowTooLong, column: nil,
        raw: UnsafeBufferPointer(start: oversized.text.base, count: oversized.text.count), length: length)
    }
    attempt.counts[parsed.input].read += rows
    let rejected = attempt.rejects.count - rejectedBefore
    attempt.counts[parsed.input].rejected += rejected
    if attempt.rejects.lines.count > IngestEngine.rejectBytesMax { spillRejects(attempt) }
    return (rows, rejected, firstRow)
  }

  func reject(_ decoder: BlockDecoder, _ parsed: ParsedBlock, _ attempt: Attempt, firstRow: UInt64) {
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

  func spillRejects(_ attempt: Attempt) {
    let lines = attempt.rejects.takeLines()
    do {
      let extent = try lines.withRawBytes { bytes throws(StoreError) in try spill.write(bytes) }
      attempt.rejectExtents.append(extent)
    } catch {
      stop(error.description)
    }
  }

  /// Keeps a finished attempt's rejected rows in memory while all of them are few.
  func keepRejects(_ attempt: Attempt) {
    let bytes = attempt.rejects.lines.count
    let fits = lock.withLock {
      if rejectBytes + bytes > IngestEngine.rejectBytesMaxFinished { return false }
      rejectBytes += bytes
      return true
    }
    if !fits { spillRejects(attempt) }
  }
}
