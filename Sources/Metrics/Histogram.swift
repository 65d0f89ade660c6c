/// How often values fell into each of a few ranges. Any thread.
public final class Histogram: Metric {
  /// Upper bounds, each included in its bucket.
  private let bounds: [Double]
  /// One more than there are bounds: the last is for all that is larger.
  private let counts: [Counter]
  private let sum = Gauge()

  /// From a millisecond to ten minutes, about two and a half a step.
  public static let seconds: [Double] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
  ]

  init(buckets: [Double]) {
    precondition(
      buckets.allSatisfy { $0.isFinite } && zip(buckets, buckets.dropFirst()).allSatisfy { $0 < $1 },
      "buckets grow and are finite")
    bounds = buckets
    counts = (0...buckets.count).map { _ in Counter() }
  }

  /// NaN is left out: it would spoil the sum for ever.
  public func observe(_ value: Double) {
    guard !value.isNaN else { return }
    let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
    counts[bucket].increment()
    sum.add(value)
  }

  func write(_ name: String, _ labels: Labels, to text: inout MetricsText) {
    // The buckets agree with the count; the sum may lack, or have, a value that comes just now.
    let sum = sum.value
    var total: UInt64 = 0
    for (index, count) in counts.enumerated() {
      total += count.value
      text.sample(name + "_bucket", labels, total, bound: index < bounds.count ? bounds[index] : .infinity)
    }
    text.sample(name + "_sum", labels, sum)
    text.sample(name + "_count", labels, total)
  }
}
