internal import LogBroker
public import Platform
internal import Threads

/// A broker in one file, owned by one process: for one machine without Kafka.
///
/// An append or commit that returned survives `kill -9`, and a loss of power as far as the device keeps what it has
/// acknowledged (SQLite's write-ahead log, synchronous = FULL). Calls of many threads share one wait for the device.
/// Timestamps are append times. Members of groups live in memory and end with the process; what groups committed is in
/// the file, beside it FILE-wal while it is open.
public final class EmbeddedBroker: Broker {
  private let broker: LocalBroker

  /// Opens the file, or makes it (its directory must be there). Fails at once if another process has it.
  ///
  /// `clock` gives the records' timestamps. Sessions of members are measured on the machine's monotonic clock.
  public convenience init(
    path: String, clock: any WallClock, sessionMilliseconds: Int = 10_000
  ) throws(BrokerError) {
    try self.init(
      SQLiteLog(path: path, clock: clock), sessionMilliseconds: sessionMilliseconds,
      sessionClock: monotonicMicroseconds)
  }

  init(
    _ log: SQLiteLog, sessionMilliseconds: Int, sessionClock: @escaping @Sendable () -> Int64
  ) throws(BrokerError) {
    broker = try LocalBroker(
      log, location: log.path, sessionMilliseconds: sessionMilliseconds, clock: sessionClock)
  }

  public func create(_ topics: [TopicSpec]) throws(BrokerError) { try broker.create(topics) }

  public func describe(_ topics: [String]) throws(BrokerError) -> [String: TopicDescription] {
    try broker.describe(topics)
  }

  public func alter(_ topic: String, config: [String: String]) throws(BrokerError) {
    try broker.alter(topic, config: config)
  }

  public func bounds(_ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: OffsetBounds] {
    try broker.bounds(partitions)
  }

  public func committed(
    group: String, _ partitions: [TopicPartition]
  ) throws(BrokerError) -> [TopicPartition: Int64] {
    try broker.committed(group: group, partitions)
  }

  public func append(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64] { try broker.append(messages) }

  public func consumer(group: String, topics: [String], member: String) throws(BrokerError) -> any GroupConsumer {
    try broker.consumer(group: group, topics: topics, member: member)
  }

  public func reader(_ partition: TopicPartition, from offset: Int64) throws(BrokerError) -> any PartitionReader {
    try broker.reader(partition, from: offset)
  }

  /// Removes a partition's records before `offset`: the ledger's, once a saved fold has passed them.
  public func truncate(_ partition: TopicPartition, before offset: Int64) throws(BrokerError) {
    try broker.truncate(partition, before: offset)
  }

  public func close() { broker.close() }
}
