/// Checks a cron expression of five fields: minute, hour, day of month, month, day of week.
///
/// Each field: `*`, a value, a range `1-5`, a step `*/15` or `1-30/2`, or a list of these with commas. Months and
/// days of the week may be named (`jan`, `mon`); 7 is Sunday too.
enum CronText {
  private static let fields: [(name: String, range: ClosedRange<Int64>, names: [String])] = [
    ("minute", 0...59, []), ("hour", 0...23, []), ("day of month", 1...31, []),
    ("month", 1...12, ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    ("day of week", 0...7, ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
  ]

  /// The text with single spaces.
  static func parse(_ text: String) throws(TextFault) -> String {
    let scalars = Array(text.unicodeScalars)
    var pieces: [(text: ArraySlice<Unicode.Scalar>, offset: Int)] = []
    for piece in scalars.split(separator: " ") { pieces.append((piece, piece.startIndex)) }
    guard pieces.count == 5 else {
      throw TextFault(
        "expected 5 fields (minute hour day month weekday), found \(pieces.count) in \(quoted(text))",
        hint: "for example \"0 3 * * *\", every day at 03:00")
    }
    for (field, piece) in zip(fields, pieces) {
      for part in piece.text.split(separator: ",", omittingEmptySubsequences: false) {
        guard isPart(Array(part), field.range, field.names) else {
          throw TextFault(
            "\(quoted(String(part))) is not a \(field.name) of cron (\(field.range.lowerBound) to \(field.range.upperBound))",
            at: part.isEmpty ? piece.offset : part.startIndex)
        }
      }
    }
    return pieces.map { String($0.text) }.joined(separator: " ")
  }

  private static func isPart(_ part: [Unicode.Scalar], _ range: ClosedRange<Int64>, _ names: [String]) -> Bool {
    let halves = part.split(separator: "/", omittingEmptySubsequences: false)
    guard let base = halves.first, halves.count <= 2 else { return false }
    if halves.count == 2 {
      guard let step = value(halves[1], []), step >= 1, step <= range.upperBound else { return false }
    }
    if base.elementsEqual(["*"]) { return true }
    let ends = base.split(separator: "-", omittingEmptySubsequences: false).map {
      value($0, names, from: range)
    }
    let numbers = ends.compactMap { $0 }
    guard numbers.count == ends.count, numbers.allSatisfy(range.contains) else { return false }
    switch numbers.count {
    case 1: return halves.count == 1
    case 2: return numbers[0] <= numbers[1]
    default: return false
    }
  }

  private static func value(
    _ text: ArraySlice<Unicode.Scalar>, _ names: [String], from range: ClosedRange<Int64> = 0...0
  ) -> Int64? {
    let word = String(text).lowercased()
    if let named = names.firstIndex(of: word) { return Int64(named) + range.lowerBound }
    guard !text.isEmpty, text.count <= 2, text.allSatisfy(DigitRun.isDigit) else { return nil }
    return Int64(word)
  }
}
