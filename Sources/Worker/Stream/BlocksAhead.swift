internal import Columns
internal import Formats
internal import Threads

/// Cuts an object's blocks on a thread of its own, some ahead of whoever takes them: of one large object, inflating and reading
/// the records keep a processor each busy, and go on while what was read is sent.
///
/// For its owner's thread alone. The thread ends with the owner, who waits for the store's answer if it is asked just then, and
/// for nothing else.
final class BlocksAhead {
  /// Of text that is ready; a block more may wait, and one is in the making.
  static let bytesMax = 4 << 20

  private typealias Taken = Result<ObjectBlocks.Step, ObjectReading.Failure>

  /// All fields are guarded by `lock`, hence `@unchecked Sendable`.
  private final class Shared: @unchecked Sendable {
    let lock = ConditionLock()
    var ready: [Taken] = []
    var readyBytes = 0
    var isEnding = false
  }
  private let shared: Shared
  private let thread: SystemThread

  /// Of an object some of whose blocks may have been taken already. nil: the system gives no thread for it, and `blocks` is as
  /// it was.
  init?(_ blocks: ObjectBlocks) {
    let shared = Shared()
    guard let thread = SystemThread.ifAny({ BlocksAhead.cut(blocks, shared) }) else { return nil }
    self.shared = shared
    self.thread = thread
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
      let before = shared.readyBytes
      shared.readyBytes -= BlocksAhead.bytes(first)
      // Not for every block: a thread that is woken should find room for some.
      let enough = BlocksAhead.bytesMax / 2
      if before > enough && shared.readyBytes <= enough { shared.lock.wakeAll() }
      return first
    }
    return try taken.get()
  }

  /// The thread's work.
  private static func cut(_ blocks: ObjectBlocks, _ shared: Shared) {
    var goesOn = true
    while goesOn {
      let taken = Taken { () throws(ObjectReading.Failure) in
        // A record that is too long may take any number of reads until there is a block.
        try blocks.next { shared.lock.withLock { shared.isEnding } }
      }
      if case .success(.block) = taken {} else { goesOn = false }
      shared.lock.withLock {
        while shared.readyBytes >= bytesMax && !shared.isEnding { shared.lock.wait() }
        if shared.isEnding {
          goesOn = false
          return
        }
        shared.ready.append(taken)
        shared.readyBytes += bytes(taken)
        if shared.ready.count == 1 { shared.lock.wakeAll() }
      }
    }
  }

  private static func bytes(_ taken: Taken) -> Int {
    guard case .success(.block(let block, _)) = taken else { return 0 }
    return block.text.capacity
  }
}
