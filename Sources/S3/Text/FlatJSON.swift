/// Reads the strings and numbers at the top of a JSON object, which is all that credential services answer with.
///
/// Values that are objects or arrays are skipped; `true`, `false` and `null` too. Not a JSON parser for data.
struct FlatJSON {
  private let bytes: [UInt8]
  private var index = 0

  private static let depthMax = 32

  static func parse(_ bytes: [UInt8]) throws(MalformedAnswer) -> [String: String] {
    var reader = FlatJSON(bytes: bytes)
    return try reader.object()
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private mutating func object() throws(MalformedAnswer) -> [String: String] {
    var members: [String: String] = [:]
    try expect("{")
    if take("}") { return members }
    repeat {
      let name = try string()
      try expect(":")
      if let value = try value(depth: 0) { members[name] = value }
    } while take(",")
    try expect("}")
    return members
  }

  private mutating func value(depth: Int) throws(MalformedAnswer) -> String? {
    guard depth < Self.depthMax else { throw malformed("it is nested too deeply") }
    skipSpace()
    guard index < bytes.count else { throw malformed("it ends too early") }
    switch bytes[index] {
    case UInt8(ascii: "\""): return try string()
    case UInt8(ascii: "{"):
      index += 1
      if take("}") { return nil }
      repeat {
        _ = try string()
        try expect(":")
        _ = try value(depth: depth + 1)
      } while take(",")
      try expect("}")
      return nil
    case UInt8(ascii: "["):
      index += 1
      if take("]") { return nil }
      repeat { _ = try value(depth: depth + 1) } while take(",")
      try expect("]")
      return nil
    default:
      let start = index
      while index < bytes.count, isWordByte(bytes[index]) { index += 1 }
      let word = String(decoding: bytes[start..<index], as: UTF8.self)
      if word == "true" || word == "false" || word == "null" { return nil }
      guard let first = word.utf8.first, first == UInt8(ascii: "-") || first < UInt8(ascii: ":") else {
        throw malformed("a value is missing")
      }
      return word
    }
  }

  private func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"),
      UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "E"):
      true
    default: false
    }
  }

  private mutating func string() throws(MalformedAnswer) -> String {
    try expect("\"")
    var out: [UInt8] = []
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: out, as: UTF8.self) }
      guard byte == UInt8(ascii: "\\") else {
        out.append(byte)
        continue
      }
      guard index < bytes.count else { break }
      let escape = bytes[index]
      index += 1
      switch escape {
      case UInt8(ascii: "n"): out.append(10)
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "r"): out.append(13)
      case UInt8(ascii: "b"): out.append(8)
      case UInt8(ascii: "f"): out.append(12)
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
      case UInt8(ascii: "u"): out += try unicodeEscape()
      default: throw malformed("it holds an unknown escape")
      }
    }
    throw malformed("a string is not closed")
  }

  private mutating func unicodeEscape() throws(MalformedAnswer) -> [UInt8] {
    var units = [try codeUnit()]
    if UTF16.isLeadSurrogate(units[0]), take("\\"), take("u") { units.append(try codeUnit()) }
    return Array(String(decoding: units, as: UTF16.self).utf8)
  }

  private mutating func codeUnit() throws(MalformedAnswer) -> UInt16 {
    guard index + 4 <= bytes.count,
      let unit = UInt16(String(decoding: bytes[index..<(index + 4)], as: UTF8.self), radix: 16)
    else { throw malformed("it holds a broken escape") }
    index += 4
    return unit
  }

  private mutating func skipSpace() {
    while index < bytes.count, bytes[index] <= UInt8(ascii: " ") { index += 1 }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    skipSpace()
    guard index < bytes.count, UInt32(bytes[index]) == scalar.value else { return false }
    index += 1
    return true
  }

  private mutating func expect(_ scalar: Unicode.Scalar) throws(MalformedAnswer) {
    guard take(scalar) else { throw malformed("'\(scalar)' is missing") }
  }

  private func malformed(_ what: String) -> MalformedAnswer {
    MalformedAnswer(description: "the answer is not JSON as expected: \(what) (byte \(index))")
  }
}
