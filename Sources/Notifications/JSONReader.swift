/// Why a document is not JSON, or more than is read.
package struct JSONFault: Error {
  package var reason: String
  package init(reason: String) { self.reason = reason }
}

/// Reads JSON once from front to back and hands out the members that the caller asks for; all others are skipped.
///
/// Time is linear in the bytes. Nesting costs no stack: what is skipped is skipped in a loop, and what is visited is as
/// deep as the caller's own code. Strings are read as bytes, because keys may be anything. Of several members with one
/// name the last counts, as in most readers.
package struct JSONReader {
  /// Nesting that is skipped at most.
  static let depthMax = 128
  /// Longer names are of no interest to anybody.
  private static let nameBytesMax = 64

  private let bytes: UnsafeRawBufferPointer
  private(set) var index = 0

  /// `bytes` must stay valid and unchanged while the reader is used.
  package init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { index = 3 }
  }

  /// What kind of value comes next, without reading it.
  package enum Shape { case object, array, string, number, word }

  package mutating func shape() throws(JSONFault) -> Shape {
    skipSpace()
    guard index < bytes.count else { throw fault("it ends too early") }
    switch bytes[index] {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    default: return .word
    }
  }

  /// Visits an object's members. The visitor reads or skips the value, and nothing else.
  package mutating func object(_ visit: (String, inout JSONReader) throws(JSONFault) -> Void) throws(JSONFault) {
    try expect(UInt8(ascii: "{"))
    if take(UInt8(ascii: "}")) { return }
    repeat {
      let name = try name()
      try expect(UInt8(ascii: ":"))
      try visit(name, &self)
    } while take(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"))
  }

  /// Visits an array's elements, likewise.
  package mutating func array(_ visit: (inout JSONReader) throws(JSONFault) -> Void) throws(JSONFault) {
    try expect(UInt8(ascii: "["))
    if take(UInt8(ascii: "]")) { return }
    repeat { try visit(&self) } while take(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"))
  }

  /// The bytes of a string, or the literal text of a number or of `true` and `false`; nil for `null` and for what holds
  /// more (which is skipped).
  package mutating func scalar() throws(JSONFault) -> [UInt8]? {
    switch try shape() {
    case .string: return try string()
    case .object, .array:
      try skip()
      return nil
    case .number, .word:
      let word = try literal()
      return word.elementsEqual("null".utf8) ? nil : Array(word)
    }
  }

  /// Passes over one value of any kind.
  package mutating func skip() throws(JSONFault) {
    // The open brackets' closing bytes. An object's names and values alternate, which `afterValue` sees to.
    var open: [UInt8] = []
    while true {
      switch try shape() {
      case .object, .array:
        guard open.count < Self.depthMax else { throw fault("it is nested too deeply") }
        let isObject = bytes[index] == UInt8(ascii: "{")
        index += 1
        let close = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
        if !take(close) {
          open.append(close)
          if isObject { try memberName() }
          continue
        }
      case .string: try passString()
      case .number, .word: _ = try literal()
      }
      guard try !afterValue(&open) else { return }
    }
  }

  /// Whether nothing but space is left.
  package mutating func isAtEnd() -> Bool {
    skipSpace()
    return index == bytes.count
  }

  package func fault(_ what: String) -> JSONFault { JSONFault(reason: "not JSON as expected: \(what) (byte \(index))") }

  // MARK: Pieces

  /// Closes what ends here; true when the outermost value is complete.
  private mutating func afterValue(_ open: inout [UInt8]) throws(JSONFault) -> Bool {
    while let close = open.last {
      if take(UInt8(ascii: ",")) {
        if close == UInt8(ascii: "}") { try memberName() }
        return false
      }
      try expect(close)
      open.removeLast()
    }
    return true
  }

  private mutating func memberName() throws(JSONFault) {
    skipSpace()
    try passString()
    try expect(UInt8(ascii: ":"))
  }

  /// A member's name; "" for one that nobody can mean.
  private mutating func name() throws(JSONFault) -> String {
    skipSpace()
    let start = index + 1
    let hasEscapes = try passString()
    let raw = start..<(index - 1)
    guard raw.count <= Self.nameBytesMax else { return "" }
    let found = hasEscapes ? try unescape(raw) : Array(bytes[raw])
    return String(validating: found, as: UTF8.self) ?? ""
  }

  private mutating func string() throws(JSONFault) -> [UInt8] {
    let start = index + 1
    let hasEscapes = try passString()
    let raw = start..<(index - 1)
    return hasEscapes ? try unescape(raw) : Array(bytes[raw])
  }

  /// Passes over a string; whether it holds escapes.
  @discardableResult
  private mutating func passString() throws(JSONFault) -> Bool {
    guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw fault("a string is missing") }
    index += 1
    var hasEscapes = false
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "\"") { return hasEscapes }
      if byte < 0x20 { throw fault("a string holds a control character") }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        index += 1
      }
    }
    index = min(index, bytes.count)
    throw fault("a string is not closed")
  }

  private func unescape(_ raw: Range<Int>) throws(JSONFault) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(raw.count)
    var at = raw.lowerBound
    while at < raw.upperBound {
      let byte = bytes[at]
      at += 1
      guard byte == UInt8(ascii: "\\"), at < raw.upperBound else {
        out.append(byte)
        continue
      }
      let escape = bytes[at]
      at += 1
      switch escape {
      case UInt8(ascii: "n"): out.append(10)
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "r"): out.append(13)
      case UInt8(ascii: "b"): out.append(8)
      case UInt8(ascii: "f"): out.append(12)
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
      case UInt8(ascii: "u"): appendScalar(try codePoint(&at, raw.upperBound), &out)
      default: throw fault("a string holds an unknown escape")
      }
    }
    return out
  }

  /// The code point of `\u` escapes at `at`, of two for a surrogate pair. A surrogate by itself stays one.
  private func codePoint(_ at: inout Int, _ end: Int) throws(JSONFault) -> UInt32 {
    let first = try codeUnit(&at, end)
    guard first & 0xfc00 == 0xd800, at + 6 <= end, bytes[at] == UInt8(ascii: "\\"),
      bytes[at + 1] == UInt8(ascii: "u")
    else { return first }
    var next = at + 2
    let second = try codeUnit(&next, end)
    guard second & 0xfc00 == 0xdc00 else { return first }
    at = next
    return 0x10000 + (first & 0x3ff) << 10 + second & 0x3ff
  }

  private func codeUnit(_ at: inout Int, _ end: Int) throws(JSONFault) -> UInt32 {
    guard at + 4 <= end else { throw fault("a string holds a broken escape") }
    var unit: UInt32 = 0
    for byte in bytes[at..<at + 4] {
      guard let digit = hexDigit(byte) else { throw fault("a string holds a broken escape") }
      unit = unit << 4 | UInt32(digit)
    }
    at += 4
    return unit
  }

  /// UTF-8; of a lone surrogate the three bytes that no UTF-8 has, so that it is refused where the text is used.
  private func appendScalar(_ value: UInt32, _ out: inout [UInt8]) {
    func low(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: 0x80 | value >> shift & 0x3f) }
    switch value {
    case ..<0x80: out.append(UInt8(value))
    case ..<0x800: out += [UInt8(0xc0 | value >> 6), low(0)]
    case ..<0x10000: out += [UInt8(0xe0 | value >> 12), low(6), low(0)]
    default: out += [UInt8(0xf0 | value >> 18), low(12), low(6), low(0)]
    }
  }

  /// A number, `true`, `false` or `null`. Numbers are taken by their characters, not by their grammar.
  private mutating func literal() throws(JSONFault) -> Slice<UnsafeRawBufferPointer> {
    let start = index
    while index < bytes.count, isLiteralByte(bytes[index]) { index += 1 }
    let word = bytes[start..<index]
    guard let first = word.first else { throw fault("a value is missing") }
    if first == UInt8(ascii: "-") || first <= UInt8(ascii: "9") { return word }
    for known in ["null", "true", "false"] where word.elementsEqual(known.utf8) { return word }
    throw fault("there is an unknown word")
  }

  private func isLiteralByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "."), UInt8(ascii: "E"), UInt8(ascii: "+"):
      true
    default: false
    }
  }

  private mutating func skipSpace() {
    while index < bytes.count {
      switch bytes[index] {
      case 0x20, 0x0a, 0x0d, 0x09: index += 1
      default: return
      }
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard index < bytes.count, bytes[index] == byte else { return false }
    index += 1
    return true
  }

  private mutating func expect(_ byte: UInt8) throws(JSONFault) {
    guard take(byte) else { throw fault("'\(Character(Unicode.Scalar(byte)))' is missing") }
  }
}

/// The value of a hexadecimal digit.
func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
