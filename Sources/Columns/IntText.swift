/// Text of 64-bit integers, both ways.
enum IntText {
  /// Bytes that ``write(_:_:)`` writes at most.
  static let capacity = 20

  /// An optional sign and digits; white space around it, a fraction of zeros (`12.0`, as pandas writes integers
  /// with nulls) and an exponent (`1e3`, as JSON writers may) are allowed where the value is exactly an integer.
  /// Faults: ``RowFault/notAnInt``, ``RowFault/outOfRange``.
  @inline(__always) static func parse(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout Int64
  ) -> RowFault {
    if UInt(bitPattern: length &- 1) < 8 {
      let values = DigitWord.aligned(DigitWord.load(text), length)
      if DigitWord.areDigits(values) {
        value = Int64(truncatingIfNeeded: DigitWord.number(values))
        return .none
      }
    } else if UInt(bitPattern: length &- 9) < 8, let number = parse16(text, length) {
      value = number
      return .none
    }
    return parseCarefully(text, length, &value)
  }

  /// 9…16 digits and nothing else.
  @inline(__always) private static func parse16(_ text: UnsafePointer<UInt8>, _ length: Int) -> Int64? {
    let first = DigitWord.aligned(DigitWord.load(text), length &- 8)
    let last = DigitWord.load(text + (length &- 8)) ^ DigitWord.zeros
    guard DigitWord.areDigits(first) && DigitWord.areDigits(last) else { return nil }
    return Int64(truncatingIfNeeded: DigitWord.number(first) &* 100_000_000 &+ DigitWord.number(last))
  }

  @inline(never) private static func parseCarefully(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout Int64
  ) -> RowFault {
    // A minus is not looked for above, where it would cost every value a little.
    if length > 1 && text[0] == UInt8(ascii: "-") {
      let digits = length &- 1
      if digits <= 8 {
        let values = DigitWord.aligned(DigitWord.load(text + 1), digits)
        if DigitWord.areDigits(values) {
          value = 0 &- Int64(truncatingIfNeeded: DigitWord.number(values))
          return .none
        }
      } else if digits <= 16, let magnitude = parse16(text + 1, digits) {
        value = 0 &- magnitude
        return .none
      }
    }
    guard let scan = NumberScan(text, length) else { return .notAnInt }
    return integer(scan, &value)
  }

  private static func integer(_ scan: NumberScan, _ value: inout Int64) -> RowFault {
    var magnitude = scan.mantissa
    if magnitude == 0 {
      value = 0
      return .none
    }
    if scan.exponent < 0 {
      guard !scan.hasLostDigits, let divisor = PowersOfTen.power(-scan.exponent), magnitude % divisor == 0
      else { return .notAnInt }
      magnitude /= divisor
    } else {
      guard !scan.hasLostDigits, let factor = PowersOfTen.power(scan.exponent) else { return .outOfRange }
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: factor)
      guard !overflow else { return .outOfRange }
      magnitude = product
    }
    guard magnitude <= UInt128(UInt64(Int64.max)) + (scan.isNegative ? 1 : 0) else { return .outOfRange }
    let bits = Int64(truncatingIfNeeded: magnitude)
    value = scan.isNegative ? 0 &- bits : bits
    return .none
  }

  /// Writes the canonical text (no leading zeros, no `+`); gives its length. Room for ``capacity`` bytes.
  @inline(__always) static func write(_ value: Int64, _ out: UnsafeMutablePointer<UInt8>) -> Int {
    var at = 0
    if value < 0 {
      out[0] = UInt8(ascii: "-")
      at = 1
    }
    return at &+ write(value.magnitude, out + at)
  }

  /// The same for an unsigned number.
  @inline(__always) static func write(_ value: UInt64, _ out: UnsafeMutablePointer<UInt8>) -> Int {
    var width = 1
    var bound: UInt64 = 10
    while width < 20 && value >= bound {
      width &+= 1
      bound = bound &* 10
    }
    var rest = value
    var place = width
    while place > 0 {
      place &-= 1
      out[place] = UInt8(truncatingIfNeeded: 0x30 &+ rest % 10)
      rest /= 10
    }
    return width
  }
}
