/// Zeroed memory of tables that are read in no order and are going to be filled.
///
/// Larger ones come from the system itself, not from the heap, which would not say that it is zeros already. Its pages
/// are brought in at once: one by one they cost twice as much, and those that are read before they are written more again,
/// as the page of zeros that all share until then has to be taken away on all processors. A table of 64 MiB gets pages of
/// 2 MiB, as they are touched: it has more ordinary ones than a processor keeps the addresses of. For smaller ones those
/// gain nothing by themselves: many together do where all are read at random, as the records of states are (`isLarge`; a
/// seventh of a batch over five million keys). On a virtual machine whose free memory was given back to its host they cost
/// four times as much to get. Owned by one; freed with the object.
public final class TableMemory {
  /// Memory of so much is in large pages.
  static let largeBytesMin = 64 << 20
  /// Memory of less comes from the heap.
  private static let mappedBytesMin = 256 << 10

  /// Aligned to 64 bytes at least.
  public let base: UnsafeMutableRawPointer
  public let byteCount: Int
  private let home: Home

  private enum Home {
    case system
    case pool
    case heap
  }

  /// `isShared`: less than 2 MiB as a piece of such that are shared with others (``TableMemoryPool``), if it is a power of two.
  /// `isLarge`: in large pages beside others' (``TableRegions``), if it does not come from the heap, and all of it at once.
  public init(byteCount: Int, isShared: Bool = false, isLarge: Bool = false) {
    self.byteCount = byteCount
    let isPiece =
      (TableMemoryPool.pieceBytesMin..<SystemPages.largeBytes).contains(byteCount) && byteCount.nonzeroBitCount == 1
    if isShared && isPiece {
      if let taken = TableMemoryPool.shared.take(byteCount) {
        (base, home) = (taken, .pool)
        return
      }
    } else if byteCount >= TableMemory.mappedBytesMin {
      let mapped =
        if isLarge {
          TableRegions.large.take(byteCount)
        } else if byteCount >= TableMemory.largeBytesMin {
          SystemPages.map(SystemPages.whole(byteCount), isLarge: true)
        } else {
          TableRegions.ordinary.take(byteCount)
        }
      if let mapped {
        (base, home) = (mapped, .system)
        return
      }
    }
    base = .allocate(byteCount: byteCount, alignment: 64)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    home = .heap
  }

  deinit {
    switch home {
    case .system: TableRegions.giveBack(base, byteCount)
    case .pool: TableMemoryPool.shared.giveBack(base, byteCount)
    case .heap: base.deallocate()
    }
  }
}
