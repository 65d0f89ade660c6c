internal import Columns
internal import Definition
internal import Digests
internal import Formats
internal import Pipeline
internal import Platform

/// Reads objects one after another into row batches: fetch, inflate, cut, decode, check, deal to shards.
///
/// The sequential twin of ``IngestEngine``: in a stream many attempts are under way at once, each on one thread.
struct ObjectReading {
  let plan: DecodingPlan
  let maxRowBytes: Int

  /// Why an object could not be read whole.
  enum Failure: Error {
    /// It is not (or no longer) the version that was asked for: look again.
    case changed
    /// It cannot be read as what the definition says, now or ever.
    case unreadable(String)
    /// The store does not answer, or forbids it: try again later.
    case store(StoreError)
  }

  /// Reads one object, as input `number` of its attempt. `sealed` takes full batches, and may block.
  func read(
    _ input: InputFile, number: Int, into packer: RowPacker, rejects: inout RejectBuffer,
    sealed: ([PackedRows], inout RejectBuffer) throws -> Void
  ) throws -> InputCounts {
    var counts = InputCounts()
    let source = plan.source.source
    let cutter = BlockCutter(format: source.format, maxRowBytes: maxRowBytes, columns: source.columns.count)
    var run = Run(positions: [], width: 0, headerKnown: false)
    let decoder = try BlockDecoder(plan, maxRowBytes: maxRowBytes)
    let hash: Digests.SHA256? = input.info.bucket.isEmpty ? Digests.SHA256() : nil
    let reader = try opened(input)
    let chunk = Chunk(objectBytes: input.info.size)
    while true {
      do {
        chunk.count = try reader.read(into: chunk.memory)
      } catch {
        throw failure(error)
      }
      if chunk.count == 0 { break }
      hash?.update(chunk.bytes)
      var used = 0
      while let block = try cut({ () throws(FormatError) in try cutter.next(chunk.bytes, used: &used) }) {
        try take(block, cutter, &run, decoder, input, number, packer, &rejects, &counts)
        try sealed(packer.takeSealed(), &rejects)
      }
    }
    while let block = try cut({ () throws(FormatError) in try cutter.finish() }) {
      try take(block, cutter, &run, decoder, input, number, packer, &rejects, &counts)
      try sealed(packer.takeSealed(), &rejects)
    }
    if !run.headerKnown, let header = cutter.header {
      // No rows: the header has to fit all the same, or an object of another kind would pass for an empty one.
      _ = try cut { () throws(FormatError) in try plan.positions(in: header) }
    }
    counts.sha256 = hash?.finishHex()
    return counts
  }

  private struct Run {
    var positions: [Int]
    var width: Int
    var headerKnown: Bool
  }

  private func opened(_ input: InputFile) throws -> any ObjectReader {
    do {
      return try input.store.open(input.info)
    } catch {
      throw failure(error)
    }
  }

  private func failure(_ error: StoreError) -> Failure {
    switch error.code {
    case .changed, .notFound: .changed
    default: .store(error)
    }
  }

  private func cut<R>(_ body: () throws(FormatError) -> R) throws(Failure) -> R {
    do {
      return try body()
    } catch {
      throw .unreadable(error.message)
    }
  }

  private func take(
    _ block: CutBlock, _ cutter: BlockCutter, _ run: inout Run, _ decoder: BlockDecoder, _ input: InputFile,
    _ number: Int, _ packer: RowPacker, _ rejects: inout RejectBuffer, _ counts: inout InputCounts
  ) throws {
    if !run.headerKnown {
      run.headerKnown = true
      if case .csv = plan.source.source.format {
        let header = cutter.header ?? []
        run.positions = try cut { () throws(FormatError) in try plan.positions(in: header) }
        run.width = header.count
      }
    }
    let name = plan.source.source.name
    let firstRow = counts.read + 1
    let rejectedBefore = rejects.count
    switch block.content {
    case .records:
      try decoder.decode(block.text, positions: run.positions, width: run.width)
      decoder.complete(object: input.location, modified: input.modified, firstRow: firstRow)
      packer.append(decoder.rowColumns(input: number, firstRow: firstRow, hashed: true), decoder.faults)
      if decoder.faults.count > 0 {
        rejects.add(decoder, plan: plan.source, object: input.location, firstRow: firstRow, offset: block.offset)
      }
      counts.read += UInt64(decoder.rows)
    case .oversized(let length):
      rejects.add(
        source: name, object: input.location, row: firstRow, byte: block.offset, fault: .rowTooLong, column: nil,
        raw: UnsafeBufferPointer(start: block.text.base, count: block.text.count), length: length)
      counts.read += 1
    }
    counts.rejected += rejects.count - rejectedBefore
  }
}

extension RejectBuffer {
  /// Adds a decoded block's bad rows. `firstRow`: the number of its first record; `offset`: of its first byte.
  mutating func add(_ decoder: BlockDecoder, plan: SourcePlan, object: String, firstRow: UInt64, offset: UInt64) {
    let source = plan.source
    for row in 0..<decoder.rows where decoder.faults.codes[row] != 0 {
      let record = decoder.block.records[row]
      let index = Int(decoder.faults.columns[row])
      let column = index < source.columns.count ? source.columns[index] : nil
      add(
        source: source.name, object: object, row: firstRow + UInt64(row), byte: offset + UInt64(record.start),
        fault: RowFault(rawValue: decoder.faults.codes[row]) ?? .none, column: column.map { ($0.name, $0.type) },
        raw: UnsafeBufferPointer(start: decoder.block.text.base + Int(record.start), count: record.length),
        length: UInt64(record.length))
    }
  }
}
