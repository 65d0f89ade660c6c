internal import CRDKafka

/// What a queue of the library has ready, many messages at a call: one at a call each would cost a look at the clock and a
/// lock more. For readers, whose partitions no group pauses. One thread at a time.
final class ReadyMessages {
  private let queue: OpaquePointer
  /// Is to outlive the queue.
  private let handle: ClientHandle
  private let messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>

  private static let capacity = 4096

  /// Takes the queue over.
  init(_ queue: OpaquePointer, _ handle: ClientHandle) {
    self.queue = queue
    self.handle = handle
    messages = .allocate(capacity: ReadyMessages.capacity)
    messages.initialize(repeating: nil, count: ReadyMessages.capacity)
  }

  deinit {
    rd_kafka_queue_destroy(queue)
    messages.deallocate()
  }

  /// Gives at most `wanted` messages that are there, borrowed, without waiting for any. False: those were all.
  func take(_ wanted: Int, _ body: (RecordDrain.Messages) -> Void) -> Bool {
    let wanted = max(1, min(wanted, ReadyMessages.capacity))
    let count = rd_kafka_consume_batch_queue(queue, 0, messages, wanted)
    body(UnsafeBufferPointer(start: messages, count: max(0, count)))
    for index in 0..<max(0, count) {
      if let message = messages[index] { rd_kafka_message_destroy(message) }
    }
    return count >= wanted
  }
}
