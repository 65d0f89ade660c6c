import CRDKafka
import Foundation
import Platform
import TestKit
import Testing

@testable import KafkaBroker

/// Nobody there, brokers that answer with errors, settings that are wrong.
@Suite struct KafkaFaultTests {
  @Test func aBrokerThatIsNotThereIsUnavailableSoonAndQuietly() throws {
    let lines = Guarded<[String]>([])
    let port = try NoidaServer.freePort()
    let broker = try KafkaBroker(
      brokers: "127.0.0.1:\(port)", properties: ["message.timeout.ms": "2000"], clientID: "test",
      log: { line in lines.withLock { $0.append(line) } })
    defer { broker.close() }
    let at = TopicPartition("t", 0)
    let errors = try withDeadline(seconds: 60, "all calls") {
      [
        failure { _ = try broker.append([OutgoingMessage(topic: "t", partition: 0, value: [1])]) },
        failure { _ = try broker.describe(["t"]) },
        failure { try broker.create([TopicSpec(name: "t", partitions: 1)]) },
        failure { _ = try broker.bounds([at]) },
        failure { _ = try broker.committed(group: "g", [at]) },
        failure { _ = try broker.consumer(group: "g", topics: ["t"], member: "m") },
        failure {
          let reader = try broker.reader(at, from: 0)
          for _ in 0..<300 { _ = try reader.poll(milliseconds: 100, maxBytes: 1) }
        },
      ]
    }
    for (index, error) in errors.enumerated() {
      #expect(error?.code == .unavailable, "call \(index): \(error?.description ?? "no error")")
      #expect(error?.hint.contains("127.0.0.1:\(port)") == true)
    }
    #expect(errors[0]?.message.contains("refused") == true)
    #expect(lines.withLock { $0.count } < 20)
  }

  @Test func closingFailsWhatIsStillWaiting() throws {
    let broker = try KafkaBroker(
      brokers: "127.0.0.1:\(try NoidaServer.freePort())", clientID: "test", log: { _ in })
    let error = Guarded<BrokerError?>(nil)
    let queue = DispatchQueue(label: "append")
    queue.async {
      let found = failure { _ = try broker.append([OutgoingMessage(topic: "t", partition: 0, value: [1])]) }
      error.withLock { $0 = found }
    }
    Thread.sleep(forTimeInterval: 0.2)
    try withDeadline(seconds: 20, "close") { broker.close() }
    try withDeadline(seconds: 20, "append") { queue.sync {} }
    #expect(error.withLock { $0?.code } == .closed)
  }

  @Test func compactTopicsAreNotCompressedUnlessTheUserSaysHow() throws {
    func settings(_ properties: [String: String]) throws -> KafkaSettings {
      try KafkaSettings(brokers: "b:1", clientID: "t", properties: properties, compact: ["shop.rows"])
    }
    #expect(try settings([:]).properties(ofTopic: "shop.rows") == ["compression.type": "none"])
    #expect(try settings([:]).properties(ofTopic: "shop.ledger") == [:])
    #expect(try settings(["linger.ms": "5"]).properties(ofTopic: "shop.rows") == ["compression.type": "none"])
    for name in ["compression.type", "compression.codec"] {
      #expect(try settings([name: "zstd"]).properties(ofTopic: "shop.rows") == [:])
    }
  }

  @Test func wrongSettingsAreNamedAndSecretsAreNot() throws {
    let secret = "correct horse battery"
    let cases: [(properties: [String: String], location: String)] = [
      (["lingr.ms": "5"], "lingr.ms"),
      (["linger.ms": "soon"], "linger.ms"),
      (["enable.auto.commit": "true"], "enable.auto.commit"),
      (["group.id": "mine"], "group.id"),
      (["ssl.key.password": secret, "security.protocol": "nonsense"], "security.protocol"),
      (["ssl.key.pem": secret, "security.protocol": "ssl"], "ssl.key.pem"),
    ]
    for wrong in cases {
      let error = failure {
        _ = try KafkaBroker(brokers: "127.0.0.1:9", properties: wrong.properties, clientID: "t", log: { _ in })
      }
      #expect(error?.location == wrong.location || error?.message.contains(wrong.location) == true, "\(wrong)")
      #expect(error.map { "\($0)".contains(secret) } == false)
    }
    #expect(failure { _ = try KafkaBroker(brokers: " ", clientID: "t", log: { _ in }) }?.location == "brokers")
    // Both of the library's names for a thing, and what is for consumers alone, are taken.
    let fine = try KafkaBroker(
      brokers: "127.0.0.1:9",
      properties: ["compression.codec": "zstd", "fetch.min.bytes": "1", "enable.auto.commit": "false"], clientID: "t",
      log: { _ in })
    fine.close()
  }

  /// librdkafka's own cluster, which answers as it is told.
  @Test func errorsOfTheBrokerAreRiddenOutOrTold() throws {
    let broker = try KafkaBroker(
      brokers: "127.0.0.1:9",
      properties: ["test.mock.num.brokers": "1", "message.timeout.ms": "5000", "retry.backoff.ms": "20"],
      clientID: "test", log: { _ in })
    defer { broker.close() }
    let client = try broker.testHandle()
    let cluster = try #require(rd_kafka_handle_mock_cluster(client.pointer))
    rd_kafka_mock_topic_create(cluster, "t", 1, 1)
    let message = OutgoingMessage(topic: "t", partition: 0, value: [1])
    #expect(try broker.append([message]) == [0])
    func inject(_ codes: [rd_kafka_resp_err_t]) {
      rd_kafka_mock_push_request_errors_array(cluster, 0, codes.count, codes)
    }
    inject([
      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    ])
    #expect(try broker.append([message, message]).count == 2)
    inject([RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED])
    let forbidden = failure { _ = try broker.append([message]) }
    #expect(forbidden?.code == .forbidden)
    #expect(forbidden?.location == "t[0]")
    inject([RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE])
    #expect(failure { _ = try broker.append([message]) }?.code == .tooLarge)
    // Never enough replicas: given up after the delivery timeout.
    inject(Array(repeating: RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, count: 10_000))
    let error = try withDeadline(seconds: 30, "append") { failure { _ = try broker.append([message]) } }
    #expect(error?.code == .unavailable)
    rd_kafka_mock_clear_request_errors(cluster, 0)
    // The producer is replaced if the library has given it up; either way appends go on.
    _ = try? broker.append([message])
    #expect(failure { _ = try broker.append([message]) } == nil)
  }
}

extension KafkaBroker {
  /// The producer's handle, which owns the mock cluster.
  fileprivate func testHandle() throws -> ClientHandle { try producer("test").handle }
}
