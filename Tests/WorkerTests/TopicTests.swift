import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Which topics a worker makes.
@Suite struct TopicTests {
  @Test("notifications' topic of another name is made where nobody else can, else let be", arguments: [false, true])
  func eventsOfAnotherName(isEmbedded: Bool) throws {
    let world = try StreamWorld()
    let node = try world.node(
      change: { $0 + "\nevents: {topic: lake.events}\n" }, options: { $0.createsRecordTopics = isEmbedded })
    if !isEmbedded {
      try world.settle([node])
      #expect(try world.broker.describe(["lake.events", "s3.events"]).isEmpty)
      try world.broker.create([TopicSpec(name: "lake.events", partitions: 1)])
    }
    world.put("people/a.csv", "k1,a\n")
    try world.settle([node])
    #expect(try world.broker.describe(["lake.events", "s3.events"]).keys.sorted() == ["lake.events"])
    // What is said there is heard.
    let event =
      #"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"lake"},"object":{"key":"people/a.csv"}}}]}"#
    _ = try world.broker.append([OutgoingMessage(topic: "lake.events", partition: 0, value: Array(event.utf8))])
    try world.settle([node])
    #expect(node.context.ledger.read { $0.objects.count } == 1)
  }
}
