internal import Columns

/// Checks `format:` of a date or timestamp column by making the cast that will read it: there is one list of directives.
enum TimePatternText {
  static func parse(_ text: String) throws(TextFault) -> String {
    guard text.contains("%") else {
      throw TextFault(
        "the format \(quoted(text)) has no directive", hint: "write it for strptime, as in \"%d/%m/%Y %H:%M\""
      )
    }
    do {
      _ = try Cast(type: .timestamp, time: .pattern(text, zone: nil))
      return text
    } catch {
      throw TextFault(
        error.message,
        hint: text.contains("%M") && !text.contains("%m") ? "%m is the month, %M the minute" : "")
    }
  }
}
