internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#endif

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
    Array(repeating: [], count: TableMemory.largePageBytes.trailingZeroBitCount + 1))

  /// `byteCount` zeros, a power of two from the least piece to a whole block; nil: the system has no more.
  func take(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let piece = free.withLock { free -> Piece? in
      let wanted = byteCount.trailingZeroBitCount
      var size = wanted
      while size < free.count - 1 && free[size].isEmpty { size += 1 }
      guard
        let piece = free[size].popLast()
          ?? TableMemoryPool.map(TableMemory.largePageBytes, isAligned: true).map({ Piece(base: $0, isZeroed: true) })
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

  /// Zeros from the system; nil: it has no more. `isAligned`: to large pages, what lies before and behind is
  /// given back; `isLarge` asks for such pages. `isPopulated`: all are brought in, by
  /// writing: kernels before 6.13 make ordinary ones of a large page that is read before.
  ///
  /// Else what is mapped one after the other lies side by side, one mapping for the system, which has not many to give.
  static func map(
    _ byteCount: Int, isAligned: Bool, isLarge: Bool = false, isPopulated: Bool = true
  ) -> UnsafeMutableRawPointer? {
    #if canImport(Glibc)
      let all = isAligned ? byteCount + TableMemory.largePageBytes : whole(byteCount)
      guard let mapped = mmap(nil, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        mapped != MAP_FAILED
      else { return nil }
      let before = isAligned ? -Int(bitPattern: mapped) & (TableMemory.largePageBytes - 1) : 0
      let base = mapped + before
      let behind = all - before - whole(byteCount)
      if before > 0 { munmap(mapped, before) }
      if behind > 0 { munmap(base + whole(byteCount), behind) }
      // Advice: where it is not taken, nothing is lost but speed.
      if isLarge {
        madvise(base, byteCount & ~(TableMemory.largePageBytes - 1), MADV_HUGEPAGE)
      }
      if isPopulated { madvise(base, byteCount, TableMemoryPool.populateForWriting) }
      return base
    #else
      return nil
    #endif
  }

  static func unmap(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    #if canImport(Glibc)
      munmap(base, whole(byteCount))
    #endif
  }

  #if canImport(Glibc)
    /// Linux 5.14's MADV_POPULATE_WRITE, which older headers do not have.
    private static let populateForWriting: Int32 = 23

    /// Mappings end with a page.
    private static func whole(_ byteCount: Int) -> Int {
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      return (byteCount + page - 1) / page * page
    }
  #endif
}
