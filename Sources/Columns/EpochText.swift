/// Timestamps written as a number since the epoch.
enum EpochText {
  /// Integer or decimal text in units of 10^`unitDigits` microseconds (s 6, ms 3, µs 0, ns −3), rounded down to
  /// whole microseconds. Faults: ``RowFault/notATimestamp``; ``RowFault/outOfRange`` outside of the years 0001…9999.
  @inline(__always) static func parse(
    _ text: UnsafePointer<UInt8>, _ length: Int, unitDigits: Int, factor: Int64, _ value: inout Int64
  ) -> RowFault {
    var number: Int64 = 0
    if factor > 0 && IntText.parse(text, length, &number) == .none {
      let (micros, overflow) = number.multipliedReportingOverflow(by: factor)
      guard !overflow && micros >= Calendar.firstTimestamp && micros <= Calendar.lastTimestamp
      else { return .outOfRange }
      value = micros
      return .none
    }
    return parseCarefully(text, length, unitDigits, &value)
  }

  @inline(never) private static func parseCarefully(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ unitDigits: Int, _ value: inout Int64
  ) -> RowFault {
    guard let scan = NumberScan(text, length) else { return .notATimestamp }
    if scan.mantissa == 0 {
      value = 0
      return .none
    }
    let shift = scan.exponent + unitDigits
    var magnitude = scan.mantissa
    var hasRest = scan.hasLostDigits
    if shift >= 0 {
      guard let factor = PowersOfTen.power(shift) else { return .outOfRange }
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: factor)
      guard !overflow else { return .outOfRange }
      magnitude = product
    } else if let divisor = PowersOfTen.power(-shift) {
      hasRest = hasRest || magnitude % divisor != 0
      magnitude /= divisor
    } else {
      hasRest = true
      magnitude = 0
    }
    // Down is away from zero for what lies before the epoch.
    if scan.isNegative && hasRest { magnitude += 1 }
    guard magnitude <= UInt128(Calendar.lastTimestamp) else { return .outOfRange }
    let micros = Int64(truncatingIfNeeded: magnitude) &* (scan.isNegative ? -1 : 1)
    guard micros >= Calendar.firstTimestamp else { return .outOfRange }
    value = micros
    return .none
  }

  static func unitDigits(_ unit: EpochUnit) -> Int {
    switch unit {
    case .s: 6
    case .ms: 3
    case .us: 0
    case .ns: -3
    }
  }

  /// Microseconds a unit; 0 for nanoseconds.
  static func factor(_ unit: EpochUnit) -> Int64 {
    switch unit {
    case .s: 1_000_000
    case .ms: 1000
    case .us: 1
    case .ns: 0
    }
  }
}
