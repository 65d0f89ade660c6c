internal import Synchronization

/// A process's metrics and their text for Prometheus.
///
/// Registering gives a handle that any thread updates without a lock: cheap enough for each batch, not meant for each row. Registering the same name and labels again gives the same
/// handle. Names, labels and kinds are the program's own, so a wrong one is a programmer's error; label *values* may be
/// anything.
public final class MetricsRegistry: Sendable {
  private let families = Mutex<[String: Family]>([:])

  public init() {}

  /// Counts up from 0; `name` ends in `_total`.
  public func counter(_ name: String, _ help: String, _ labels: KeyValuePairs<String, String> = [:]) -> Counter {
    precondition(name.hasSuffix("_total"), "a counter's name ends in _total: \(name)")
    return register(name, help, .counter, Labels(labels)) { Counter() }
  }

  /// Goes up and down.
  public func gauge(_ name: String, _ help: String, _ labels: KeyValuePairs<String, String> = [:]) -> Gauge {
    register(name, help, .gauge, Labels(labels)) { Gauge() }
  }

  /// `buckets`: upper bounds, growing; the last one, infinity, is added.
  public func histogram(
    _ name: String, _ help: String, buckets: [Double], _ labels: KeyValuePairs<String, String> = [:]
  ) -> Histogram {
    let labels = Labels(labels)
    precondition(!labels.pairs.contains { $0.name == "le" }, "le is a histogram's own label: \(name)")
    return register(name, help, .histogram, labels) { Histogram(buckets: buckets) }
  }

  /// A gauge whose samples are asked for when the text is made: for what comes and goes, such as a worker's shards.
  /// Of samples with equal labels the last counts. The closure is called outside of locks, on the asking thread.
  public func gauges(_ name: String, _ help: String, read: @escaping @Sendable () -> [Sample]) {
    collect(name, help, .gauge, read)
  }

  /// The same for a number that somebody else counts up.
  public func counters(_ name: String, _ help: String, read: @escaping @Sendable () -> [Sample]) {
    precondition(name.hasSuffix("_total"), "a counter's name ends in _total: \(name)")
    collect(name, help, .counter, read)
  }

  /// Prometheus' text format 0.0.4, families and samples in the order of their names.
  public func text() -> String {
    let families = families.withLock { $0.sorted { $0.key < $1.key } }
    var text = MetricsText()
    for (name, family) in families {
      text.begin(name, help: family.help, kind: family.kind)
      var samples = family.metrics
      for sample in family.read?() ?? [] { samples[sample.labels] = Fixed(sample.value) }
      for (labels, metric) in samples.sorted(by: { $0.key < $1.key }) { metric.write(name, labels, to: &text) }
    }
    return text.text
  }

  private struct Family {
    var help: String
    var kind: MetricKind
    var metrics: [Labels: any Metric] = [:]
    var read: (@Sendable () -> [Sample])?
  }

  private func register<M: Metric>(
    _ name: String, _ help: String, _ kind: MetricKind, _ labels: Labels, make: () -> M
  ) -> M {
    Self.check(name, help)
    return families.withLock { families in
      var family = families[name] ?? Family(help: help, kind: kind)
      precondition(family.kind == kind && family.read == nil, "\(name) is registered as something else")
      if let metric = family.metrics[labels] {
        guard let metric = metric as? M else { preconditionFailure("\(name) is registered as something else") }
        return metric
      }
      let metric = make()
      family.metrics[labels] = metric
      families[name] = family
      return metric
    }
  }

  private func collect(_ name: String, _ help: String, _ kind: MetricKind, _ read: @escaping @Sendable () -> [Sample]) {
    Self.check(name, help)
    families.withLock { families in
      precondition(families[name] == nil, "\(name) is registered already")
      families[name] = Family(help: help, kind: kind, read: read)
    }
  }

  private static func check(_ name: String, _ help: String) {
    precondition(Labels.isName(name), "\(name) cannot be a metric's name")
    precondition(!help.isEmpty, "\(name) needs a sentence of help")
  }
}

/// A number with its labels, at the time it was asked for.
public struct Sample: Sendable {
  let labels: Labels
  let value: Double

  public init(_ labels: KeyValuePairs<String, String> = [:], _ value: Double) {
    self.labels = Labels(labels)
    self.value = value
  }

  public init(_ labels: KeyValuePairs<String, String> = [:], _ value: some BinaryInteger) {
    self.init(labels, Double(value))
  }
}

/// What stands in the family at a set of labels.
protocol Metric: Sendable {
  func write(_ name: String, _ labels: Labels, to text: inout MetricsText)
}

private struct Fixed: Metric {
  var value: Double
  init(_ value: Double) { self.value = value }
  func write(_ name: String, _ labels: Labels, to text: inout MetricsText) { text.sample(name, labels, value) }
}
