/// How often and how soon a failed request is tried again: exponential backoff with full jitter.
///
/// The wait before attempt n is uniform between zero and `min(cap, base · 2ⁿ)`: many workers that failed together do not
/// come back together (AWS Architecture Blog, "Exponential Backoff And Jitter").
public struct RetryPolicy: Sendable, Hashable {
  /// Attempts in a row without progress, the first included; at least 1.
  public var attemptsMax: Int
  public var baseMilliseconds: Int
  /// The longest wait; also the most that a server's Retry-After is followed.
  public var capMilliseconds: Int

  public init(attemptsMax: Int = 8, baseMilliseconds: Int = 100, capMilliseconds: Int = 20_000) {
    self.attemptsMax = max(1, attemptsMax)
    self.baseMilliseconds = max(0, baseMilliseconds)
    self.capMilliseconds = max(0, capMilliseconds)
  }

  /// The longest wait after `failures` failures in a row (1, 2, …).
  func waitMaxMilliseconds(afterFailures failures: Int) -> Int {
    let doublings = min(max(0, failures - 1), 20)
    let (grown, overflow) = baseMilliseconds.multipliedReportingOverflow(by: 1 << doublings)
    return overflow ? capMilliseconds : min(capMilliseconds, grown)
  }

  /// The wait after `failures` failures in a row; a server's own wish is a lower bound, up to the cap.
  func waitMilliseconds(afterFailures failures: Int, retryAfterSeconds: Int?) -> Int {
    let jittered = Int.random(in: 0...waitMaxMilliseconds(afterFailures: failures))
    guard let seconds = retryAfterSeconds, seconds > 0 else { return jittered }
    let (wished, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    return overflow ? capMilliseconds : min(capMilliseconds, max(wished, jittered))
  }
}
