internal import LogBroker
public import Platform

/// A broker in memory, with virtual time and a place to put faults before and after each operation.
///
/// Without waiting (`milliseconds: 0`) it never blocks, starts no thread, and does the same things whenever it is asked
/// the same. A member that is to die is no longer called, and its session ends in virtual time. Thread-safe as every
/// broker is; other `MemoryBroker`s know nothing of this one's topics.
public final class MemoryBroker: Broker {
  public enum Operation: String, Sendable {
    case create, describe, alter, bounds, committed, append, join, read, poll, begin, commit
  }

  /// `before`: an error thrown here means that nothing was done. `after`: it was done, and the caller does not know.
  public enum Moment: Sendable { case before, after }

  /// Called around each operation, with its topic, or group for what members do; may throw.
  public typealias Fault = @Sendable (Operation, Moment, String) throws(BrokerError) -> Void

  private let log: MemoryLog
  private let broker: LocalBroker
  private let fault: Fault

  /// `clock` gives the records' timestamps and measures the sessions.
  public init(
    clock: any WallClock, sessionMilliseconds: Int = 10_000, fault: @escaping Fault = { _, _, _ in }
  ) throws(BrokerError) {
    log = MemoryLog(clock: clock)
    broker = try LocalBroker(
      log, location: "memory", sessionMilliseconds: sessionMilliseconds, clock: { clock.now() })
    self.fault = fault
  }

  // MARK: What happens to a log

  /// Removes a partition's records before `offset`, as retention does.
  public func truncate(_ partition: TopicPartition, before offset: Int64) throws(BrokerError) {
    try broker.truncate(partition, before: offset)
  }

  /// The next record's offset is larger by so many, as after a transaction's markers.
  public func skip(_ partition: TopicPartition, offsets: Int64) { log.skip(partition, offsets: offsets) }

  /// The topic is deleted and made anew: its offsets begin at 0.
  public func remake(_ topic: String) { log.remake(topic) }

  /// Appends once more what a sender had sent, as one that died before the answer and was started again does.
  @discardableResult
  public func duplicate(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64] { try broker.append(messages) }

  // MARK: Broker

  public func create(_ topics: [TopicSpec]) throws(BrokerError) {
    try around(.create, topics.first?.name ?? "") { () throws(BrokerError) in try broker.create(topics) }
  }

  public func describe(_ topics: [String]) throws(BrokerError) -> [String: TopicDescription] {
    try around(.describe, topics.first ?? "") { () throws(BrokerError) in try broker.describe(topics) }
  }

  public func alter(_ topic: String, config: [String: String]) throws(BrokerError) {
    try around(.alter, topic) { () throws(BrokerError) in try broker.alter(topic, config: config) }
  }

  public func bounds(_ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: OffsetBounds] {
    try around(.bounds, partitions.first?.topic ?? "") { () throws(BrokerError) in try broker.bounds(partitions) }
  }

  public func committed(
    group: String, _ partitions: [TopicPartition]
  ) throws(BrokerError) -> [TopicPartition: Int64] {
    try around(.committed, group) { () throws(BrokerError) in try broker.committed(group: group, partitions) }
  }

  public func append(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64] {
    try around(.append, messages.first?.topic ?? "") { () throws(BrokerError) in try broker.append(messages) }
  }

  public func consumer(group: String, topics: [String], member: String) throws(BrokerError) -> any GroupConsumer {
    try around(.join, group) { () throws(BrokerError) in
      let consumer = try broker.consumer(group: group, topics: topics, member: member)
      return Consumer(consumer, of: self, group: group)
    }
  }

  public func reader(_ partition: TopicPartition, from offset: Int64) throws(BrokerError) -> any PartitionReader {
    try around(.read, partition.topic) { () throws(BrokerError) in
      Reader(try broker.reader(partition, from: offset), of: self, topic: partition.topic)
    }
  }

  public func close() { broker.close() }

  private func around<Result>(
    _ operation: Operation, _ place: String, _ body: () throws(BrokerError) -> Result
  ) throws(BrokerError) -> Result {
    try fault(operation, .before, place)
    let result = try body()
    try fault(operation, .after, place)
    return result
  }

  private final class Consumer: GroupConsumer {
    private let inner: any GroupConsumer
    private let broker: MemoryBroker
    private let group: String
    var isMember: Bool { inner.isMember }

    init(_ inner: any GroupConsumer, of broker: MemoryBroker, group: String) {
      self.inner = inner
      self.broker = broker
      self.group = group
    }

    /// A poll has no `after`: what it gave would be lost, which no client does.
    func poll(milliseconds: Int, maxBytes: Int) throws(BrokerError) -> ConsumerEvent {
      try broker.fault(.poll, .before, group)
      return try inner.poll(milliseconds: milliseconds, maxBytes: maxBytes)
    }

    func begin(_ partition: TopicPartition, at start: StartOffset) throws(BrokerError) {
      try broker.around(.begin, group) { () throws(BrokerError) in try inner.begin(partition, at: start) }
    }

    func pause(_ partitions: [TopicPartition]) throws(BrokerError) { try inner.pause(partitions) }
    func resume(_ partitions: [TopicPartition]) throws(BrokerError) { try inner.resume(partitions) }

    func commit(_ offsets: [TopicPartition: Int64]) throws(BrokerError) {
      try broker.around(.commit, group) { () throws(BrokerError) in try inner.commit(offsets) }
    }

    func close() { inner.close() }
  }

  private final class Reader: PartitionReader {
    private let inner: any PartitionReader
    private let broker: MemoryBroker
    private let topic: String

    init(_ inner: any PartitionReader, of broker: MemoryBroker, topic: String) {
      self.inner = inner
      self.broker = broker
      self.topic = topic
    }

    func poll(milliseconds: Int, maxBytes: Int) throws(BrokerError) -> RecordBlock? {
      try broker.fault(.read, .before, topic)
      return try inner.poll(milliseconds: milliseconds, maxBytes: maxBytes)
    }

    var position: Int64 { inner.position }
    func seek(to offset: Int64) throws(BrokerError) { try inner.seek(to: offset) }
    func close() { inner.close() }
  }
}
