internal import CRDKafka
internal import Platform

/// Reads one partition by librdkafka's simple consumer: no group, so no coordinator is asked and no permission on
/// groups is needed.
final class KafkaReader: PartitionReader, @unchecked Sendable {
  // Sendable: one thread at a time (PartitionReader).
  private let at: TopicPartition
  private let handle: ClientHandle
  private let topic: OpaquePointer
  private let queue: OpaquePointer
  private let ready: ReadyMessages
  private var next: Int64
  /// Where the library would fetch next when it last came to the end, holes passed.
  private var end: Int64 = 0
  private var isReading = false
  private var isClosed = false
  private var drain: RecordDrain
  private var reachability = Reachability()
  /// Found while records were being drained, for the next poll.
  private var failure: BrokerError?

  init(_ context: ClientContext, _ at: TopicPartition, from offset: Int64) throws(BrokerError) {
    self.at = at
    next = max(offset, 0)
    drain = RecordDrain(headerless: context.settings.headerless)
    handle = try ClientHandle(.reader, context)
    guard let topic = rd_kafka_topic_new(handle.pointer, at.topic, nil),
      let queue = rd_kafka_queue_new(handle.pointer)
    else { throw handle.error(rd_kafka_last_error(), "read", "\(at)") }
    self.topic = topic
    self.queue = queue
    ready = ReadyMessages(queue, handle)
    try start()
  }

  deinit {
    stop()
    rd_kafka_topic_destroy(topic)
  }

  func poll(milliseconds: Int, maxBytes: Int) throws(BrokerError) -> RecordBlock? {
    try checkOpen("poll")
    // Errors of connections and tokens.
    rd_kafka_poll(handle.pointer, 0)
    if let failure {
      self.failure = nil
      throw failure
    }
    if !isReading { try start() }
    // Of a poll that has failed; it is read again.
    drain.forget()
    var isEnough = false
    while !isEnough, drain.bytes < max(maxBytes, 1) {
      if drain.isEmpty {
        guard let message = rd_kafka_consume_queue(queue, Int32(clamping: max(milliseconds, 0))) else { break }
        defer { rd_kafka_message_destroy(message) }
        if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
          drain.take(message) { [next] _ in .from(next) }
        } else {
          isEnough = try note(message)
        }
      } else {
        var thrown: BrokerError?
        let areMore = ready.take(drain.wanted(most: maxBytes)) { messages in
          drain.take(messages) { [next] _ in
            .from(next)
          } other: { message in
            do throws(BrokerError) {
              if try note(message) { isEnough = true }
            } catch {
              thrown = error
            }
          }
        }
        if let thrown { throw thrown }
        if !areMore { break }
      }
    }
    if let block = drain.finish().first, block.count > 0 {
      next = block.nextOffset
      handle.context.reached()
      return block
    }
    if let failure {
      self.failure = nil
      throw failure
    }
    try reachability.check(handle, "read \(at)")
    return nil
  }

  var position: Int64 { max(next, end) }

  func seek(to offset: Int64) throws(BrokerError) {
    try checkOpen("seek")
    // Stopped and started anew: the library's seek refuses a partition whose offset was out of range.
    stop()
    failure = nil
    end = 0
    next = max(offset, 0)
    try start()
  }

  func close() {
    if isClosed { return }
    isClosed = true
    stop()
  }

  /// A message that is an error. True: something to be told.
  private func note(_ message: UnsafePointer<rd_kafka_message_t>) throws(BrokerError) -> Bool {
    let text = rd_kafka_message_errstr(message).map { String(cString: $0) }
    let fault = KafkaFault(message.pointee.err, text)
    switch fault.code {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      end = message.pointee.offset
      return false
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      // Nothing comes any more; the next poll starts anew, and says the same again if it is still so.
      stop()
      failure = try outOfRange()
    default:
      if fault.meaning == .unavailable { return false }
      failure = handle.error(fault, "read", "\(at)")
    }
    return true
  }

  private func outOfRange() throws(BrokerError) -> BrokerError? {
    guard let bounds = try handle.bounds([at], "read")[at] else { return nil }
    // A replica that lagged, or the offset is back.
    if next >= bounds.first, next <= bounds.end { return nil }
    return BrokerError(
      .outOfRange(bounds), operation: "read", location: "\(at)",
      message: "offset \(next) is not there; the partition holds \(bounds.first) to \(bounds.end)",
      hint: next < bounds.first
        ? "retention has removed it: is retention.ms long enough?" : "was the topic deleted and made anew?")
  }

  private func start() throws(BrokerError) {
    guard let partition = Int32(exactly: at.partition),
      rd_kafka_consume_start_queue(topic, partition, next, queue) == 0
    else { throw handle.error(rd_kafka_last_error(), "read", "\(at)") }
    isReading = true
  }

  private func stop() {
    if isReading { rd_kafka_consume_stop(topic, Int32(truncatingIfNeeded: at.partition)) }
    isReading = false
  }

  private func checkOpen(_ operation: String) throws(BrokerError) {
    if isClosed {
      throw BrokerError(.closed, operation: operation, location: "\(at)", message: "the reader was closed")
    }
  }
}
