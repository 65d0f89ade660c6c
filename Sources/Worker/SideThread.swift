internal import Threads

/// A thread that does one job at a time beside the one that gives them.
///
/// For its owner's thread alone, hence no `Sendable`.
final class SideThread {
  /// All fields are guarded by `lock`, hence `@unchecked Sendable`.
  private final class Shared: @unchecked Sendable {
    let lock = ConditionLock()
    var job: (@Sendable () -> Void)?
    var isEnding = false
  }
  private let shared = Shared()
  private let thread: SystemThread

  /// nil: the system gives no thread for it.
  init?() {
    let thread = SystemThread.ifAny { [shared] in
      shared.lock.lock()
      while true {
        if let job = shared.job {
          shared.lock.unlock()
          job()
          shared.lock.lock()
          shared.job = nil
          shared.lock.wakeAll()
        } else if shared.isEnding {
          break
        } else {
          shared.lock.wait()
        }
      }
      shared.lock.unlock()
    }
    guard let thread else { return nil }
    self.thread = thread
  }

  deinit {
    shared.lock.withLock {
      shared.isEnding = true
      shared.lock.wakeAll()
    }
    thread.join()
  }

  /// Has `job` done while `body` runs; both are done when this returns or throws.
  func run(_ job: @escaping @Sendable () -> Void, beside body: () throws -> Void) rethrows {
    shared.lock.withLock {
      shared.job = job
      shared.lock.wakeAll()
    }
    defer {
      shared.lock.withLock {
        while shared.job != nil { shared.lock.wait() }
      }
    }
    try body()
  }
}
