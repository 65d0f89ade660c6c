#if canImport(Glibc)
  internal import Glibc
#endif

/// Address space, and memory for it.
enum SystemPages {
  static let largeBytes = 2 << 20

  /// Zeros that begin where a large page could; nil: the system has no more. `isLarge` asks for such pages. `byteCount` is of
  /// whole pages.
  static func map(_ byteCount: Int, isLarge: Bool) -> UnsafeMutableRawPointer? {
    #if canImport(Glibc)
      guard let base = aligned(byteCount) else { return nil }
      // Advice: where it is not taken, nothing is lost but speed.
      if isLarge { madvise(base, byteCount & ~(largeBytes - 1), MADV_HUGEPAGE) }
      return base
    #else
      return nil
    #endif
  }

  #if canImport(Glibc)
    private static func aligned(_ byteCount: Int) -> UnsafeMutableRawPointer? {
      // Linux since 6.7 looks for such a place by itself.
      guard let first = mapped(byteCount) else { return nil }
      if before(first) == 0 { return first }
      munmap(first, byteCount)
      guard let base = mapped(byteCount + largeBytes) else { return nil }
      // What lies before and behind is given back.
      let before = before(base)
      if before > 0 { munmap(base, before) }
      munmap(base + before + byteCount, largeBytes - before)
      return base + before
    }

    private static func mapped(_ byteCount: Int) -> UnsafeMutableRawPointer? {
      let base = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
      return base == MAP_FAILED ? nil : base
    }

    /// Bytes from an address to the next where a large page could begin.
    private static func before(_ base: UnsafeMutableRawPointer) -> Int { -Int(bitPattern: base) & (largeBytes - 1) }
  #endif

  /// Brings pages in, by writing: kernels before 6.13 make ordinary ones of a large page that is read before.
  ///
  /// Some at a time: nobody maps or gives back anything meanwhile.
  static func populate(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    #if canImport(Glibc)
      var from = 0
      while from < byteCount {
        let some = min(largeBytes, byteCount - from)
        madvise(base + from, some, populateForWriting)
        from += some
      }
    #endif
  }

  static func unmap(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    #if canImport(Glibc)
      munmap(base, byteCount)
    #endif
  }

  /// So many bytes, or as many more as a page ends with.
  static func whole(_ byteCount: Int) -> Int { (byteCount + pageBytes - 1) / pageBytes * pageBytes }

  #if canImport(Glibc)
    private static let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
    /// Linux 5.14's MADV_POPULATE_WRITE, which older headers do not have.
    private static let populateForWriting: Int32 = 23
  #else
    private static let pageBytes = 4096
  #endif
}
