/// A natural number of any size: what exact rounding and the table of powers of five are made of.
///
/// Limbs of 64 bits, the lowest first, no zero limb at the end. For cold paths: allocates.
struct BigNatural {
  private(set) var limbs: [UInt64]

  init(_ value: UInt64) { limbs = value == 0 ? [] : [value] }

  /// 5^n.
  static func powerOfFive(_ n: Int) -> BigNatural {
    var result = BigNatural(1)
    result.multiply(byPowerOfFive: n)
    return result
  }

  var isZero: Bool { limbs.isEmpty }

  /// 0 for zero, else 1 + floor(log2).
  var bitCount: Int {
    guard let top = limbs.last else { return 0 }
    return limbs.count * 64 - top.leadingZeroBitCount
  }

  /// The highest 128 bits, the topmost of them 1; smaller numbers are moved up. Not for zero.
  var top128: UInt128 {
    var shifted = self
    shifted.shiftLeft((128 - bitCount % 64) % 64)
    while shifted.limbs.count < 2 { shifted.limbs.insert(0, at: 0) }
    let count = shifted.limbs.count
    return UInt128(shifted.limbs[count - 1]) << 64 | UInt128(shifted.limbs[count - 2])
  }

  mutating func multiply(by factor: UInt64, adding summand: UInt64 = 0) {
    var carry = summand
    for i in limbs.indices {
      let product = UInt128(limbs[i]) * UInt128(factor) + UInt128(carry)
      limbs[i] = UInt64(truncatingIfNeeded: product)
      carry = UInt64(truncatingIfNeeded: product >> 64)
    }
    if carry != 0 { limbs.append(carry) }
    while limbs.last == 0 { limbs.removeLast() }
  }

  mutating func multiply(byPowerOfFive n: Int) {
    var rest = n
    // 5^27 is the largest power below 2^64.
    while rest >= 27 {
      multiply(by: 7_450_580_596_923_828_125)
      rest -= 27
    }
    var factor: UInt64 = 1
    for _ in 0..<rest { factor *= 5 }
    multiply(by: factor)
  }

  mutating func shiftLeft(_ bits: Int) {
    guard bits > 0, !isZero else { return }
    let shift = UInt64(bits % 64)
    if shift > 0 {
      var carry: UInt64 = 0
      for i in limbs.indices {
        let limb = limbs[i]
        limbs[i] = limb << shift | carry
        carry = limb >> (64 - shift)
      }
      if carry != 0 { limbs.append(carry) }
    }
    if bits >= 64 { limbs.insert(contentsOf: repeatElement(0, count: bits / 64), at: 0) }
  }

  static func >= (left: BigNatural, right: BigNatural) -> Bool {
    if left.limbs.count != right.limbs.count { return left.limbs.count > right.limbs.count }
    for i in left.limbs.indices.reversed() where left.limbs[i] != right.limbs[i] {
      return left.limbs[i] > right.limbs[i]
    }
    return true
  }

  /// `other` must not be the greater.
  mutating func subtract(_ other: BigNatural) {
    var borrow = false
    for i in limbs.indices {
      let subtrahend = i < other.limbs.count ? other.limbs[i] : 0
      let (first, under) = limbs[i].subtractingReportingOverflow(subtrahend)
      let (second, underAgain) = first.subtractingReportingOverflow(borrow ? 1 : 0)
      limbs[i] = second
      borrow = under || underAgain
    }
    while limbs.last == 0 { limbs.removeLast() }
  }

  /// The first 64 bits of numerator ÷ denominator as the binary fraction bits / 2⁶³ × 2^exponent (so 1 ≤ bits / 2⁶³ < 2),
  /// and whether the division left a rest. Neither may be zero.
  static func quotient(
    _ numerator: BigNatural, _ denominator: BigNatural
  ) -> (bits: UInt64, exponent: Int, hasRest: Bool) {
    var rest = numerator
    var divisor = denominator
    var exponent = rest.bitCount - divisor.bitCount
    if exponent >= 0 { divisor.shiftLeft(exponent) } else { rest.shiftLeft(-exponent) }
    if !(rest >= divisor) {
      rest.shiftLeft(1)
      exponent -= 1
    }
    var bits: UInt64 = 0
    for _ in 0..<64 {
      bits <<= 1
      if rest >= divisor {
        rest.subtract(divisor)
        bits |= 1
      }
      rest.shiftLeft(1)
    }
    return (bits, exponent, !rest.isZero)
  }
}
