internal import CRDKafka
internal import Dispatch
internal import Platform
internal import Synchronization
internal import Threads

/// librdkafka's idempotent producer, and the one thread that polls its delivery reports. Any number of threads append.
final class Producer: Sendable {
  let handle: ClientHandle
  private let state = Mutex(State())
  private let ended = DispatchSemaphore(value: 0)

  private struct State {
    var isStopping = false
    /// Calls of `append` that may still hand messages over: the polling thread ends after the last one.
    var calls = 0
    var topics: [String: Topic] = [:]
  }

  /// A topic's handle within the producer's.
  private final class Topic: @unchecked Sendable {
    // Sendable: the pointer never changes, and what it points to is thread-safe.
    let pointer: OpaquePointer
    private let handle: ClientHandle
    init?(_ name: String, _ handle: ClientHandle) {
      let properties = handle.context.settings.properties(ofTopic: name)
      var configuration: OpaquePointer?
      if !properties.isEmpty, let copy = rd_kafka_default_topic_conf_dup(handle.pointer) {
        for (key, value) in properties { rd_kafka_topic_conf_set(copy, key, value, nil, 0) }
        configuration = copy
      }
      // Takes the configuration over.
      guard let pointer = rd_kafka_topic_new(handle.pointer, name, configuration) else { return nil }
      self.pointer = pointer
      self.handle = handle
    }
    deinit { rd_kafka_topic_destroy(pointer) }
  }

  init(_ context: ClientContext) throws(BrokerError) {
    handle = try ClientHandle(.producer, context) { configuration in
      rd_kafka_conf_set_dr_msg_cb(configuration) { _, message, _ in
        if let message { AppendTracker.deliver(message) }
      }
    }
    // The thread holds the handle and this object for as long as it runs.
    do {
      try SystemThread { [self] in pollDeliveries() }.detach()
    } catch {
      // Another time there may be one.
      throw BrokerError(
        .unavailable, operation: "append", location: context.settings.brokers, message: error.description)
    }
  }

  /// Set when the library has given the producer up (it lost its place in a partition): nothing can be appended any more.
  var isBroken: Bool {
    var message = [CChar](repeating: 0, count: 8)
    return rd_kafka_fatal_error(handle.pointer, &message, message.count) != RD_KAFKA_RESP_ERR_NO_ERROR
  }

  /// Fails what is not yet delivered, ends the thread and waits for it. Repeatable.
  func stop() {
    let isFirst = state.withLock { state in
      defer { state.isStopping = true }
      return !state.isStopping
    }
    guard isFirst else { return }
    ended.wait()
  }

  /// See ``Broker/append(_:)``.
  func append(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64] {
    if messages.isEmpty { return [] }
    let limit = handle.context.settings.messageBytesMax
    for message in messages {
      let bytes = (message.key?.count ?? 0) + (message.value?.count ?? 0)
      // The library counts a record's frame too; it has the last word below.
      if bytes > limit {
        throw handle.error(
          KafkaFault(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "a message of \(bytes) bytes; the limit is \(limit)"),
          "append", message.topic)
      }
    }
    let isOpen = state.withLock { state in
      if !state.isStopping { state.calls += 1 }
      return !state.isStopping
    }
    guard isOpen else {
      throw BrokerError(
        .closed, operation: "append", location: messages[0].topic, message: "the broker's client was closed")
    }
    let tracker = AppendTracker(count: messages.count)
    let refusal = enqueue(messages, tracker)
    // From here on nothing is handed over, so the polling thread may end once all is reported.
    state.withLock { $0.calls -= 1 }
    tracker.wait()
    if let refusal { throw failure(refusal.code, messages[refusal.index]) }
    if let failed = tracker.firstFailure() { throw failure(failed.code, messages[failed.index]) }
    handle.context.reached()
    return tracker.offsets()
  }

  private func failure(_ code: rd_kafka_resp_err_t, _ message: OutgoingMessage) -> BrokerError {
    let location = message.partition.map { "\(message.topic)[\($0)]" } ?? message.topic
    guard code == RD_KAFKA_RESP_ERR__FATAL || isBroken else {
      // The library refuses the topic from now on, until it hears better of it: ask, for when permission is given.
      if code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED {
        try? handle.checkReachable("append", milliseconds: 2000)
      }
      return handle.error(code, "append", location)
    }
    var text = [CChar](repeating: 0, count: 512)
    let reason = rd_kafka_fatal_error(handle.pointer, &text, text.count)
    let shown = handle.context.settings.redacted(string(text))
    // The next append starts a new producer, which knows nothing of what went wrong.
    return BrokerError(
      KafkaFault(reason).meaning == .forbidden ? .forbidden : .unavailable, operation: "append", location: location,
      message: "the producer lost its place: \(shown)", hint: "append again")
  }

  /// Hands messages over one after the other; where the library refuses one, the rest is not tried.
  private func enqueue(
    _ messages: [OutgoingMessage], _ tracker: AppendTracker
  ) -> (index: Int, code: rd_kafka_resp_err_t)? {
    var name = ""
    var topic: Topic?
    for index in messages.indices {
      if topic == nil || messages[index].topic != name {
        name = messages[index].topic
        topic = self.topic(name)
      }
      guard let topic else {
        let code = rd_kafka_last_error()
        tracker.abandon(from: index)
        return (index, code)
      }
      if let code = produce(messages[index], topic.pointer, tracker.opaque(index)) {
        tracker.abandon(from: index)
        return (index, code)
      }
    }
    return nil
  }

  /// Hands one message over; a full queue is waited for.
  private func produce(
    _ message: OutgoingMessage, _ topic: OpaquePointer, _ opaque: UnsafeMutableRawPointer
  ) -> rd_kafka_resp_err_t? {
    // The partition is an Int32 in the protocol; -1 would mean "any".
    if let partition = message.partition, partition < 0 || partition > Int(Int32.max) {
      return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
    }
    let partition = message.partition.map { Int32($0) } ?? tributary_rdkafka_partition_unassigned
    return withBytes(message.key) { key in
      withBytes(message.value) { value in
        let result = rd_kafka_produce(
          topic, partition, Int32(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK),
          UnsafeMutableRawPointer(mutating: value.start), value.count, key.start, key.count, opaque)
        return result == 0 ? nil : rd_kafka_last_error()
      }
    }
  }

  /// A nil start means null; what is empty has a start all the same, since it is not null to Kafka.
  private func withBytes<R>(
    _ bytes: [UInt8]?, _ body: ((start: UnsafeRawPointer?, count: Int)) -> R
  ) -> R {
    guard let bytes else { return body((nil, 0)) }
    return bytes.withUnsafeBytes { buffer in
      if let start = buffer.baseAddress, buffer.count > 0 { return body((start, buffer.count)) }
      return withUnsafeBytes(of: 0 as UInt8) { body(($0.baseAddress, 0)) }
    }
  }

  private func topic(_ name: String) -> Topic? {
    state.withLock { state in
      if let topic = state.topics[name] { return topic }
      let topic = Topic(name, handle)
      state.topics[name] = topic
      return topic
    }
  }

  private func pollDeliveries() {
    while true {
      rd_kafka_poll(handle.pointer, 100)
      let (isStopping, calls) = state.withLock { ($0.isStopping, $0.calls) }
      guard isStopping else { continue }
      rd_kafka_purge(handle.pointer, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
      if calls == 0, rd_kafka_outq_len(handle.pointer) == 0 { break }
    }
    state.withLock { $0.topics = [:] }
    ended.signal()
  }
}
