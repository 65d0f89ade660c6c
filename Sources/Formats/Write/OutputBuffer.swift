/// A growing run of bytes that an encoder fills from front to back and reuses.
///
/// One thread at a time. Unlike ``ByteArena`` it may pass 4 GiB. Callers reserve, write through ``end``, then
/// ``advance(_:)``, so the loops hold plain pointers.
final class OutputBuffer {
  private(set) var base: UnsafeMutablePointer<UInt8>
  private(set) var count = 0
  private(set) var capacity: Int

  init(capacity: Int = 4096) {
    self.capacity = max(capacity, 64)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  /// Where the next byte goes; valid until the next ``reserve(_:)``.
  @inline(__always) var end: UnsafeMutablePointer<UInt8> { base + count }

  /// Makes room for `more` further bytes.
  @inline(__always) func reserve(_ more: Int) {
    if capacity &- count < more { grow(more) }
  }

  /// Says that `written` reserved bytes behind the end are filled.
  @inline(__always) func advance(_ written: Int) {
    assert(count + written <= capacity)
    count &+= written
  }

  func append(_ byte: UInt8) {
    reserve(1)
    base[count] = byte
    count &+= 1
  }

  func append(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
    reserve(length)
    end.update(from: bytes, count: length)
    count &+= length
  }

  func append(_ bytes: [UInt8]) {
    bytes.withUnsafeBufferPointer { buffer in
      if let address = buffer.baseAddress { append(address, buffer.count) }
    }
  }

  /// An unsigned LEB128 integer.
  func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest &>>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  func removeAll() { count = 0 }

  /// A copy of what was written.
  var contents: [UInt8] { [UInt8](UnsafeBufferPointer(start: base, count: count)) }

  @inline(never) private func grow(_ more: Int) {
    let newCapacity = max(capacity * 2, count + more)
    let newBase = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity)
    newBase.update(from: base, count: count)
    base.deallocate()
    base = newBase
    capacity = newCapacity
  }
}
