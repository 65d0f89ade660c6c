import FoundationEssentials
import Testing

@testable import Metrics

@Suite struct WorkerMetricsTests {
  /// docs/metrics.md lists what there is, with the same words: Tests/system/test_docker.py holds the dashboard to it.
  @Test func theDocumentedOnes() throws {
    let metrics = WorkerMetrics(version: "0.1.0")
    metrics.rowsRead(source: "a").increment()
    metrics.rowsApplied(source: "a").increment()
    metrics.rowsRejected(source: "a", reason: "type").increment()
    metrics.bytesRead(source: "a").increment()
    metrics.inputsCommitted(source: "a", .accepted).increment()
    metrics.notifications(outcome: "read").increment()
    metrics.shards { [.init(0, position: 1, rows: 2)] }
    metrics.lag { [.init(topic: "t", partition: 0, records: 1)] }

    var kinds: [String: String] = [:]
    var helps: [String: String] = [:]
    var labels: [String: String] = [:]
    for line in metrics.registry.text().split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 3).map(String.init)
      if words[0] == "#" {
        if words[1] == "HELP" { helps[words[2]] = words[3] } else { kinds[words[2]] = words[3] }
      } else if let open = line.firstIndex(of: "{"), let close = line.firstIndex(of: "}") {
        let names = line[line.index(after: open)..<close].split(separator: ",")
          .map { "`\($0.prefix { $0 != "=" })`" }.filter { $0 != "`le`" }
        if !names.isEmpty { labels[String(line[..<open])] = names.joined(separator: " ") }
      }
    }
    let expected = kinds.keys.sorted().map { name in
      let names = labels[name].map { "\($0) " } ?? ""
      return "| `\(name)` | \(kinds[name] ?? "") | \(names)| \(helps[name] ?? "") |"
    }
    let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/metrics.md")
    let documented = try String(contentsOf: page, encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("| `") }.map(String.init)
    #expect(documented == expected)
  }
}
