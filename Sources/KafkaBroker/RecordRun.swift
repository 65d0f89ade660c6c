internal import CRDKafka
internal import Glibc
internal import Platform

/// One partition's records on their way into a block: buffers that grow and are used again. One thread at a time.
///
/// Plain memory, since a record is a few tens of nanoseconds here: an array within an object costs checks of its
/// uniqueness, of its capacity and of exclusive access for each of a record's parts.
final class RecordRun {
  private(set) var at = TopicPartition("", -1)
  /// The next offset to take; what lies before was given already (the library may fetch again after a pause).
  private(set) var next: Int64 = 0

  private var wantsHeaders = true
  private var bytes: UnsafeMutablePointer<UInt8>
  private var count = 0
  private var capacity = 16 << 10
  private var entries: UnsafeMutablePointer<RecordBlock.Entry>
  private var entryCount = 0
  private var entryCapacity = 128

  init() {
    bytes = .allocate(capacity: capacity)
    entries = .allocate(capacity: entryCapacity)
  }

  deinit {
    bytes.deallocate()
    entries.deallocate()
  }

  func begin(_ at: TopicPartition, next: Int64, wantsHeaders: Bool) {
    self.at = at
    self.next = next
    self.wantsHeaders = wantsHeaders
    count = 0
    entryCount = 0
  }

  /// A block of what was added, which has bytes of its own.
  func block() -> RecordBlock {
    RecordBlock(
      at, entries: Array(UnsafeBufferPointer(start: entries, count: entryCount)),
      bytes: Array(UnsafeBufferPointer(start: bytes, count: count)))
  }

  /// Adds a record; gives how many bytes it has.
  @inline(__always)
  func add(_ message: UnsafePointer<rd_kafka_message_t>) -> Int {
    let before = count
    let keyCount = message.pointee.key_len
    let valueCount = message.pointee.len
    if count + keyCount + valueCount > capacity { grow(by: keyCount + valueCount) }
    if entryCount == entryCapacity { growEntries() }
    let key = message.pointee.key
    if let key { (bytes + count).update(from: key.assumingMemoryBound(to: UInt8.self), count: keyCount) }
    let valueStart = count + (key == nil ? 0 : keyCount)
    let value = message.pointee.payload
    if let value { (bytes + valueStart).update(from: value.assumingMemoryBound(to: UInt8.self), count: valueCount) }
    let headersStart = valueStart + (value == nil ? 0 : valueCount)
    count = headersStart
    // Without headers too the library makes a reader of them, which costs as much as all of this.
    if wantsHeaders { addHeaders(message) }
    (entries + entryCount).initialize(
      to: RecordBlock.Entry(
        offset: message.pointee.offset, timestamp: rd_kafka_message_timestamp(message, nil),
        keyStart: Int32(truncatingIfNeeded: before), keyLength: key == nil ? -1 : Int32(truncatingIfNeeded: keyCount),
        valueStart: Int32(truncatingIfNeeded: valueStart),
        valueLength: value == nil ? -1 : Int32(truncatingIfNeeded: valueCount),
        headersStart: Int32(truncatingIfNeeded: headersStart),
        headersLength: Int32(truncatingIfNeeded: count - headersStart)))
    entryCount += 1
    next = message.pointee.offset + 1
    return count - before
  }

  /// As ``RecordBlock/Entry/headersStart`` says.
  private func addHeaders(_ message: UnsafePointer<rd_kafka_message_t>) {
    var headers: OpaquePointer?
    guard rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers else { return }
    var position = 0
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var length = 0
    while rd_kafka_header_get_all(headers, position, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR {
      position += 1
      guard let name else { continue }
      let nameLength = strlen(name)
      add(UInt32(truncatingIfNeeded: nameLength))
      add(UnsafeRawBufferPointer(start: name, count: nameLength))
      if let value {
        add(UInt32(truncatingIfNeeded: length))
        add(UnsafeRawBufferPointer(start: value, count: length))
      } else {
        add(UInt32(bitPattern: -1))
      }
    }
  }

  private func add(_ number: UInt32) { withUnsafeBytes(of: number.littleEndian) { add($0) } }

  private func add(_ part: UnsafeRawBufferPointer) {
    if count + part.count > capacity { grow(by: part.count) }
    UnsafeMutableRawBufferPointer(start: bytes + count, count: part.count).copyMemory(from: part)
    count += part.count
  }

  private func grow(by more: Int) {
    capacity = max(count + more, 2 * capacity)
    let wider = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    wider.update(from: bytes, count: count)
    bytes.deallocate()
    bytes = wider
  }

  private func growEntries() {
    entryCapacity *= 2
    let wider = UnsafeMutablePointer<RecordBlock.Entry>.allocate(capacity: entryCapacity)
    wider.moveInitialize(from: entries, count: entryCount)
    entries.deallocate()
    entries = wider
  }
}
