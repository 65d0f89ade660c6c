import Glibc
import Testing
import Threads

/// Locks that are waited on and threads that are joined. Waits that should end are long, so that one which does not is seen;
/// nothing says how soon they end.
@Suite struct ThreadsTests {
  /// Guarded by its lock.
  final class Shared: @unchecked Sendable {
    let lock = ConditionLock()
    var isSet = false
    var isWaiting = false
    var returns = 0
  }

  /// Any wait may end for no reason, but not all of them: then a thread would never rest.
  @Test func aLimitedWaitRests() {
    let lock = ConditionLock()
    let other = LockCondition(of: lock)
    func rounds(_ wait: (Int64) -> Void) -> Int {
      let deadline = monotonicMicroseconds() + 100_000
      var rounds = 0
      while monotonicMicroseconds() < deadline {
        lock.withLock { wait(deadline) }
        rounds += 1
      }
      return rounds
    }
    #expect(rounds { lock.wait(until: $0) } < 100)
    #expect(rounds { _ in lock.wait(milliseconds: 10) } < 100)
    #expect(rounds { _ in other.wait(milliseconds: 10) } < 100)
    // What lies behind is no reason to wait.
    lock.withLock {
      lock.wait(until: 0)
      lock.wait(milliseconds: -5)
      other.wait(milliseconds: .min / 1_000_000)
    }
  }

  @Test func aWaitEndsWhenItIsWoken() throws {
    let shared = Shared()
    let thread = try SystemThread {
      shared.lock.withLock {
        shared.isSet = true
        shared.lock.wakeAll()
      }
    }
    shared.lock.withLock { while !shared.isSet { shared.lock.wait() } }
    thread.join()
  }

  @Test func conditionsOfALockAreWokenApart() throws {
    let shared = Shared()
    let other = LockCondition(of: shared.lock)
    let thread = try SystemThread {
      shared.lock.withLock {
        shared.isWaiting = true
        while !shared.isSet {
          other.wait()
          shared.returns += 1
        }
      }
    }
    // Who gets the lock once it is waiting finds it in its wait.
    while !shared.lock.withLock({ shared.isWaiting }) { sched_yield() }
    for _ in 0..<200 {
      shared.lock.withLock { shared.lock.wakeAll() }
      usleep(100)
    }
    shared.lock.withLock {
      // For no reason at the most.
      #expect(shared.returns < 20)
      shared.isSet = true
      other.wakeAll()
    }
    thread.join()
  }

  @Test func aThreadIsTakenOnce() throws {
    let thread = try SystemThread {}
    thread.join()
    thread.join()
    thread.detach()
    let shared = Shared()
    try SystemThread {
      shared.lock.withLock {
        shared.isSet = true
        shared.lock.wakeAll()
      }
    }.detach()
    shared.lock.withLock { while !shared.isSet { shared.lock.wait() } }
    #expect(SystemThread.ifAny {} != nil)
  }

  @Test func aThreadThatStillRunsIsNotJoined() throws {
    let shared = Shared()
    let thread = try SystemThread {
      shared.lock.withLock { while !shared.isSet { shared.lock.wait() } }
    }
    #expect(!thread.join(milliseconds: 0))
    #expect(!thread.join(milliseconds: 30))
    shared.lock.withLock {
      shared.isSet = true
      shared.lock.wakeAll()
    }
    #expect(thread.join(milliseconds: 60_000))
  }

  @Test func aLockThatIsTakenIsNotTakenAgain() throws {
    let shared = Shared()
    shared.lock.lock()
    let thread = try SystemThread { if shared.lock.tryLock() { shared.isSet = true } }
    thread.join()
    #expect(!shared.isSet)
    shared.lock.unlock()
    #expect(shared.lock.tryLock())
    shared.lock.unlock()
  }

  @Test func whatIsMissingIsSaid() {
    let text = ThreadError.tooMany.description
    #expect(text.contains("thread") && text.contains("--threads") && text.contains("ulimit -u"))
  }
}
