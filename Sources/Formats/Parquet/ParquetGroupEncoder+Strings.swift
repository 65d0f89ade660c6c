internal import Columns

extension ParquetGroupEncoder {
  func encodeStrings(_ rows: ChunkRows, _ column: Column) throws(WriteError) -> ParquetColumnChunk {
    let views = denseViews(of: rows, column)
    let text = UnsafePointer(column.arena.base)
    var writer = ParquetChunkWriter(self, rows)
    let indices = indices.array(of: UInt32.self, rows.valid)
    let statistics: ParquetStatistics
    if options.usesDictionary, rows.valid > 0,
      strings.build(views, rows.valid, text: text, indices: indices)
    {
      dictionary = (strings.count, UnsafePointer(indices))
      let entries = UnsafePointer(strings.entries)
      try writer.dictionaryPage(entries: strings.count) { page in
        ParquetGroupEncoder.appendPlain(entries, strings.count, text, to: page)
      }
      try writer.indexPages(UnsafePointer(indices), entries: strings.count)
      statistics = ParquetBounds.strings(entries, strings.count, text, rows)
    } else {
      let pageBytes = options.pageBytes
      try writer.pages(.plain) { valid in
        var bytes = 0
        var count = 0
        while count < rows.valid - valid && bytes < pageBytes {
          bytes &+= 4 &+ views[valid &+ count].length
          count &+= 1
        }
        return count
      } write: { from, count, page in
        ParquetGroupEncoder.appendPlain(views + from, count, text, to: page)
      }
      statistics = ParquetBounds.strings(views, rows.valid, text, rows)
    }
    return writer.finish(statistics)
  }

  /// PLAIN: a length of four bytes, then the bytes.
  private static func appendPlain(
    _ views: UnsafePointer<ByteView>, _ count: Int, _ text: UnsafePointer<UInt8>, to page: OutputBuffer
  ) {
    for i in 0..<count {
      let view = views[i]
      let length = view.length
      page.reserve(4 &+ length &+ 16)
      let target = UnsafeMutableRawPointer(page.end)
      let source = UnsafeRawPointer(text + Int(view.start))
      target.storeBytes(of: UInt32(truncatingIfNeeded: length).littleEndian, as: UInt32.self)
      if length <= 16 {
        // Sixteen bytes at once: the arena is followed by 64 readable bytes, the page has room for them.
        let bytes = source.loadUnaligned(as: UInt128.self)
        target.storeBytes(of: bytes, toByteOffset: 4, as: UInt128.self)
      } else {
        (target + 4).copyMemory(from: source, byteCount: length)
      }
      page.advance(4 &+ length)
    }
  }
}
