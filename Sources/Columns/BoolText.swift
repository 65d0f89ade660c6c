/// Text of truth values: `true false t f yes no y n on off 1 0` in any case.
enum BoolText {
  @inline(__always) static func parse(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout UInt8
  ) -> RowFault {
    if parseWord(text, length, &value) { return .none }
    return parseCarefully(text, length, &value)
  }

  @inline(__always) private static func parseWord(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout UInt8
  ) -> Bool {
    guard UInt(bitPattern: length &- 1) < 5 else { return false }
    let bytes: UInt64 = (1 &<< (UInt64(truncatingIfNeeded: length) &* 8)) &- 1
    let word = DigitWord.load(text) & bytes
    // Setting bit 5 lowers letters; no other byte becomes a letter but `@A…` and `` `a…``, which are these.
    switch word | (0x20_2020_2020 & bytes) {
    case 0x6575_7274, 0x74, 0x73_6579, 0x79, 0x6e6f: value = 1  // true t yes y on
    case 0x65_736c_6166, 0x66, 0x6f6e, 0x6e, 0x66_666f: value = 0  // false f no n off
    case 0x31 where word == 0x31: value = 1
    case 0x30 where word == 0x30: value = 0
    default: return false
    }
    return true
  }

  @inline(never) private static func parseCarefully(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout UInt8
  ) -> RowFault {
    var at = 0
    var end = length
    DigitWord.trim(text, &at, &end)
    return parseWord(text + at, end - at, &value) ? .none : .notABool
  }
}
