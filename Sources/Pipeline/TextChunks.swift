internal import Columns

/// Bytes of texts, in chunks that never move: what points at them stays valid, and growing copies nothing.
///
/// Behind every byte that was taken ``ByteArena/padding`` more may be read.
final class TextChunks {
  /// Bytes that were taken.
  private(set) var count = 0
  private(set) var capacity = 0
  private var chunks: [UnsafeMutableRawPointer] = []
  private var free: UnsafeMutableRawPointer
  private var left = 0

  private static let chunkBytesMin = 4096
  private static let chunkBytesMax = 1 << 20

  init() {
    free = .allocate(byteCount: ByteArena.padding, alignment: 16)
    free.initializeMemory(as: UInt8.self, repeating: 0, count: ByteArena.padding)
    chunks.append(free)
  }

  deinit { for chunk in chunks { chunk.deallocate() } }

  /// So many bytes, and as many as the padding behind them, that may be written until more are taken.
  @inline(__always)
  func take(_ length: Int) -> UnsafeMutableRawPointer {
    if length > left { grow(length) }
    let taken = free
    free += length
    left &-= length
    count &+= length
    return taken
  }

  @inline(never)
  private func grow(_ length: Int) {
    // A quarter of what there is: so much may be unused.
    left = max(length, min(max(capacity / 4, TextChunks.chunkBytesMin), TextChunks.chunkBytesMax) - ByteArena.padding)
    capacity += left + ByteArena.padding
    free = .allocate(byteCount: left + ByteArena.padding, alignment: 16)
    (free + left).initializeMemory(as: UInt8.self, repeating: 0, count: ByteArena.padding)
    chunks.append(free)
  }
}
