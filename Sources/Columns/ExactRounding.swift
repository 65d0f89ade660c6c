/// Decimal to binary64 by long division: any number of digits, correctly rounded. The last resort of ``DoubleText``,
/// some ten microseconds; reached only by texts of 20 and more significant digits that lie next to a tie.
enum ExactRounding {
  /// A tie between two doubles has at most 767 significant digits; beyond these it only counts whether
  /// anything follows.
  private static let digitsKept = 800

  /// The bits of the double nearest to the number that `digits` (digits with perhaps one point) times 10^`exponent`
  /// writes, ties to even; those of infinity where it is too large.
  @inline(never) static func bits(
    _ digits: UnsafePointer<UInt8>, _ length: Int, exponent written: Int
  ) -> UInt64 {
    var numerator = BigNatural(0)
    var exponent = written
    var kept = 0
    var hasMore = false
    var isFraction = false
    for i in 0..<length {
      if digits[i] == UInt8(ascii: ".") {
        isFraction = true
        continue
      }
      let digit = UInt64(digits[i] &- 0x30)
      if kept < digitsKept {
        numerator.multiply(by: 10, adding: digit)
        if !numerator.isZero { kept += 1 }
        if isFraction { exponent -= 1 }
      } else {
        hasMore = hasMore || digit != 0
        if !isFraction { exponent += 1 }
      }
    }
    if numerator.isZero { return 0 }
    // The first digit's place; 10^309 is above the largest double, 10^-325 below half the smallest.
    if kept + exponent > 310 { return EiselLemire.infinity }
    if kept + exponent < -325 { return 0 }
    if hasMore {
      numerator.multiply(by: 10, adding: 1)
      exponent -= 1
    }
    var denominator = BigNatural(1)
    if exponent >= 0 {
      numerator.multiply(byPowerOfFive: exponent)
      numerator.shiftLeft(exponent)
    } else {
      denominator.multiply(byPowerOfFive: -exponent)
      denominator.shiftLeft(-exponent)
    }
    let quotient = BigNatural.quotient(numerator, denominator)
    return round(quotient.bits, exponent: quotient.exponent, hasRest: quotient.hasRest)
  }

  /// Rounds bits / 2⁶³ × 2^exponent, and a little more if `hasRest`.
  private static func round(_ bits: UInt64, exponent: Int, hasRest: Bool) -> UInt64 {
    // Of 64 bits a normal double keeps 53, a subnormal one fewer.
    let dropped = exponent >= -1022 ? 11 : 11 + (-1022 - exponent)
    if dropped > 64 { return 0 }
    let wide = UInt128(bits)
    var mantissa = UInt64(truncatingIfNeeded: wide >> UInt128(dropped))
    let tail = wide & ((1 << UInt128(dropped)) - 1)
    let half = UInt128(1) << UInt128(dropped - 1)
    if tail > half || (tail == half && (hasRest || mantissa & 1 == 1)) { mantissa += 1 }
    // A carry out of the mantissa lands in the exponent, where it belongs.
    let biased = exponent >= -1022 ? UInt64(exponent + 1022) << 52 : 0
    let result = biased + mantissa
    return result >= EiselLemire.infinity ? EiselLemire.infinity : result
  }
}
