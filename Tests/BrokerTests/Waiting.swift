import Foundation
import TestKit

/// Repeats until there is an answer; throws after a while.
@discardableResult
func until<Answer>(seconds: Double = 30, _ body: () throws -> Answer?) throws -> Answer? {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while ContinuousClock.now < deadline {
    if let answer = try body() { return answer }
  }
  throw DeadlineError(description: "nothing came within \(seconds) s")
}

/// Runs a body in so many threads of its own, and waits for all; throws the first error.
func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  let done = DispatchSemaphore(value: 0)
  let failure = Guarded<(any Error)?>(nil)
  for number in 0..<count {
    Thread.detachNewThread {
      do { try body(number) } catch { failure.withLock { $0 = $0 ?? error } }
      done.signal()
    }
  }
  for _ in 0..<count { done.wait() }
  if let error = failure.withLock({ $0 }) { throw error }
}
