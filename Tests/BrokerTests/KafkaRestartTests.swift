import Foundation
import Platform
import TestKit
import Testing

@testable import KafkaBroker

/// The server is killed and comes back on the same data.
@Suite struct KafkaRestartTests {
  @Test func appendsAndConsumersGoOnAfterTheServerWasKilled() throws {
    let server = try NoidaServer()
    defer { server.stop() }
    let broker = try server.broker()
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 2)
    // This server has written a new topic down after a moment only.
    Thread.sleep(forTimeInterval: 4)
    let member = try Member(broker, group: "g", topics: [topic], name: "one")
    defer { member.consumer.close() }
    let reader = try broker.reader(TopicPartition(topic, 0), from: 0)
    defer { reader.close() }
    let acknowledged = Guarded<[String]>([])
    let isDone = Guarded(false)
    let failures = Guarded<[String]>([])
    defer { print("XX", failures.withLock { Array($0.prefix(3)) + [String($0.count)] }) }
    let writer = DispatchQueue(label: "writer")
    writer.async {
      for call in 0... {
        if isDone.withLock({ $0 }) { return }
        let values = (0..<10).map { "\(call)/\($0)" }
        // What fails is sent again: the ledger's rule is made for that.
        while true {
          do {
            _ = try broker.append(
              values.enumerated().map {
                OutgoingMessage(topic: topic, partition: $0.offset % 2, value: bytes($0.element))
              })
            break
          } catch {
            failures.withLock { $0.append("\(error)") }
            if isDone.withLock({ $0 }) { return }
          }
        }
        acknowledged.withLock { $0 += values }
        Thread.sleep(forTimeInterval: 0.005)
      }
    }
    defer {
      isDone.withLock { $0 = true }
      writer.sync {}
    }
    for round in 1...2 {
      let goal = acknowledged.withLock { $0.count } + 200
      try drive([member], "appends before kill \(round)") {
        acknowledged.withLock { $0.count } >= goal && member.owned.count == 2
      }
      server.kill()
      let back = Date.now.addingTimeInterval(0.5)
      try drive([member], "a moment without server") { Date.now > back }
      try server.start()
      #expect(try broker.describe([topic])[topic]?.partitions == 2)
    }
    let goal = acknowledged.withLock { $0.count } + 200
    try drive([member], "appends afterwards") { acknowledged.withLock { $0.count } >= goal }
    isDone.withLock { $0 = true }
    writer.sync {}
    let wanted = acknowledged.withLock { Set($0) }
    try drive([member], "the member has all that was acknowledged") { wanted.isSubset(of: member.values) }
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
    for (at, records) in member.records {
      #expect(records.map(\.offset) == (0..<Int64(records.count)).map { $0 }, "\(at)")
    }
  }
}
