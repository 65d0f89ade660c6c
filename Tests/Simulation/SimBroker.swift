import Columns
import Pipeline
import Platform
import TestKit

/// The world's broker as one life of a worker reaches it.
struct SimBroker: Broker {
  let world: SimWorld
  let who: SimIncarnation
  private var inner: MemoryBroker { world.broker }

  init(_ world: SimWorld, _ who: SimIncarnation) {
    self.world = world
    self.who = who
  }

  fileprivate func trouble(_ operation: String, _ place: String, isDone: Bool) throws(BrokerError) {
    switch world.befalls(who, .broker, isDone: isDone, { "\(operation) \(place)" }) {
    case nil: return
    case .died: throw BrokerError(.other, operation: operation, location: place, message: "this worker is dead")
    case .unavailable:
      throw BrokerError(.unavailable, operation: operation, location: place, message: "the broker does not answer")
    }
  }

  fileprivate func around<R>(
    _ operation: String, _ place: String, _ body: () throws(BrokerError) -> R
  ) throws(BrokerError) -> R {
    try trouble(operation, place, isDone: false)
    let result = try body()
    try trouble(operation, place, isDone: true)
    return result
  }

  func create(_ topics: [TopicSpec]) throws(BrokerError) {
    try around("create", "topics") { () throws(BrokerError) in try inner.create(topics) }
  }

  func describe(_ topics: [String]) throws(BrokerError) -> [String: TopicDescription] {
    try around("describe", topics.first ?? "") { () throws(BrokerError) in try inner.describe(topics) }
  }

  func alter(_ topic: String, config: [String: String]) throws(BrokerError) {
    try around("alter", topic) { () throws(BrokerError) in try inner.alter(topic, config: config) }
  }

  func bounds(_ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: OffsetBounds] {
    try around("bounds", "\(partitions)") { () throws(BrokerError) in try inner.bounds(partitions) }
  }

  func committed(group: String, _ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: Int64] {
    try around("committed", group) { () throws(BrokerError) in try inner.committed(group: group, partitions) }
  }

  func append(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64] {
    note(messages)
    return try around("append", "\(messages.first?.topic ?? "") x\(messages.count)") { () throws(BrokerError) in
      guard world.faults.duplicate > 0, world.random.chance(world.faults.duplicate) else {
        return try inner.append(messages)
      }
      let many = world.random.int(0...messages.count)
      let first = try inner.append(Array(messages[..<many]))
      if many < messages.count || world.random.chance(2) {
        world.trace.add("  \(many) of \(messages.count) messages arrived")
        // A sender that gave up: some of it is there.
        throw BrokerError(.unavailable, operation: "append", location: "", message: "not all was acknowledged")
      }
      world.trace.add("  all messages arrived twice")
      let second = try inner.append(messages)
      return world.random.chance(2) ? first : second
    }
  }

  private func note(_ messages: [OutgoingMessage]) {
    for message in messages where message.topic.hasSuffix(".rows") {
      if let bytes = message.value, let frame = bytes.withUnsafeBytes({ try? RowFrame($0) }) {
        world.senders["\(frame.attempt)"] = who
      }
    }
  }

  func consumer(group: String, topics: [String], member: String) throws(BrokerError) -> any GroupConsumer {
    try around("join", group) { () throws(BrokerError) in
      Consumer(try inner.consumer(group: group, topics: topics, member: member), of: self, group: group)
    }
  }

  func reader(_ partition: TopicPartition, from offset: Int64) throws(BrokerError) -> any PartitionReader {
    try around("reader", "\(partition) \(offset)") { () throws(BrokerError) in
      Reader(try inner.reader(partition, from: offset), of: self, at: partition)
    }
  }

  func close() {}

  private final class Consumer: GroupConsumer, @unchecked Sendable {
    // Sendable: used by one thread at a time, as the protocol says.
    private let inner: any GroupConsumer
    private let broker: SimBroker
    private let group: String
    var isMember: Bool { inner.isMember }

    init(_ inner: any GroupConsumer, of broker: SimBroker, group: String) {
      self.inner = inner
      self.broker = broker
      self.group = group
    }

    func poll(milliseconds: Int, maxBytes: Int) throws(BrokerError) -> ConsumerEvent {
      try broker.trouble("poll", group, isDone: false)
      // Small blocks, so that one topic's records come in many polls.
      let most = broker.world.random.pick([1, 100, 400, maxBytes])
      let event = try inner.poll(milliseconds: 0, maxBytes: min(most, maxBytes))
      switch event {
      case .nothing: break
      case .assigned(let at): broker.world.trace.add("  \(group) \(broker.who.name) assigned \(at)")
      case .revoked(let at, let lost):
        broker.world.trace.add("  \(group) \(broker.who.name) revoked \(at) lost \(lost)")
      case .records(let blocks):
        for block in blocks {
          broker.world.trace.add("  \(block.at) \(block.entries.first?.offset ?? 0)..<\(block.nextOffset)")
        }
      case .outOfRange(let at, let wanted, _): broker.world.trace.add("  \(at) out of range at \(wanted)")
      }
      return event
    }

    func begin(_ partition: TopicPartition, at start: StartOffset) throws(BrokerError) {
      try broker.around("begin", "\(partition) \(start)") { () throws(BrokerError) in
        try inner.begin(partition, at: start)
      }
    }

    func pause(_ partitions: [TopicPartition]) throws(BrokerError) { try inner.pause(partitions) }
    func resume(_ partitions: [TopicPartition]) throws(BrokerError) { try inner.resume(partitions) }

    func commit(_ offsets: [TopicPartition: Int64]) throws(BrokerError) {
      try broker.around("commit", group) { () throws(BrokerError) in try inner.commit(offsets) }
    }

    func close() { inner.close() }
  }

  private final class Reader: PartitionReader, @unchecked Sendable {
    // Sendable: used by one thread at a time, as the protocol says.
    private let inner: any PartitionReader
    private let broker: SimBroker
    private let at: TopicPartition

    init(_ inner: any PartitionReader, of broker: SimBroker, at: TopicPartition) {
      self.inner = inner
      self.broker = broker
      self.at = at
    }

    func poll(milliseconds: Int, maxBytes: Int) throws(BrokerError) -> RecordBlock? {
      try broker.trouble("read", "\(at)", isDone: false)
      return try inner.poll(milliseconds: 0, maxBytes: min(maxBytes, broker.world.random.pick([1, 2000, maxBytes])))
    }

    var position: Int64 { inner.position }
    func seek(to offset: Int64) throws(BrokerError) { try inner.seek(to: offset) }
    func close() { inner.close() }
  }
}
