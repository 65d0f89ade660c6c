/// Durations as a definition writes them: `30d`, `1d12h`, `500ms`.
public enum DurationText {
  /// Microseconds a unit, from the longest. Months and years are left out: their length varies.
  static let units: [(name: String, microseconds: Int64)] = [
    ("w", 604_800_000_000), ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000),
    ("s", 1_000_000), ("ms", 1_000),
  ]

  static let expected = "a duration such as 30s, 5m, 1d12h"

  /// Microseconds, 0 or more; nil if the text is no duration. For the command line, which words its own errors.
  public static func microseconds(_ text: String) -> Int64? { try? parse(text) }

  /// Microseconds, 0 or more. Numbers are whole; units go from long to short, each at most once.
  static func parse(_ text: String) throws(TextFault) -> Int64 {
    let scalars = Array(text.unicodeScalars)
    var total: Int64 = 0
    var next = 0
    var index = 0
    guard !scalars.isEmpty else { throw fault(text, at: 0) }
    while index < scalars.count {
      let start = index
      guard let number = DigitRun.read(scalars, &index) else {
        if index > start {
          throw TextFault("the duration \(quoted(text)) is too long", at: start)
        }
        throw fault(text, at: index)
      }
      let unitStart = index
      while index < scalars.count, !DigitRun.isDigit(scalars[index]) { index += 1 }
      let unit = String(scalars[unitStart..<index])
      guard let found = units.firstIndex(where: { $0.name == unit }) else {
        throw TextFault(
          unit.isEmpty
            ? "expected \(expected), found \(quoted(text)) without a unit"
            : "\(quoted(unit)) is not a unit of time",
          at: unitStart, hint: "units are w d h m s ms; write whole numbers")
      }
      guard found >= next else {
        throw TextFault(
          "expected units from long to short, each once, found \(quoted(text))", at: unitStart,
          hint: "for example 1d12h")
      }
      next = found + 1
      let (part, overflow) = number.multipliedReportingOverflow(by: units[found].microseconds)
      let (sum, overflow2) = total.addingReportingOverflow(part)
      guard !overflow, !overflow2, sum <= longest else {
        throw TextFault("the duration \(quoted(text)) is too long", at: start)
      }
      total = sum
    }
    return total
  }

  /// More than zero.
  static func parsePositive(_ text: String) throws(TextFault) -> Int64 {
    let value = try parse(text)
    guard value > 0 else { throw TextFault("expected \(expected), found \(quoted(text))") }
    return value
  }

  /// A thousand years: differences of timestamps stay far from overflow.
  private static let longest: Int64 = 31_556_952_000 * 1_000_000

  private static func fault(_ text: String, at offset: Int) -> TextFault {
    TextFault("expected \(expected), found \(quoted(text))", at: offset)
  }
}

/// Runs of ASCII digits.
enum DigitRun {
  static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar >= "0" && scalar <= "9" }

  /// The number that begins at `index`, which is moved behind it. nil without digits (`index` stays) or if it does
  /// not fit (`index` moves).
  static func read(_ scalars: [Unicode.Scalar], _ index: inout Int) -> Int64? {
    let start = index
    var value: Int64 = 0
    var fits = true
    while index < scalars.count, isDigit(scalars[index]) {
      let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow2) = tenfold.addingReportingOverflow(Int64(scalars[index].value) - 48)
      fits = fits && !overflow && !overflow2
      value = fits ? sum : 0
      index += 1
    }
    return index > start && fits ? value : nil
  }
}
