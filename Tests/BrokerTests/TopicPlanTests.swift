import Foundation
import Platform
import TestKit
import Testing

@testable import KafkaBroker

/// Topics as they shall be, against what is declared for people and against what is there. No server.
@Suite struct TopicPlanTests {
  /// The declarations in topics/ hold scalars alone, and `config:` with scalars below it.
  private func declared(_ file: URL, dataset: String, shards: Int) throws -> TopicSpec {
    var spec = TopicSpec(name: "", partitions: 0, replication: 0)
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let code = line.firstRange(of: " #").map { line[..<$0.lowerBound] } ?? line
      guard !code.hasPrefix("#"), let colon = code.firstIndex(of: ":") else { continue }
      let name = code[..<colon].trimmingCharacters(in: .whitespaces)
      let value = code[code.index(after: colon)...].trimmingCharacters(in: CharacterSet(charactersIn: " \""))
        .replacing("${DATASET}", with: dataset).replacing("${SHARDS:-16}", with: String(shards))
      if code.hasPrefix(" ") {
        spec.config[name] = value
      } else if name == "topic" {
        spec.name = value
      } else if name == "partitions" {
        spec.partitions = try #require(Int(value))
      } else if name == "replication" {
        spec.replication = try #require(Int(value))
      }
    }
    return spec
  }

  @Test func theProgramMakesWhatTopicsDeclares() throws {
    let directory = LeashedProcess.root.appending(path: "topics")
    let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "yaml" }
    let told = try files.map { try declared($0, dataset: "shop", shards: 24) }
    let made = DatasetTopics("shop").specs(shards: 24)
    #expect(told.sorted { $0.name < $1.name } == made.sorted { $0.name < $1.name })
  }

  @Test func fewerBrokersFewerReplicas() {
    let spec = TopicSpec(name: "t", partitions: 1, replication: 3, config: ["min.insync.replicas": "2", "a": "b"])
    #expect(spec.fitted(brokers: 5) == spec)
    #expect(spec.fitted(brokers: 3) == spec)
    for (brokers, replication) in [(2, 2), (1, 1), (0, 1)] {
      let fitted = spec.fitted(brokers: brokers)
      #expect(fitted.replication == replication)
      #expect(fitted.config == ["min.insync.replicas": "1", "a": "b"])
    }
  }

  @Test func differencesAndWhatIsDoneAboutThem() {
    let wanted = [
      TopicSpec(name: "new", partitions: 2),
      TopicSpec(name: "rows", partitions: 16, config: ["retention.ms": "3", "min.insync.replicas": "2"]),
      TopicSpec(name: "events", partitions: 4, config: ["x": "1"]),
      TopicSpec(name: "fine", partitions: 4, config: ["x": "1"]),
    ]
    let have = [
      "rows": TopicDescription(
        partitions: 8, replication: 1, config: ["retention.ms": "7", "min.insync.replicas": "1", "more": "kept"]),
      "events": TopicDescription(partitions: 6, replication: 3, config: [:]),
      "fine": TopicDescription(partitions: 4, replication: 5, config: ["x": "1", "y": "2"]),
    ]
    let plan = TopicPlan(wanted, have: have, fixedPartitions: ["rows"])
    #expect(
      plan.differences.map(\.kind) == [
        .missing(wanted[0]), .tooFewPartitions(want: 16, have: 8, isFixed: true), .replication(want: 3, have: 1),
        .config("retention.ms", want: "3", have: "7"), .tooManyPartitions(want: 4, have: 6, isFixed: false),
        .config("x", want: "1", have: nil),
      ])
    #expect(plan.differences.map(\.isMended) == [true, false, false, true, false, true])
    #expect(plan.needsHands)
    #expect(plan.creations == [wanted[0]])
    #expect(plan.alterations == ["rows": ["retention.ms": "3"], "events": ["x": "1"]])
    #expect(plan.differences[1].description.contains("never added"))
    #expect(TopicPlan([wanted[3]], have: have).isEmpty)
  }

  @Test func alikeLinesAreCollapsed() {
    var collapser = LogCollapser()
    #expect(collapser.line("broker 1 is down", at: 0) == "broker 1 is down")
    #expect(collapser.line("broker 2 is down", at: 10) == nil)
    #expect(collapser.line("something else", at: 20) == "something else")
    #expect(collapser.line("broker 3 is down", at: 29_999) == nil)
    #expect(collapser.line("broker 4 is down", at: 30_001) == "broker 4 is down (and 2 more like it)")
  }
}
