internal import Synchronization

/// Blocks of the size of a large page, cut into pieces, powers of two, that tables outgrow and others grow into.
///
/// What is given back stays here, put together with its other half if that is here too: as much as was in use at a time.
/// Any thread.
final class TableMemoryPool: Sendable {
  static let shared = TableMemoryPool()
  static let pieceBytesMin = 32 << 10

  /// Sendable: whoever took it out of the pool is the only one who has it.
  private struct Piece: @unchecked Sendable {
    var base: UnsafeMutableRawPointer
    var isZeroed: Bool
  }

  /// By the binary logarithm of their size.
  private let free = Mutex<[[Piece]]>(
    Array(repeating: [], count: SystemPages.largeBytes.trailingZeroBitCount + 1))

  /// `byteCount` zeros, a power of two from the least piece to a whole block; nil: the system has no more.
  func take(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let piece = free.withLock { free -> Piece? in
      let wanted = byteCount.trailingZeroBitCount
      var size = wanted
      while size < free.count - 1 && free[size].isEmpty { size += 1 }
      guard
        let piece = free[size].popLast()
          ?? TableRegions.blocks.take(SystemPages.largeBytes)
          .map({ Piece(base: $0, isZeroed: true) })
      else { return nil }
      while size > wanted {
        size -= 1
        free[size].append(Piece(base: piece.base + (1 << size), isZeroed: piece.isZeroed))
      }
      return piece
    }
    guard let piece else { return nil }
    if !piece.isZeroed { piece.base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount) }
    return piece.base
  }

  func giveBack(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    free.withLock { free in
      var piece = Piece(base: base, isZeroed: false)
      var size = byteCount.trailingZeroBitCount
      // The other half of a piece differs from it in one bit of its address: blocks are aligned to their size.
      while size < free.count - 1,
        let half = free[size].firstIndex(where: {
          UInt(bitPattern: $0.base) == UInt(bitPattern: piece.base) ^ 1 << UInt(size)
        })
      {
        let other = free[size].remove(at: half)
        if other.base < piece.base { piece.base = other.base }
        size += 1
      }
      free[size].append(piece)
    }
  }
}
