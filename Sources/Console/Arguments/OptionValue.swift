internal import Definition

/// Why a value does not fit its option.
struct ValueFault: Error {
  var message: String
  var hint = ""
}

/// Texts of the command line to typed values.
public enum OptionValue {
  static func parse(_ text: String, _ kind: OptionSyntax.Kind) throws(ValueFault) -> ParsedArguments.Value {
    switch kind {
    case .flag: return .flag
    case .text:
      guard !text.isEmpty else { throw ValueFault(message: "the value is empty") }
      return .text(text)
    case .count(_, let range):
      guard let number = wholeNumber(text) else {
        throw ValueFault(message: "'\(text)' is not a whole number")
      }
      guard range.contains(number) else {
        throw ValueFault(message: "\(text) is not in \(range.lowerBound)…\(range.upperBound)")
      }
      return .count(number)
    case .time:
      guard let time = InstantText.parse(text) else {
        throw ValueFault(
          message: "'\(text)' is not a time of ISO 8601",
          hint: "write it as 2026-11-21 or 2026-11-21T03:00:00Z")
      }
      return .time(time)
    case .duration:
      guard let duration = text == "0" ? 0 : DurationText.microseconds(text) else {
        throw ValueFault(message: "'\(text)' is not a duration", hint: "write it as 30s, 5m, 1d12h, or 0")
      }
      return .duration(duration)
    case .rejects: return .rejects(try rejects(text))
    case .identifier:
      guard isIdentifier(text) else {
        throw ValueFault(
          message: "'\(text)' cannot name a snapshot",
          hint: "1 to 128 letters, digits and . _ : + -, the first a letter or digit")
      }
      return .text(text)
    }
  }

  /// `100`, or `0.5%` of the rows read.
  private static func rejects(_ text: String) throws(ValueFault) -> RejectLimit {
    let fault = ValueFault(
      message: "'\(text)' is neither a number of rows nor a percentage", hint: "write 100 or 0.5%")
    guard text.hasSuffix("%") else {
      guard let rows = wholeNumber(text), rows >= 0 else { throw fault }
      return .rows(rows)
    }
    let number = text.dropLast()
    let isPlain = number.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: ".") }
    guard isPlain, let percent = Double(number), percent >= 0, percent <= 100 else { throw fault }
    return .share(percent / 100)
  }

  private static func wholeNumber(_ text: String) -> Int? {
    text.utf8.first == UInt8(ascii: "+") ? nil : Int(text)
  }

  /// Whether a text may name a snapshot: it becomes part of paths and keys.
  public static func isIdentifier(_ text: String) -> Bool {
    guard (1...128).contains(text.utf8.count), let first = text.utf8.first, isAlphanumeric(first) else {
      return false
    }
    return text.utf8.allSatisfy { isAlphanumeric($0) || "._:+-".utf8.contains($0) }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }
}
