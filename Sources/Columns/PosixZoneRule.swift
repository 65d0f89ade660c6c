/// The yearly rule in a TZif file's footer, as POSIX writes the `TZ` variable: `CET-1CEST,M3.5.0,M10.5.0/3`.
///
/// With RFC 8536's extension: times of day from −167 to 167 hours.
struct PosixZoneRule: Hashable {
  /// Seconds east of Greenwich.
  var standardOffset: Int64
  var daylight: Daylight?

  struct Daylight: Hashable {
    var offset: Int64
    var start: Moment
    var end: Moment
  }

  /// A moment of any year, on the clock that holds until then.
  struct Moment: Hashable {
    enum Day: Hashable {
      /// `Jn`: 1…365, 29 February is never counted.
      case julian(Int)
      /// `n`: 0…365, 29 February is counted.
      case ordinal(Int)
      /// `Mm.w.d`: the w-th weekday d (0 = Sunday) of month m; w = 5 is the last.
      case weekday(month: Int, week: Int, day: Int)
    }
    var day: Day
    var seconds: Int64
  }

  /// nil: not a rule that POSIX or RFC 8536 allows.
  init?(_ text: [UInt8]) {
    var parser = Parser(text: text)
    guard parser.name(), let standard = parser.offset() else { return nil }
    // POSIX counts west.
    standardOffset = -standard
    if parser.isAtEnd { return }
    guard parser.name() else { return nil }
    var offset = standardOffset + 3600
    if parser.next != UInt8(ascii: ",") {
      guard let written = parser.offset() else { return nil }
      offset = -written
    }
    guard parser.take(UInt8(ascii: ",")), let start = parser.moment(), parser.take(UInt8(ascii: ",")),
      let end = parser.moment(), parser.isAtEnd
    else { return nil }
    daylight = Daylight(offset: offset, start: start, end: end)
  }

  /// The transitions of some years, in order of time.
  func transitions(years: ClosedRange<Int>) -> [TimeZoneRules.Transition] {
    guard let daylight else { return [] }
    var all: [TimeZoneRules.Transition] = []
    for year in years {
      let start = daylight.start.local(year) - standardOffset
      let end = daylight.end.local(year) - daylight.offset
      let pair = [
        TimeZoneRules.Transition(instant: start, offset: daylight.offset),
        TimeZoneRules.Transition(instant: end, offset: standardOffset),
      ]
      all += start <= end ? pair : pair.reversed()
    }
    // Years may overlap by hours where a rule ends a year on its last moment and begins the next on its first (summer
    // time all year): the later year's transition must then stay the later one.
    return all.enumerated()
      .sorted { ($0.element.instant, $0.offset) < ($1.element.instant, $1.offset) }
      .map(\.element)
  }
}

extension PosixZoneRule.Moment {
  /// Seconds since 1970-01-01T00:00 on the local clock.
  func local(_ year: Int) -> Int64 {
    let firstDay = Calendar.days(year: year, month: 1, day: 1)
    let number: Int
    switch day {
    case .julian(let n): number = firstDay + n - 1 + (n >= 60 && Calendar.isLeap(year) ? 1 : 0)
    case .ordinal(let n): number = firstDay + n
    case .weekday(let month, let week, let weekday):
      let first = Calendar.days(year: year, month: month, day: 1)
      var found = 1 + (weekday - Calendar.weekday(ofDays: first) + 7) % 7 + 7 * (week - 1)
      if found > Calendar.days(inMonth: month, of: year) { found -= 7 }
      number = first + found - 1
    }
    return Int64(number) * Calendar.secondsPerDay + seconds
  }
}

extension PosixZoneRule {
  /// Reads the rule's text from the left.
  private struct Parser {
    let text: [UInt8]
    var at = 0

    var isAtEnd: Bool { at >= text.count }
    var next: UInt8 { at < text.count ? text[at] : 0 }

    mutating func take(_ byte: UInt8) -> Bool {
      guard next == byte, !isAtEnd else { return false }
      at += 1
      return true
    }

    /// Three letters or more, or anything in angle brackets.
    mutating func name() -> Bool {
      let first = at
      if take(UInt8(ascii: "<")) {
        while !isAtEnd && next != UInt8(ascii: ">") { at += 1 }
        return take(UInt8(ascii: ">"))
      }
      while (next | 0x20) >= UInt8(ascii: "a") && (next | 0x20) <= UInt8(ascii: "z") { at += 1 }
      return at - first >= 3
    }

    mutating func number(upTo bound: Int) -> Int? {
      let first = at
      var value = 0
      while DigitWord.isDigit(next) && at - first < 3 {
        value = value * 10 + Int(next - 0x30)
        at += 1
      }
      return at > first && value <= bound ? value : nil
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func offset(hoursUpTo bound: Int = 24) -> Int64? {
      let isNegative = next == UInt8(ascii: "-")
      if isNegative || next == UInt8(ascii: "+") { at += 1 }
      guard let hours = number(upTo: bound) else { return nil }
      var seconds = hours * 3600
      if take(UInt8(ascii: ":")) {
        guard let minutes = number(upTo: 59) else { return nil }
        seconds += minutes * 60
        if take(UInt8(ascii: ":")) {
          guard let rest = number(upTo: 59) else { return nil }
          seconds += rest
        }
      }
      return Int64(isNegative ? -seconds : seconds)
    }

    mutating func moment() -> Moment? {
      guard let day = day() else { return nil }
      guard take(UInt8(ascii: "/")) else { return Moment(day: day, seconds: 7200) }
      guard let seconds = offset(hoursUpTo: 167) else { return nil }
      return Moment(day: day, seconds: seconds)
    }

    private mutating func day() -> Moment.Day? {
      if take(UInt8(ascii: "J")) {
        guard let n = number(upTo: 365), n >= 1 else { return nil }
        return .julian(n)
      }
      guard take(UInt8(ascii: "M")) else {
        guard let n = number(upTo: 365) else { return nil }
        return .ordinal(n)
      }
      guard let month = number(upTo: 12), month >= 1, take(UInt8(ascii: ".")),
        let week = number(upTo: 5), week >= 1, take(UInt8(ascii: ".")), let day = number(upTo: 6)
      else { return nil }
      return .weekday(month: month, week: week, day: day)
    }
  }
}
