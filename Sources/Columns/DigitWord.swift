/// Decimal digits eight at a time in one machine word: the first character in the lowest byte.
///
/// Loads may reach past a field's end, which ``ByteArena/padding`` allows.
public enum DigitWord {
  /// Eight characters "0".
  @inlinable public static var zeros: UInt64 { 0x3030_3030_3030_3030 }
  @usableFromInline static var highBits: UInt64 { 0x8080_8080_8080_8080 }

  /// Eight bytes.
  @inlinable @inline(__always)
  public static func load(_ text: UnsafePointer<UInt8>) -> UInt64 {
    UInt64(littleEndian: UnsafeRawPointer(text).loadUnaligned(as: UInt64.self))
  }

  /// Whether each byte is 0…9. A byte above 9 carries into its high bit when 0x76 is added; one above 0x7f has it.
  @inlinable @inline(__always)
  public static func areDigits(_ values: UInt64) -> Bool {
    ((values &+ 0x7676_7676_7676_7676) | values) & highBits == 0
  }

  /// The number that eight digit values (0…9 each) write: neighbours become pairs, then fours, then all, each time
  /// with one multiplication that adds the left one, ten (a hundred, ten thousand) times, to the right one.
  @inlinable @inline(__always)
  public static func number(_ values: UInt64) -> UInt64 {
    let pairs = ((values &* 0xa01) &>> 8) & 0x00ff_00ff_00ff_00ff
    let fours = ((pairs &* 0x64_0001) &>> 16) & 0x0000_ffff_0000_ffff
    return (fours &* 0x2710_0000_0001) &>> 32
  }

  /// The digit values of a field's first `count` bytes (1…8), moved up so that they end at the word's last byte with
  /// zeros before them.
  @inline(__always) static func aligned(_ word: UInt64, _ count: Int) -> UInt64 {
    let shift = UInt64(truncatingIfNeeded: 8 &- count) &* 8
    return (word &<< shift) ^ (zeros &<< shift)
  }

  /// Whether the character is one of 0…9.
  @inlinable @inline(__always)
  public static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  /// ASCII white space: space, and tab to carriage return.
  @inline(__always) static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 9 < 5 }

  /// Moves `start` and `end` over surrounding white space.
  @inline(__always) static func trim(
    _ text: UnsafePointer<UInt8>, _ start: inout Int, _ end: inout Int
  ) {
    while start < end && isSpace(text[start]) { start &+= 1 }
    while end > start && isSpace(text[end &- 1]) { end &-= 1 }
  }
}
