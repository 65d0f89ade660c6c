public import Platform

/// Where a ``LocalBroker`` keeps its topics: the part of a broker that knows nothing of groups and of waiting.
///
/// Thread-safe. An append or commit that returned is durable, as far as the log is. Partitions that are asked for exist,
/// unless said otherwise.
public protocol RecordLog: AnyObject, Sendable {
  /// Creates the topics that are missing.
  func create(_ topics: [TopicSpec]) throws(BrokerError)

  /// From memory; nil if there is none.
  func topic(_ name: String) throws(BrokerError) -> LogTopic?

  /// All topics' partition counts, from memory.
  func partitionCounts() throws(BrokerError) -> [String: Int]

  func alter(_ topic: String, config: TopicConfig) throws(BrokerError)

  /// From memory; nil if there is no such partition.
  func bounds(_ partition: TopicPartition) throws(BrokerError) -> OffsetBounds?

  /// Every message has a partition that exists, and is not too large. All of them or none are appended.
  func append(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64]

  /// Records at `offset` or behind, near `maxBytes` at most but at least one; nil if there are none.
  func read(_ partition: TopicPartition, from offset: Int64, maxBytes: Int) throws(BrokerError) -> RecordBlock?

  func committed(group: String, _ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: Int64]

  func commit(group: String, _ offsets: [TopicPartition: Int64]) throws(BrokerError)

  /// Removes the records before `offset`, which is not behind the partition's end.
  func truncate(_ partition: TopicPartition, before offset: Int64) throws(BrokerError)

  func close()
}

public struct LogTopic: Sendable {
  public var partitions: Int
  public var config: TopicConfig
  public init(partitions: Int, config: TopicConfig) {
    self.partitions = partitions
    self.config = config
  }
}
