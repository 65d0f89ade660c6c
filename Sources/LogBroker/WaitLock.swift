internal import Glibc

/// A lock with a condition to wait for, with a deadline on the monotonic clock (pthreads; Swift's `Mutex` has none).
public final class WaitLock: @unchecked Sendable {
  // Sendable: both pointers are set once, and what they point to is made for many threads.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  public init() {
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    condition.initialize(to: pthread_cond_t())
    var attributes = pthread_condattr_t()
    precondition(pthread_condattr_init(&attributes) == 0)
    precondition(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0)
    precondition(pthread_mutex_init(mutex, nil) == 0 && pthread_cond_init(condition, &attributes) == 0)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  public func locked<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Waits for a ``broadcast()``; only inside ``locked(_:)``. May wake without one: look again at what was waited for.
  public func wait() { pthread_cond_wait(condition, mutex) }

  /// The same, but at most until a time of ``monotonicMicroseconds()``.
  public func wait(until deadline: Int64) {
    var time = timespec(tv_sec: Int(deadline / 1_000_000), tv_nsec: Int(deadline % 1_000_000) * 1000)
    pthread_cond_timedwait(condition, mutex, &time)
  }

  public func broadcast() { pthread_cond_broadcast(condition) }
}

/// Microseconds on a clock that nobody sets; from an arbitrary start.
public func monotonicMicroseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
}
