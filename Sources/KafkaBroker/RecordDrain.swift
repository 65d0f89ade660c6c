internal import CRDKafka
internal import Glibc
internal import Platform

/// Takes what a handle has ready, a block a partition. Messages are borrowed: bytes are copied once, into the block.
///
/// A topic's partition is told by the library's topic pointer, so that no name is made for a record: the last partition
/// is remembered, since records come in runs.
struct RecordDrain {
  /// Blocks in the order of their first records.
  private(set) var blocks: [RecordBlock] = []
  private(set) var bytes = 0

  private var index: [TopicPartition: Int] = [:]
  private var lastTopic: OpaquePointer?
  private var lastPartition: Int32 = -1
  private var last: Slot?

  /// What the owner says of a partition.
  enum Admission {
    /// Take records from this offset on.
    case from(Int64)
    /// Not ours any more.
    case drop
  }

  private struct Slot {
    var block: RecordBlock?
    /// The next offset to take; what lies before was given already (the library may fetch again after a pause).
    var next: Int64
  }

  init() {}

  /// A message's partition.
  static func partition(_ message: UnsafePointer<rd_kafka_message_t>) -> TopicPartition? {
    guard let topic = message.pointee.rkt, let name = rd_kafka_topic_name(topic) else { return nil }
    return TopicPartition(String(cString: name), Int(message.pointee.partition))
  }

  /// Takes a message that is a record.
  mutating func take(
    _ message: UnsafePointer<rd_kafka_message_t>, admission: (TopicPartition) -> Admission
  ) {
    if message.pointee.rkt != lastTopic || message.pointee.partition != lastPartition || last == nil {
      select(message, admission)
    }
    guard let slot = last, let block = slot.block, message.pointee.offset >= slot.next else { return }
    last?.next = message.pointee.offset + 1
    let key = message.pointee.key.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.key_len) }
    let value = message.pointee.payload.map { UnsafeRawBufferPointer(start: $0, count: message.pointee.len) }
    let timestamp = rd_kafka_message_timestamp(message, nil)
    // What the entry, the library's frame and the bytes take.
    bytes += message.pointee.key_len + message.pointee.len + MemoryLayout<RecordBlock.Entry>.stride
    var headers: OpaquePointer?
    if rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers {
      let encoded = Self.encode(headers)
      bytes += encoded.count
      encoded.withUnsafeBytes {
        block.append(offset: message.pointee.offset, timestamp: timestamp, key: key, value: value, headers: $0)
      }
    } else {
      block.append(offset: message.pointee.offset, timestamp: timestamp, key: key, value: value)
    }
  }

  private mutating func select(
    _ message: UnsafePointer<rd_kafka_message_t>, _ admission: (TopicPartition) -> Admission
  ) {
    lastTopic = message.pointee.rkt
    lastPartition = message.pointee.partition
    last = nil
    guard let at = Self.partition(message) else { return }
    guard case .from(let next) = admission(at) else {
      last = Slot(block: nil, next: .max)
      return
    }
    if let known = index[at] {
      let block = blocks[known]
      last = Slot(block: block, next: max(next, block.nextOffset))
    } else {
      let block = RecordBlock(at)
      index[at] = blocks.count
      blocks.append(block)
      last = Slot(block: block, next: next)
    }
  }

  /// As ``RecordBlock/Entry/headersStart`` says.
  private static func encode(_ headers: OpaquePointer) -> [UInt8] {
    var encoded: [UInt8] = []
    func add(_ number: UInt32) { withUnsafeBytes(of: number.littleEndian) { encoded.append(contentsOf: $0) } }
    var position = 0
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var count = 0
    while rd_kafka_header_get_all(headers, position, &name, &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR {
      position += 1
      guard let name else { continue }
      let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
      add(UInt32(truncatingIfNeeded: bytes.count))
      encoded.append(contentsOf: bytes)
      if let value {
        add(UInt32(truncatingIfNeeded: count))
        encoded.append(contentsOf: UnsafeRawBufferPointer(start: value, count: count))
      } else {
        add(UInt32(bitPattern: -1))
      }
    }
    return encoded
  }
}
