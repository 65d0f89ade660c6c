internal import Platform
internal import Threads

/// What is shared by everything that waits: the groups, and a count of all changes anybody could be waiting for.
final class Groups: @unchecked Sendable {
  // Sendable: all that changes is touched under the lock only.
  private let lock = ConditionLock()
  private let sessionMicroseconds: Int64
  private let clock: @Sendable () -> Int64
  private var groups: [String: GroupState] = [:]
  private var partitionCounts: [String: Int] = [:]
  private var changes = 0
  private var isClosed = false

  /// `clock`: microseconds that only grow; sessions are measured with it.
  init(sessionMilliseconds: Int, clock: @escaping @Sendable () -> Int64) {
    sessionMicroseconds = Int64(sessionMilliseconds) * 1000
    self.clock = clock
  }

  /// A number to give to ``wait(since:until:group:)``: take it before looking for what is waited for.
  var version: Int { lock.withLock { changes } }

  /// There is something new to read.
  func wake() {
    lock.withLock {
      changes += 1
      lock.wakeAll()
    }
  }

  func close() {
    lock.withLock {
      isClosed = true
      changes += 1
      lock.wakeAll()
    }
  }

  func checkOpen(_ operation: String, _ location: String) throws(BrokerError) {
    guard lock.withLock({ isClosed }) else { return }
    throw BrokerError(.closed, operation: operation, location: location, message: "the broker was closed")
  }

  func set(partitionCounts counts: [String: Int]) {
    lock.withLock {
      partitionCounts = counts
      for name in groups.keys { change(name) { group, _ in group.set(partitionCounts: counts) } }
      changes += 1
      lock.wakeAll()
    }
  }

  /// Changes a group, at the time it is, and wakes those whose partitions that may concern.
  func with<Result>(_ name: String, _ body: (inout GroupState, _ now: Int64) -> Result) -> Result {
    lock.withLock { change(name, body) }
  }

  /// Waits until something changed since `version`, a deadline (monotonic) or the end of a session of the group; false
  /// when the deadline has come.
  func wait(since version: Int, until deadline: Int64, group: String? = nil) -> Bool {
    lock.withLock {
      var end = deadline
      if let group, let expiry = groups[group]?.nextExpiry {
        // A clock that stands still (it may be virtual) is looked at again, but not without a pause.
        end = min(end, monotonicMicroseconds() + max(10_000, expiry - clock()))
      }
      while changes == version, monotonicMicroseconds() < end { lock.wait(until: end) }
      return changes != version || monotonicMicroseconds() < deadline
    }
  }

  private func change<Result>(_ name: String, _ body: (inout GroupState, _ now: Int64) -> Result) -> Result {
    var group = groups.removeValue(forKey: name) ?? new()  // removed: not copied when it changes
    let before = group.changes
    let result = body(&group, clock())
    if group.changes != before {
      changes += 1
      lock.wakeAll()
    }
    groups[name] = group
    return result
  }

  private func new() -> GroupState {
    var group = GroupState(timeoutMicroseconds: sessionMicroseconds)
    group.set(partitionCounts: partitionCounts)
    return group
  }
}
