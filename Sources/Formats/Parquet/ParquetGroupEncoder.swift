internal import Columns

/// Encodes row groups, one column after the other, with buffers that it keeps.
///
/// `@unchecked Sendable`: ``ParquetEncoder``'s pool hands it to one thread at a time and takes it back after the call, so
/// no two threads ever touch it at once.
final class ParquetGroupEncoder: @unchecked Sendable {
  let options: ParquetEncoder.Options
  /// The row group as it grows.
  let out = OutputBuffer(capacity: 1 << 16)
  /// The page at work, before compression.
  let page = OutputBuffer(capacity: 1 << 16)
  let compressor: ParquetCompressor
  /// Values without nulls, where the column has nulls or its file form is another.
  let dense = ScratchMemory()
  let indices = ScratchMemory()
  let words32 = ParquetFixedDictionary<UInt32>()
  let words64 = ParquetFixedDictionary<UInt64>()
  let words128 = ParquetFixedDictionary<UInt128>()
  let strings = ParquetStringDictionary()
  /// The dictionary of the column at work: how many entries, and which one each value is; nil: there is none.
  var dictionary: (entries: Int, indices: UnsafePointer<UInt32>)?

  init(_ options: ParquetEncoder.Options) {
    self.options = options
    compressor = ParquetCompressor(codec: options.codec, zstdLevel: options.zstdLevel)
  }

  /// Chunks of columns without a flag in `anew` come out of `kept`; the group takes the place of `bytes`.
  func encode(
    _ table: Table, _ columns: [ParquetColumn], kept: EncodedRowGroup? = nil, anew: [Bool]? = nil,
    into bytes: consuming [UInt8] = []
  ) throws(WriteError) -> EncodedRowGroup {
    // Pointers into the columns are taken below; the table outlives them all.
    defer { withExtendedLifetime(table) {} }
    out.removeAll()
    // About what it takes: growing would copy.
    out.reserve(table.count * columns.count)
    var chunks: [ParquetColumnChunk] = []
    var counts: [ValueCounts?] = []
    for (index, (column, values)) in zip(columns, table.columns).enumerated() {
      if let kept, let anew, !anew[index] {
        chunks.append(append(kept.metadata.columns[index], of: kept))
        counts.append(nil)
        continue
      }
      let rows = ChunkRows(column: column, values: values, count: table.count)
      if column.required, let row = rows.firstNull {
        throw WriteError(
          .nullInRequiredColumn, column: column.field.name, row: row, "a null where none may be")
      }
      do {
        dictionary = nil
        chunks.append(try encode(rows, values))
        counts.append(dictionary.flatMap { self.counts(of: values, rows, entries: $0.entries, $0.indices) })
      } catch {
        throw WriteError(error.code, column: column.field.name, row: error.row, error.message)
      }
    }
    // A little more room than is needed, for the next group to fit, too.
    bytes.removeAll(keepingCapacity: true)
    if bytes.capacity < out.count { bytes.reserveCapacity(out.count + out.count / 16) }
    bytes.append(contentsOf: UnsafeBufferPointer(start: out.base, count: out.count))
    return EncodedRowGroup(
      bytes: bytes, metadata: ParquetRowGroup(rows: table.count, columns: chunks), counts: counts)
  }

  /// How often each entry of the column's dictionary comes.
  private func counts(of column: Column, _ rows: ChunkRows, entries: Int, _ indices: UnsafePointer<UInt32>)
    -> ValueCounts?
  {
    let values = Column(type: column.type, capacity: entries, arena: column.arena, zeroed: false)
    switch column.type {
    case .string: values.views.update(from: strings.entries, count: entries)
    case .int, .timestamp, .double:
      values.values.copyMemory(from: words64.entries, byteCount: entries * MemoryLayout<UInt64>.stride)
    case .date: values.values.copyMemory(from: words32.entries, byteCount: entries * MemoryLayout<UInt32>.stride)
    // No dictionary is made of booleans, and decimals may have another form in it.
    case .bool, .decimal: return nil
    }
    values.validity.initialize(repeating: 1, count: entries)
    // Two runs of counters, so that equal neighbours need not wait for one another.
    let counts = [UInt32](unsafeUninitializedCapacity: entries * 2) { counts, count in
      counts.initialize(repeating: 0)
      count = entries
      guard let even = counts.baseAddress else { return }
      let odd = even + entries
      var i = 0
      while i &+ 1 < rows.valid {
        even[Int(indices[i])] &+= 1
        odd[Int(indices[i &+ 1])] &+= 1
        i &+= 2
      }
      if i < rows.valid { even[Int(indices[i])] &+= 1 }
      for entry in 0..<entries { even[entry] &+= odd[entry] }
    }
    return ValueCounts(values: values, counts: counts, nulls: rows.nulls)
  }

  /// A chunk as it was encoded before.
  private func append(_ chunk: ParquetColumnChunk, of kept: EncodedRowGroup) -> ParquetColumnChunk {
    var moved = chunk
    let distance = out.count - chunk.start
    moved.dataPageOffset += distance
    if let offset = chunk.dictionaryPageOffset { moved.dictionaryPageOffset = offset + distance }
    kept.bytes.withUnsafeBufferPointer { bytes in
      let pages = UnsafeBufferPointer(rebasing: bytes[chunk.start..<chunk.start + chunk.compressedBytes])
      if let address = pages.baseAddress { out.append(address, pages.count) }
    }
    return moved
  }

  private func encode(_ rows: ChunkRows, _ column: Column) throws(WriteError) -> ParquetColumnChunk {
    switch column.type {
    case .string:
      return try encodeStrings(rows, column)
    case .bool:
      return try encodeBooleans(rows, column)
    case .int, .timestamp:
      let values = denseValues(of: rows, UnsafePointer(column.int64s))
      return try encodeIntegers(
        rows, values, as: UInt64.self, words64, within: ParquetBounds.range(values, rows.valid))
    case .date:
      let values = denseValues(of: rows, UnsafePointer(column.int32s))
      return try encodeIntegers(
        rows, values, as: UInt32.self, words32, within: ParquetBounds.range(values, rows.valid))
    case .double:
      let values = denseValues(of: rows, UnsafePointer(column.doubles))
      return try encodeFixed(
        rows, ParquetBounds.bits(values, as: UInt64.self, rows.valid), width: 8, words64,
        ParquetBounds.doubles(values, rows))
    case .decimal(let precision, _):
      return try encodeDecimals(rows, column, precision: precision)
    }
  }

  private func encodeDecimals(
    _ rows: ChunkRows, _ column: Column, precision: Int
  ) throws(WriteError) -> ParquetColumnChunk {
    let limit = DecimalLimit.magnitude(precision: precision)
    let source = column.int128s
    for row in 0..<rows.count where rows.validity[row] != 0 && source[row].magnitude >= limit {
      throw WriteError(
        .decimalOutOfRange, row: row,
        "\(source[row]) (unscaled) has more than \(precision) digits")
    }
    switch ParquetPhysicalType(column.type) {
    case .int32:
      let values = dense.array(of: Int32.self, rows.valid + 1)
      ChunkRows.compact(rows, UnsafePointer(source), to: values) { Int32(truncatingIfNeeded: $0) }
      return try encodeIntegers(
        rows, values, as: UInt32.self, words32, within: ParquetBounds.range(values, rows.valid))
    case .int64:
      let values = dense.array(of: Int64.self, rows.valid + 1)
      ChunkRows.compact(rows, UnsafePointer(source), to: values) { Int64(truncatingIfNeeded: $0) }
      return try encodeIntegers(
        rows, values, as: UInt64.self, words64, within: ParquetBounds.range(values, rows.valid))
    case .fixedLenByteArray(let width):
      let values = denseValues(of: rows, UnsafePointer(source))
      return try encodeFixed(
        rows, ParquetBounds.bits(values, as: UInt128.self, rows.valid), width: width, words128,
        ParquetBounds.bigEndian(values, rows, width: width))
    default:
      preconditionFailure("a decimal is an INT32, INT64 or FIXED_LEN_BYTE_ARRAY")
    }
  }

  /// The values that are not null, one after the other: the column's own memory where there are no nulls.
  private func denseValues<T: BitwiseCopyable>(of rows: ChunkRows, _ source: UnsafePointer<T>)
    -> UnsafePointer<T>
  {
    guard rows.hasNulls else { return source }
    let target = dense.array(of: T.self, rows.valid + 1)
    ChunkRows.compact(rows, source, to: target) { $0 }
    return UnsafePointer(target)
  }

  func denseViews(of rows: ChunkRows, _ column: Column) -> UnsafePointer<ByteView> {
    denseValues(of: rows, UnsafePointer(column.views))
  }

  private func encodeBooleans(_ rows: ChunkRows, _ column: Column) throws(WriteError) -> ParquetColumnChunk {
    let values = denseValues(of: rows, UnsafePointer(column.bytes))
    var writer = ParquetChunkWriter(self, rows)
    let rowsPerPage = options.pageBytes * 8
    try writer.pages(.plain, rowsPerPage: rowsPerPage) { from, count, page in
      ParquetHybrid.appendBits(values + from, count, to: page)
    }
    return writer.finish(ParquetBounds.booleans(values, rows))
  }

  /// Whole words, the least and the greatest of which are known; `as`: their bits.
  private func encodeIntegers<
    T: FixedWidthInteger & SignedInteger & BitwiseCopyable, Key: FixedWidthInteger & UnsignedInteger & BitwiseCopyable
  >(
    _ rows: ChunkRows, _ values: UnsafePointer<T>, as: Key.Type, _ dictionary: ParquetFixedDictionary<Key>,
    within range: (low: T, high: T)?
  ) throws(WriteError) -> ParquetColumnChunk {
    try encodeFixed(
      rows, ParquetBounds.bits(values, as: Key.self, rows.valid), width: MemoryLayout<Key>.size, dictionary,
      ParquetBounds.integers(within: range, rows),
      within: range.map { (Key(truncatingIfNeeded: $0.low), Key(truncatingIfNeeded: $0.high)) })
  }

  /// `keys` are the bits of the values; `width` the bytes of one in the file, cut off a key's upper end; `range` as
  /// ``ParquetFixedDictionary`` takes it.
  private func encodeFixed<Key: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ rows: ChunkRows, _ keys: UnsafePointer<Key>, width: Int, _ dictionary: ParquetFixedDictionary<Key>,
    _ statistics: ParquetStatistics, within range: (low: Key, high: Key)? = nil
  ) throws(WriteError) -> ParquetColumnChunk {
    var writer = ParquetChunkWriter(self, rows)
    let indices = indices.array(of: UInt32.self, rows.valid)
    if options.usesDictionary, rows.valid > 0,
      dictionary.build(keys, rows.valid, width: width, within: range, indices: indices)
    {
      self.dictionary = (dictionary.count, UnsafePointer(indices))
      try writer.dictionaryPage(entries: dictionary.count) { page in
        ParquetGroupEncoder.appendPlain(dictionary.entries, dictionary.count, width: width, to: page)
      }
      try writer.indexPages(UnsafePointer(indices), entries: dictionary.count)
    } else {
      try writer.pages(.plain, rowsPerPage: max(1, options.pageBytes / width)) { from, count, page in
        ParquetGroupEncoder.appendPlain(keys + from, count, width: width, to: page)
      }
    }
    return writer.finish(statistics)
  }

  /// PLAIN: little-endian words as they lie in memory (all our platforms are little-endian); 128-bit keys are decimals,
  /// big-endian in `width` bytes.
  private static func appendPlain<Key: FixedWidthInteger & BitwiseCopyable>(
    _ keys: UnsafePointer<Key>, _ count: Int, width: Int, to page: OutputBuffer
  ) {
    page.reserve(count * width + MemoryLayout<Key>.size)
    let target = UnsafeMutableRawPointer(page.end)
    if width == MemoryLayout<Key>.size && Key.bitWidth < 128 {
      target.copyMemory(from: keys, byteCount: count * width)
    } else {
      // Shifted to the top, the wanted bytes come first in big-endian order; what is stored behind them is overwritten
      // by the next value or lies in the reserve.
      let shift = Key(truncatingIfNeeded: Key.bitWidth - 8 * width)
      for i in 0..<count {
        target.storeBytes(of: (keys[i] &<< shift).bigEndian, toByteOffset: i &* width, as: Key.self)
      }
    }
    page.advance(count * width)
  }
}
