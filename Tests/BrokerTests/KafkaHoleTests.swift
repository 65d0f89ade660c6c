import CRDKafka
import Foundation
import Platform
import Testing

@testable import KafkaBroker

/// Partitions that end in a hole: the markers of transactions, and records that were aborted.
@Suite struct KafkaHoleTests {
  @Test("a reader stands behind the hole at a partition's end once it has read all", arguments: [true, false])
  func position(isCommitted: Bool) throws {
    let server = try NoidaServer.shared()
    let broker = try server.broker()
    defer { broker.close() }
    let topic = try newTopic(broker)
    let at = TopicPartition(topic, 0)
    _ = try broker.append([OutgoingMessage(topic: topic, partition: 0, value: bytes("before"))])
    try transaction(server, topic, isCommitted: isCommitted)
    let end = try #require(try broker.bounds([at])[at]?.end)
    #expect(end == 3)

    let reader = try broker.reader(at, from: 0)
    defer { reader.close() }
    func drain() throws -> [String?] {
      var found: [String?] = []
      let end = try #require(try broker.bounds([at])[at]?.end)
      let deadline = Date.now.addingTimeInterval(60)
      while reader.position < end {
        guard Date.now < deadline else { throw Late(description: "at \(reader.position) of \(end)") }
        guard let block = try reader.poll(milliseconds: 200, maxBytes: 1 << 20) else { continue }
        found += (0..<block.count).map { text(block.value($0)) }
      }
      return found
    }
    #expect(try drain() == (isCommitted ? ["before", "within"] : ["before"]))
    // What comes behind the hole is read, and once only.
    _ = try broker.append([OutgoingMessage(topic: topic, partition: 0, value: bytes("behind"))])
    #expect(try drain() == ["behind"] && reader.position == 4)
    try reader.seek(to: 0)
    #expect(reader.position == 0)
    #expect(try drain().count == (isCommitted ? 3 : 2))
  }

  /// One record in a transaction of its own.
  private func transaction(_ server: NoidaServer, _ topic: String, isCommitted: Bool) throws {
    let configuration = try #require(rd_kafka_conf_new())
    for (name, value) in [("bootstrap.servers", "127.0.0.1:\(server.port)"), ("transactional.id", topic)] {
      #expect(rd_kafka_conf_set(configuration, name, value, nil, 0) == RD_KAFKA_CONF_OK)
    }
    let producer = try #require(rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nil, 0))
    defer { rd_kafka_destroy(producer) }
    func check(_ error: OpaquePointer?) throws {
      guard let error else { return }
      defer { rd_kafka_error_destroy(error) }
      throw Late(description: String(cString: rd_kafka_error_string(error)))
    }
    try check(rd_kafka_init_transactions(producer, 30_000))
    try check(rd_kafka_begin_transaction(producer))
    let handle = try #require(rd_kafka_topic_new(producer, topic, nil))
    var value = bytes("within")
    #expect(rd_kafka_produce(handle, 0, Int32(RD_KAFKA_MSG_F_COPY), &value, value.count, nil, 0, nil) == 0)
    rd_kafka_topic_destroy(handle)
    #expect(rd_kafka_flush(producer, 30_000) == RD_KAFKA_RESP_ERR_NO_ERROR)
    try check(
      isCommitted ? rd_kafka_commit_transaction(producer, 30_000) : rd_kafka_abort_transaction(producer, 30_000))
  }
}
