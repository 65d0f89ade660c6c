internal import Synchronization

/// Zeros from the system, side by side in regions that are mapped as a whole, in ordinary pages or in large ones; one large
/// page may hold parts of two pieces.
///
/// Mapping each piece by itself would stop all who bring pages in, and wait for them: the system has one lock for a
/// process's address space, and two threads whose tables grew took turns (a twelfth of a batch over five million keys).
/// Any thread.
final class TableRegions: Sendable {
  static let ordinary = TableRegions(isLarge: false)
  static let large = TableRegions(isLarge: true)
  /// Of pieces as large as large pages, which begin where one could.
  static let blocks = TableRegions(isLarge: false)

  private static let regionBytes = 64 << 20

  private let isLarge: Bool
  /// What is left of the last region. Sendable: it is nobody's but the lock's.
  private struct Rest: @unchecked Sendable {
    var base: UnsafeMutableRawPointer
    var byteCount: Int
  }
  private let rest = Mutex<Rest?>(nil)

  private init(isLarge: Bool) { self.isLarge = isLarge }

  /// `byteCount` zeros, all brought in, from where a page begins; nil: the system has no more.
  func take(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let whole = SystemPages.whole(byteCount)
    let piece = whole < TableRegions.regionBytes ? takePiece(whole) : SystemPages.map(whole, isLarge: isLarge)
    if let piece { SystemPages.populate(piece, whole) }
    return piece
  }

  private func takePiece(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    rest.withLock { rest in
      if let left = rest, left.byteCount >= byteCount {
        rest = Rest(base: left.base + byteCount, byteCount: left.byteCount - byteCount)
        return left.base
      }
      guard let base = SystemPages.map(TableRegions.regionBytes, isLarge: isLarge) else { return nil }
      var (spare, next) = (rest, Rest(base: base + byteCount, byteCount: TableRegions.regionBytes - byteCount))
      if let left = spare, left.byteCount > next.byteCount { (spare, next) = (next, left) }
      if let spare, spare.byteCount > 0 { SystemPages.unmap(spare.base, spare.byteCount) }
      rest = next
      return base
    }
  }

  /// What was taken goes back to the system.
  static func giveBack(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    SystemPages.unmap(base, SystemPages.whole(byteCount))
  }
}
