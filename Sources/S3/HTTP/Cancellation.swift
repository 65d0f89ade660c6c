internal import Glibc
internal import Synchronization

/// Lets one thread tell another to give up what it waits for.
final class Cancellation: Sendable {
  private let flag = Atomic<Bool>(false)

  var isCancelled: Bool { flag.load(ordering: .relaxed) }

  func cancel() { flag.store(true, ordering: .relaxed) }

  /// Sleeps, in slices short enough that a cancellation is noticed soon. False when cancelled.
  func sleep(milliseconds: Int) -> Bool {
    var left = milliseconds
    while left > 0, !isCancelled {
      let slice = min(left, 50)
      usleep(UInt32(slice) * 1000)
      left -= slice
    }
    return !isCancelled
  }
}
