import Foundation
import Platform
import TestKit
import Testing

@testable import KafkaBroker

/// The server is killed and comes back on the same data and port.
@Suite struct KafkaRestartTests {
  /// This server writes down what it has every few seconds only, so it loses acknowledged records when it is killed,
  /// and the producer finds its sequence numbers refused. That all goes on is asked here; such a loss itself is found
  /// by the ledger's hash chain (ARCHITECTURE.md §4).
  @Test func appendsAndConsumersGoOnAfterTheServerWasKilled() throws {
    let server = try NoidaServer()
    defer { server.stop() }
    let broker = try server.broker()
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 2)
    // Until the topic is written down.
    Thread.sleep(forTimeInterval: 4)
    let member = try Member(broker, group: "g", topics: [topic], name: "one")
    defer { member.consumer.close() }
    let reader = try broker.reader(TopicPartition(topic, 0), from: 0)
    defer { reader.close() }
    let acknowledged = Guarded<[String]>([])
    let isDone = Guarded(false)
    let isPaused = Guarded(false)
    let writer = DispatchQueue(label: "writer")
    writer.async {
      for call in 0... {
        while isPaused.withLock({ $0 }) && !isDone.withLock({ $0 }) { Thread.sleep(forTimeInterval: 0.005) }
        let values = (0..<10).map { "\(call)/\($0)" }
        // What fails is sent again: the ledger's rule is made for that.
        while (try? append(values, to: topic, broker)) == nil { if isDone.withLock({ $0 }) { return } }
        acknowledged.withLock { $0 += values }
        if isDone.withLock({ $0 }) { return }
        Thread.sleep(forTimeInterval: 0.005)
      }
    }
    defer {
      isDone.withLock { $0 = true }
      writer.sync {}
    }
    try drive([member], "before the kill") {
      acknowledged.withLock { $0.count } >= 200 && member.owned.count == 2 && member.count > 0
    }
    // This server acknowledges a little before it writes: what it has is let settle, or its kill would take it away. The
    // writer goes on as soon as it is dead.
    isPaused.withLock { $0 = true }
    let settled = Date.now.addingTimeInterval(3)
    try drive([member], "nothing new for a while") { Date.now > settled }
    server.kill()
    isPaused.withLock { $0 = false }
    let back = Date.now.addingTimeInterval(0.5)
    try drive([member], "a moment without server") { Date.now > back }
    try server.start()
    let kept = acknowledged.withLock { $0.count }
    try drive([member], "appends afterwards") { acknowledged.withLock { $0.count } >= kept + 200 }
    isDone.withLock { $0 = true }
    writer.sync {}
    try append(["last 0", "last 1"], to: topic, broker)
    try drive([member], "the member reads on") { Set(member.values).isSuperset(of: ["last 0", "last 1"]) }

    // A call may have been acknowledged just before the kill and counted after the start.
    let after = acknowledged.withLock { Set($0.dropFirst(kept + 10)) }
    var held: Set<String> = []
    for (at, bounds) in try broker.bounds((0..<2).map { TopicPartition(topic, $0) }) {
      held.formUnion(try read(broker, at, count: Int(bounds.end)).compactMap(\.value))
    }
    #expect(after.isSubset(of: held))
    var offsets: [Int64] = []
    let end = try broker.bounds([TopicPartition(topic, 0)])[TopicPartition(topic, 0)]?.end ?? 0
    let deadline = Date.now.addingTimeInterval(30)
    while (offsets.last ?? -1) < end - 1, Date.now < deadline {
      do throws(BrokerError) {
        offsets += try reader.poll(milliseconds: 100, maxBytes: 10_000)?.entries.map(\.offset) ?? []
      } catch {
        #expect(error.isTransient, "\(error)")
      }
    }
    #expect(offsets == (0..<end).map { $0 })
  }
}

/// The values in turn to both partitions.
private func append(_ values: [String], to topic: String, _ broker: KafkaBroker) throws {
  var messages: [OutgoingMessage] = []
  for (index, value) in values.enumerated() {
    messages.append(OutgoingMessage(topic: topic, partition: index % 2, value: bytes(value)))
  }
  _ = try broker.append(messages)
}
