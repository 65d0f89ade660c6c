internal import Columns
internal import Definition
internal import Formats
internal import Pipeline
internal import Platform

/// Reads objects one after another into row batches: fetch, inflate, cut, decode, check, deal to shards.
///
/// The sequential twin of ``IngestEngine``: in a stream many attempts are under way at once, each on one thread, or two
/// where there is a processor for the other.
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

  /// Reads one object, as input `number` of its attempt. `beginAhead` is asked before each block, until it says that another
  /// thread may cut those behind. `sealed` takes full batches, and may block.
  func read(
    _ input: InputFile, number: Int, into packer: RowPacker, rejects: inout RejectBuffer,
    beginAhead: () -> Bool = { false },
    sealed: ([PackedRows], inout RejectBuffer) throws -> Void
  ) throws -> InputCounts {
    var counts = InputCounts()
    let source = plan.source.source
    var run = Run(positions: [], width: 0, headerKnown: false)
    let decoder = try BlockDecoder(plan, maxRowBytes: maxRowBytes)
    let blocks = ObjectBlocks(
      input, format: source.format, maxRowBytes: maxRowBytes, columns: source.columns.count)
    var mayBeAhead = false
    var ahead: BlocksAhead?
    while true {
      if !mayBeAhead && beginAhead() {
        mayBeAhead = true
        ahead = BlocksAhead(blocks)
      }
      let step = if let ahead { try ahead.next() } else { try blocks.next() }
      switch step {
      case .block(let block, let header):
        try take(block, header, &run, decoder, input, number, packer, &rejects, &counts)
        try sealed(packer.takeSealed(), &rejects)
      case .end(let header, let sha256):
        if !run.headerKnown, let header {
          // No rows: the header has to fit all the same, or an object of another kind would pass for an empty one.
          _ = try positions(in: header)
        }
        counts.sha256 = sha256
        return counts
      }
    }
  }

  private struct Run {
    var positions: [Int]
    var width: Int
    var headerKnown: Bool
  }

  private func positions(in header: [String]) throws(Failure) -> [Int] {
    do {
      return try plan.positions(in: header)
    } catch {
      throw .unreadable(error.message)
    }
  }

  private func take(
    _ block: CutBlock, _ header: [String]?, _ run: inout Run, _ decoder: BlockDecoder, _ input: InputFile,
    _ number: Int, _ packer: RowPacker, _ rejects: inout RejectBuffer, _ counts: inout InputCounts
  ) throws {
    if !run.headerKnown {
      run.headerKnown = true
      if case .csv = plan.source.source.format {
        run.positions = try positions(in: header ?? [])
        run.width = header?.count ?? 0
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
