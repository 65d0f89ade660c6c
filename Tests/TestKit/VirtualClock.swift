public import Platform

/// Time that passes only when it is told to.
public final class VirtualClock: WallClock {
  private let time: Guarded<Int64>

  /// 2026-01-01T00:00:00Z unless told otherwise.
  public init(microseconds: Int64 = 1_767_225_600_000_000) { time = Guarded(microseconds) }

  public func now() -> Int64 { time.withLock { $0 } }

  public func advance(milliseconds: Int64) { time.withLock { $0 += milliseconds * 1000 } }
}
