internal import LogBroker
internal import Platform
internal import Threads

/// A change of the file that waits for the transaction it goes in.
final class Change: @unchecked Sendable {
  // Sendable: the thread that leads touches it between taking it and saying that it is done; the one that waits, after.
  let bytes: Int
  /// Runs inside a transaction; may run again after one that was undone.
  let apply: () throws(BrokerError) -> Void
  fileprivate(set) var isDone = false
  var error: BrokerError?

  init(bytes: Int, apply: @escaping () throws(BrokerError) -> Void) {
    self.bytes = bytes
    self.apply = apply
  }
}

/// Joins the changes of many threads into few transactions, because each costs a wait for the device.
///
/// Whoever comes when nobody leads, leads: takes all that wait, carries them out, wakes them. Those that come meanwhile
/// wait, and one of them leads next. No thread of its own: a lone caller commits without a change of threads.
final class GroupCommit: @unchecked Sendable {
  // Sendable: all that changes is touched under the lock only.
  private let lock = ConditionLock()
  private var waiting: [Change] = []
  private var isLed = false
  /// Enough to make the device's wait small beside the writing.
  private static let bytesMax = 32 << 20

  /// Returns when the change was carried out, by this thread or another; `perform` gives each its error.
  func run(_ change: Change, perform: ([Change]) -> Void) throws(BrokerError) {
    lock.withLock { waiting.append(change) }
    while let batch = lead(change) {
      perform(batch)
      lock.withLock {
        for done in batch { done.isDone = true }
        isLed = false
        lock.wakeAll()
      }
    }
    if let error = change.error { throw error }
  }

  /// What this thread shall carry out next; nil when its own change is done.
  private func lead(_ own: Change) -> [Change]? {
    lock.withLock {
      while isLed, !own.isDone { lock.wait() }
      if own.isDone { return nil }
      isLed = true
      var count = 0
      var bytes = 0
      while count < waiting.count, count == 0 || bytes + waiting[count].bytes <= Self.bytesMax {
        bytes += waiting[count].bytes
        count += 1
      }
      defer { waiting.removeFirst(count) }
      return Array(waiting[..<count])
    }
  }
}
