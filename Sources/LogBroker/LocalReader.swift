internal import Platform
internal import Threads

/// Reads one partition, one thread at a time, as the protocol says.
final class LocalReader: PartitionReader, @unchecked Sendable {
  // Sendable: the position is touched by the one thread that owns the reader; all else is made for many.
  private let broker: LocalBroker
  private let partition: TopicPartition
  private var next: Int64
  private var isClosed = false

  init(_ broker: LocalBroker, _ partition: TopicPartition, from offset: Int64) {
    self.broker = broker
    self.partition = partition
    next = offset
  }

  func poll(milliseconds: Int, maxBytes: Int) throws(BrokerError) -> RecordBlock? {
    let deadline = monotonicMicroseconds() + Int64(max(0, milliseconds)) * 1000
    while true {
      // Before anything is looked at: what happens from here on ends the wait.
      let version = broker.groups.version
      try checkOpen("read")
      let bounds = try broker.existing(partition, "read")
      guard bounds.first <= next, next <= bounds.end else {
        throw BrokerError(
          .outOfRange(bounds), operation: "read", location: partition.description,
          message: "offset \(next) is not there: the log has \(bounds.first) to \(bounds.end - 1)")
      }
      if next < bounds.end {
        if let block = try broker.log.read(partition, from: next, maxBytes: maxBytes) {
          next = block.nextOffset
          return block
        }
        // Holes up to the end: what is appended from here on lies behind it.
        next = bounds.end
      }
      guard milliseconds > 0, broker.groups.wait(since: version, until: deadline) else { return nil }
    }
  }

  var position: Int64 { next }

  func seek(to offset: Int64) throws(BrokerError) {
    try checkOpen("seek")
    next = offset
  }

  func close() { isClosed = true }

  private func checkOpen(_ operation: String) throws(BrokerError) {
    try broker.groups.checkOpen(operation, partition.description)
    guard isClosed else { return }
    throw BrokerError(
      .closed, operation: operation, location: partition.description, message: "the reader was closed")
  }
}
