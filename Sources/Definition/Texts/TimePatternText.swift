/// Checks `format:` of a date or timestamp column: the directives of `strptime` that the casts know.
enum TimePatternText {
  /// Letter and meaning.
  static let directives: KeyValuePairs<Unicode.Scalar, String> = [
    "Y": "year", "y": "year of two digits", "m": "month", "d": "day", "e": "day", "b": "month's name",
    "B": "month's name", "h": "month's name", "j": "day of the year", "H": "hour", "I": "hour of 12",
    "p": "AM or PM", "M": "minute", "S": "second", "f": "fraction of a second", "z": "offset", "Z": "zone",
    "s": "seconds since 1970", "a": "weekday", "A": "weekday", "F": "%Y-%m-%d", "T": "%H:%M:%S",
    "D": "%m/%d/%y", "R": "%H:%M", "n": "white space", "t": "white space", "%": "%",
  ]

  static func parse(_ text: String) throws(TextFault) -> String {
    let scalars = Array(text.unicodeScalars)
    var found: Set<Unicode.Scalar> = []
    var index = 0
    while index < scalars.count {
      guard scalars[index] == "%" else {
        index += 1
        continue
      }
      guard index + 1 < scalars.count else {
        throw TextFault("a '%' at the end of the format", at: index, hint: "write %% for a '%'")
      }
      let letter = scalars[index + 1]
      guard directives.contains(where: { $0.key == letter }) else {
        throw TextFault(
          "'%\(letter)' is not a directive of strptime that is known here", at: index,
          hint: "known: " + directives.map { "%\($0.key)" }.joined(separator: " "))
      }
      found.insert(letter)
      index += 2
    }
    guard !found.isEmpty else {
      throw TextFault(
        "the format \(quoted(text)) has no directive", hint: "write it for strptime, as in \"%d/%m/%Y %H:%M\""
      )
    }
    let hasYear = !found.isDisjoint(with: ["Y", "y", "F", "D", "s"])
    let hasDay =
      !found.isDisjoint(with: ["j", "F", "D", "s"])
      || (!found.isDisjoint(with: ["m", "b", "B", "h"]) && !found.isDisjoint(with: ["d", "e"]))
    guard hasYear && hasDay else {
      throw TextFault(
        "the format \(quoted(text)) does not give a whole date",
        hint: found.contains("M") && !found.contains("m")
          ? "%m is the month, %M the minute" : "it needs a year, a month and a day")
    }
    return text
  }
}
