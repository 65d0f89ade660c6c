import Platform
import Testing

@testable import KafkaBroker

/// Topics: made, told of, changed.
@Suite struct KafkaAdminTests {
  @Test func topicsAreCreatedOnceAndDescribed() throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 3, config: ["retention.ms": "86400000", "min.insync.replicas": "2"])
    // Again, with other wishes: left as it is. Another beside it is made.
    let other = topic + ".other"
    try broker.create([
      TopicSpec(name: topic, partitions: 9),
      TopicSpec(name: other, partitions: 1, config: ["cleanup.policy": "compact"]),
    ])
    let found = try broker.describe([topic, other, topic + ".missing"])
    #expect(Set(found.keys) == [topic, other])
    #expect(found[topic]?.partitions == 3)
    #expect(found[topic]?.replication == 1)
    #expect(found[topic]?.config["retention.ms"] == "86400000")
    // One broker: one replica, which alone has to be in sync.
    #expect(found[topic]?.config["min.insync.replicas"] == "1")
    #expect(found[other]?.config["cleanup.policy"] == "compact")
  }

  @Test func alteringKeepsOtherOverrides() throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let topic = try newTopic(broker, config: ["retention.ms": "1000000", "cleanup.policy": "compact"])
    try broker.alter(topic, config: ["retention.ms": "2000000", "segment.ms": "60000"])
    let config = try broker.describe([topic])[topic]?.config
    #expect(config?["retention.ms"] == "2000000")
    #expect(config?["cleanup.policy"] == "compact")
    #expect(config?["segment.ms"] == "60000")
    #expect(failure { try broker.alter(topic + ".missing", config: ["retention.ms": "1"]) }?.code == .noSuchTopic)
  }

  @Test func aDatasetsTopicsAreMadeAndThenFitTheirSpecs() throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let dataset = DatasetTopics("d" + String(UInt64.random(in: 0 ... .max), radix: 36))
    // Without s3.events, which belongs to all.
    let specs = dataset.specs(shards: 4).filter { $0.name != DatasetTopics.events }
    let names = specs.map(\.name)
    let before = TopicPlan(specs, have: try broker.describe(names), fixedPartitions: dataset.fixedPartitions)
    #expect(before.creations.map(\.name) == names)
    try before.apply(to: broker)
    let after = TopicPlan(specs, have: try broker.describe(names), fixedPartitions: dataset.fixedPartitions)
    // What is left is what one broker cannot give.
    let left = after.differences.filter { if case .replication = $0.kind { false } else { true } }
    #expect(left == [])
    #expect(after.differences.count == specs.count)
  }
}
