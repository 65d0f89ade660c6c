#if canImport(Glibc)
  internal import Glibc
#endif

/// Zeroed memory of tables that are read in no order, from 2 MiB on in pages of that size where the system has them.
///
/// A table of many megabytes has more ordinary pages than a processor keeps addresses of, so nearly every look into it
/// would be a walk through the page tables beside the cache miss. A large page comes whole with its first byte: only for
/// what is going to be filled. It comes from the system itself, not from the heap, which would not say that it is zeros
/// already: clearing 2 MiB twice costs more than all that is asked of the system. Owned by one; freed with the object.
public final class LargePages {
  public static let bytes = 2 << 20

  /// Aligned to 64 bytes at least.
  public let base: UnsafeMutableRawPointer
  public let byteCount: Int
  private let isMapped: Bool

  public init(byteCount: Int) {
    self.byteCount = byteCount
    #if canImport(Glibc)
      if byteCount >= LargePages.bytes, let mapped = LargePages.map(byteCount) {
        base = mapped
        isMapped = true
        return
      }
    #endif
    base = .allocate(byteCount: byteCount, alignment: 64)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    isMapped = false
  }

  deinit {
    #if canImport(Glibc)
      if isMapped {
        munmap(base, byteCount)
        return
      }
    #endif
    base.deallocate()
  }

  #if canImport(Glibc)
    /// Aligned to large pages: what lies before and behind is given back. nil: the system has no more.
    private static func map(_ byteCount: Int) -> UnsafeMutableRawPointer? {
      let all = byteCount + bytes
      guard let mapped = mmap(nil, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        mapped != MAP_FAILED
      else { return nil }
      let before = (bytes - Int(bitPattern: mapped) & (bytes - 1)) & (bytes - 1)
      let base = mapped + before
      // What is mapped is whole pages, so the tail begins at one.
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      let used = (byteCount + page - 1) / page * page
      if before > 0 { munmap(mapped, before) }
      if all > before + used { munmap(base + used, all - before - used) }
      // Advice: where it is not taken, nothing is lost but speed.
      madvise(base, byteCount & ~(bytes - 1), MADV_HUGEPAGE)
      return base
    }
  #endif
}
