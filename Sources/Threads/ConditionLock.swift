public import Glibc

/// A mutex with a condition to wait on, for threads that block (never the cooperative pool; Swift's `Mutex` has none).
/// Limited waits are measured on the monotonic clock: one that is set meanwhile makes none longer.
///
/// `@unchecked Sendable`: the two pthread objects live at a fixed address from init to deinit and are made for sharing.
public final class ConditionLock: @unchecked Sendable {
  @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
  @usableFromInline let condition = LockCondition.makeCondition()

  public init() {
    mutex.initialize(to: pthread_mutex_t())
    precondition(pthread_mutex_init(mutex, nil) == 0)
  }

  deinit {
    LockCondition.destroy(condition)
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  @inlinable public func lock() { pthread_mutex_lock(mutex) }
  /// Without waiting; false: somebody else has it.
  @inlinable public func tryLock() -> Bool { pthread_mutex_trylock(mutex) == 0 }
  @inlinable public func unlock() { pthread_mutex_unlock(mutex) }
  /// Within the lock: lets go, sleeps until woken (or for no reason), takes it again.
  @inlinable public func wait() { pthread_cond_wait(condition, mutex) }
  /// The same, but for a limited time.
  public func wait(milliseconds: Int) { wait(until: LockCondition.deadline(milliseconds)) }
  /// The same, but at most until a time of ``monotonicMicroseconds()``.
  public func wait(until deadline: Int64) { LockCondition.wait(condition, mutex, until: deadline) }
  @inlinable public func wakeAll() { pthread_cond_broadcast(condition) }
  @inlinable public func wakeOne() { pthread_cond_signal(condition) }

  @inlinable
  public func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    lock()
    defer { unlock() }
    return try body()
  }
}

/// Another condition under a lock, for those who wait for something else: they are not woken in vain.
public final class LockCondition: @unchecked Sendable {
  // Sendable: as the lock.
  private let lock: ConditionLock
  private let condition = LockCondition.makeCondition()

  public init(of lock: ConditionLock) { self.lock = lock }

  deinit { LockCondition.destroy(condition) }

  /// Within the lock, as ``ConditionLock/wait()``.
  public func wait() { pthread_cond_wait(condition, lock.mutex) }
  /// The same, but for a limited time.
  public func wait(milliseconds: Int) {
    LockCondition.wait(condition, lock.mutex, until: LockCondition.deadline(milliseconds))
  }
  public func wakeAll() { pthread_cond_broadcast(condition) }

  fileprivate static func makeCondition() -> UnsafeMutablePointer<pthread_cond_t> {
    let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    var attributes = pthread_condattr_t()
    precondition(
      pthread_condattr_init(&attributes) == 0 && pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0
        && pthread_cond_init(condition, &attributes) == 0)
    pthread_condattr_destroy(&attributes)
    return condition
  }

  fileprivate static func destroy(_ condition: UnsafeMutablePointer<pthread_cond_t>) {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  fileprivate static func deadline(_ milliseconds: Int) -> Int64 {
    monotonicMicroseconds() + Int64(max(0, milliseconds)) * 1000
  }

  fileprivate static func wait(
    _ condition: UnsafeMutablePointer<pthread_cond_t>, _ mutex: UnsafeMutablePointer<pthread_mutex_t>,
    until deadline: Int64
  ) {
    var time = timespec(tv_sec: Int(deadline / 1_000_000), tv_nsec: Int(deadline % 1_000_000) * 1000)
    pthread_cond_timedwait(condition, mutex, &time)
  }
}

/// Microseconds on a clock that nobody sets; from an arbitrary start.
public func monotonicMicroseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
}
