internal import Platform

/// Gives the file system back what retention has freed: a bounded bit behind each transaction, in one of its own, so that
/// no append fails for it.
///
/// Some of the file stays free, or it would grow and shrink in turns. Files of older layouts have no map of their pages and
/// keep what they have.
struct Shrinking {
  /// Free pages that stay: of 16 KiB each, and a share of the file.
  private static let pagesKept: Int64 = 1024
  private static let share: Int64 = 4
  /// Pages that one step moves to the front, at most: 2 MiB.
  private static let pagesMax = 128
  /// Transactions between two looks, while there is nothing to do.
  private static let pause = 64

  private let isPossible: Bool
  private var wait = 0

  init(_ connection: Connection) throws(BrokerError) {
    // 2: incremental.
    isPossible = try connection.number("PRAGMA auto_vacuum", "open") == 2
  }

  mutating func step(_ connection: Connection) {
    guard isPossible else { return }
    wait -= 1
    if wait > 0 { return }
    do throws(BrokerError) {
      let free = try connection.number("PRAGMA freelist_count", "shrink") ?? 0
      let pages = try connection.number("PRAGMA page_count", "shrink") ?? 0
      let spare = free - max(Self.pagesKept, pages / Self.share)
      if spare > 0 {
        try connection.execute("PRAGMA incremental_vacuum(\(min(Int(spare), Self.pagesMax)))", "shrink")
        return
      }
    } catch {
      // A full device has no room for moving pages either; nothing depends on it.
      connection.rollback()
    }
    wait = Self.pause
  }
}
