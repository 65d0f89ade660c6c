public import Platform
public import Threads

/// A broker inside one process, over any ``RecordLog``: partitioning, groups, and waiting for what others append.
public final class LocalBroker: Broker {
  let log: any RecordLog
  let groups: Groups
  /// "embedded:FILE"; for messages.
  let location: String
  private let turn = Turn()

  /// `clock`: microseconds that only grow; the members' sessions are measured with it.
  public init(
    _ log: any RecordLog, location: String, sessionMilliseconds: Int = 10_000,
    clock: @escaping @Sendable () -> Int64 = monotonicMicroseconds
  ) throws(BrokerError) {
    self.log = log
    self.location = location
    groups = Groups(sessionMilliseconds: sessionMilliseconds, clock: clock)
    groups.set(partitionCounts: try log.partitionCounts())
  }

  public func create(_ topics: [TopicSpec]) throws(BrokerError) {
    try groups.checkOpen("create topics", location)
    for topic in topics where topic.name.isEmpty || topic.partitions < 1 {
      throw BrokerError(
        .other, operation: "create topic", location: topic.name, message: "a topic needs a name and a partition")
    }
    try log.create(topics)
    groups.set(partitionCounts: try log.partitionCounts())
  }

  public func describe(_ topics: [String]) throws(BrokerError) -> [String: TopicDescription] {
    try groups.checkOpen("describe topics", location)
    var descriptions: [String: TopicDescription] = [:]
    for name in topics {
      guard let topic = try log.topic(name) else { continue }
      descriptions[name] = TopicDescription(
        partitions: topic.partitions, replication: 1, config: topic.config.inForce)
    }
    return descriptions
  }

  public func alter(_ topic: String, config: [String: String]) throws(BrokerError) {
    try groups.checkOpen("alter", topic)
    guard let known = try log.topic(topic) else { throw noSuchTopic("alter", topic) }
    try log.alter(topic, config: try known.config.setting(config, topic: topic))
  }

  public func bounds(_ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: OffsetBounds] {
    try groups.checkOpen("bounds", location)
    var answer: [TopicPartition: OffsetBounds] = [:]
    for partition in partitions { answer[partition] = try existing(partition, "bounds") }
    return answer
  }

  public func committed(
    group: String, _ partitions: [TopicPartition]
  ) throws(BrokerError) -> [TopicPartition: Int64] {
    try groups.checkOpen("committed", location)
    return try log.committed(group: group, partitions)
  }

  public func append(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64] {
    try groups.checkOpen("append", messages.first?.topic ?? location)
    if messages.isEmpty { return [] }
    let offsets = try log.append(try place(messages))
    groups.wake()
    return offsets
  }

  public func consumer(group: String, topics: [String], member: String) throws(BrokerError) -> any GroupConsumer {
    try groups.checkOpen("join", group)
    return LocalConsumer(self, group: group, topics: topics, member: member)
  }

  public func reader(_ partition: TopicPartition, from offset: Int64) throws(BrokerError) -> any PartitionReader {
    try groups.checkOpen("read", partition.description)
    _ = try existing(partition, "read")
    return LocalReader(self, partition, from: offset)
  }

  /// Removes a partition's records before `offset`, as retention does.
  public func truncate(_ partition: TopicPartition, before offset: Int64) throws(BrokerError) {
    try groups.checkOpen("truncate", partition.description)
    let bounds = try existing(partition, "truncate")
    try log.truncate(partition, before: min(offset, bounds.end))
    groups.wake()
  }

  public func close() {
    groups.close()
    log.close()
  }

  func existing(_ partition: TopicPartition, _ operation: String) throws(BrokerError) -> OffsetBounds {
    guard let bounds = try log.bounds(partition) else { throw noSuchTopic(operation, partition.description) }
    return bounds
  }

  private func noSuchTopic(_ operation: String, _ location: String) -> BrokerError {
    BrokerError(
      .noSuchTopic, operation: operation, location: location, message: "there is no such topic or partition",
      hint: "create it with 'tributary topics'")
  }

  /// Gives each message a partition that exists; messages without a key go to one partition a call, each call to the next.
  private func place(_ messages: [OutgoingMessage]) throws(BrokerError) -> [OutgoingMessage] {
    var placed = messages
    var name: String?
    var topic = LogTopic(partitions: 0, config: try TopicConfig([:], topic: ""))
    var anywhere: Int?
    for (index, message) in messages.enumerated() {
      if message.topic != name {
        guard let found = try log.topic(message.topic) else { throw noSuchTopic("append", message.topic) }
        (name, topic) = (message.topic, found)
      }
      if let partition = message.partition {
        guard (0..<topic.partitions).contains(partition) else {
          throw noSuchTopic("append", TopicPartition(message.topic, partition).description)
        }
      } else if let key = message.key {
        placed[index].partition = Partitioner.partition(of: key, among: topic.partitions)
      } else {
        let number = anywhere ?? turn.next()
        anywhere = number
        placed[index].partition = number % topic.partitions
      }
      let size = Int64((message.key?.count ?? 0) + (message.value?.count ?? 0))
      guard size <= topic.config.messageBytesMax else {
        throw BrokerError(
          .tooLarge, operation: "append", location: message.topic,
          message: "a message of \(size) bytes is larger than the topic takes (\(topic.config.messageBytesMax))",
          hint: "raise the topic's max.message.bytes")
      }
    }
    return placed
  }
}

/// 0, 1, 2, … for any number of threads.
private final class Turn: @unchecked Sendable {
  // Sendable: the number is touched under the lock only.
  private let lock = ConditionLock()
  private var number = -1

  func next() -> Int {
    lock.withLock {
      number = number == Int.max ? 0 : number + 1
      return number
    }
  }
}
