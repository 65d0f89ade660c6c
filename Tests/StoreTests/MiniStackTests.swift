import Notifications
import Platform
import TestKit
import Testing

@testable import S3

/// Events of a real S3, through a real queue, into the topic.
@Suite(.serialized) struct MiniStackTests {
  private func hints(_ message: OutgoingMessage) -> [ObjectHint] {
    let parsed = (message.value ?? []).withUnsafeBytes { NotificationParser.parse($0, messageKey: message.key) }
    if case .hints(let hints, _) = parsed { return hints }
    return []
  }

  @Test func eventsReachTheTopic() throws {
    let server = try MiniStackServer()
    let (store, url) = try server.bucketWithQueue("events-\(UInt32.random(in: 0 ... .max))")
    let bucket = store.bucket
    let keys = ["in/a.csv", "in/sp ace+plus ü/日.csv", "in/100%25.csv"]
    for key in keys { try store.put(key, Array("x,y\n".utf8), condition: .always) }
    try store.delete(keys[0])

    let queue = try SQSQueue(url: url, session: server.session)
    let broker = RecordingBroker()
    var options = SQSPump.Options()
    options.waitSeconds = 1
    let pump = SQSPump(queue: queue, broker: broker, options: options)
    let hints: [ObjectHint] = try withDeadline(seconds: 60, "carrying the events") {
      var hints: [ObjectHint] = []
      while hints.count < 4 {
        let outcome = try pump.step()
        #expect(outcome.deleted == outcome.received && outcome.tooLarge.isEmpty)
        hints = broker.appended.withLock { $0 }.flatMap(self.hints)
      }
      return hints
    }
    #expect(Set(hints.filter { $0.kind == .created }.map(\.key)) == Set(keys))
    #expect(hints.filter { $0.kind == .removed }.map(\.key) == [keys[0]])
    #expect(hints.allSatisfy { $0.bucket == bucket })
    for message in broker.appended.withLock({ $0 }) {
      let named = self.hints(message).first.map { Array("\(bucket)/\($0.key)".utf8) }
      #expect(message.key == named)
    }
    // The test event went through too, and nothing is left.
    #expect(broker.appended.withLock { $0.count } >= 4)
    #expect(try pump.step().received == 0)
  }

  @Test func visibilityDeletionAndErrors() throws {
    let server = try MiniStackServer()
    let (store, url) = try server.bucketWithQueue("queue-\(UInt32.random(in: 0 ... .max))")
    try store.put("a", [1], condition: .always)
    let queue = try SQSQueue(url: url, session: server.session)
    // The test event and the object's, wherever they come in one answer or two.
    let messages = try withDeadline(seconds: 60, "receiving") {
      var messages: [SQSMessage] = []
      while !messages.contains(where: { String(decoding: $0.body, as: UTF8.self).contains("ObjectCreated") }) {
        messages += try queue.receive(waitSeconds: 1)
      }
      return messages
    }
    #expect(try queue.receive(waitSeconds: 0).isEmpty)
    // Given back, they come again with other receipts.
    #expect(try queue.changeVisibility(messages, seconds: 0).isEmpty)
    let again = try withDeadline(seconds: 60, "receiving again") {
      var again: [SQSMessage] = []
      while again.count < messages.count { again += try queue.receive(waitSeconds: 1) }
      return again
    }
    #expect(Set(again.map(\.id)) == Set(messages.map(\.id)))
    let bogus = SQSMessage(id: "bogus", body: [], receipt: "no receipt")
    #expect(try queue.delete(again + [bogus]).map(\.id) == ["bogus"])
    #expect(try queue.receive(waitSeconds: 1).isEmpty)

    let missing = try SQSQueue(url: url + "-none", session: server.session)
    do {
      _ = try missing.receive(waitSeconds: 0)
      Issue.record("a queue that is not there has answered")
    } catch {
      #expect(error.code == .notFound)
    }
  }

  /// A receive that waits ends soon after it is told to.
  @Test func aLongPollIsCancelled() throws {
    let server = try MiniStackServer()
    let (_, url) = try server.bucketWithQueue("poll-\(UInt32.random(in: 0 ... .max))")
    let queue = try SQSQueue(url: url, session: server.session)
    let environment = server.session.client.environment
    let ended = try withDeadline(seconds: 60, "a cancelled receive") {
      // The test event comes first.
      while try !queue.receive(waitSeconds: 1).isEmpty {}
      server.session.threads.run {
        _ = environment.sleep(300, Cancellation())
        queue.cancel()
      }
      do {
        while true { _ = try queue.receive(waitSeconds: 20) }
      } catch let error as StoreError {
        return error.code
      }
    }
    #expect(ended == .other)
  }
}
