/// Memory for one array of plain values at a time, kept and reused. One thread at a time.
final class ScratchMemory {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int

  init() {
    capacity = 1 << 16
    base = .allocate(byteCount: capacity, alignment: 64)
  }

  deinit { base.deallocate() }

  /// Room for `count` values; what was there before is gone, and so are earlier pointers.
  func array<T: BitwiseCopyable>(of type: T.Type, _ count: Int) -> UnsafeMutablePointer<T> {
    let needed = count * MemoryLayout<T>.stride
    if needed > capacity {
      base.deallocate()
      capacity = max(needed, capacity * 2)
      base = .allocate(byteCount: capacity, alignment: 64)
    }
    return base.bindMemory(to: T.self, capacity: count)
  }
}
