/// Decimal to binary64 with one or two 128-bit products: w × 10^q, correctly rounded.
///
/// Source: D. Lemire, "Number Parsing at a Gigabyte per Second" (2021), with the proof of N. Mushtak and D. Lemire,
/// "Fast Number Parsing Without Fallback" (2022), by which no second opinion is needed for a 64-bit w.
enum EiselLemire {
  /// The bits of the double nearest to `w` × 10^`q`, ties to even; those of infinity where it is too large.
  @inline(__always) static func bits(_ w: UInt64, _ q: Int) -> UInt64 {
    if w == 0 || q < smallestPower { return 0 }
    if q > largestPower { return infinity }
    let leadingZeros = w.leadingZeroBitCount
    let product = approximateProduct(w &<< UInt64(leadingZeros), q)
    let upperBit = Int(product.high &>> 63)
    let shift = UInt64(truncatingIfNeeded: upperBit &+ 9)
    var mantissa = product.high &>> shift
    // floor(q × log2(10)), in 16-bit fixed point.
    var exponent = ((217_706 &* q) >> 16) &+ 63 &+ upperBit &- leadingZeros &+ 1023
    if exponent <= 0 {
      // Subnormal: fewer bits are kept.
      if exponent <= -63 { return 0 }
      mantissa &>>= UInt64(1 &- exponent)
      mantissa = (mantissa &+ (mantissa & 1)) &>> 1
      // Rounding up to 2^52 makes it the smallest normal number, whose bits are just these.
      return mantissa
    }
    // Exactly half way: the product then is exact, and the tie goes to even.
    if product.low <= 1 && q >= -4 && q <= 23 && mantissa & 3 == 1 && mantissa &<< shift == product.high {
      mantissa &= ~1
    }
    mantissa = (mantissa &+ (mantissa & 1)) &>> 1
    if mantissa >= 1 &<< 53 {
      mantissa = 1 &<< 52
      exponent &+= 1
    }
    if exponent >= 0x7ff { return infinity }
    return mantissa & ((1 &<< 52) &- 1) | UInt64(truncatingIfNeeded: exponent) &<< 52
  }

  static let infinity: UInt64 = 0x7ff0_0000_0000_0000
  static let smallestPower = -342
  static let largestPower = 308

  /// The high 128 bits of w × 5^q, good to 55 bits and the ones that decide the rounding.
  @inline(__always) private static func approximateProduct(
    _ w: UInt64, _ q: Int
  ) -> (high: UInt64, low: UInt64) {
    let entry = powersOfFive.table[q &- smallestPower]
    let first = w.multipliedFullWidth(by: UInt64(truncatingIfNeeded: entry &>> 64))
    var high = first.high
    var low = first.low
    if high & 0x1ff == 0x1ff {
      let second = w.multipliedFullWidth(by: UInt64(truncatingIfNeeded: entry))
      low = low &+ second.high
      if second.high > low { high = high &+ 1 }
    }
    return (high, low)
  }

  /// The 128 leading bits of 5^q, q from ``smallestPower`` to ``largestPower``: truncated, but one more for −27…−1,
  /// as the algorithm's proof wants it. 10 kB, computed in a millisecond at first use rather than shipped as
  /// 1,302 constants that nobody can read.
  static let powersOfFive = Table()

  /// Sendable: written only by `init`, which `static let` runs once, and never freed.
  struct Table: @unchecked Sendable {
    let table: UnsafePointer<UInt128>

    init() {
      let count = largestPower - smallestPower + 1
      let entries = UnsafeMutablePointer<UInt128>.allocate(capacity: count)
      for q in 0...largestPower {
        (entries + q - smallestPower).initialize(to: BigNatural.powerOfFive(q).top128)
      }
      for q in 1...(-smallestPower) {
        let power = BigNatural.powerOfFive(q)
        // 2^(bits + 127) ÷ 5^q has 128 bits: the reciprocal's first bits, one at a time.
        var rest = BigNatural(1)
        rest.shiftLeft(power.bitCount - 1)
        var quotient: UInt128 = 0
        for _ in 0..<128 {
          rest.shiftLeft(1)
          quotient <<= 1
          if rest >= power {
            rest.subtract(power)
            quotient |= 1
          }
        }
        (entries - q - smallestPower).initialize(to: q <= 27 ? quotient &+ 1 : quotient)
      }
      table = UnsafePointer(entries)
    }
  }
}
