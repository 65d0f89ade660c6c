/// A `strptime` pattern, compiled once into a small program that is run without allocation.
///
/// | directive | takes |
/// |---|---|
/// | `%Y` `%y` | four digits; two digits (69…99 are 19xx, 00…68 are 20xx) |
/// | `%m` `%d` `%e` `%H` `%k` `%I` `%l` `%M` `%S` | one or two digits, spaces may stand before them |
/// | `%j` | day of the year, one to three digits |
/// | `%f` | fraction of a second, one digit or more; cut to microseconds |
/// | `%b` `%h` `%B` | English month name, full or three letters, any case |
/// | `%a` `%A` | English day name likewise; not compared with the date |
/// | `%p` | AM or PM, any case |
/// | `%z` | `±hh`, `±hhmm`, `±hh:mm`, either with seconds, `Z`, `UTC`, `GMT` |
/// | `%Z` | `Z`, `UTC`, `GMT` (other abbreviations mean several zones: use `zone`) |
/// | `%s` | seconds since the epoch |
/// | `%T` `%R` `%D` `%F` | `%H:%M:%S`, `%H:%M`, `%m/%d/%y`, `%Y-%m-%d` |
/// | `%n` `%t` and white space | one white space character or more |
/// | `%%` | `%` |
///
/// `%-d` and the like are read as `%d`. Anything else stands for itself. As in C, each directive takes what it can and
/// never gives back. A pattern must give a whole date; a time of day that it does not give is midnight.
struct TimePattern: Sendable {
  /// In the order of the text.
  let steps: [Step]

  enum Step: Sendable, Hashable {
    case literal(UInt8)
    case space
    case year, yearOfCentury, month, day, dayOfYear
    case hour, hour12, meridiem, minute, second, fraction
    case monthName, dayName
    case offset, zoneName, epochSeconds
  }

  /// Refuses unknown directives, a `%` at the end, and patterns that do not give a date.
  init(_ pattern: String) throws(CastError) {
    var steps: [Step] = []
    var rest = Array(pattern.utf8)[...]
    // White space around the text is nothing; so is white space around the pattern.
    while let byte = rest.first, DigitWord.isSpace(byte) { rest.removeFirst() }
    while let byte = rest.last, DigitWord.isSpace(byte) { rest.removeLast() }
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        TimePattern.append(byte, to: &steps)
        continue
      }
      if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
      guard let letter = rest.popFirst() else {
        throw CastError("the time format '\(pattern)' ends in a lone %; write %% for a percent sign")
      }
      guard let meaning = TimePattern.meaning(of: letter) else {
        let name =
          letter < 0x80 ? "%" + String(UnicodeScalar(letter)) : "% before a letter that is not English"
        throw CastError(
          "\(name) in the time format '\(pattern)' is not known; known are %Y %y %m %d %e %H %I %p %M %S %f %j %b %B "
            + "%a %A %z %Z %s %T %R %D %F %%")
      }
      for step in meaning {
        if step == .space { TimePattern.append(UInt8(ascii: " "), to: &steps) } else { steps.append(step) }
      }
    }
    self.steps = steps
    try checkMeaning(pattern)
  }

  private static func append(_ byte: UInt8, to steps: inout [Step]) {
    if !DigitWord.isSpace(byte) {
      steps.append(.literal(byte))
    } else if steps.last != .space {
      steps.append(.space)
    }
  }

  private func checkMeaning(_ pattern: String) throws(CastError) {
    let given = Set(steps)
    if given.contains(.hour12) && !given.contains(.meridiem) {
      throw CastError(
        "the time format '\(pattern)' has %I without %p, so noon and midnight look alike; write %H")
    }
    if given.contains(.epochSeconds) { return }
    let hasYear = given.contains(.year) || given.contains(.yearOfCentury)
    let hasMonth = given.contains(.month) || given.contains(.monthName)
    guard hasYear && (given.contains(.dayOfYear) || (hasMonth && given.contains(.day))) else {
      throw CastError(
        "the time format '\(pattern)' does not give a whole date: it needs a year (%Y or %y) and either a month and a "
          + "day (%m or %b, and %d) or the day of the year (%j)")
    }
  }

  private static func meaning(of letter: UInt8) -> [Step]? {
    func literal(_ scalar: UnicodeScalar) -> Step { .literal(UInt8(ascii: scalar)) }
    switch UnicodeScalar(letter) {
    case "Y": return [.year]
    case "y": return [.yearOfCentury]
    case "m": return [.month]
    case "d", "e": return [.day]
    case "j": return [.dayOfYear]
    case "H", "k": return [.hour]
    case "I", "l": return [.hour12]
    case "p": return [.meridiem]
    case "M": return [.minute]
    case "S": return [.second]
    case "f": return [.fraction]
    case "b", "B", "h": return [.monthName]
    case "a", "A": return [.dayName]
    case "z": return [.offset]
    case "Z": return [.zoneName]
    case "s": return [.epochSeconds]
    case "T": return [.hour, literal(":"), .minute, literal(":"), .second]
    case "R": return [.hour, literal(":"), .minute]
    case "D": return [.month, literal("/"), .day, literal("/"), .yearOfCentury]
    case "F": return [.year, literal("-"), .month, literal("-"), .day]
    case "n", "t": return [.space]
    case "%": return [literal("%")]
    default: return nil
    }
  }
}
