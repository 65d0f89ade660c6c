/// A growing run of bytes that string columns and key tables point into.
///
/// At most 2³² − 1 bytes. Single-threaded. Memory is freed with the object. Always followed by
/// ``padding`` readable bytes, so that a reader may load a few words past the end.
public final class ByteArena {
  /// Readable (undefined) bytes behind the last one.
  public static let padding = 64

  public private(set) var base: UnsafeMutablePointer<UInt8>
  public private(set) var count: Int
  public private(set) var capacity: Int

  public init(capacity: Int = 256) {
    self.capacity = max(capacity, 64)
    self.count = 0
    self.base = .allocate(capacity: self.capacity + ByteArena.padding)
    (self.base + self.capacity).initialize(repeating: 0, count: ByteArena.padding)
  }

  deinit { base.deallocate() }

  /// Makes room for `more` further bytes; existing offsets stay valid, pointers do not.
  @inlinable public func reserve(_ more: Int) {
    if count + more > capacity { grow(to: count + more) }
  }

  @usableFromInline func grow(to needed: Int) {
    precondition(needed < Int(UInt32.max), "a byte arena holds less than 4 GiB")
    let newCapacity = min(max(needed, capacity * 2), Int(UInt32.max) - 1)
    let newBase = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity + ByteArena.padding)
    newBase.update(from: base, count: count)
    (newBase + newCapacity).initialize(repeating: 0, count: ByteArena.padding)
    base.deallocate()
    base = newBase
    capacity = newCapacity
  }

  /// Copies `length` bytes in; gives their offset.
  @inlinable @discardableResult
  public func append(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt32 {
    reserve(length)
    let offset = count
    (base + offset).update(from: bytes, count: length)
    setCount(count + length)
    return UInt32(truncatingIfNeeded: offset)
  }

  /// Copies a string's UTF-8 in; for control-plane use.
  @discardableResult public func append(_ string: String) -> ByteView {
    var copy = string
    return copy.withUTF8 { utf8 in
      guard let address = utf8.baseAddress else { return ByteView(start: UInt32(count), length: 0) }
      return ByteView(start: append(address, utf8.count), length: UInt32(utf8.count))
    }
  }

  /// Says that bytes up to `newCount` (within the capacity) have been written through ``base``.
  @inlinable public func setCount(_ newCount: Int) {
    precondition(newCount <= capacity)
    _setCount(newCount)
  }

  @usableFromInline func _setCount(_ newCount: Int) { count = newCount }

  public func removeAll() { count = 0 }

  /// The bytes of a view, as a string; for control-plane use (invalid UTF-8 is repaired).
  public func string(_ view: ByteView) -> String {
    String(
      decoding: UnsafeBufferPointer(start: base + Int(view.start), count: view.length), as: UTF8.self)
  }
}
