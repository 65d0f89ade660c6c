/// Sums as on paper: every summand written out in binary, positive and negative ones in columns of their own.
struct PaperSum {
  /// Bit 0 weighs 2^−1152; numbers below 2^1152 in magnitude.
  private var positive = Self.zero
  private var negative = Self.zero
  private static let zero = [UInt64](repeating: 0, count: 72)
  private static let bias = 1152

  init(integers: [Int128]) {
    for integer in integers {
      let magnitude = integer.magnitude
      add(UInt64(truncatingIfNeeded: magnitude), Self.bias, isNegative: integer < 0)
      add(UInt64(truncatingIfNeeded: magnitude >> 64), Self.bias + 64, isNegative: integer < 0)
    }
  }

  private init() {}

  /// The sum of doubles, rounded once; IEEE's answer where a summand is not finite.
  static func sum(_ values: [Double]) -> Double {
    if values.contains(where: \.isNaN) || (values.contains(.infinity) && values.contains(-.infinity)) {
      return .nan
    }
    if let infinite = values.first(where: \.isInfinite) { return infinite }
    var sum = PaperSum()
    for value in values where value != 0 {
      let significand = UInt64(value.magnitude.significand * 0x1p52)
      sum.add(significand, Int(value.magnitude.exponent) - 52 + bias, isNegative: value < 0)
    }
    return sum.rounded()
  }

  private mutating func add(_ value: UInt64, _ shift: Int, isNegative: Bool) {
    var digits = isNegative ? negative : positive
    var at = shift / 32
    var carry: UInt64 = 0
    // A 64-bit number shifted by less than 32 bits covers three digits of 32.
    let low = (value & 0xffff_ffff) << UInt64(shift % 32)
    let high = (value >> 32) << UInt64(shift % 32)
    for part in [low & 0xffff_ffff, (low >> 32) + (high & 0xffff_ffff), high >> 32] {
      let sum = digits[at] + part + carry
      digits[at] = sum & 0xffff_ffff
      carry = sum >> 32
      at += 1
    }
    while carry > 0 {
      let sum = digits[at] + carry
      digits[at] = sum & 0xffff_ffff
      carry = sum >> 32
      at += 1
    }
    if isNegative { negative = digits } else { positive = digits }
  }

  /// The difference of the columns: its digits, and whether it is negative.
  private var difference: (digits: [UInt64], isNegative: Bool) {
    let isNegative = positive.reversed().lexicographicallyPrecedes(negative.reversed())
    let (large, small) = isNegative ? (negative, positive) : (positive, negative)
    var digits = Self.zero
    var borrow: Int64 = 0
    for i in digits.indices {
      let value = Int64(large[i]) - Int64(small[i]) + borrow
      digits[i] = UInt64(value & 0xffff_ffff)
      borrow = value >> 32
    }
    return (digits, isNegative)
  }

  /// The nearest double, ties to even.
  func rounded() -> Double {
    let (digits, isNegative) = difference
    func bit(_ i: Int) -> Bool { i >= 0 && digits[i / 32] >> UInt64(i % 32) & 1 == 1 }
    guard let top = (0..<digits.count * 32).last(where: bit) else { return 0 }
    // The last place: 52 below the top, but not below the subnormals' 2^−1074.
    let last = max(top - 52, Self.bias - 1074)
    var significand: UInt64 = 0
    for i in stride(from: top, through: last, by: -1) { significand = significand << 1 | (bit(i) ? 1 : 0) }
    let isHalf = bit(last - 1)
    let isMore = (0..<max(last - 1, 0)).contains(where: bit)
    if isHalf && (isMore || significand & 1 == 1) { significand += 1 }
    let value = Double(sign: .plus, exponent: last - Self.bias, significand: Double(significand))
    return isNegative ? -value : value
  }

  /// The sum of integers; nil where it does not fit.
  var int128: Int128? {
    let (digits, isNegative) = difference
    func bit(_ i: Int) -> Bool { digits[(Self.bias + i) / 32] >> UInt64((Self.bias + i) % 32) & 1 == 1 }
    if (127..<200).contains(where: bit) { return nil }
    var value: Int128 = 0
    for i in (0..<127).reversed() { value = value << 1 | (bit(i) ? 1 : 0) }
    return isNegative ? -value : value
  }
}

/// A number as the sum of two doubles: twice a double's precision (Dekker 1971, Knuth's two-sum).
struct TwoDoubles {
  var high: Double
  var low: Double

  init(_ high: Double, _ low: Double = 0) {
    self.high = high + low
    self.low = low - (self.high - high)
  }

  init(exactly integer: Int128) {
    let high = Double(integer)
    self.init(high, Double(integer - (Int128(exactly: high) ?? integer)))
  }

  static func + (a: TwoDoubles, b: TwoDoubles) -> TwoDoubles {
    let sum = a.high + b.high
    let part = sum - a.high
    let error = (a.high - (sum - part)) + (b.high - part)
    return TwoDoubles(sum, error + a.low + b.low)
  }

  static prefix func - (a: TwoDoubles) -> TwoDoubles { TwoDoubles(-a.high, -a.low) }
  static func - (a: TwoDoubles, b: TwoDoubles) -> TwoDoubles { a + -b }

  static func * (a: TwoDoubles, b: TwoDoubles) -> TwoDoubles {
    let product = a.high * b.high
    return TwoDoubles(product, (-product).addingProduct(a.high, b.high) + a.high * b.low + a.low * b.high)
  }

  static func / (a: TwoDoubles, b: TwoDoubles) -> TwoDoubles {
    let quotient = TwoDoubles(a.high / b.high)
    let rest = a - quotient * b
    return quotient + TwoDoubles(rest.high / b.high)
  }
}
