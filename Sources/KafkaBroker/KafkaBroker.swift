internal import CRDKafka
public import Platform
internal import Synchronization

/// A Kafka cluster, through librdkafka. Thread-safe; calls block, at most about as long as `message.timeout.ms`.
///
/// One producer and its polling thread serve all appends and everything that is asked; each consumer and reader has a
/// handle of its own.
public final class KafkaBroker: Broker {
  private let settings: KafkaSettings
  private let log: KafkaLog
  private let oauthToken: (@Sendable () throws -> OAuthToken)?
  private let state: Mutex<State>

  private struct State {
    /// nil once closed.
    var producer: Producer?
  }

  /// Reads the settings and starts the producer's threads; asks no broker for anything yet.
  ///
  /// - Parameters:
  ///   - brokers: `host:port`, several with commas.
  ///   - properties: librdkafka's, under its own names; they go before the defaults. Values of passwords and the like
  ///     are never shown.
  ///   - clientID: names this process in the brokers' logs and quotas.
  ///   - compact: topics whose messages are small as they are: compressing them would cost the client and the broker, which
  ///     has to look into what it takes, more than it saves. Not if `properties` say how to compress.
  ///   - headerless: topics of whose records nobody wants the headers; looking for them costs as much as taking a record.
  ///   - oauthToken: for `sasl.mechanisms=OAUTHBEARER`; called by a thread of the library when a token is needed.
  ///   - log: takes a line of text; lines that repeat are collapsed. Called by threads of the library.
  public init(
    brokers: String, properties: [String: String] = [:], clientID: String, compact: Set<String> = [],
    headerless: Set<String> = [], oauthToken: (@Sendable () throws -> OAuthToken)? = nil,
    log: @escaping @Sendable (String) -> Void
  ) throws(BrokerError) {
    settings = try KafkaSettings(
      brokers: brokers, clientID: clientID, properties: properties, compact: compact, headerless: headerless)
    self.log = KafkaLog(log)
    self.oauthToken = oauthToken
    state = Mutex(
      State(
        producer: try Producer(ClientContext(settings: settings, oauthToken: oauthToken, log: self.log))))
  }

  deinit { close() }

  public func create(_ topics: [TopicSpec]) throws(BrokerError) {
    if !topics.isEmpty { try Admin(handle: producer("create topics").handle).create(topics) }
  }

  public func describe(_ topics: [String]) throws(BrokerError) -> [String: TopicDescription] {
    try Admin(handle: producer("describe topics").handle).describe(topics)
  }

  public func alter(_ topic: String, config: [String: String]) throws(BrokerError) {
    if !config.isEmpty { try Admin(handle: producer("alter topic").handle).alter(topic, config) }
  }

  public func bounds(_ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: OffsetBounds] {
    try producer("bounds").handle.bounds(partitions, "bounds")
  }

  public func committed(
    group: String, _ partitions: [TopicPartition]
  ) throws(BrokerError) -> [TopicPartition: Int64] {
    try Admin(handle: producer("committed").handle).committed(group: group, partitions)
  }

  public func append(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64] {
    try producer("append").append(messages)
  }

  public func consumer(
    group: String, topics: [String], member: String
  ) throws(BrokerError) -> any GroupConsumer {
    try kafkaConsumer(group: group, topics: topics, member: member)
  }

  /// For tests, which end it without leaving.
  func kafkaConsumer(group: String, topics: [String], member: String) throws(BrokerError) -> KafkaConsumer {
    _ = try producer("join")
    return try KafkaConsumer(context(), group: group, topics: topics, member: member)
  }

  public func reader(_ partition: TopicPartition, from offset: Int64) throws(BrokerError) -> any PartitionReader {
    _ = try producer("read")
    return try KafkaReader(context(), partition, from: offset)
  }

  /// Appends that are still waiting fail with `.closed`. Consumers and readers have closes of their own.
  public func close() {
    let producer = state.withLock { state in
      defer { state.producer = nil }
      return state.producer
    }
    producer?.stop()
  }

  private func context() -> ClientContext { ClientContext(settings: settings, oauthToken: oauthToken, log: log) }

  /// The producer; a new one where the library has given up the old one.
  func producer(_ operation: String) throws(BrokerError) -> Producer {
    let (found, broken) = try replacingBroken()
    // Outside of the lock: it waits for the appends that are under way.
    broken?.stop()
    guard let found else {
      throw BrokerError(
        .closed, operation: operation, location: settings.brokers, message: "the broker's client was closed")
    }
    return found
  }

  private func replacingBroken() throws(BrokerError) -> (producer: Producer?, broken: Producer?) {
    let result = state.withLock { state -> Result<(Producer?, Producer?), BrokerError> in
      guard let producer = state.producer, producer.isBroken else { return .success((state.producer, nil)) }
      do throws(BrokerError) {
        let new = try Producer(context())
        state.producer = new
        return .success((new, producer))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
