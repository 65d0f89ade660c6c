import Platform
import TestKit

/// A broker that only takes appends, and remembers them.
final class RecordingBroker: Broker {
  let appended = Guarded<[OutgoingMessage]>([])
  /// Thrown instead of appending.
  let failure = Guarded<BrokerError?>(nil)
  private let bytesMax: Int
  private let before: @Sendable () -> Void

  init(bytesMax: Int = .max, before: @escaping @Sendable () -> Void = {}) {
    self.bytesMax = bytesMax
    self.before = before
  }

  func append(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64] {
    before()
    if let failure = failure.withLock({ $0 }) { throw failure }
    if messages.contains(where: { $0.value.map { $0.count > bytesMax } ?? false }) {
      throw BrokerError(.tooLarge, operation: "append", location: messages[0].topic, message: "too large")
    }
    return appended.withLock { appended in
      appended += messages
      return messages.indices.map { Int64(appended.count - messages.count + $0) }
    }
  }

  private func refusal(_ operation: String) -> BrokerError {
    BrokerError(.other, operation: operation, location: "", message: "this broker only takes appends")
  }

  func create(_ topics: [TopicSpec]) throws(BrokerError) { throw refusal("create") }
  func describe(_ topics: [String]) throws(BrokerError) -> [String: TopicDescription] { throw refusal("describe") }
  func alter(_ topic: String, config: [String: String]) throws(BrokerError) { throw refusal("alter") }
  func bounds(_ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: OffsetBounds] {
    throw refusal("bounds")
  }
  func committed(group: String, _ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: Int64] {
    throw refusal("committed")
  }
  func consumer(group: String, topics: [String], member: String) throws(BrokerError) -> any GroupConsumer {
    throw refusal("consumer")
  }
  func reader(_ partition: TopicPartition, from offset: Int64) throws(BrokerError) -> any PartitionReader {
    throw refusal("reader")
  }
  func close() {}
}
