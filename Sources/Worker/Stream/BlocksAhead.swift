/// Cuts an object's blocks on a thread of its own, a few ahead of whoever takes them: inflating one large object and
/// reading its records keep a processor each busy, and what is sent meanwhile is waited for by one of them only.
///
/// For its owner's thread alone. The thread ends with the owner, at the latest after the read that it is in.
final class BlocksAhead {
  /// Some 256 KiB of text each.
  static let blocksMax = 16

  private typealias Taken = Result<ObjectBlocks.Step, ObjectReading.Failure>

  /// All fields are guarded by `lock`, hence `@unchecked Sendable`.
  private final class Shared: @unchecked Sendable {
    let lock = ConditionLock()
    var ready: [Taken] = []
    var isEnding = false
  }
  private let shared = Shared()
  private let thread: WorkerThread

  init(_ blocks: ObjectBlocks) {
    thread = WorkerThread { [shared] in
      var goesOn = true
      while goesOn {
        let taken = Taken { () throws(ObjectReading.Failure) in try blocks.next() }
        if case .success(.block) = taken {} else { goesOn = false }
        shared.lock.withLock {
          while shared.ready.count == BlocksAhead.blocksMax && !shared.isEnding { shared.lock.wait() }
          if shared.isEnding { goesOn = false }
          shared.ready.append(taken)
          if shared.ready.count == 1 { shared.lock.wakeAll() }
        }
      }
    }
  }

  deinit {
    shared.lock.withLock {
      shared.isEnding = true
      shared.lock.wakeAll()
    }
    thread.join()
  }

  /// As ``ObjectBlocks/next()``.
  func next() throws(ObjectReading.Failure) -> ObjectBlocks.Step {
    let taken = shared.lock.withLock {
      while shared.ready.isEmpty { shared.lock.wait() }
      let first = shared.ready.removeFirst()
      // Not for every block: a thread that is woken should find room for some.
      if shared.ready.count == BlocksAhead.blocksMax / 2 { shared.lock.wakeAll() }
      return first
    }
    return try taken.get()
  }
}
