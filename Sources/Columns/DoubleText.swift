/// Text of binary64 numbers, read exactly as C's `strtod` and Python's `float` round: to nearest, ties to even.
///
/// Grammar: white space, sign, digits with perhaps one point, perhaps an exponent; or `nan`, `inf`, `infinity` in any
/// case with perhaps a sign. Hexadecimal and digit separators are refused. A finite text that rounds to infinity is
/// ``RowFault/outOfRange``; one that rounds to zero is zero.
enum DoubleText {
  @inline(__always) static func parse(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout Double
  ) -> RowFault {
    var mantissa: UInt64 = 0
    var fraction = 0
    if ShortDecimal.parse7(text, length, &mantissa, &fraction) {
      value = quotient(mantissa, fraction)
      return .none
    }
    return parseCarefully(text, length, &value)
  }

  /// Integer and power of ten are exact up to 2^53 and 10^22, so one division rounds once (Clinger's fast path).
  @inline(__always) private static func quotient(_ mantissa: UInt64, _ fraction: Int) -> Double {
    Double(Int64(truncatingIfNeeded: mantissa)) / powersOfTen[fraction]
  }

  /// 10^0 … 10^22: those that a double holds exactly.
  private static let powersOfTen: InlineArray<23, Double> = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19,
    1e20, 1e21, 1e22,
  ]

  @inline(never) private static func parseCarefully(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout Double
  ) -> RowFault {
    let minus = text[0] == UInt8(ascii: "-") ? 1 : 0
    var mantissa: UInt64 = 0
    var fraction = 0
    if ShortDecimal.parse16(text + minus, length &- minus, &mantissa, &fraction) && mantissa <= 1 &<< 53 {
      let magnitude = quotient(mantissa, fraction)
      value = minus == 1 ? -magnitude : magnitude
      return .none
    }
    return parseAny(text, length, &value)
  }

  @inline(never) private static func parseAny(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout Double
  ) -> RowFault {
    var at = 0
    var end = length
    DigitWord.trim(text, &at, &end)
    var isNegative = false
    if at < end && (text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+")) {
      isNegative = text[at] == UInt8(ascii: "-")
      at &+= 1
    }
    let first = at
    var significand = Significand()
    significand.takeDigits(text, &at, end)
    var digits = at &- first
    if at < end && text[at] == UInt8(ascii: ".") {
      at &+= 1
      let behind = at
      significand.isFraction = true
      significand.takeDigits(text, &at, end)
      digits &+= at &- behind
    }
    if digits == 0 { return special(text + first, end &- first, isNegative, &value) }
    let digitsEnd = at
    var exponent = 0
    if at < end && text[at] | 0x20 == UInt8(ascii: "e") {
      at &+= 1
      guard let written = NumberScan.exponent(text, &at, end) else { return .notADouble }
      exponent = written
    }
    guard at == end else { return .notADouble }
    let bits = significand.bits(text + first, digitsEnd &- first, exponent: exponent)
    if bits == EiselLemire.infinity { return .outOfRange }
    value = Double(bitPattern: bits | (isNegative ? 1 &<< 63 : 0))
    return .none
  }

  /// Up to 19 significant digits and where the point belongs.
  private struct Significand {
    var mantissa: UInt64 = 0
    /// The value is mantissa × 10^exponent, but for lost digits.
    var exponent = 0
    var hasLostDigits = false
    var isFraction = false

    /// Below 10^18 one more digit fits, below 10^11 eight more.
    private static let roomForOne: UInt64 = 1_000_000_000_000_000_000
    private static let roomForEight: UInt64 = 100_000_000_000

    @inline(__always) mutating func takeDigits(_ text: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int) {
      while end &- at >= 8 && mantissa < Significand.roomForEight {
        let values = DigitWord.load(text + at) ^ DigitWord.zeros
        guard DigitWord.areDigits(values) else { break }
        mantissa = mantissa &* 100_000_000 &+ DigitWord.number(values)
        if isFraction { exponent &-= 8 }
        at &+= 8
      }
      while at < end && DigitWord.isDigit(text[at]) {
        let digit = text[at] &- 0x30
        if mantissa < Significand.roomForOne {
          mantissa = mantissa &* 10 &+ UInt64(digit)
          if isFraction { exponent &-= 1 }
        } else {
          hasLostDigits = hasLostDigits || digit != 0
          if !isFraction { exponent &+= 1 }
        }
        at &+= 1
      }
    }

    /// The magnitude's bits. `digits` is the text of all digits, for the case that these are too few.
    @inline(__always) func bits(
      _ digits: UnsafePointer<UInt8>, _ length: Int, exponent written: Int
    ) -> UInt64 {
      let power = exponent &+ written
      let lower = EiselLemire.bits(mantissa, power)
      // Where digits were lost the number lies between this mantissa and the next; mostly both round alike.
      if !hasLostDigits || lower == EiselLemire.bits(mantissa &+ 1, power) { return lower }
      return ExactRounding.bits(digits, length, exponent: written)
    }
  }

  /// `nan`, `inf`, `infinity` in any case.
  private static func special(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ isNegative: Bool, _ value: inout Double
  ) -> RowFault {
    let lowered = DigitWord.load(text) | 0x2020_2020_2020_2020
    switch length {
    case 3 where lowered & 0xff_ffff == 0x6e_616e:  // nan
      value = isNegative ? -Double.nan : .nan
    case 3 where lowered & 0xff_ffff == 0x66_6e69,  // inf
      8 where lowered == 0x7974_696e_6966_6e69:  // infinity
      value = isNegative ? -Double.infinity : .infinity
    default:
      return .notADouble
    }
    return .none
  }
}
