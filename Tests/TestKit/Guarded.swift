internal import Foundation

/// A value behind a lock that the thread sanitizer knows (it does not see through `Synchronization.Mutex` on Linux).
public final class Guarded<Value>: @unchecked Sendable {
  // Sendable: `value` is reached within the lock alone.
  private let lock = NSLock()
  private var value: Value

  public init(_ value: Value) { self.value = value }

  public func withLock<R>(_ body: (inout Value) throws -> R) rethrows -> R {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
