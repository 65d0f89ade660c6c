/// The exact sum of any doubles, squares of doubles and integers: a superaccumulator.
///
/// A two's-complement number in digits of 32 bits, each kept in 64 so that carries can wait (after Radford Neal, "Fast
/// exact summation using small and large superaccumulators", 2015). Only the digits that were touched are stored: values
/// of like size need five or so, the whole range from 2⁻²¹⁷⁶ to beyond 2²¹⁷⁶ would need 137. The result depends on the
/// multiset of what was added alone. Infinities and NaN follow IEEE 754: NaN, or both infinities, give NaN.
///
/// A value; one thread at a time.
public struct WideSum: Sendable {
  /// Digit `i` weighs 2^(32 × (firstDigit + i) − bias). Signed, and beyond 32 bits until carried.
  private var digits: [Int64] = []
  private var firstDigit = 0
  /// Additions since the carries were last spread; each adds less than 2³² to a digit, so 2³⁰ of them are safe.
  private var pending: UInt32 = 0
  private var hasPositiveInfinity = false
  private var hasNegativeInfinity = false
  private var hasNaN = false

  /// The exponent of bit 0 of digit 0, negated: below the last bit of the least double's square, 2⁻²¹⁴⁸.
  static let bias = 2176
  private static let pendingMax: UInt32 = 1 << 30

  public init() {}

  // MARK: Adding

  public mutating func add(_ value: Double) {
    guard let (mantissa, exponent) = parts(of: value) else { return }
    add(UInt128(truncatingIfNeeded: mantissa), exponent: exponent, negative: value < 0)
  }

  /// Adds `value`², without rounding.
  public mutating func addSquare(_ value: Double) {
    guard value.isFinite else {
      if value.isNaN { hasNaN = true } else { hasPositiveInfinity = true }
      return
    }
    guard let (mantissa, exponent) = parts(of: value) else { return }
    let (high, low) = mantissa.multipliedFullWidth(by: mantissa)
    add(UInt128(high) &<< 64 | UInt128(low), exponent: 2 &* exponent, negative: false)
  }

  /// Adds what stands in a window of ``ExactSum``.
  public mutating func add(window: Int128) {
    add(window.magnitude, exponent: ExactSum.windowExponent, negative: window < 0)
  }

  public mutating func add(integer: Int128) {
    add(integer.magnitude, exponent: 0, negative: integer < 0)
  }

  /// Adds `integer`², without overflow.
  public mutating func addSquare(integer: Int128) {
    let magnitude = integer.magnitude
    let low = UInt64(truncatingIfNeeded: magnitude)
    let high = UInt64(truncatingIfNeeded: magnitude &>> 64)
    add(UInt128(low) * UInt128(low), exponent: 0, negative: false)
    guard high != 0 else { return }
    add(UInt128(high) * UInt128(low), exponent: 65, negative: false)
    add(UInt128(high) * UInt128(high), exponent: 128, negative: false)
  }

  /// Adds `magnitude` × 2^`exponent`; −2148 ≤ exponent ≤ 2100.
  public mutating func add(_ magnitude: UInt128, exponent: Int, negative: Bool) {
    guard magnitude != 0 else { return }
    let bit = exponent &+ WideSum.bias
    let digit = bit &>> 5
    let shift = UInt128(truncatingIfNeeded: bit & 31)
    reserve(digit, 5)
    let at = digit &- firstDigit
    let low = magnitude &<< shift
    let top = shift == 0 ? 0 : UInt64(truncatingIfNeeded: magnitude &>> (128 &- shift))
    let sign: Int64 = negative ? -1 : 1
    digits.withUnsafeMutableBufferPointer { digits in
      digits[at] &+= sign &* Int64(truncatingIfNeeded: low & 0xffff_ffff)
      digits[at &+ 1] &+= sign &* Int64(truncatingIfNeeded: (low &>> 32) & 0xffff_ffff)
      digits[at &+ 2] &+= sign &* Int64(truncatingIfNeeded: (low &>> 64) & 0xffff_ffff)
      digits[at &+ 3] &+= sign &* Int64(truncatingIfNeeded: low &>> 96)
      digits[at &+ 4] &+= sign &* Int64(truncatingIfNeeded: top)
    }
    pending &+= 1
    if pending >= WideSum.pendingMax { carry() }
  }

  public mutating func merge(_ other: WideSum) {
    hasNaN = hasNaN || other.hasNaN
    hasPositiveInfinity = hasPositiveInfinity || other.hasPositiveInfinity
    hasNegativeInfinity = hasNegativeInfinity || other.hasNegativeInfinity
    guard !other.digits.isEmpty else { return }
    var carried = other
    carried.carry()
    carry()
    reserve(carried.firstDigit, carried.digits.count)
    for (index, digit) in carried.digits.enumerated() {
      digits[carried.firstDigit - firstDigit + index] &+= digit
    }
    carry()
  }

  // MARK: As bytes

  /// Digits above this are no sum of ours: 2⁶⁴ of the largest squares need 140.
  private static let digitsMax = 192

  func write(to out: inout StateWriter) {
    let carried = trimmed()
    out.put((hasPositiveInfinity ? 1 : 0) | (hasNegativeInfinity ? 2 : 0) | (hasNaN ? 4 : 0))
    // Zeros at the ends come of the way that led to the sum.
    let first = carried.digits.firstIndex { $0 != 0 } ?? carried.digits.count
    out.put(count: carried.digits.count - first)
    guard first < carried.digits.count else { return }
    out.put(count: carried.firstDigit + first)
    for digit in carried.digits[first...] { out.put(fixed: digit) }
  }

  /// Without the digits at the top that only the way to the sum left.
  private func trimmed() -> WideSum {
    var sum = self
    sum.carry()
    while sum.digits.count > 1, let last = sum.digits.last {
      let below = sum.digits[sum.digits.count - 2]
      if last == 0 && below < 1 << 31 {
        sum.digits.removeLast()
      } else if last == -1 && below >= 1 << 31 {
        sum.digits.removeLast()
        sum.digits[sum.digits.count - 1] = below - (1 << 32)
      } else {
        break
      }
    }
    return sum
  }

  init(_ state: inout StateReader) throws(StateError) {
    let flags = try state.byte()
    guard flags < 8 else { throw StateReader.damaged("a sum's flags are none") }
    hasPositiveInfinity = flags & 1 != 0
    hasNegativeInfinity = flags & 2 != 0
    hasNaN = flags & 4 != 0
    let count = try state.count(atMost: WideSum.digitsMax)
    guard count > 0 else { return }
    firstDigit = try state.count(atMost: WideSum.digitsMax - count)
    for index in 0..<count {
      let digit: Int64 = try state.fixed()
      let isLast = index == count - 1
      guard isLast ? Int64(Int32(truncatingIfNeeded: digit)) == digit : digit >= 0 && digit <= 0xffff_ffff else {
        throw StateReader.damaged("a sum's digit is none")
      }
      digits.append(digit)
    }
  }

  // MARK: Reading

  /// The sum, rounded once to the nearest double, ties to even. Zero is +0.0; beyond the doubles it is an infinity.
  public func rounded() -> Double {
    if let special { return special }
    let (magnitude, negative) = exact()
    let value = magnitude.rounded()
    return negative ? -value : value
  }

  /// NaN or an infinity, if one was added.
  var special: Double? {
    if hasNaN || (hasPositiveInfinity && hasNegativeInfinity) { return .nan }
    if hasPositiveInfinity { return .infinity }
    return hasNegativeInfinity ? -.infinity : nil
  }

  /// The finite sum.
  func exact() -> (magnitude: WideMagnitude, negative: Bool) {
    var carried = self
    carried.carry()
    // After carrying all digits but the last are in 0 ..< 2³²; the last holds the sign.
    let negative = (carried.digits.last ?? 0) < 0
    if negative {
      for index in carried.digits.indices { carried.digits[index] = 0 &- carried.digits[index] }
      carried.carry()
    }
    return (
      WideMagnitude(
        digits: carried.digits.map { UInt32(truncatingIfNeeded: $0) },
        exponent: 32 * carried.firstDigit - WideSum.bias), negative
    )
  }

  // MARK: Digits

  private mutating func parts(of value: Double) -> (mantissa: UInt64, exponent: Int)? {
    let bits = value.bitPattern
    let exponent = Int(truncatingIfNeeded: (bits &>> 52) & 0x7ff)
    let fraction = bits & 0x000f_ffff_ffff_ffff
    if exponent == 0x7ff {
      if fraction != 0 {
        hasNaN = true
      } else if value < 0 {
        hasNegativeInfinity = true
      } else {
        hasPositiveInfinity = true
      }
      return nil
    }
    if exponent == 0 { return fraction == 0 ? nil : (fraction, -1074) }
    return (fraction | 0x0010_0000_0000_0000, exponent &- 1075)
  }

  /// Makes room for `count` digits from `digit` on.
  private mutating func reserve(_ digit: Int, _ count: Int) {
    if digits.isEmpty {
      firstDigit = digit
      digits = [Int64](repeating: 0, count: count)
    } else if digit < firstDigit {
      digits.insert(contentsOf: repeatElement(0, count: firstDigit - digit), at: 0)
      firstDigit = digit
    }
    let missing = digit &+ count &- firstDigit &- digits.count
    if missing > 0 { digits.append(contentsOf: repeatElement(0, count: missing)) }
  }

  /// Spreads the carries: digits in 0 ..< 2³², but for the last, which is −2³¹ ..< 2³¹ and holds the sign.
  private mutating func carry() {
    pending = 0
    guard !digits.isEmpty else { return }
    var carry: Int64 = 0
    for index in digits.indices {
      let sum = digits[index] &+ carry
      carry = sum &>> 32
      digits[index] = sum & 0xffff_ffff
    }
    let last = digits.count - 1
    // What flows out of the last digit goes into a new one; a digit that only repeats the sign is taken back.
    let signed = Int64(Int32(truncatingIfNeeded: digits[last]))
    if (carry == 0 && signed >= 0) || (carry == -1 && signed < 0) {
      digits[last] = signed
    } else {
      digits.append(carry)
    }
  }
}
