/// Whether bytes are well-formed UTF-8: Table 3-7 of the Unicode Standard, so no overlong forms, no surrogates,
/// nothing beyond U+10FFFF.
enum UTF8Check {
  /// May read up to 7 bytes beyond the end (see ``ByteArena/padding``), which do not count.
  @inline(__always) static func isValid(_ text: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    var at = 0
    while at &+ 8 <= length && DigitWord.load(text + at) & DigitWord.highBits == 0 { at &+= 8 }
    let left = length &- at
    if left < 8 {
      let bytes: UInt64 = (1 &<< (UInt64(truncatingIfNeeded: left) &* 8)) &- 1
      if DigitWord.load(text + at) & DigitWord.highBits & bytes == 0 { return true }
    }
    return isValidCarefully(text, at, length)
  }

  @inline(never) private static func isValidCarefully(
    _ text: UnsafePointer<UInt8>, _ start: Int, _ length: Int
  ) -> Bool {
    var at = start
    while at < length {
      let lead = text[at]
      if lead < 0x80 {
        at &+= 1
        continue
      }
      let left = length &- at
      let second = left > 1 ? text[at &+ 1] : 0
      // Bounds of the second byte; what the first byte forbids of it is all that sets the forms apart.
      var lower: UInt8 = 0x80
      var upper: UInt8 = 0xbf
      let size: Int
      switch lead {
      case 0xc2...0xdf: size = 2
      case 0xe0: (size, lower) = (3, 0xa0)
      case 0xed: (size, upper) = (3, 0x9f)
      case 0xe1...0xef: size = 3
      case 0xf0: (size, lower) = (4, 0x90)
      case 0xf1...0xf3: size = 4
      case 0xf4: (size, upper) = (4, 0x8f)
      default: return false
      }
      guard left >= size, second >= lower, second <= upper else { return false }
      if size > 2 && text[at &+ 2] & 0xc0 != 0x80 { return false }
      if size > 3 && text[at &+ 3] & 0xc0 != 0x80 { return false }
      at &+= size
    }
    return true
  }
}
