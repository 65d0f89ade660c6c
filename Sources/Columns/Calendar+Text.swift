extension Calendar {
  /// Bytes that ``formatDate(_:into:)`` and ``formatTimestamp(_:into:)`` write at most.
  public static let textCapacity = 32

  /// Writes `YYYY-MM-DD`; gives the number of bytes (10, but for years beyond 0…9999: `+12345-01-01`, as ISO 8601's
  /// expanded form). `into` has room for ``textCapacity`` bytes.
  @inlinable public static func formatDate(_ days: Int, into out: UnsafeMutablePointer<UInt8>) -> Int {
    let date = civil(fromDays: days)
    var at = 0
    if UInt(bitPattern: date.year) <= 9999 {
      writePair(date.year / 100, out)
      writePair(date.year % 100, out + 2)
      at = 4
    } else {
      at = writeLongYear(date.year, out)
    }
    out[at] = UInt8(ascii: "-")
    writePair(date.month, out + at + 1)
    out[at + 3] = UInt8(ascii: "-")
    writePair(date.day, out + at + 4)
    return at + 6
  }

  /// Writes `YYYY-MM-DDThh:mm:ssZ`, with `.ffffff` behind the seconds where they have a fraction; gives the number
  /// of bytes (20 or 27; more for years beyond 0…9999). `into` has room for ``textCapacity`` bytes.
  @inlinable public static func formatTimestamp(_ micros: Int64, into out: UnsafeMutablePointer<UInt8>) -> Int {
    let days = floorDivide(Int(micros), Int(microsecondsPerDay))
    let rest = Int(micros) &- days &* Int(microsecondsPerDay)
    let seconds = rest / 1_000_000
    let fraction = rest % 1_000_000
    var at = formatDate(days, into: out)
    out[at] = UInt8(ascii: "T")
    writePair(seconds / 3600, out + at + 1)
    out[at + 3] = UInt8(ascii: ":")
    writePair(seconds / 60 % 60, out + at + 4)
    out[at + 6] = UInt8(ascii: ":")
    writePair(seconds % 60, out + at + 7)
    at += 9
    if fraction != 0 {
      out[at] = UInt8(ascii: ".")
      writePair(fraction / 10_000, out + at + 1)
      writePair(fraction / 100 % 100, out + at + 3)
      writePair(fraction % 100, out + at + 5)
      at += 7
    }
    out[at] = UInt8(ascii: "Z")
    return at + 1
  }

  /// Writes two digits; `value` 0…99.
  @inlinable static func writePair(_ value: Int, _ out: UnsafeMutablePointer<UInt8>) {
    out[0] = UInt8(truncatingIfNeeded: 0x30 &+ value / 10)
    out[1] = UInt8(truncatingIfNeeded: 0x30 &+ value % 10)
  }

  /// Sign and at least five digits.
  @usableFromInline @inline(never)
  static func writeLongYear(_ year: Int, _ out: UnsafeMutablePointer<UInt8>) -> Int {
    out[0] = year < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")
    var rest = year.magnitude
    var width = 5
    var bound: UInt = 100_000
    // A day or timestamp that a column holds has a year of at most seven digits.
    while width < 9 && rest >= bound {
      width += 1
      bound *= 10
    }
    for place in stride(from: width, to: 0, by: -1) {
      out[place] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
      rest /= 10
    }
    return width + 1
  }
}
