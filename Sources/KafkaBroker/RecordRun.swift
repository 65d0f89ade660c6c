internal import CRDKafka
internal import Glibc
internal import Platform

/// One partition's records on their way into a block: buffers that grow and are used again. One thread at a time.
///
/// Values are gathered as lines (``RecordBlock/valuesAreLines``), keys and headers beside them; in the block they follow.
///
/// Plain memory, since a record is a few tens of nanoseconds here: an array within an object costs checks of its
/// uniqueness, of its capacity and of exclusive access for each of a record's parts.
final class RecordRun {
  private(set) var at = TopicPartition("", -1)
  /// The next offset to take; what lies before was given already (the library may fetch again after a pause).
  private(set) var next: Int64 = 0

  private var wantsHeaders = true
  private let lines = GrowingBytes(capacity: 16 << 10)
  private let texts = GrowingBytes(capacity: 4 << 10)
  /// Starts of keys and headers count from the first of `texts`.
  private var entries: UnsafeMutablePointer<RecordBlock.Entry>
  private var entryCount = 0
  private var entryCapacity = 128

  init() {
    entries = .allocate(capacity: entryCapacity)
  }

  deinit {
    entries.deallocate()
  }

  func begin(_ at: TopicPartition, next: Int64, wantsHeaders: Bool) {
    self.at = at
    self.next = next
    self.wantsHeaders = wantsHeaders
    lines.count = 0
    texts.count = 0
    entryCount = 0
  }

  /// A block of what was added, which has bytes of its own.
  func block() -> RecordBlock {
    let shift = Int32(truncatingIfNeeded: lines.count)
    let entries = [RecordBlock.Entry](unsafeUninitializedCapacity: entryCount) { buffer, count in
      count = entryCount
      guard let out = buffer.baseAddress else { return }
      for index in 0..<entryCount {
        var entry = self.entries[index]
        entry.keyStart &+= shift
        entry.headersStart &+= shift
        (out + index).initialize(to: entry)
      }
    }
    let bytes = [UInt8](unsafeUninitializedCapacity: lines.count + texts.count) { buffer, count in
      count = lines.count + texts.count
      guard let out = buffer.baseAddress else { return }
      out.update(from: lines.base, count: lines.count)
      (out + lines.count).update(from: texts.base, count: texts.count)
    }
    return RecordBlock(at, entries: entries, bytes: bytes, valuesAreLines: true)
  }

  /// Adds a record; gives how many bytes it has.
  @inline(__always)
  func add(_ message: UnsafePointer<rd_kafka_message_t>) -> Int {
    let valueCount = message.pointee.len
    let keyCount = message.pointee.key_len
    let valueStart = lines.count
    let keyStart = texts.count
    let value = message.pointee.payload
    if let value {
      lines.reserve(valueCount + 1)
      (lines.base + valueStart).update(from: value.assumingMemoryBound(to: UInt8.self), count: valueCount)
      lines.base[valueStart + valueCount] = 0x0a
      lines.count = valueStart + valueCount + 1
    }
    let key = message.pointee.key
    if let key { texts.append(UnsafeRawBufferPointer(start: key, count: keyCount)) }
    let headersStart = texts.count
    // Without headers too the library makes a reader of them, which costs as much as all of this.
    if wantsHeaders { addHeaders(message) }
    if entryCount == entryCapacity { growEntries() }
    (entries + entryCount).initialize(
      to: RecordBlock.Entry(
        offset: message.pointee.offset, timestamp: rd_kafka_message_timestamp(message, nil),
        keyStart: Int32(truncatingIfNeeded: keyStart), keyLength: key == nil ? -1 : Int32(truncatingIfNeeded: keyCount),
        valueStart: Int32(truncatingIfNeeded: valueStart),
        valueLength: value == nil ? -1 : Int32(truncatingIfNeeded: valueCount),
        headersStart: Int32(truncatingIfNeeded: headersStart),
        headersLength: Int32(truncatingIfNeeded: texts.count - headersStart)))
    entryCount += 1
    next = message.pointee.offset + 1
    return lines.count - valueStart + texts.count - keyStart
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
      texts.append(UnsafeRawBufferPointer(start: name, count: nameLength))
      if let value {
        add(UInt32(truncatingIfNeeded: length))
        texts.append(UnsafeRawBufferPointer(start: value, count: length))
      } else {
        add(UInt32(bitPattern: -1))
      }
    }
  }

  private func add(_ number: UInt32) { withUnsafeBytes(of: number.littleEndian) { texts.append($0) } }

  private func growEntries() {
    entryCapacity *= 2
    let wider = UnsafeMutablePointer<RecordBlock.Entry>.allocate(capacity: entryCapacity)
    wider.moveInitialize(from: entries, count: entryCount)
    entries.deallocate()
    entries = wider
  }
}

/// Bytes that grow.
private final class GrowingBytes {
  private(set) var base: UnsafeMutablePointer<UInt8>
  var count = 0
  private var capacity: Int

  init(capacity: Int) {
    base = .allocate(capacity: capacity)
    self.capacity = capacity
  }

  deinit { base.deallocate() }

  @inline(__always)
  func reserve(_ more: Int) {
    if count + more > capacity { grow(by: more) }
  }

  @inline(__always)
  func append(_ part: UnsafeRawBufferPointer) {
    reserve(part.count)
    UnsafeMutableRawBufferPointer(start: base + count, count: part.count).copyMemory(from: part)
    count += part.count
  }

  @inline(never)
  private func grow(by more: Int) {
    capacity = max(count + more, 2 * capacity)
    let wider = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    wider.update(from: base, count: count)
    base.deallocate()
    base = wider
  }
}
