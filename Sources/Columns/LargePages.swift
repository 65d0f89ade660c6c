/// Zeroed memory of tables that are read in no order, in pages of 2 MiB where the system has them.
///
/// A table of a megabyte has more ordinary pages than a processor keeps addresses of beside all else, so nearly every look
/// into it would be a walk through the page tables beside the cache miss. A large page comes whole with its first byte:
/// only for what is going to be filled. From 2 MiB on memory comes from the system itself, not from the heap, which would
/// not say that it is zeros already. Owned by one; freed with the object.
public final class LargePages {
  public static let bytes = 2 << 20

  /// Aligned to 64 bytes at least.
  public let base: UnsafeMutableRawPointer
  public let byteCount: Int
  private let home: Home

  private enum Home {
    case system
    case pool
    case heap
  }

  /// From 2 MiB on large pages of their own, less from the heap; `isShared`: less as a piece of a large page that is shared
  /// with others (``LargePagePool``), if it is a power of two.
  public init(byteCount: Int, isShared: Bool = false) {
    self.byteCount = byteCount
    if byteCount >= LargePages.bytes {
      if let mapped = LargePagePool.map(byteCount) {
        (base, home) = (mapped, .system)
        return
      }
    } else if isShared && byteCount >= LargePagePool.pieceBytesMin && byteCount.nonzeroBitCount == 1 {
      if let taken = LargePagePool.shared.take(byteCount) {
        (base, home) = (taken, .pool)
        return
      }
    }
    base = .allocate(byteCount: byteCount, alignment: 64)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    home = .heap
  }

  deinit {
    switch home {
    case .system: LargePagePool.unmap(base, byteCount)
    case .pool: LargePagePool.shared.giveBack(base, byteCount)
    case .heap: base.deallocate()
    }
  }
}
