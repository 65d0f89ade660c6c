internal import CRDKafka
internal import Glibc
internal import Platform

/// Takes what a handle has ready, a block a partition. Messages are borrowed: their bytes are gathered in buffers that are
/// used again, poll after poll, and copied into a block of just their size at the end.
///
/// A topic's partition is told by the library's topic pointer, so that no name is made for a record: the last partition
/// is remembered, since records come in runs.
struct RecordDrain {
  private(set) var bytes = 0
  private var count = 0

  /// Topics of whose records nobody wants the headers.
  private let headerless: Set<String>
  /// Those before `used` hold records, in the order of their first ones.
  private var runs: [RecordRun] = []
  private var used = 0
  private var index: [TopicPartition: Int] = [:]
  private var lastTopic: OpaquePointer?
  private var lastPartition: Int32 = -1
  /// Of the last partition; nil: it is not ours any more.
  private var last: RecordRun?

  /// What the owner says of a partition.
  enum Admission {
    /// Take records from this offset on.
    case from(Int64)
    /// Not ours any more.
    case drop
  }

  init(headerless: Set<String>) { self.headerless = headerless }

  /// Whether no record was met since the last ``finish()``.
  var isEmpty: Bool { used == 0 }

  /// What was taken. The next message begins anew.
  mutating func finish() -> [RecordBlock] {
    defer { forget() }
    return runs[..<used].map { $0.block() }
  }

  /// Lets go of what was taken.
  mutating func forget() {
    bytes = 0
    count = 0
    used = 0
    if !index.isEmpty { index.removeAll(keepingCapacity: true) }
    // Its memory may be another topic's by the next poll.
    lastTopic = nil
    last = nil
  }

  /// A message's partition.
  static func partition(_ message: UnsafePointer<rd_kafka_message_t>) -> TopicPartition? {
    guard let topic = message.pointee.rkt, let name = rd_kafka_topic_name(topic) else { return nil }
    return TopicPartition(String(cString: name), Int(message.pointee.partition))
  }

  /// Takes a message that is a record.
  @inline(__always)
  mutating func take(
    _ message: UnsafePointer<rd_kafka_message_t>, admission: (TopicPartition) -> Admission
  ) {
    if message.pointee.rkt != lastTopic || message.pointee.partition != lastPartition {
      select(message, admission)
    }
    guard let run = last, message.pointee.offset >= run.next else { return }
    // What the entry, the library's frame and the bytes take.
    bytes += run.add(message) + MemoryLayout<RecordBlock.Entry>.stride
    count += 1
  }

  typealias Messages = UnsafeBufferPointer<UnsafeMutablePointer<rd_kafka_message_t>?>

  /// Takes those of them that are records; `other`: what is none.
  mutating func take(
    _ messages: Messages, admission: (TopicPartition) -> Admission,
    other: (UnsafePointer<rd_kafka_message_t>) -> Void
  ) {
    for message in messages {
      guard let message else { continue }
      if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        take(message, admission: admission)
      } else {
        other(message)
      }
    }
  }

  /// How many messages more to ask for, until there are `most` bytes: by what the records so far were like, which may change,
  /// so not too many times as many.
  func wanted(most: Int) -> Int {
    guard count > 0 else { return 1 }
    return max(1, min(4 * count, (most - bytes) / max(1, bytes / count)))
  }

  private mutating func select(
    _ message: UnsafePointer<rd_kafka_message_t>, _ admission: (TopicPartition) -> Admission
  ) {
    lastTopic = message.pointee.rkt
    lastPartition = message.pointee.partition
    last = nil
    guard let at = Self.partition(message), case .from(let next) = admission(at) else { return }
    if let known = index[at] {
      last = runs[known]
      return
    }
    if used == runs.count { runs.append(RecordRun()) }
    runs[used].begin(at, next: next, wantsHeaders: !headerless.contains(at.topic))
    last = runs[used]
    index[at] = used
    used += 1
  }
}
