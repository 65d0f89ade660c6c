import Testing
import Threads

/// Locks that are waited on and threads that are joined. Waits that should end are long, so that one which does not is seen;
/// nothing says how soon they end.
@Suite struct ThreadsTests {
  /// Guarded by its lock.
  final class Shared: @unchecked Sendable {
    let lock = ConditionLock()
    var isSet = false
  }

  @Test func aLimitedWaitEnds() {
    let lock = ConditionLock()
    let other = LockCondition(of: lock)
    let began = monotonicMicroseconds()
    lock.withLock {
      lock.wait(milliseconds: 20)
      other.wait(milliseconds: 20)
      lock.wait(until: monotonicMicroseconds() + 20_000)
      // What lies behind is no reason to wait.
      lock.wait(until: began)
      lock.wait(milliseconds: -5)
    }
    // Any of them may end for no reason.
    #expect(monotonicMicroseconds() >= began)
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
        shared.isSet = true
        other.wakeAll()
      }
    }
    shared.lock.withLock { while !shared.isSet { other.wait() } }
    thread.join()
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
