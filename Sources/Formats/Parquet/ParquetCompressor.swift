internal import CSnappy
internal import CZstd

/// Compresses pages with one codec; keeps zstd's context and its own output from page to page.
///
/// One thread at a time.
final class ParquetCompressor {
  let codec: ParquetCodec
  private let level: Int32
  /// nil where the codec is not zstd, or there was no memory for it.
  private let context: OpaquePointer?
  private let output = OutputBuffer()

  init(codec: ParquetCodec, zstdLevel: Int) {
    self.codec = codec
    level = Int32(clamping: zstdLevel)
    context = codec == .zstd ? ZSTD_createCCtx() : nil
  }

  deinit { ZSTD_freeCCtx(context) }

  /// The page as it goes into the file; valid until the next call or change of `page`.
  func compress(_ page: OutputBuffer) throws(WriteError) -> UnsafeBufferPointer<UInt8> {
    switch codec {
    case .uncompressed:
      return UnsafeBufferPointer(start: page.base, count: page.count)
    case .snappy:
      var length = snappy_max_compressed_length(page.count)
      output.removeAll()
      output.reserve(length)
      let status = page.base.withMemoryRebound(to: CChar.self, capacity: page.count) { input in
        output.base.withMemoryRebound(to: CChar.self, capacity: length) { target in
          snappy_compress(input, page.count, target, &length)
        }
      }
      guard status == SNAPPY_OK else { throw WriteError(.compression, "snappy failed on a page") }
      return UnsafeBufferPointer(start: output.base, count: length)
    case .zstd:
      guard let context else { throw WriteError(.compression, "there is no memory for zstd") }
      output.removeAll()
      output.reserve(ZSTD_compressBound(page.count))
      let length = ZSTD_compressCCtx(
        context, output.base, output.capacity, page.base, page.count, level)
      guard ZSTD_isError(length) == 0 else {
        throw WriteError(.compression, "zstd failed on a page: \(String(cString: ZSTD_getErrorName(length)))")
      }
      return UnsafeBufferPointer(start: output.base, count: length)
    }
  }
}
