/// The proleptic Gregorian calendar in integers: days since 1970-01-01 and back.
///
/// Pure functions without tables, allocation or locale. A timestamp here counts microseconds since
/// 1970-01-01T00:00:00Z without leap seconds, as POSIX, Parquet and Kafka do.
public enum Calendar {
  /// A day of the calendar. `month` 1…12, `day` 1…31.
  public struct Date: Sendable, Hashable {
    public var year: Int
    public var month: Int
    public var day: Int

    @inlinable public init(year: Int, month: Int, day: Int) {
      self.year = year
      self.month = month
      self.day = day
    }
  }

  public static let secondsPerDay: Int64 = 86_400
  public static let microsecondsPerSecond: Int64 = 1_000_000
  public static let microsecondsPerDay: Int64 = 86_400_000_000

  /// Years that a date or timestamp may lie in: what Python, Java's ISO form and every SQL engine can print back.
  /// It also tells an epoch in the wrong unit (milliseconds read as seconds are some 50,000 years away).
  public static let years = 1...9999
  /// 0001-01-01.
  public static let firstDay: Int32 = -719_162
  /// 9999-12-31.
  public static let lastDay: Int32 = 2_932_896
  /// 0001-01-01T00:00:00Z in microseconds.
  public static let firstTimestamp = Int64(firstDay) * microsecondsPerDay
  /// 9999-12-31T23:59:59.999999Z in microseconds.
  public static let lastTimestamp = (Int64(lastDay) + 1) * microsecondsPerDay - 1

  /// Days after which the calendar repeats, weekdays included: 400 years.
  public static let daysPerCycle: Int64 = 146_097

  @inlinable public static func isLeap(_ year: Int) -> Bool {
    // A century is a leap year iff divisible by 16 (given that it is divisible by 25).
    year & 3 == 0 && (year % 25 != 0 || year & 15 == 0)
  }

  /// Days in a month; `month` must be 1…12.
  @inlinable public static func days(inMonth month: Int, of year: Int) -> Int {
    // 31 for odd months up to July and even ones after it; bit 3 of the month turns the parity round.
    month == 2 ? (isLeap(year) ? 29 : 28) : 30 | (month ^ (month &>> 3))
  }

  @inlinable public static func isValid(year: Int, month: Int, day: Int) -> Bool {
    years.contains(year) && month >= 1 && month <= 12 && day >= 1 && day <= days(inMonth: month, of: year)
  }

  /// Days since 1970-01-01 of a civil date; `year` 0…1,000,000, month and day as in ``isValid(year:month:day:)``.
  ///
  /// Years begin in March, so that the leap day is the last and month lengths follow (153 m + 2) / 5; source:
  /// H. Hinnant, "chrono-compatible low-level date algorithms".
  @inlinable public static func days(year: Int, month: Int, day: Int) -> Int {
    let isEarly = month <= 2 ? 1 : 0
    let y = year &- isEarly
    let m = month &- 3 &+ 12 &* isEarly
    let century = y / 100
    let dayOfYear = (153 &* m &+ 2) / 5 &+ day &- 1
    return 365 &* y &+ (y &>> 2) &- century &+ (century &>> 2) &+ dayOfYear &- 719_468
  }

  /// The civil date of a day number; the inverse of ``days(year:month:day:)``. Any day a timestamp can hold.
  @inlinable public static func civil(fromDays days: Int) -> Date {
    let shifted = days &+ 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted &- era &* 146_097
    let yearOfEra =
      (dayOfEra &- dayOfEra / 1460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
    let m = (5 &* dayOfYear &+ 2) / 153
    let month = m < 10 ? m &+ 3 : m &- 9
    return Date(
      year: yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0), month: month,
      day: dayOfYear &- (153 &* m &+ 2) / 5 &+ 1)
  }

  /// 0 = Sunday … 6 = Saturday.
  @inlinable public static func weekday(ofDays days: Int) -> Int {
    let shifted = days &+ 4
    return shifted &- floorDivide(shifted, 7) &* 7
  }

  /// Division that rounds towards minus infinity; `divisor` > 0.
  @inlinable public static func floorDivide(_ value: Int, _ divisor: Int) -> Int {
    value >= 0 ? value / divisor : ~(~value / divisor)
  }
}
