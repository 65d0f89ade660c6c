/// A point in time as a log shows it. No time zone, no library.
struct LogTime {
  /// `2026-11-21T03:00:00.123Z`
  let instant: String
  /// `03:00:00`
  let clock: String

  /// Microseconds since 1970-01-01T00:00:00Z; those outside of the years 1 to 9999 are shown as the nearest inside.
  init(_ microseconds: Int64) {
    let milliseconds = min(max(Self.floor(microseconds, 1000), -62_135_596_800_000), 253_402_300_799_999)
    let days = Self.floor(milliseconds, 86_400_000)
    let inDay = milliseconds - days * 86_400_000
    let (year, month, day) = Self.civil(days)
    clock =
      Self.digits(inDay / 3_600_000, 2) + ":" + Self.digits(inDay / 60_000 % 60, 2) + ":"
      + Self.digits(inDay / 1000 % 60, 2)
    instant =
      Self.digits(year, 4) + "-" + Self.digits(month, 2) + "-" + Self.digits(day, 2) + "T" + clock + "."
      + Self.digits(inDay % 1000, 3) + "Z"
  }

  /// The proleptic Gregorian date of a day counted from 1970-01-01, by eras of 400 years that begin in March, so that a
  /// leap day is the last day of its year.
  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = floor(shifted, 146_097)
    let inEra = shifted - era * 146_097
    let yearOfEra = (inEra - inEra / 1460 + inEra / 36_524 - inEra / 146_096) / 365
    let inYear = inEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let fromMarch = (5 * inYear + 2) / 153
    let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, inYear - (153 * fromMarch + 2) / 5 + 1)
  }

  private static func floor(_ a: Int64, _ b: Int64) -> Int64 { a / b - (a % b < 0 ? 1 : 0) }

  private static func digits(_ number: Int64, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
  }
}
