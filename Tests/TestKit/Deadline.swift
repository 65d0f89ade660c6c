import Dispatch
import Foundation

/// What a body that did not end in time leaves behind: its thread, which nobody can end.
public struct DeadlineError: Error, CustomStringConvertible {
  public var description: String
  public init(description: String) { self.description = description }
}

/// Runs a body that blocks on a thread of its own and waits for it, but not for ever: a deadlock fails a test instead
/// of hanging it.
public func withDeadline<R: Sendable>(
  seconds: Double, _ what: String, _ body: @escaping @Sendable () throws -> R
) throws -> R {
  let answer = Answer<R>()
  let done = DispatchSemaphore(value: 0)
  Thread.detachNewThread {
    let result = Result { try body() }
    answer.result.withLock { $0 = result }
    done.signal()
  }
  guard done.wait(timeout: .now() + seconds) == .success, let result = answer.result.withLock({ $0 }) else {
    throw DeadlineError(description: "\(what) did not end within \(seconds) s")
  }
  return try result.get()
}

private final class Answer<R: Sendable>: Sendable {
  let result = Guarded<Result<R, any Error>?>(nil)
}
