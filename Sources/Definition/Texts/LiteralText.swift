internal import Columns

/// Text to ``Literal``, for defaults and for the constants of conditions: strict and exact.
enum LiteralText {
  static func parse(_ text: String, as type: ColumnType) throws(TextFault) -> Literal {
    switch type {
    case .string:
      return .string(text)
    case .int:
      guard isNumber(text, fraction: false), let value = Int64(text) else {
        throw TextFault(
          isNumber(text, fraction: false)
            ? "\(text) does not fit an int (64 bits)" : "\(quoted(text)) is not an int")
      }
      return .int(value)
    case .double:
      guard isNumber(text, fraction: true), let value = Double(text), value.isFinite else {
        throw TextFault("\(quoted(text)) is not a double")
      }
      return .double(value)
    case .bool:
      guard text == "true" || text == "false" else {
        throw TextFault("\(quoted(text)) is not a bool", hint: "write true or false")
      }
      return .bool(text == "true")
    case .date:
      return .date(try CivilTime.date(text))
    case .timestamp:
      return .timestamp(try CivilTime.timestamp(text))
    case .decimal(let precision, let scale):
      return .decimal(try decimal(text, precision: precision, scale: scale, type: type))
    }
  }

  /// `[+-]digits[.digits][e[+-]digits]`; without `fraction` only `[+-]digits`.
  static func isNumber(_ text: String, fraction: Bool) -> Bool {
    var rest = Substring(text)
    if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
    let whole = digits(&rest)
    guard fraction else { return whole > 0 && rest.isEmpty }
    var parts = 0
    if rest.first == "." {
      rest.removeFirst()
      parts = digits(&rest)
    }
    guard whole + parts > 0 else { return false }
    if rest.first == "e" || rest.first == "E" {
      rest.removeFirst()
      if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
      guard digits(&rest) > 0 else { return false }
    }
    return rest.isEmpty
  }

  private static func digits(_ rest: inout Substring) -> Int {
    let run = rest.unicodeScalars.prefix { DigitRun.isDigit($0) }.count
    rest = Substring(rest.unicodeScalars.dropFirst(run))
    return run
  }

  /// The unscaled value. Zeros behind the scale's last digit are dropped, other digits are refused.
  private static func decimal(
    _ text: String, precision: Int, scale: Int, type: ColumnType
  ) throws(TextFault) -> Int128 {
    guard isNumber(text, fraction: true), !text.contains(where: { $0 == "e" || $0 == "E" }) else {
      throw TextFault("\(quoted(text)) is not a \(type)")
    }
    var value: Int128 = 0
    var seen: Int?
    for digit in text.utf8 {
      switch digit {
      case UInt8(ascii: "."): seen = 0
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        if let behind = seen {
          if behind == scale {
            guard digit == UInt8(ascii: "0") else {
              throw TextFault("\(text) has more than the \(scale) digits behind the point of \(type)")
            }
            continue
          }
          seen = behind + 1
        }
        value = try shift(value, digit, precision, text, type)
      default: break
      }
    }
    for _ in (seen ?? 0)..<scale { value = try shift(value, UInt8(ascii: "0"), precision, text, type) }
    return text.hasPrefix("-") ? -value : value
  }

  /// Ten times the value plus a digit, as long as that has at most `precision` (≤ 38) digits: no overflow.
  private static func shift(
    _ value: Int128, _ digit: UInt8, _ precision: Int, _ text: String, _ type: ColumnType
  ) throws(TextFault) -> Int128 {
    var limit: Int128 = 1
    for _ in 0..<(precision - 1) { limit *= 10 }
    guard value < limit else { throw TextFault("\(text) does not fit a \(type)") }
    return value * 10 + Int128(digit - UInt8(ascii: "0"))
  }
}
