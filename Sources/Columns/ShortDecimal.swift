/// A number of at most 16 characters, digits with perhaps one point, read without a loop: most numbers of most files.
enum ShortDecimal {
  /// Reads `text` (unsigned) into an integer and the number of digits behind the point: `1234.56` is 123456 and 2.
  /// False when it is anything else; then nothing is said about the outputs. mantissa < 10¹⁶.
  @inline(__always) static func parse(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ mantissa: inout UInt64, _ fraction: inout Int
  ) -> Bool {
    if UInt(bitPattern: length &- 1) < 8 { return parse8(text, length, &mantissa, &fraction) }
    if UInt(bitPattern: length &- 9) < 8 { return parse16(text, length, &mantissa, &fraction) }
    return false
  }

  @inline(__always) private static func parse8(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ mantissa: inout UInt64, _ fraction: inout Int
  ) -> Bool {
    let word = DigitWord.load(text)
    let point = firstPoint(word)
    // The bytes before the point stay, those behind it move down by one. Selections, not branches: whether a
    // column's value has a point is often a coin toss.
    let hasPoint = point < length
    let keep: UInt64 = hasPoint ? (1 &<< (UInt64(truncatingIfNeeded: point) &* 8)) &- 1 : ~0
    let joined = (word & keep) | ((word &>> 8) & ~keep)
    let digits = hasPoint ? length &- 1 : length
    fraction = hasPoint ? digits &- point : 0
    let values = DigitWord.aligned(joined, digits)
    mantissa = DigitWord.number(values)
    return digits != 0 && DigitWord.areDigits(values)
  }

  @inline(__always) private static func parse16(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ mantissa: inout UInt64, _ fraction: inout Int
  ) -> Bool {
    let low = DigitWord.load(text)
    let high = DigitWord.load(text + 8)
    let lowPoint = firstPoint(low)
    let point = lowPoint < 8 ? lowPoint : 8 &+ firstPoint(high)
    let hasPoint = point < length
    let word = UInt128(high) &<< 64 | UInt128(low)
    let keep: UInt128 = hasPoint ? (1 &<< (UInt128(truncatingIfNeeded: point) &* 8)) &- 1 : ~0
    let joined = (word & keep) | ((word &>> 8) & ~keep)
    // At least 8: length is 9 or more.
    let digits = hasPoint ? length &- 1 : length
    fraction = hasPoint ? digits &- point : 0
    let shift = UInt128(truncatingIfNeeded: 16 &- digits) &* 8
    let zeros = UInt128(DigitWord.zeros) &<< 64 | UInt128(DigitWord.zeros)
    let values = (joined &<< shift) ^ (zeros &<< shift)
    let first = UInt64(truncatingIfNeeded: values)
    let last = UInt64(truncatingIfNeeded: values &>> 64)
    mantissa = DigitWord.number(first) &* 100_000_000 &+ DigitWord.number(last)
    return DigitWord.areDigits(first) && DigitWord.areDigits(last)
  }

  /// The index of the first `.` in a word, 8 if there is none.
  @inline(__always) private static func firstPoint(_ word: UInt64) -> Int {
    let difference = word ^ 0x2e2e_2e2e_2e2e_2e2e
    // The lowest high bit is exact: borrows only run upwards.
    let zeroBytes = (difference &- 0x0101_0101_0101_0101) & ~difference & DigitWord.highBits
    return zeroBytes.trailingZeroBitCount &>> 3
  }
}
