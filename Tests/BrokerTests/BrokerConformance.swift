import Platform
import TestKit
import Testing

/// A kind of broker under test, and what its tests need to do beside the protocol.
struct BrokerUnderTest: Sendable, CustomTestStringConvertible {
  var name: String
  /// A broker that nobody else uses; its topics may be others' too, so names come from ``topic(_:)``.
  var make: @Sendable () throws -> any Broker
  /// Removes a partition's records before an offset; nil if it cannot.
  var truncate: (@Sendable (any Broker, TopicPartition, Int64) throws -> Void)?
  /// How long a group may take to share its partitions anew.
  var patienceSeconds: Double
  /// Put before names of topics and groups, for brokers that outlive a test.
  var prefix = ""

  var testDescription: String { name }

  func topic(_ name: String) -> String { prefix + name }
}

/// What every broker keeps, whatever it is: see the protocol's comments.
enum BrokerConformance {
  static let all: [(String, @Sendable (BrokerUnderTest) throws -> Void)] =
    logs + groups

  static let logs: [(String, @Sendable (BrokerUnderTest) throws -> Void)] = [
    ("records are read as they were appended", appendAndRead),
    ("nulls and emptiness are kept apart", nullsAndEmptiness),
    ("values of 900 KB", bigValues),
    ("keys go where Kafka's clients put them", partitioning),
    ("threads append side by side", threads),
    ("a reader seeks", readerSeeks),
    ("what is not there is an error", whatIsNotThere),
    ("a topic is made once, and described", topics),
    ("a waiting reader is woken", readerIsWoken),
    ("a closed broker answers nobody", closing),
  ]

  static func spec(_ name: String, _ partitions: Int = 1) -> TopicSpec {
    TopicSpec(name: name, partitions: partitions, replication: 1, config: ["retention.ms": "-1"])
  }

  static func message(_ topic: String, _ partition: Int?, _ text: String, key: String? = nil) -> OutgoingMessage {
    OutgoingMessage(topic: topic, partition: partition, key: key.map { Array($0.utf8) }, value: Array(text.utf8))
  }

  static func text(_ block: RecordBlock, _ index: Int) -> String {
    block.value(index).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }

  /// All there is from an offset on, until `count` records came.
  static func read(
    _ broker: any Broker, _ partition: TopicPartition, from offset: Int64 = 0, count: Int, maxBytes: Int = 1 << 20
  ) throws -> [RecordBlock] {
    let reader = try broker.reader(partition, from: offset)
    defer { reader.close() }
    var blocks: [RecordBlock] = []
    let deadline = ContinuousClock.now + .seconds(30)
    while blocks.reduce(0, { $0 + $1.count }) < count {
      guard ContinuousClock.now < deadline else { throw DeadlineError(description: "\(partition) gave too little") }
      if let block = try reader.poll(milliseconds: 200, maxBytes: maxBytes) { blocks.append(block) }
    }
    return blocks
  }

  @Sendable static func appendAndRead(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("order")
    try broker.create([spec(topic, 2)])
    let first = try broker.append([message(topic, 0, "a"), message(topic, 1, "b"), message(topic, 0, "c")])
    let second = try broker.append([message(topic, 0, "d")])
    #expect(first[0] < first[2] && first[2] < second[0])
    let at = TopicPartition(topic, 0)
    let blocks = try read(broker, at, count: 3, maxBytes: 1)
    #expect(blocks.flatMap { block in (0..<block.count).map { text(block, $0) } } == ["a", "c", "d"])
    #expect(blocks.flatMap { $0.entries.map(\.offset) } == [first[0], first[2], second[0]])
    #expect(blocks.allSatisfy { $0.at == at && $0.entries.allSatisfy { $0.timestamp > 1_600_000_000_000 } })
    #expect(try broker.bounds([at])[at] == OffsetBounds(first: first[0], end: second[0] + 1))
    #expect(try broker.append([]) == [])
  }

  @Sendable static func nullsAndEmptiness(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("nulls")
    try broker.create([spec(topic)])
    let parts: [[UInt8]?] = [nil, [], [0], Array("text".utf8)]
    let messages = parts.flatMap { key in
      parts.map { OutgoingMessage(topic: topic, partition: 0, key: key, value: $0) }
    }
    _ = try broker.append(messages)
    var index = 0
    for block in try read(broker, TopicPartition(topic, 0), count: messages.count) {
      for number in 0..<block.count {
        #expect(block.key(number) == messages[index].key && block.value(number) == messages[index].value)
        #expect(block.entries[number].headersLength == 0)
        index += 1
      }
    }
    #expect(index == messages.count)
  }

  @Sendable static func bigValues(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("big")
    try broker.create([spec(topic)])
    var random = SeededGenerator(seed: 7)
    let values = (0..<4).map { number in (0..<(900_000 - number * 250_000)).map { _ in UInt8(random.int(0...255)) } }
    for value in values { _ = try broker.append([OutgoingMessage(topic: topic, partition: 0, value: value)]) }
    // A record that is larger than what was asked for comes all the same.
    let blocks = try read(broker, TopicPartition(topic, 0), count: values.count, maxBytes: 100_000)
    #expect(blocks.flatMap { block in (0..<block.count).map { block.value($0) } } == values)
    let error = #expect(throws: BrokerError.self) {
      try broker.append([OutgoingMessage(topic: topic, partition: 0, value: [UInt8](repeating: 0, count: 2 << 20))])
    }
    #expect(error?.code == .tooLarge)
  }

  @Sendable static func partitioning(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("keys")
    try broker.create([spec(topic, 7)])
    let keys = (0..<50).map { "key-\($0)" }
    _ = try broker.append(keys.map { message(topic, nil, $0, key: $0) })
    for partition in 0..<7 {
      let mine = keys.filter { Partitioner.partition(of: Array($0.utf8), among: 7) == partition }
      let blocks = try read(broker, TopicPartition(topic, partition), count: mine.count)
      #expect(blocks.flatMap { block in (0..<block.count).map { text(block, $0) } } == mine)
    }
    // Without a key it is any partition, but it is there.
    _ = try broker.append([message(topic, nil, "anywhere")])
    let all = try broker.bounds((0..<7).map { TopicPartition(topic, $0) })
    #expect(all.values.reduce(0) { $0 + $1.end - $1.first } == 51)
  }

  @Sendable static func threads(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("threads")
    try broker.create([spec(topic)])
    let offsets = Guarded<[Int: [Int64]]>([:])
    try inThreads(4) { thread in
      for call in 0..<25 {
        let given = try broker.append((0..<4).map { message(topic, 0, "\(thread) \(call * 4 + $0)") })
        offsets.withLock { $0[thread, default: []] += given }
      }
    }
    let blocks = try read(broker, TopicPartition(topic, 0), count: 400)
    var next = [0, 0, 0, 0]
    for block in blocks {
      for index in 0..<block.count {
        let parts = text(block, index).split(separator: " ").compactMap { Int($0) }
        #expect(parts[1] == next[parts[0]])
        #expect(offsets.withLock { $0[parts[0]]?[parts[1]] } == block.entries[index].offset)
        next[parts[0]] += 1
      }
    }
    #expect(next == [100, 100, 100, 100])
  }

  @Sendable static func readerSeeks(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("seek")
    try broker.create([spec(topic)])
    let at = TopicPartition(topic, 0)
    let offsets = try broker.append((0..<10).map { message(topic, 0, "\($0)") })
    let reader = try broker.reader(at, from: offsets[7])
    func next() throws -> String? { try until { try reader.poll(milliseconds: 200, maxBytes: 1) }.map { text($0, 0) } }
    #expect(try next() == "7")
    try reader.seek(to: offsets[2])
    #expect(try next() == "2")
    try reader.seek(to: offsets[9] + 1)
    #expect(try reader.poll(milliseconds: 0, maxBytes: 1) == nil)
    _ = try broker.append([message(topic, 0, "new")])
    #expect(try next() == "new")
    reader.close()
  }

  @Sendable static func whatIsNotThere(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("absent")
    let error = #expect(throws: BrokerError.self) { try broker.append([message(topic, 0, "x")]) }
    #expect(error?.code == .noSuchTopic)
    #expect(try broker.describe([topic]).isEmpty)
    try broker.create([spec(topic)])
    let at = TopicPartition(topic, 0)
    let offsets = try broker.append((0..<5).map { message(topic, 0, "\($0)") })
    let far = try broker.reader(at, from: offsets[4] + 100)
    let beyond = #expect(throws: BrokerError.self) {
      try until { try far.poll(milliseconds: 200, maxBytes: 1) }
    }
    #expect(beyond?.code == .outOfRange(OffsetBounds(first: offsets[0], end: offsets[4] + 1)))
    guard let truncate = kind.truncate else { return }
    try truncate(broker, at, offsets[3])
    #expect(try broker.bounds([at])[at] == OffsetBounds(first: offsets[3], end: offsets[4] + 1))
    let early = try broker.reader(at, from: offsets[0])
    let gone = #expect(throws: BrokerError.self) { try until { try early.poll(milliseconds: 200, maxBytes: 1) } }
    #expect(gone?.code == .outOfRange(OffsetBounds(first: offsets[3], end: offsets[4] + 1)))
  }

  @Sendable static func topics(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("described")
    try broker.create([spec(topic, 3)])
    try broker.create([spec(topic, 5)])
    try broker.alter(topic, config: ["retention.ms": "3600000"])
    try broker.alter(topic, config: ["max.message.bytes": "2000000"])
    try inThreads(3) { _ in try broker.create([spec(topic + ".raced", 2)]) }
    let found = try broker.describe([topic, topic + ".raced", topic + ".none"])
    #expect(found.count == 2 && found[topic + ".raced"]?.partitions == 2)
    #expect(found[topic]?.partitions == 3 && found[topic]?.replication == 1)
    #expect(found[topic]?.config["retention.ms"] == "3600000")
    #expect(found[topic]?.config["max.message.bytes"] == "2000000")
  }

  @Sendable static func readerIsWoken(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("woken")
    try broker.create([spec(topic)])
    let isWaiting = Guarded(false)
    let waiting = Guarded<String?>(nil)
    try withDeadline(seconds: 30, "a waiting reader") {
      try inThreads(2) { thread in
        if thread == 0 {
          let reader = try broker.reader(TopicPartition(topic, 0), from: 0)
          isWaiting.withLock { $0 = true }
          // One poll, which waits longer than the deadline.
          let block = try reader.poll(milliseconds: 60_000, maxBytes: 100)
          waiting.withLock { $0 = block.map { text($0, 0) } }
        } else {
          while !isWaiting.withLock({ $0 }) {}
          _ = try broker.append([message(topic, 0, "news")])
        }
      }
    }
    #expect(waiting.withLock { $0 } == "news")
  }

  @Sendable static func closing(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    let topic = kind.topic("closing")
    try broker.create([spec(topic)])
    let reader = try broker.reader(TopicPartition(topic, 0), from: 0)
    let consumer = try broker.consumer(group: kind.topic("closing"), topics: [topic], member: "m")
    try withDeadline(seconds: 30, "closing") {
      try inThreads(3) { thread in
        switch thread {
        case 0: #expect(throws: BrokerError.self) { while try reader.poll(milliseconds: 60_000, maxBytes: 1) == nil {} }
        case 1:
          #expect(throws: BrokerError.self) { while true { _ = try consumer.poll(milliseconds: 60_000, maxBytes: 1) } }
        default: broker.close()
        }
      }
    }
    let error = #expect(throws: BrokerError.self) { try broker.append([message(topic, 0, "x")]) }
    #expect(error?.code == .closed)
    consumer.close()
    reader.close()
    broker.close()
  }
}
