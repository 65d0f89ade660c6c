/// The exact sum of doubles, in a 128-bit fixed-point window: one integer of 2⁻⁸⁰ a unit.
///
/// Integer addition does not depend on order, so neither do our sums; they are rounded once, to the nearest even, when
/// they are read. The window holds what business data holds: multiples of 2⁻⁸⁰ below 2⁴⁶ in magnitude, which is every
/// double from 2⁻²⁸ to 2⁴⁶. ``addToWindow(_:_:)`` says when a value or the sum does not fit; the caller then carries on
/// with a ``WideSum``, which holds everything. The result is the same on either way, so it does not matter when a caller
/// changes over.
public enum ExactSum {
  /// A unit of the window is 2 to this power.
  public static let windowExponent = -80

  /// Adds `value` to the window. False: it does not fit (too large, too small, not finite, or the sum overflows), and
  /// the window is as it was.
  @inlinable
  public static func addToWindow(_ slot: inout Int128, _ value: Double) -> Bool {
    let bits = value.bitPattern
    let exponent = Int(truncatingIfNeeded: (bits &>> 52) & 0x7ff)
    // The mantissa's last bit weighs 2^(exponent - 1075), which is bit `shift` of the window.
    let shift = exponent &- 995
    let mantissa = (bits & 0x000f_ffff_ffff_ffff) | 0x0010_0000_0000_0000
    let magnitude: Int128
    if shift >= 0 {
      // 53 + 73 = 126 bits. Infinities and NaN are far above.
      guard shift <= 73 else { return false }
      magnitude = Int128(truncatingIfNeeded: mantissa) &<< Int128(truncatingIfNeeded: shift)
    } else {
      // Small, but a multiple of the unit all the same: 2⁻⁷⁰.
      guard shift > -53, mantissa & ((1 &<< UInt64(truncatingIfNeeded: 0 &- shift)) &- 1) == 0 else {
        return value == 0
      }
      magnitude = Int128(truncatingIfNeeded: mantissa &>> UInt64(truncatingIfNeeded: 0 &- shift))
    }
    let (sum, overflow) =
      value < 0 ? slot.subtractingReportingOverflow(magnitude) : slot.addingReportingOverflow(magnitude)
    guard !overflow else { return false }
    slot = sum
    return true
  }

  /// The window's value, rounded to the nearest double, ties to even. A sum of zero is +0.0.
  public static func round(window: Int128) -> Double {
    let magnitude = window.magnitude
    guard magnitude != 0 else { return 0 }
    // At most 64 significant bits, the last one sticky, decide the rounding.
    let excess = 64 - magnitude.leadingZeroBitCount
    var head = UInt64(truncatingIfNeeded: magnitude)
    var exponent = windowExponent
    if excess > 0 {
      head = UInt64(truncatingIfNeeded: magnitude >> UInt128(excess))
      if magnitude & ((UInt128(1) << UInt128(excess)) - 1) != 0 { head |= 1 }
      exponent += excess
    }
    // The conversion rounds to nearest even; a sticky last bit of 64 cannot reach the 53rd. The scaling is exact: by a power
    // of two from 2⁻⁸⁰ to 2⁻¹⁶, a normal double as the product is.
    let scale = Double(bitPattern: UInt64(truncatingIfNeeded: exponent + 1023) << 52)
    let rounded = Double(head) * scale
    return window < 0 ? -rounded : rounded
  }
}
