/// A number of a few characters, digits with perhaps one point, read without a loop: most numbers of most files.
///
/// Without branches too: whether a column's next value has a point, and where, is often a coin toss.
enum ShortDecimal {
  /// Reads an unsigned number of 1…7 characters into an integer and the number of digits behind the point: `123.45` is
  /// 12345 and 2. False when it is anything else; then the outputs mean nothing.
  @inline(__always) static func parse7(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ mantissa: inout UInt64, _ fraction: inout Int
  ) -> Bool {
    guard UInt(bitPattern: length &- 1) < 7 else { return false }
    let word = DigitWord.load(text)
    // Digits have bit 4, the point has not. The mark behind the last byte makes "no point" a point at the end.
    let candidates = (~word & 0x1010_1010_1010_1010) | (0x10 &<< (UInt64(truncatingIfNeeded: length) &* 8))
    let point = candidates.trailingZeroBitCount &>> 3
    let isWhole = point == length
    // The bytes before the point stay, those behind it move down by one.
    let before = ((candidates & (0 &- candidates)) &>> 4) &- 1
    let joined = ((word ^ (word &>> 8)) & before) ^ (word &>> 8)
    let digits = length &- (isWhole ? 0 : 1)
    fraction = digits &- point
    let values = DigitWord.aligned(joined, digits)
    mantissa = DigitWord.number(values)
    return (isWhole || text[point] == UInt8(ascii: ".")) && digits != 0 && DigitWord.areDigits(values)
  }

  /// The same for up to 16 characters. mantissa < 10¹⁶.
  @inline(never) static func parse16(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ mantissa: inout UInt64, _ fraction: inout Int
  ) -> Bool {
    if length < 8 { return parse7(text, length, &mantissa, &fraction) }
    guard length <= 16 else { return false }
    let low = DigitWord.load(text)
    let high = DigitWord.load(text + 8)
    let mask: UInt64 = 0x1010_1010_1010_1010
    let word = UInt128(high) &<< 64 | UInt128(low)
    let candidates = UInt128(~high & mask) &<< 64 | UInt128(~low & mask)
    let point = min(candidates.trailingZeroBitCount &>> 3, length)
    let isWhole = point == length
    let before: UInt128 = isWhole ? ~0 : (1 &<< (UInt128(truncatingIfNeeded: point) &* 8)) &- 1
    let joined = (word & before) | ((word &>> 8) & ~before)
    let digits = length &- (isWhole ? 0 : 1)
    fraction = digits &- point
    let shift = UInt128(truncatingIfNeeded: 16 &- digits) &* 8
    let zeros = UInt128(DigitWord.zeros) &<< 64 | UInt128(DigitWord.zeros)
    let values = (joined &<< shift) ^ (zeros &<< shift)
    let first = UInt64(truncatingIfNeeded: values)
    let last = UInt64(truncatingIfNeeded: values &>> 64)
    mantissa = DigitWord.number(first) &* 100_000_000 &+ DigitWord.number(last)
    return (isWhole || text[point] == UInt8(ascii: ".")) && DigitWord.areDigits(first)
      && DigitWord.areDigits(last)
  }
}
