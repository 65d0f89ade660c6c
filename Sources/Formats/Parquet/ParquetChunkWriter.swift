internal import Columns

/// Writes the pages of one column chunk to the row group's buffer and keeps the books for the footer.
struct ParquetChunkWriter {
  private let encoder: ParquetGroupEncoder
  private let rows: ChunkRows
  private var uncompressedBytes = 0
  private let start: Int
  private var dictionaryPageOffset: Int?
  private var dataPageOffset: Int?
  private var dataPages = 0

  init(_ encoder: ParquetGroupEncoder, _ rows: ChunkRows) {
    self.encoder = encoder
    self.rows = rows
    start = encoder.out.count
  }

  /// The dictionary, PLAIN; before all data pages.
  mutating func dictionaryPage(entries: Int, _ write: (OutputBuffer) -> Void) throws(WriteError) {
    let page = encoder.page
    page.removeAll()
    write(page)
    dictionaryPageOffset = encoder.out.count
    try emit(type: 2) { header in
      header.structure(7) { dictionary in
        dictionary.i32(1, entries)
        dictionary.i32(2, ParquetEncoding.plain.rawValue)
      }
    }
  }

  /// Data pages of dictionary indices: a byte with the bit width, then the hybrid.
  mutating func indexPages(_ indices: UnsafePointer<UInt32>, entries: Int) throws(WriteError) {
    let bitWidth = ParquetHybrid.bitWidth(entries: entries)
    let rowsPerPage = max(1, encoder.options.pageBytes * 8 / bitWidth)
    try pages(.rleDictionary, rowsPerPage: rowsPerPage) { from, count, page in
      page.append(UInt8(truncatingIfNeeded: bitWidth))
      ParquetHybrid.encode(indices + from, count, bitWidth: bitWidth, to: page)
    }
  }

  /// Data pages of a fixed number of rows. `write` appends values [from, from + count) of those that are not null.
  mutating func pages(
    _ encoding: ParquetEncoding, rowsPerPage: Int, _ write: (Int, Int, OutputBuffer) -> Void
  ) throws(WriteError) {
    var row = 0
    var valid = 0
    while row < rows.count {
      let end = min(rows.count, row + rowsPerPage)
      let count = rows.valid(in: row..<end)
      try page(encoding, row..<end, valid, count, write)
      row = end
      valid += count
    }
  }

  /// Data pages of as many values as `next` says of those from a place on; rows follow the values.
  mutating func pages(
    _ encoding: ParquetEncoding, next: (Int) -> Int, write: (Int, Int, OutputBuffer) -> Void
  ) throws(WriteError) {
    var row = 0
    var valid = 0
    while row < rows.count {
      let count = next(valid)
      // Nulls behind the last value go with it.
      var end = valid + count == rows.valid ? rows.count : row
      var seen = 0
      if end == row {
        while seen < count {
          seen &+= Int(rows.validity[end])
          end &+= 1
        }
      }
      try page(encoding, row..<end, valid, count, write)
      row = end
      valid += count
    }
  }

  /// The chunk's entry in the footer.
  func finish(_ statistics: ParquetStatistics) -> ParquetColumnChunk {
    ParquetColumnChunk(
      codec: encoder.options.codec, values: rows.count, uncompressedBytes: uncompressedBytes,
      compressedBytes: encoder.out.count - start, dataPageOffset: dataPageOffset ?? encoder.out.count,
      dictionaryPageOffset: dictionaryPageOffset, dataPages: dataPages, statistics: statistics)
  }

  private mutating func page(
    _ encoding: ParquetEncoding, _ pageRows: Range<Int>, _ from: Int, _ count: Int,
    _ write: (Int, Int, OutputBuffer) -> Void
  ) throws(WriteError) {
    let page = encoder.page
    page.removeAll()
    if !rows.isRequired { writeLevels(pageRows, valid: count, to: page) }
    write(from, count, page)
    if dataPageOffset == nil { dataPageOffset = encoder.out.count }
    dataPages += 1
    try emit(type: 0) { header in
      header.structure(5) { data in
        data.i32(1, pageRows.count)
        data.i32(2, encoding.rawValue)
        data.i32(3, ParquetEncoding.rle.rawValue)
        data.i32(4, ParquetEncoding.rle.rawValue)
      }
    }
  }

  /// Definition levels: their length in four bytes, then the hybrid of one bit a row.
  private func writeLevels(_ pageRows: Range<Int>, valid: Int, to page: OutputBuffer) {
    page.append([0, 0, 0, 0])
    let start = page.count
    if valid == pageRows.count || valid == 0 {
      ParquetHybrid.encodeRun(level: valid == 0 ? 0 : 1, pageRows.count, to: page)
    } else {
      ParquetHybrid.encode(validity: rows.validity + pageRows.lowerBound, pageRows.count, to: page)
    }
    let length = UInt32(truncatingIfNeeded: page.count - start)
    UnsafeMutableRawPointer(page.base).storeBytes(
      of: length.littleEndian, toByteOffset: start - 4, as: UInt32.self)
  }

  private mutating func emit(
    type: Int, _ describe: (inout ThriftCompactWriter) -> Void
  ) throws(WriteError) {
    let body = try encoder.compressor.compress(encoder.page)
    var header = ThriftCompactWriter()
    header.i32(1, type)
    header.i32(2, encoder.page.count)
    header.i32(3, body.count)
    describe(&header)
    header.stop()
    encoder.out.append(header.bytes)
    if let address = body.baseAddress { encoder.out.append(address, body.count) }
    uncompressedBytes += header.bytes.count + encoder.page.count
  }
}
