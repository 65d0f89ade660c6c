internal import Glibc

/// A mutex with a condition to wait on, for threads that block (never the cooperative pool).
///
/// `@unchecked Sendable`: the two pthread objects live at a fixed address from init to deinit and are made for sharing.
final class ConditionLock: @unchecked Sendable {
  fileprivate let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
  private let condition: UnsafeMutablePointer<pthread_cond_t> = .allocate(capacity: 1)

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func lock() { pthread_mutex_lock(mutex) }
  /// Without waiting; false: somebody else has it.
  func tryLock() -> Bool { pthread_mutex_trylock(mutex) == 0 }
  func unlock() { pthread_mutex_unlock(mutex) }
  /// Within the lock: lets go, sleeps until woken (or for no reason), takes it again.
  func wait() { pthread_cond_wait(condition, mutex) }
  /// The same, but for a limited time.
  func wait(milliseconds: Int) { wait(on: condition, milliseconds: milliseconds) }

  fileprivate func wait(on condition: UnsafeMutablePointer<pthread_cond_t>, milliseconds: Int) {
    var until = timespec()
    clock_gettime(CLOCK_REALTIME, &until)
    let nanoseconds = until.tv_nsec + milliseconds % 1000 * 1_000_000
    until.tv_sec += milliseconds / 1000 + nanoseconds / 1_000_000_000
    until.tv_nsec = nanoseconds % 1_000_000_000
    pthread_cond_timedwait(condition, mutex, &until)
  }
  func wakeAll() { pthread_cond_broadcast(condition) }
  func wakeOne() { pthread_cond_signal(condition) }

  func withLock<R>(_ body: () throws -> R) rethrows -> R {
    lock()
    defer { unlock() }
    return try body()
  }
}

/// Another condition under a lock, for those who wait for something else: they are not woken in vain.
final class LockCondition: @unchecked Sendable {
  // Sendable: as the lock.
  private let lock: ConditionLock
  private let condition: UnsafeMutablePointer<pthread_cond_t> = .allocate(capacity: 1)

  init(of lock: ConditionLock) {
    self.lock = lock
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  /// Within the lock, as ``ConditionLock/wait()``.
  func wait() { pthread_cond_wait(condition, lock.mutex) }
  /// The same, but for a limited time.
  func wait(milliseconds: Int) { lock.wait(on: condition, milliseconds: milliseconds) }
  func wakeAll() { pthread_cond_broadcast(condition) }
}

/// A joinable operating-system thread with a stack for deep parsers.
final class WorkerThread: @unchecked Sendable {
  private let handle: pthread_t
  private let end: End

  private final class End: @unchecked Sendable {
    // Sendable: only touched within the lock.
    let lock = ConditionLock()
    var hasCome = false
  }

  /// Starts at once.
  init(_ body: @escaping @Sendable () -> Void) {
    end = End()
    let (result, handle) = WorkerThread.create(end, body)
    precondition(result == 0, "the system gives no more threads (error \(result))")
    self.handle = handle
  }

  private init(_ handle: pthread_t, _ end: End) {
    self.handle = handle
    self.end = end
  }

  /// For work that can be done without: nil if the system gives no more threads.
  static func ifAny(_ body: @escaping @Sendable () -> Void) -> WorkerThread? {
    let end = End()
    let (result, handle) = create(end, body)
    return result == 0 ? WorkerThread(handle, end) : nil
  }

  private static func create(_ end: End, _ body: @escaping @Sendable () -> Void) -> (Int32, pthread_t) {
    final class Box {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let box = Unmanaged.passRetained(
      Box {
        body()
        end.lock.withLock {
          end.hasCome = true
          end.lock.wakeAll()
        }
      })
    let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
    defer { attributes.deallocate() }
    pthread_attr_init(attributes)
    pthread_attr_setstacksize(attributes, 8 << 20)
    var handle: pthread_t = 0
    let result = pthread_create(
      &handle, attributes,
      { context in
        guard let context else { return nil }
        Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    pthread_attr_destroy(attributes)
    if result != 0 { box.release() }
    return (result, handle)
  }

  func join() { pthread_join(handle, nil) }

  /// Waits at most so long; false if it is still running then.
  func join(milliseconds: Int) -> Bool {
    var left = milliseconds
    let hasEnded = end.lock.withLock {
      while !end.hasCome && left > 0 {
        end.lock.wait(milliseconds: min(left, 20))
        left -= 20
      }
      return end.hasCome
    }
    if hasEnded { join() }
    return hasEnded
  }
}
