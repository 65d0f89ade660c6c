/// Text of exact decimals, both ways.
struct DecimalText {
  /// Digits behind the point.
  let scale: Int
  /// 10^precision: the first magnitude that is too large.
  let limit: UInt128
  /// 10^0 … 10^scale for numbers written with `scale`, `scale` − 1 … 0 digits behind the point.
  private let factors: [UInt64]

  /// Bytes that ``write(_:scale:_:)`` writes at most: sign, 39 digits, the point.
  static let capacity = 44

  /// 1 ≤ precision ≤ 38, 0 ≤ scale ≤ precision.
  init(precision: Int, scale: Int) {
    precondition(precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision)
    self.scale = scale
    limit = PowersOfTen.integers[precision]
    factors = (0...min(scale, 19)).map { UInt64(truncatingIfNeeded: PowersOfTen.integers[$0]) }
  }

  /// The loop's view of the factors; valid while `body` runs.
  func withFactors<Result>(_ body: (UnsafeBufferPointer<UInt64>) -> Result) -> Result {
    factors.withUnsafeBufferPointer(body)
  }

  /// The unscaled value. Digits beyond the scale must be zeros (else ``RowFault/tooPrecise``), the rest must fit the
  /// precision (else ``RowFault/outOfRange``); exponents are taken where the value is exact.
  @inline(__always) static func parse(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ decimal: DecimalText,
    _ factors: UnsafeBufferPointer<UInt64>,
    _ value: inout Int128
  ) -> RowFault {
    var mantissa: UInt64 = 0
    var fraction = 0
    if ShortDecimal.parse7(text, length, &mantissa, &fraction),
      let magnitude = scaled(mantissa, decimal.scale &- fraction, factors)
    {
      guard magnitude < decimal.limit else { return .outOfRange }
      value = Int128(truncatingIfNeeded: magnitude)
      return .none
    }
    return parseLonger(text, length, decimal, factors, &value)
  }

  /// mantissa × 10^missing; nil where the careful path must see to it. mantissa < 10¹⁶.
  @inline(__always) private static func scaled(
    _ mantissa: UInt64, _ missing: Int, _ factors: UnsafeBufferPointer<UInt64>
  ) -> UInt128? {
    // `factors` has min(scale, 19) + 1 entries, so the index is in bounds; 10^16 × 10^19 fits 128 bits.
    guard UInt(bitPattern: missing) < UInt(bitPattern: factors.count) else { return nil }
    let product = mantissa.multipliedFullWidth(by: factors[missing])
    return UInt128(product.high) &<< 64 | UInt128(product.low)
  }

  @inline(never) private static func parseLonger(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ decimal: DecimalText,
    _ factors: UnsafeBufferPointer<UInt64>,
    _ value: inout Int128
  ) -> RowFault {
    let minus = text[0] == UInt8(ascii: "-") ? 1 : 0
    var mantissa: UInt64 = 0
    var fraction = 0
    if ShortDecimal.parse16(text + minus, length &- minus, &mantissa, &fraction),
      let magnitude = scaled(mantissa, decimal.scale &- fraction, factors)
    {
      guard magnitude < decimal.limit else { return .outOfRange }
      value = minus == 1 ? 0 &- Int128(truncatingIfNeeded: magnitude) : Int128(truncatingIfNeeded: magnitude)
      return .none
    }
    return parseCarefully(text, length, decimal.scale, decimal.limit, &value)
  }

  @inline(never) private static func parseCarefully(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ scale: Int, _ limit: UInt128, _ value: inout Int128
  ) -> RowFault {
    guard let scan = NumberScan(text, length) else { return .notADecimal }
    var magnitude = scan.mantissa
    if magnitude != 0 {
      let shift = scan.exponent + scale
      if shift > 0 {
        // With a lost digit 38 digits stand above the scale's last place already.
        guard !scan.hasLostDigits, let factor = PowersOfTen.power(shift) else { return .outOfRange }
        let (product, overflow) = magnitude.multipliedReportingOverflow(by: factor)
        guard !overflow else { return .outOfRange }
        magnitude = product
      } else {
        guard let divisor = PowersOfTen.power(-shift) else { return .tooPrecise }
        let (whole, rest) = magnitude.quotientAndRemainder(dividingBy: divisor)
        if whole >= limit { return .outOfRange }
        if rest != 0 || scan.hasLostDigits { return .tooPrecise }
        magnitude = whole
      }
    }
    guard magnitude < limit else { return .outOfRange }
    value = scan.isNegative ? -Int128(magnitude) : Int128(magnitude)
    return .none
  }

  /// Writes the number with exactly `scale` digits behind the point (no point at scale 0); gives the length.
  /// Room for ``capacity`` bytes; 0 ≤ scale ≤ 38.
  static func write(_ unscaled: Int128, scale: Int, _ out: UnsafeMutablePointer<UInt8>) -> Int {
    var rest = unscaled.magnitude
    var width = 1
    while width < 39 && rest >= PowersOfTen.integers[width] { width += 1 }
    width = max(width, scale + 1)
    let sign = unscaled < 0 ? 1 : 0
    if sign == 1 { out[0] = UInt8(ascii: "-") }
    let length = sign + width + (scale > 0 ? 1 : 0)
    var place = length
    for digit in 0..<width {
      if digit == scale && scale > 0 {
        place -= 1
        out[place] = UInt8(ascii: ".")
      }
      place -= 1
      let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
      out[place] = UInt8(truncatingIfNeeded: 0x30 + remainder)
      rest = quotient
    }
    return length
  }
}
