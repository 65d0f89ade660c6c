internal import Synchronization

/// A bound on the bytes that all transfers of a session hold beyond what each needs to go on at all.
final class TransferBudget: Sendable {
  private let left: Mutex<Int>

  init(bytesMax: Int) { left = Mutex(max(0, bytesMax)) }

  /// Takes so many bytes if there are as many; never waits, so that transfers cannot wait for each other in a circle.
  func take(_ bytes: Int) -> Bool {
    left.withLock { left in
      guard left >= bytes else { return false }
      left -= bytes
      return true
    }
  }

  func giveBack(_ bytes: Int) { left.withLock { $0 += bytes } }
}
