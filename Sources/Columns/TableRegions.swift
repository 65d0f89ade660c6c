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

  /// Of the first region, and of the largest: each is twice the one before, as nobody else gets pages while one is mapped.
  /// What is not handed out is addresses and no memory, unless the system keeps strict accounts of those.
  static let regionBytesMin = 64 << 20
  static let regionBytesMax = 256 << 20

  private let isLarge: Bool
  /// What is left of the last region. Sendable: it is nobody's but the lock's.
  private struct Rest: @unchecked Sendable {
    var base: UnsafeMutableRawPointer
    var byteCount: Int
  }
  private struct State {
    var rest: Rest?
    var regionBytes = TableRegions.regionBytesMin
  }
  private let state = Mutex(State())

  private init(isLarge: Bool) { self.isLarge = isLarge }

  /// `byteCount` zeros, all brought in, from where a page begins; nil: the system has no more.
  func take(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let whole = SystemPages.whole(byteCount)
    let piece = whole < TableRegions.regionBytesMin ? takePiece(whole) : SystemPages.map(whole, isLarge: isLarge)
    if let piece { SystemPages.populate(piece, whole) }
    return piece
  }

  private func takePiece(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    state.withLock { state in
      if let left = state.rest, left.byteCount >= byteCount {
        state.rest = Rest(base: left.base + byteCount, byteCount: left.byteCount - byteCount)
        return left.base
      }
      guard let region = mapRegion(&state) else { return nil }
      var (spare, next) = (
        state.rest, Rest(base: region.base + byteCount, byteCount: region.byteCount - byteCount)
      )
      if let left = spare, left.byteCount > next.byteCount { (spare, next) = (next, left) }
      if let spare, spare.byteCount > 0 { SystemPages.unmap(spare.base, spare.byteCount) }
      state.rest = next
      return region.base
    }
  }

  /// The next region; one of the least size where the system has no addresses for more.
  private func mapRegion(_ state: inout State) -> Rest? {
    for byteCount in [state.regionBytes, TableRegions.regionBytesMin] {
      guard let base = SystemPages.map(byteCount, isLarge: isLarge) else { continue }
      state.regionBytes = min(byteCount * 2, TableRegions.regionBytesMax)
      return Rest(base: base, byteCount: byteCount)
    }
    return nil
  }

  /// What was taken goes back to the system.
  static func giveBack(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    SystemPages.unmap(base, SystemPages.whole(byteCount))
  }
}
