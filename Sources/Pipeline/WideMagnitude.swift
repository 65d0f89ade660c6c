/// A large non-negative number: digits of 32 bits, least first, times a power of two. What a ``WideSum`` is read through.
///
/// Some hundred digits at most; used once a column or key, so the arithmetic is schoolbook.
struct WideMagnitude {
  var digits: [UInt32]
  /// Bit 0 weighs 2 to this power; a multiple of 32.
  var exponent: Int

  /// The exponent of the highest bit that is set, counted from bit 0; nil for zero.
  private var topBit: Int? {
    guard let index = digits.lastIndex(where: { $0 != 0 }) else { return nil }
    return 32 * index + 31 - digits[index].leadingZeroBitCount
  }

  /// The nearest double, ties to even.
  func rounded() -> Double {
    guard let topBit else { return 0 }
    // The unit of the last place of a double of this size; subnormals share one.
    let unit = max(topBit + exponent - 52, -1074)
    let quotient = divided(byBits: unit - exponent)
    return Double(sign: .plus, exponent: unit, significand: Double(quotient))
  }

  /// The number as a significand of 53 bits and a power of two, whatever its size; nil for zero.
  func roundedParts() -> (significand: Double, exponent: Int)? {
    guard let topBit else { return nil }
    return (Double(divided(byBits: topBit - 52)), topBit - 52 + exponent)
  }

  /// The number divided by 2^`bits`, rounded to the nearest even; at most 2⁵³.
  private func divided(byBits bits: Int) -> UInt64 {
    var quotient: UInt64 = 0
    for bit in stride(from: max(bits + 53, 0), through: bits, by: -1) {
      quotient = quotient << 1 | (isSet(bit) ? 1 : 0)
    }
    let half = isSet(bits - 1)
    guard half else { return quotient }
    let isTie = lowestBit == bits - 1
    return quotient + (isTie ? quotient & 1 : 1)
  }

  private func isSet(_ bit: Int) -> Bool {
    bit >= 0 && bit < 32 * digits.count && digits[bit >> 5] >> UInt32(bit & 31) & 1 == 1
  }

  private var lowestBit: Int {
    guard let index = digits.firstIndex(where: { $0 != 0 }) else { return 0 }
    return 32 * index + digits[index].trailingZeroBitCount
  }

  static func * (a: WideMagnitude, b: WideMagnitude) -> WideMagnitude {
    var product = [UInt32](repeating: 0, count: a.digits.count + b.digits.count)
    for (i, x) in a.digits.enumerated() where x != 0 {
      var carry: UInt64 = 0
      for (j, y) in b.digits.enumerated() {
        let sum = UInt64(x) * UInt64(y) + UInt64(product[i + j]) + carry
        product[i + j] = UInt32(truncatingIfNeeded: sum)
        carry = sum >> 32
      }
      product[i + b.digits.count] = UInt32(truncatingIfNeeded: carry)
    }
    return WideMagnitude(digits: product, exponent: a.exponent + b.exponent)
  }

  /// The difference; `b` must not be larger.
  static func - (a: WideMagnitude, b: WideMagnitude) -> WideMagnitude {
    let exponent = min(a.exponent, b.exponent)
    var difference = a.aligned(to: exponent)
    let subtrahend = b.aligned(to: exponent)
    difference += [UInt32](repeating: 0, count: max(0, subtrahend.count - difference.count))
    var borrow: Int64 = 0
    for index in difference.indices {
      let sum = Int64(difference[index]) - (index < subtrahend.count ? Int64(subtrahend[index]) : 0) + borrow
      difference[index] = UInt32(truncatingIfNeeded: sum)
      borrow = sum >> 32
    }
    return WideMagnitude(digits: difference, exponent: exponent)
  }

  private func aligned(to lower: Int) -> [UInt32] {
    [UInt32](repeating: 0, count: (exponent - lower) / 32) + digits
  }
}

/// Mean and spread of values whose sum and sum of squares are known exactly.
public enum ExactMoments {
  /// The sum, rounded, over the count. nil for no values.
  public static func mean(count: Int, sum: WideSum) -> Double? {
    count > 0 ? sum.rounded() / Double(count) : nil
  }

  /// The sample standard deviation (n − 1); nil below two values; NaN where a value was not finite.
  ///
  /// √((n Σx² − (Σx)²) / (n (n − 1))), the numerator exact: there is no cancellation, however far the values lie from
  /// zero, and no dependence on order.
  public static func standardDeviation(count: Int, sum: WideSum, squares: WideSum) -> Double? {
    guard count >= 2 else { return nil }
    guard sum.special == nil, squares.special == nil else { return .nan }
    let n = WideMagnitude(
      digits: [UInt32(truncatingIfNeeded: count), UInt32(truncatingIfNeeded: count >> 32)], exponent: 0)
    let total = sum.exact().magnitude
    // By the Cauchy-Schwarz inequality not negative.
    let numerator = n * squares.exact().magnitude - total * total
    guard let (significand, exponent) = numerator.roundedParts() else { return 0 }
    // An even power of two, so that its root is exact and no step leaves the range of doubles.
    let odd = exponent & 1
    let variance = (odd == 1 ? 2 * significand : significand) / (Double(count) * Double(count - 1))
    return Double(sign: .plus, exponent: (exponent - odd) / 2, significand: variance.squareRoot())
  }
}
