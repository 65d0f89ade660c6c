internal import Synchronization

/// A number that only grows. Any thread.
public final class Counter: Metric {
  private let count = Atomic<UInt64>(0)

  init() {}

  public func increment() { increment(by: 1) }

  /// `amount` is not negative.
  public func increment(by amount: some BinaryInteger) {
    precondition(amount >= 0, "a counter does not go down")
    count.wrappingAdd(UInt64(truncatingIfNeeded: amount), ordering: .relaxed)
  }

  public var value: UInt64 { count.load(ordering: .relaxed) }

  func write(_ name: String, _ labels: Labels, to text: inout MetricsText) { text.sample(name, labels, value) }
}

/// A number that goes up and down. Any thread.
public final class Gauge: Metric {
  /// The bits of a Double.
  private let bits = Atomic<UInt64>(0)

  init() {}

  public func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

  public func set(_ value: some BinaryInteger) { set(Double(value)) }

  public func add(_ amount: Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let new = (Double(bitPattern: old) + amount).bitPattern
      let (isDone, now) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
      if isDone { return }
      old = now
    }
  }

  public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

  func write(_ name: String, _ labels: Labels, to text: inout MetricsText) { text.sample(name, labels, value) }
}
