#if canImport(Glibc)
  internal import Glibc
#endif

/// Memory of tables that are read in no order, from 2 MiB on in pages of that size where the system has them.
///
/// A table of many megabytes has more ordinary pages than a processor keeps addresses of, so nearly every look into it
/// would be a walk through the page tables beside the cache miss. A large page comes whole with its first byte: only for
/// what is going to be filled.
public enum LargePages {
  public static let bytes = 2 << 20

  /// Undefined bytes, aligned to 64 at least; freed by `deallocate()`.
  public static func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    guard byteCount >= bytes else { return .allocate(byteCount: byteCount, alignment: 64) }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: bytes)
    #if canImport(Glibc)
      // Advice: where it is not taken, nothing is lost but speed.
      _ = madvise(memory, byteCount & ~(bytes - 1), MADV_HUGEPAGE)
    #endif
    return memory
  }
}
