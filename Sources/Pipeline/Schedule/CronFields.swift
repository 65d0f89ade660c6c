internal import Columns

/// A cron expression of five fields (minute, hour, day of month, month, day of week) as sets of numbers.
///
/// As Vixie's cron and crontab(5) have it: if both days are restricted (neither begins with `*`), either may match; else
/// both must.
struct CronFields: Sendable, Hashable {
  private let minutes: UInt64
  private let hours: UInt64
  private let monthDays: UInt64
  private let months: UInt64
  private let weekdays: UInt64
  private let eitherDay: Bool

  private static let monthNames = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]
  private static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// nil for what the definition's reader would have refused.
  init?(_ text: String) {
    let fields = text.lowercased().split(separator: " ")
    guard fields.count == 5, let minutes = Self.set(fields[0], 0...59), let hours = Self.set(fields[1], 0...23),
      let monthDays = Self.set(fields[2], 1...31), let months = Self.set(fields[3], 1...12, Self.monthNames),
      let weekdays = Self.set(fields[4], 0...7, Self.dayNames)
    else { return nil }
    self.minutes = minutes
    self.hours = hours
    self.monthDays = monthDays
    self.months = months
    // 7 is Sunday too.
    self.weekdays = (weekdays | weekdays >> 7) & 0x7f
    eitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
  }

  /// The first minute (since 1970-01-01T00:00) at or after `minute` that matches; nil if none does for 400 years, after
  /// which the calendar repeats.
  func match(atOrAfter minute: Int64) -> Int64? {
    let first = Self.split(minute)
    for day in first.day...(first.day + Int(Calendar.daysPerCycle)) where matches(day: day) {
      if let within = time(atOrAfter: day == first.day ? first.minute : 0) { return Int64(day) * 1440 + within }
    }
    return nil
  }

  /// The last minute at or before `minute` that matches.
  func match(atOrBefore minute: Int64) -> Int64? {
    let last = Self.split(minute)
    for day in stride(from: last.day, through: last.day - Int(Calendar.daysPerCycle), by: -1) where matches(day: day) {
      if let within = time(atOrBefore: day == last.day ? last.minute : 1439) { return Int64(day) * 1440 + within }
    }
    return nil
  }

  private func matches(day: Int) -> Bool {
    let date = Calendar.civil(fromDays: day)
    guard Self.has(months, date.month) else { return false }
    let isMonthDay = Self.has(monthDays, date.day)
    let isWeekday = Self.has(weekdays, Calendar.weekday(ofDays: day))
    return eitherDay ? isMonthDay || isWeekday : isMonthDay && isWeekday
  }

  /// Of the minutes of a day.
  private func time(atOrAfter minute: Int) -> Int64? {
    (minute..<1440).first { matches(minute: $0) }.map { Int64($0) }
  }

  private func time(atOrBefore minute: Int) -> Int64? {
    (0...minute).last { matches(minute: $0) }.map { Int64($0) }
  }

  private func matches(minute: Int) -> Bool { Self.has(hours, minute / 60) && Self.has(minutes, minute % 60) }

  private static func has(_ set: UInt64, _ number: Int) -> Bool { set >> UInt64(number) & 1 == 1 }

  private static func split(_ minute: Int64) -> (day: Int, minute: Int) {
    let day = Calendar.floorDivide(Int(minute), 1440)
    return (day, Int(minute) - day * 1440)
  }

  // MARK: Reading

  private static func set(_ field: Substring, _ range: ClosedRange<Int>, _ names: [String] = []) -> UInt64? {
    var set: UInt64 = 0
    for part in field.split(separator: ",", omittingEmptySubsequences: false) {
      let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      guard let base = halves.first else { return nil }
      var step = 1
      if halves.count == 2 {
        guard let number = Int(halves[1]), range.upperBound >= number, number >= 1 else { return nil }
        step = number
      }
      var ends = range
      if base != "*" {
        let numbers = base.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { text in
          names.firstIndex(of: String(text)).map { $0 + range.lowerBound } ?? Int(text)
        }
        guard let first = numbers.first ?? nil, let last = numbers.last ?? nil, first <= last,
          range.contains(first), range.contains(last)
        else { return nil }
        ends = first...last
      }
      for number in stride(from: ends.lowerBound, through: ends.upperBound, by: step) { set |= 1 << UInt64(number) }
    }
    return set
  }
}
