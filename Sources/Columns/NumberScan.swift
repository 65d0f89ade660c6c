/// A decimal number in any of the usual spellings, taken apart: the careful path behind the fast ones.
///
/// Grammar: white space, sign, digits with perhaps one point (at least one digit), perhaps `e` and an integer
/// exponent, white space. The value is ±mantissa × 10^exponent.
struct NumberScan {
  var isNegative = false
  /// The first 38 significant digits.
  var mantissa: UInt128 = 0
  /// Within ±2 × 10¹⁰.
  var exponent = 0
  /// A digit other than zero did not fit the mantissa.
  var hasLostDigits = false

  static let exponentBound = 10_000_000_000
  /// 10³⁷: below it one more digit fits.
  private static let room: UInt128 = 10_000_000_000_000_000_000_000_000_000_000_000_000

  /// nil: not a number.
  @inline(never) init?(_ text: UnsafePointer<UInt8>, _ length: Int) {
    var at = 0
    var end = length
    DigitWord.trim(text, &at, &end)
    if at < end && (text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+")) {
      isNegative = text[at] == UInt8(ascii: "-")
      at += 1
    }
    let wholeDigits = takeDigits(text, &at, end, exponentStep: 0)
    var fractionDigits = 0
    if at < end && text[at] == UInt8(ascii: ".") {
      at += 1
      fractionDigits = takeDigits(text, &at, end, exponentStep: -1)
    }
    guard wholeDigits + fractionDigits > 0 else { return nil }
    if at < end && text[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      guard let written = NumberScan.exponent(text, &at, end) else { return nil }
      exponent += written
    }
    guard at == end else { return nil }
  }

  /// Reads digits; each that fits the mantissa counts `exponentStep`, each that does not one more.
  private mutating func takeDigits(
    _ text: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int, exponentStep: Int
  ) -> Int {
    let first = at
    while at < end && DigitWord.isDigit(text[at]) {
      let digit = text[at] &- 0x30
      if mantissa < NumberScan.room {
        mantissa = mantissa &* 10 &+ UInt128(digit)
        exponent &+= exponentStep
      } else {
        hasLostDigits = hasLostDigits || digit != 0
        exponent &+= exponentStep &+ 1
      }
      at &+= 1
    }
    return at &- first
  }

  /// An integer, clamped to ±``exponentBound`` (no text is long enough to bring such a number back into range).
  static func exponent(_ text: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int) -> Int? {
    var isNegative = false
    if at < end && (text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+")) {
      isNegative = text[at] == UInt8(ascii: "-")
      at += 1
    }
    let first = at
    var value = 0
    while at < end && DigitWord.isDigit(text[at]) {
      value = min(value &* 10 &+ Int(text[at] &- 0x30), exponentBound)
      at &+= 1
    }
    guard at > first else { return nil }
    return isNegative ? -value : value
  }
}

/// 10^0 … 10^38, all that fit 128 bits unsigned.
enum PowersOfTen {
  static let integers: [UInt128] = {
    var powers: [UInt128] = [1]
    while powers.count < 39 { powers.append(powers[powers.count - 1] &* 10) }
    return powers
  }()

  /// 10^n; nil beyond 38.
  static func power(_ n: Int) -> UInt128? {
    n >= 0 && n < integers.count ? integers[n] : nil
  }
}
