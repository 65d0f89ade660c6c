/// The text of values as our outputs write it: integers, dates, timestamps, decimals, straight into memory.
///
/// Each function writes at `out` and gives the number of bytes; the bounds are in ``Bound``. Nothing allocates.
public enum ValueText {
  /// Bytes that one call writes at most.
  public enum Bound {
    public static let int = 20
    /// `+5881580-07-11`
    public static let date = 16
    /// `-292277-01-09T04:00:54.775808Z`
    public static let timestamp = 40
    /// A sign, 39 digits, `0.`
    public static let decimal = 42
  }

  /// Decimal digits, with `-` where negative.
  @inlinable
  public static func write(int value: Int64, to out: UnsafeMutablePointer<UInt8>) -> Int {
    guard value < 0 else { return write(digits: UInt64(bitPattern: value), to: out) }
    out[0] = UInt8(ascii: "-")
    return 1 &+ write(digits: value.magnitude, to: out + 1)
  }

  /// ISO 8601, `2026-08-21`. Years outside 0…9999 carry a sign and as many digits as they need.
  public static func write(date days: Int32, to out: UnsafeMutablePointer<UInt8>) -> Int {
    write(day: Int64(days), to: out)
  }

  /// ISO 8601 in UTC with the fraction's digits up to the last that is not zero: `2026-08-21T10:00:00.25Z`.
  public static func write(timestamp microseconds: Int64, to out: UnsafeMutablePointer<UInt8>) -> Int {
    let dayMicroseconds: Int64 = 86_400_000_000
    var day = microseconds / dayMicroseconds
    var rest = microseconds % dayMicroseconds
    if rest < 0 {
      rest &+= dayMicroseconds
      day &-= 1
    }
    var n = write(day: day, to: out)
    let second = rest / 1_000_000
    var fraction = rest % 1_000_000
    out[n] = UInt8(ascii: "T")
    writeTwo(second / 3600, to: out + n + 1)
    out[n + 3] = UInt8(ascii: ":")
    writeTwo(second / 60 % 60, to: out + n + 4)
    out[n + 6] = UInt8(ascii: ":")
    writeTwo(second % 60, to: out + n + 7)
    n += 9
    if fraction != 0 {
      var digits = 6
      while fraction % 10 == 0 {
        fraction /= 10
        digits -= 1
      }
      out[n] = UInt8(ascii: ".")
      writePadded(UInt64(bitPattern: fraction), width: digits, to: out + n + 1)
      n += 1 + digits
    }
    out[n] = UInt8(ascii: "Z")
    return n + 1
  }

  /// All `scale` digits behind the point: 1234 at scale 2 is `12.34`. `scale` is 0…38.
  public static func write(
    decimal unscaled: Int128, scale: Int, to out: UnsafeMutablePointer<UInt8>
  ) -> Int {
    var n = 0
    if unscaled < 0 {
      out[0] = UInt8(ascii: "-")
      n = 1
    }
    let magnitude = unscaled.magnitude
    if scale == 0 { return n + write(digits: magnitude, to: out + n) }
    if scale <= 19, let small = UInt64(exactly: magnitude) {
      let (whole, part) = small.quotientAndRemainder(dividingBy: powerOfTen(scale))
      n += write(digits: whole, to: out + n)
      out[n] = UInt8(ascii: ".")
      writePadded(part, width: scale, to: out + n + 1)
    } else {
      // 10³⁸ < 2¹²⁷, so the divisor fits.
      let low = UInt128(powerOfTen(min(scale, 19)))
      let divisor = scale <= 19 ? low : low * UInt128(powerOfTen(scale - 19))
      let (whole, part) = magnitude.quotientAndRemainder(dividingBy: divisor)
      n += write(digits: whole, to: out + n)
      out[n] = UInt8(ascii: ".")
      if scale <= 19 {
        writePadded(UInt64(truncatingIfNeeded: part), width: scale, to: out + n + 1)
      } else {
        let (high, rest) = part.quotientAndRemainder(dividingBy: UInt128(powerOfTen(19)))
        writePadded(UInt64(truncatingIfNeeded: high), width: scale - 19, to: out + n + 1)
        writePadded(UInt64(truncatingIfNeeded: rest), width: 19, to: out + n + 1 + scale - 19)
      }
    }
    return n + 1 + scale
  }

  /// The same texts as strings, for the control plane.
  public static func string(int: Int64) -> String { text(Bound.int) { write(int: int, to: $0) } }
  public static func string(date: Int32) -> String { text(Bound.date) { write(date: date, to: $0) } }
  public static func string(timestamp: Int64) -> String {
    text(Bound.timestamp) { write(timestamp: timestamp, to: $0) }
  }
  public static func string(decimal: Int128, scale: Int) -> String {
    text(Bound.decimal) { write(decimal: decimal, scale: scale, to: $0) }
  }

  private static func text(_ bound: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Int) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bound) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      return String(decoding: UnsafeBufferPointer(start: base, count: write(base)), as: UTF8.self)
    }
  }

  // MARK: Digits

  @inlinable
  public static func write(digits value: UInt64, to out: UnsafeMutablePointer<UInt8>) -> Int {
    var count = 1
    var bound: UInt64 = 10
    while count < 20 && value >= bound {
      count &+= 1
      bound = bound &* 10  // wraps only after 10¹⁹, where count is 20 and ends the loop
    }
    writePadded(value, width: count, to: out)
    return count
  }

  private static func write(digits value: UInt128, to out: UnsafeMutablePointer<UInt8>) -> Int {
    if let small = UInt64(exactly: value) { return write(digits: small, to: out) }
    let (high, low) = value.quotientAndRemainder(dividingBy: UInt128(powerOfTen(19)))
    // 2¹²⁸ / 10¹⁹ > 2⁶⁴ is possible for values of 39 digits: one more split.
    let n = write(digits: high, to: out)
    writePadded(UInt64(truncatingIfNeeded: low), width: 19, to: out + n)
    return n + 19
  }

  /// The low `width` digits, with leading zeros.
  @inlinable
  public static func writePadded(_ value: UInt64, width: Int, to out: UnsafeMutablePointer<UInt8>) {
    var rest = value
    var i = width
    while i >= 2 {
      let pair = rest % 100
      rest /= 100
      out[i &- 1] = UInt8(truncatingIfNeeded: 48 &+ pair % 10)
      out[i &- 2] = UInt8(truncatingIfNeeded: 48 &+ pair / 10)
      i &-= 2
    }
    if i == 1 { out[0] = UInt8(truncatingIfNeeded: 48 &+ rest % 10) }
  }

  private static func writeTwo(_ value: Int64, to out: UnsafeMutablePointer<UInt8>) {
    out[0] = UInt8(truncatingIfNeeded: 48 + value / 10)
    out[1] = UInt8(truncatingIfNeeded: 48 + value % 10)
  }

  /// 10ⁿ for n in 0…19.
  private static func powerOfTen(_ n: Int) -> UInt64 {
    var power: UInt64 = 1
    for _ in 0..<n { power = power &* 10 }
    return power
  }

  /// The civil date of a day number, after Howard Hinnant's `civil_from_days`.
  private static func write(day: Int64, to out: UnsafeMutablePointer<UInt8>) -> Int {
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let dayOfMonth = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    var n = 0
    if year < 0 || year > 9999 {
      out[0] = year < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")
      n = 1
    }
    let magnitude = year.magnitude
    if magnitude > 9999 {
      n += write(digits: magnitude, to: out + n)
    } else {
      writePadded(magnitude, width: 4, to: out + n)
      n += 4
    }
    out[n] = UInt8(ascii: "-")
    writeTwo(month, to: out + n + 1)
    out[n + 3] = UInt8(ascii: "-")
    writeTwo(dayOfMonth, to: out + n + 4)
    return n + 6
  }
}
