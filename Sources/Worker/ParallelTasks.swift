internal import Threads

/// Runs numbered tasks on a few threads and hands their results out in order.
enum ParallelTasks {
  /// Calls `task(0..<count)` on `threads` threads, or as many as the system gives and the caller's, and `consume` with each
  /// result in ascending order (on whichever thread completes the sequence, one at a time). At most `threads + 2` results
  /// wait at once. The first error ends the run and is thrown.
  static func run<R: Sendable>(
    count: Int, threads: Int, task: @escaping @Sendable (Int) throws -> R,
    consume: @escaping @Sendable (Int, R) throws -> Void
  ) throws {
    let state = State<R>(count: count, window: threads + 2)
    let wanted = min(max(threads, 1), max(count, 1))
    let workers = (0..<wanted).compactMap { _ in SystemThread.ifAny { state.work(task, consume) } }
    if workers.count < wanted { state.work(task, consume) }
    for worker in workers { worker.join() }
    if let error = state.error { throw error }
  }

  /// All fields are guarded by `lock`.
  private final class State<R: Sendable>: @unchecked Sendable {
    private let lock = ConditionLock()
    private let count: Int
    private let window: Int
    private var next = 0
    private var consumed = 0
    private var consuming = false
    private var waiting: [Int: R] = [:]
    private(set) var error: (any Error)?

    init(count: Int, window: Int) {
      self.count = count
      self.window = window
    }

    func work(_ task: (Int) throws -> R, _ consume: (Int, R) throws -> Void) {
      lock.lock()
      defer { lock.unlock() }
      while error == nil && next < count {
        if next >= consumed + window {
          lock.wait()
          continue
        }
        let index = next
        next += 1
        lock.unlock()
        do {
          let result = try task(index)
          lock.lock()
          waiting[index] = result
        } catch {
          lock.lock()
          if self.error == nil { self.error = error }
        }
        drain(consume)
        lock.wakeAll()
      }
    }

    /// Within the lock.
    private func drain(_ consume: (Int, R) throws -> Void) {
      if consuming { return }
      consuming = true
      while error == nil, let result = waiting.removeValue(forKey: consumed) {
        let index = consumed
        lock.unlock()
        do {
          try consume(index, result)
          lock.lock()
        } catch {
          lock.lock()
          if self.error == nil { self.error = error }
        }
        consumed += 1
        lock.wakeAll()
      }
      consuming = false
    }
  }
}
