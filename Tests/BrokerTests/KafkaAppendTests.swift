import CRDKafka
import Foundation
import Platform
import TestKit
import Testing

@testable import KafkaBroker

/// What goes in comes out, in order: against a server that speaks Kafka's protocol.
@Suite struct KafkaAppendTests {
  @Test func recordsComeBackInOrderWithOffsetsAndTimes() throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 2)
    var wanted: [String] = []
    for call in 0..<20 {
      let values = (0..<50).map { "\(call)/\($0)" }
      let offsets = try broker.append(
        values.map { OutgoingMessage(topic: topic, partition: 1, key: bytes("k"), value: bytes($0)) })
      #expect(offsets == (0..<50).map { Int64(wanted.count + $0) })
      wanted += values
    }
    let found = try read(broker, TopicPartition(topic, 1), count: wanted.count)
    #expect(found.map(\.value) == wanted)
    #expect(found.map(\.offset) == (0..<wanted.count).map { Int64($0) })
    #expect(
      try broker.bounds([TopicPartition(topic, 0), TopicPartition(topic, 1)]) == [
        TopicPartition(topic, 0): OffsetBounds(first: 0, end: 0),
        TopicPartition(topic, 1): OffsetBounds(first: 0, end: 1000),
      ])
    #expect(try broker.append([]) == [])
  }

  @Test func nullAndEmptyAreTwoThings() throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let topic = try newTopic(broker)
    let cases: [(key: [UInt8]?, value: [UInt8]?)] = [
      (nil, nil), ([], []), ([1], nil), (nil, [2]), ([], [3]), ([4], []),
    ]
    let before = Int64(Date.now.timeIntervalSince1970 * 1000)
    try _ = broker.append(cases.map { OutgoingMessage(topic: topic, partition: 0, key: $0.key, value: $0.value) })
    let reader = try broker.reader(TopicPartition(topic, 0), from: 0)
    defer { reader.close() }
    var seen = 0
    let deadline = Date.now.addingTimeInterval(30)
    while seen < cases.count, Date.now < deadline {
      guard let block = try reader.poll(milliseconds: 200, maxBytes: 1000) else { continue }
      for index in 0..<block.count {
        #expect(block.key(index) == cases[seen].key)
        #expect(block.value(index) == cases[seen].value)
        #expect(abs(block.entries[index].timestamp - before) < 120_000)
        #expect(block.entries[index].headersLength == 0)
        seen += 1
      }
    }
    #expect(seen == cases.count)
  }

  /// The vectors of Kafka's own test (`UtilsTest.testMurmur2`).
  @Test(
    arguments: [
      ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
      ("a-little-bit-longer-string", -1_486_304_829),
      ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
    ] as [(String, Int32)])
  func aKeyGoesWhereKafkasClientsPutIt(key: String, hash: Int32) throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 7)
    let at = TopicPartition(topic, Int(hash & 0x7fff_ffff) % 7)
    _ = try broker.append([OutgoingMessage(topic: topic, partition: nil, key: bytes(key), value: bytes("v"))])
    #expect(try broker.bounds([at])[at] == OffsetBounds(first: 0, end: 1))
  }

  @Test func largeMessagesPassAndTooLargeOnesAreRefused() throws {
    let broker = try NoidaServer.shared().broker(["queue.buffering.max.kbytes": "896"])
    defer { broker.close() }
    let topic = try newTopic(broker)
    var random = SeededGenerator(seed: 7)
    // Bytes that do not compress; a call has more of them than the queue holds at once.
    let body = (0..<512 * 1024).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    for _ in 0..<3 {
      let offsets = try broker.append(
        (0..<32).map { OutgoingMessage(topic: topic, partition: 0, value: body + [UInt8($0)]) })
      #expect(offsets.count == 32)
    }
    let reader = try broker.reader(TopicPartition(topic, 0), from: 0)
    defer { reader.close() }
    var seen = 0
    let deadline = Date.now.addingTimeInterval(60)
    while seen < 96, Date.now < deadline {
      guard let block = try reader.poll(milliseconds: 500, maxBytes: 4 << 20) else { continue }
      #expect(block.bytes.count <= 5 << 20)
      for index in 0..<block.count {
        #expect(block.value(index) == body + [UInt8(seen % 32)])
        seen += 1
      }
    }
    #expect(seen == 96)

    let large = OutgoingMessage(topic: topic, partition: 0, value: [UInt8](repeating: 1, count: 1_000_001))
    let fine = OutgoingMessage(topic: topic, partition: 0, value: [1])
    let error = failure { _ = try broker.append([fine, large]) }
    #expect(error?.code == .tooLarge)
    #expect(error?.location == topic)
    // Nothing of such a call is appended.
    #expect(try broker.bounds([TopicPartition(topic, 0)])[TopicPartition(topic, 0)]?.end == 96)
  }

  @Test func manyThreadsAppendAtOnce() throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 3)
    let appended = Guarded<[TopicPartition: [Int64: String]]>([:])
    let failures = Guarded<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for call in 0..<30 {
        let messages = (0..<20).map {
          OutgoingMessage(topic: topic, partition: $0 % 3, value: bytes("\(thread) \(call) \($0)"))
        }
        do {
          let offsets = try broker.append(messages)
          for partition in 0..<3 {
            let own = stride(from: partition, to: 20, by: 3).map { offsets[$0] }
            if own != own.sorted() { failures.withLock { $0.append("\(thread) \(call): \(own)") } }
          }
          appended.withLock {
            for (message, offset) in zip(messages, offsets) {
              $0[TopicPartition(topic, message.partition ?? -1), default: [:]][offset] = text(message.value)
            }
          }
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
    }
    #expect(failures.withLock { $0 } == [])
    for (at, wanted) in appended.withLock({ $0 }) {
      let found = try read(broker, at, count: wanted.count)
      #expect(Dictionary(uniqueKeysWithValues: found.map { ($0.offset, $0.value ?? "") }) == wanted)
    }
  }

  @Test func headersComeEncodedBehindTheValue() throws {
    let server = try NoidaServer.shared()
    let broker = try server.broker()
    defer { broker.close() }
    let topic = try newTopic(broker)
    try appendWithHeaders(topic, [("a", bytes("xy")), ("", []), ("ümlaut", nil)], port: server.port)
    let reader = try broker.reader(TopicPartition(topic, 0), from: 0)
    defer { reader.close() }
    var found: RecordBlock?
    let deadline = Date.now.addingTimeInterval(30)
    while found == nil, Date.now < deadline { found = try reader.poll(milliseconds: 200, maxBytes: 1000) }
    let block = try #require(found)
    let entry = block.entries[0]
    let encoded = Array(block.bytes[Int(entry.headersStart)..<Int(entry.headersStart + entry.headersLength)])
    #expect(
      encoded == [1, 0, 0, 0] + bytes("a") + [2, 0, 0, 0] + bytes("xy") + [0, 0, 0, 0] + [0, 0, 0, 0]
        + [7, 0, 0, 0] + bytes("ümlaut") + [255, 255, 255, 255])
    #expect(text(block.value(0)) == "value")
  }

  @Test("records of all kinds and sizes come as they were, whoever reads them; values lie as lines")
  func allKindsOfRecords() throws {
    let server = try NoidaServer.shared()
    let broker = try server.broker()
    defer { broker.close() }
    let topic = try newTopic(broker)
    var random = SeededGenerator(seed: 11)
    let messages = (0..<6000).map { index in
      let length = index % 500 == 499 ? 300_000 : random.int(0...200)
      let value = random.chance(9) ? nil : (0..<length).map { _ in random.chance(9) ? 10 : UInt8(random.int(32...126)) }
      return OutgoingMessage(
        topic: topic, partition: 0, key: random.chance(3) ? nil : bytes("key \(index)"), value: value)
    }
    for from in stride(from: 0, to: messages.count, by: 500) {
      _ = try broker.append(Array(messages[from..<from + 500]))
    }
    func check(_ blocks: [RecordBlock], _ who: String) {
      var seen = 0
      for block in blocks {
        #expect(block.valuesAreLines)
        for (index, entry) in block.entries.enumerated() {
          let wanted = messages[seen % messages.count]
          #expect(entry.offset == Int64(seen) && block.value(index) == wanted.value, "\(who) \(seen)")
          #expect(block.key(index) == wanted.key, "\(who) \(seen)")
          if entry.valueLength >= 0 { #expect(block.bytes[Int(entry.valueStart + entry.valueLength)] == 10) }
          seen += 1
        }
      }
      #expect(seen == messages.count, "\(who)")
    }
    let deadline = Date.now.addingTimeInterval(60)
    let reader = try broker.reader(TopicPartition(topic, 0), from: 0)
    defer { reader.close() }
    var read: [RecordBlock] = []
    while read.last?.nextOffset != 6000, Date.now < deadline {
      if let block = try reader.poll(milliseconds: 200, maxBytes: 1 << 18) { read.append(block) }
    }
    check(read, "reader")
    let consumer = try broker.consumer(group: topic, topics: [topic], member: "a")
    defer { consumer.close() }
    var given: [RecordBlock] = []
    while given.last?.nextOffset != 6000, Date.now < deadline {
      switch try consumer.poll(milliseconds: 200, maxBytes: 1 << 18) {
      case .assigned(let partitions): for at in partitions { try consumer.begin(at, at: .first) }
      case .records(let blocks): given += blocks
      default: break
      }
    }
    check(given, "member")
  }

  @Test func headersThatNobodyWantsDoNotCome() throws {
    let server = try NoidaServer.shared()
    let topic = "headerless-" + String(UInt64.random(in: 0 ... .max), radix: 36)
    let broker = try KafkaBroker(
      brokers: "127.0.0.1:\(server.port)", clientID: "test", headerless: [topic], log: { _ in })
    defer { broker.close() }
    try broker.create([TopicSpec(name: topic, partitions: 1)])
    try appendWithHeaders(topic, [("a", bytes("xy"))], port: server.port)
    _ = try broker.append([OutgoingMessage(topic: topic, partition: 0, key: bytes("k"), value: nil)])
    #expect(try read(broker, TopicPartition(topic, 0), count: 2).map(\.value) == ["value", nil])
    let reader = try broker.reader(TopicPartition(topic, 0), from: 0)
    defer { reader.close() }
    var found: RecordBlock?
    let deadline = Date.now.addingTimeInterval(30)
    while found == nil, Date.now < deadline { found = try reader.poll(milliseconds: 200, maxBytes: 1000) }
    #expect(try #require(found).entries[0].headersLength == 0)
  }

  @Test func whatIsNotThereAndWhatIsClosed() throws {
    let broker = try NoidaServer.shared().broker(["topic.metadata.propagation.max.ms": "500"])
    let topic = try newTopic(broker)
    #expect(
      failure { _ = try broker.append([OutgoingMessage(topic: topic, partition: 5, value: [1])]) }?.code
        == .noSuchTopic)
    #expect(
      failure { _ = try broker.append([OutgoingMessage(topic: topic, partition: -2, value: [1])]) }?.code
        == .noSuchTopic)
    let reader = try broker.reader(TopicPartition(topic, 0), from: 0)
    reader.close()
    reader.close()
    #expect(failure { _ = try reader.poll(milliseconds: 1, maxBytes: 1) }?.code == .closed)
    broker.close()
    broker.close()
    #expect(
      failure { _ = try broker.append([OutgoingMessage(topic: topic, partition: 0, value: [1])]) }?.code == .closed)
    #expect(failure { _ = try broker.describe([topic]) }?.code == .closed)
    #expect(failure { _ = try broker.reader(TopicPartition(topic, 0), from: 0) }?.code == .closed)
  }

  /// Ours appends no headers, so the library is called itself.
  private func appendWithHeaders(_ topic: String, _ headers: [(String, [UInt8]?)], port: Int) throws {
    let configuration = rd_kafka_conf_new()
    rd_kafka_conf_set(configuration, "bootstrap.servers", "127.0.0.1:\(port)", nil, 0)
    let client = try #require(rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nil, 0))
    defer { rd_kafka_destroy(client) }
    let list = rd_kafka_headers_new(headers.count)
    for (name, value) in headers {
      let added = value.map { value in
        rd_kafka_header_add(list, name, -1, value.isEmpty ? [0] : value, value.count)
      }
      _ = added ?? rd_kafka_header_add(list, name, -1, nil, 0)
    }
    try topic.withCString { topic in
      var value = bytes("value")
      try value.withUnsafeMutableBytes { value in
        var arguments = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 4)
        arguments[0].vtype = RD_KAFKA_VTYPE_TOPIC
        arguments[0].u.cstr = topic
        arguments[1].vtype = RD_KAFKA_VTYPE_VALUE
        arguments[1].u.mem.ptr = value.baseAddress
        arguments[1].u.mem.size = value.count
        arguments[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS
        arguments[2].u.i = Int32(RD_KAFKA_MSG_F_COPY)
        arguments[3].vtype = RD_KAFKA_VTYPE_HEADERS
        arguments[3].u.headers = list
        try #require(rd_kafka_produceva(client, &arguments, arguments.count) == nil)
      }
    }
    #expect(rd_kafka_flush(client, 20_000) == RD_KAFKA_RESP_ERR_NO_ERROR)
  }
}
