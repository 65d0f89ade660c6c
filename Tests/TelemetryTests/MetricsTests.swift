import Dispatch
import FoundationEssentials
import Testing

@testable import Metrics

@Suite struct MetricsTests {
  /// The text that Prometheus' own parser reads in Tests/system/test_metrics_text.py.
  @Test func golden() throws {
    let registry = MetricsRegistry()
    registry.counter("tributary_rows_applied_total", "Rows that count.", ["source": "clicks"]).increment(by: 1200)
    let odd = "a\"b\\c\nd"
    registry.counter("tributary_rows_applied_total", "Rows that count.", ["source": odd]).increment()
    registry.gauge("tributary_staged_bytes", "Bytes of batches\nwithout a \\ verdict.").set(0.1)
    registry.gauges("tributary_shard_rows", "Rows of a shard.") {
      [Sample(["shard": "10"], 7), Sample(["shard": "2"], 1 << 60), Sample(["shard": "2"], -5)]
    }
    let seconds = registry.histogram("tributary_commit_seconds", "Time to commit.", buckets: [0.5, 1])
    for value in [0.25, 0.5, 0.75, 100, .nan] { seconds.observe(value) }
    registry.gauge("tributary_build_info", "What runs.", ["version": "0.1.0", "commit": ""]).set(1)
    registry.counters("tributary_checkpoints_total", "Checkpoints.") { [] }
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/metrics.txt")
    #expect(try registry.text() == String(contentsOf: file, encoding: .utf8))
  }

  @Test func numbers() {
    #expect(MetricsText.number(0) == "0")
    #expect(MetricsText.number(-3) == "-3")
    #expect(MetricsText.number(1e300) == "1e+300")
    #expect(MetricsText.number(1.5e-7) == "1.5e-07")
    #expect(MetricsText.number(.infinity) == "+Inf")
    #expect(MetricsText.number(-.infinity) == "-Inf")
    #expect(MetricsText.number(.nan) == "NaN")
  }

  @Test func names() {
    for name in ["a", "_", "tributary_rows_total", "A9"] { #expect(Labels.isName(name)) }
    for name in ["", "9a", "a-b", "a b", "é", "a:b"] { #expect(!Labels.isName(name)) }
  }

  @Test func theSameNameAndLabelsAreTheSameMetric() {
    let registry = MetricsRegistry()
    let a = registry.counter("a_total", "A.", ["x": "1", "y": "2"])
    let b = registry.counter("a_total", "A.", ["y": "2", "x": "1"])
    let c = registry.counter("a_total", "A.", ["x": "1"])
    #expect(a === b && a !== c)
  }

  /// Nothing is lost among threads, and the text is whole at any moment.
  @Test func manyThreads() {
    let registry = MetricsRegistry()
    let counter = registry.counter("a_total", "A.")
    let gauge = registry.gauge("b", "B.")
    let histogram = registry.histogram("c", "C.", buckets: Histogram.seconds)
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for round in 0..<10_000 {
        counter.increment(by: 2)
        gauge.add(thread % 2 == 0 ? 1 : -1)
        histogram.observe(1)
        if round % 2000 == 0 { #expect(registry.text().hasSuffix("\n")) }
        _ = registry.counter("d_total", "D.", ["n": String(round % 10)])
      }
    }
    #expect(counter.value == 160_000)
    #expect(gauge.value == 0)
    #expect(registry.text().contains("c_count 80000\n") && registry.text().contains("c_sum 80000\n"))
  }
}
