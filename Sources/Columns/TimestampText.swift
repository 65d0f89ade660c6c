/// ISO 8601 dates and timestamps.
///
/// ```
/// YYYY-MM-DD                                  a day
/// YYYY-MM-DD[T ]hh:mm[:ss[.f…]][offset]       a time; the fraction is cut to microseconds
/// YYYYMMDD, YYYYMMDD[T ]hhmm[ss[.f…]][offset] the basic forms
/// offset: Z, ±hh:mm, ±hhmm, ±hh, UTC; a space may stand before it (as BigQuery and PostgreSQL write)
/// ```
/// `,` may stand for the fraction's point, lower case for `T` and `Z`, white space around the whole.
enum TimestampText {
  /// A timestamp in microseconds; a text without an offset is in UTC.
  /// Faults: ``RowFault/notATimestamp``, ``RowFault/outOfRange``.
  @inline(__always) static func parse(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout Int64
  ) -> RowFault {
    var seconds: Int64 = 0
    if length == 19 || (length == 20 && text[19] == UInt8(ascii: "Z")), parseSeconds(text, &seconds) {
      value = seconds &* Calendar.microsecondsPerSecond
      return .none
    }
    var hint = 0
    return parseCarefully(text, length, nil, &hint, &value)
  }

  /// The same where a text without an offset is in `zone`. `hint` is for one loop's neighbouring rows; start with 0.
  @inline(__always) static func parse(
    _ text: UnsafePointer<UInt8>, _ length: Int, in zone: TimeZoneRules, hint: inout Int, _ value: inout Int64
  ) -> RowFault {
    parseCarefully(text, length, zone, &hint, &value)
  }

  /// A day number. A time is accepted if it is midnight, as programs write that know no dates.
  /// Faults: ``RowFault/notADate``.
  @inline(__always) static func parseDate(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout Int32
  ) -> RowFault {
    var days = 0
    if length == 10 && parseDays(text, &days) {
      value = Int32(truncatingIfNeeded: days)
      return .none
    }
    return parseDateCarefully(text, length, &value)
  }

  // MARK: Eight bytes at a time

  /// 0x76 carries a byte above 9 into its high bit, 0x7f every byte but 0: digits and separators of `00-00-00`.
  private static let carries: UInt64 = 0x7676_7f76_767f_7676

  /// `YYYY-MM-DD`, whatever follows.
  @inline(__always) private static func parseDays(_ text: UnsafePointer<UInt8>, _ days: inout Int) -> Bool {
    let century = (DigitWord.load(text) & 0xffff) ^ 0x3030
    let date = DigitWord.load(text + 2) ^ 0x3030_2d30_302d_3030
    guard
      ((date &+ carries) | date | (century &+ 0x7676) | century) & DigitWord.highBits == 0
    else { return false }
    // The first digit is in the lower byte: ten times it, and the byte above it.
    let pairs = date &* 10 &+ (date &>> 8)
    let hundreds = (century &* 10 &+ (century &>> 8)) & 0xff
    let year = Int(truncatingIfNeeded: hundreds &* 100 &+ (pairs & 0xff))
    let month = Int(truncatingIfNeeded: (pairs &>> 24) & 0xff)
    let day = Int(truncatingIfNeeded: (pairs &>> 48) & 0xff)
    guard Calendar.isValid(year: year, month: month, day: day) else { return false }
    days = Calendar.days(year: year, month: month, day: day)
    return true
  }

  /// `hh:mm:ss`, whatever follows; not 24:00 nor second 60.
  @inline(__always) private static func parseClock(_ text: UnsafePointer<UInt8>, _ seconds: inout Int) -> Bool {
    let time = DigitWord.load(text) ^ 0x3030_3a30_303a_3030
    guard ((time &+ carries) | time) & DigitWord.highBits == 0 else { return false }
    let pairs = time &* 10 &+ (time &>> 8)
    let hour = Int(truncatingIfNeeded: pairs & 0xff)
    let minute = Int(truncatingIfNeeded: (pairs &>> 24) & 0xff)
    let second = Int(truncatingIfNeeded: (pairs &>> 48) & 0xff)
    guard hour < 24 && minute < 60 && second < 60 else { return false }
    seconds = hour &* 3600 &+ minute &* 60 &+ second
    return true
  }

  /// `YYYY-MM-DD[T ]hh:mm:ss`, whatever follows.
  @inline(__always) private static func parseSeconds(
    _ text: UnsafePointer<UInt8>, _ seconds: inout Int64
  ) -> Bool {
    var days = 0
    var clock = 0
    let separator = text[10]
    guard separator | 0x20 == UInt8(ascii: "t") || separator == UInt8(ascii: " "),
      parseDays(text, &days), parseClock(text + 11, &clock)
    else { return false }
    seconds = Int64(days) &* Calendar.secondsPerDay &+ Int64(clock)
    return true
  }

  // MARK: Piece by piece

  @inline(never) private static func parseCarefully(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ zone: TimeZoneRules?, _ hint: inout Int,
    _ value: inout Int64
  ) -> RowFault {
    guard let written = written(text, length) else { return .notATimestamp }
    return written.instant(in: zone, hint: &hint, &value)
  }

  @inline(never) private static func parseDateCarefully(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ value: inout Int32
  ) -> RowFault {
    guard let written = written(text, length), written.secondsOfDay == 0, written.microseconds == 0
    else { return .notADate }
    value = Int32(truncatingIfNeeded: written.days)
    return .none
  }

  private static func written(_ text: UnsafePointer<UInt8>, _ length: Int) -> WrittenTime? {
    var start = 0
    var end = length
    DigitWord.trim(text, &start, &end)
    var cursor = TimeCursor(text: text, at: start, end: end)
    var time = WrittenTime()
    var isBasic = false
    guard date(&cursor, &time, &isBasic) else { return nil }
    if cursor.isAtEnd { return time }
    let separator = cursor.next
    guard separator | 0x20 == UInt8(ascii: "t") || separator == UInt8(ascii: " ") else { return nil }
    cursor.at &+= 1
    guard clock(&cursor, &time, isBasic) else { return nil }
    while cursor.take(UInt8(ascii: " ")) {}
    if !cursor.isAtEnd {
      guard let offset = cursor.offset() else { return nil }
      time.offset = offset
      time.hasOffset = true
    }
    return cursor.isAtEnd ? time : nil
  }

  @inline(__always) private static func date(
    _ cursor: inout TimeCursor, _ time: inout WrittenTime, _ isBasic: inout Bool
  ) -> Bool {
    if cursor.end &- cursor.at >= 10 && parseDays(cursor.text + cursor.at, &time.days) {
      cursor.at &+= 10
      return true
    }
    isBasic = true
    guard let year = cursor.digits(exactly: 4), let month = cursor.digits(exactly: 2),
      let day = cursor.digits(exactly: 2), Calendar.isValid(year: year, month: month, day: day)
    else { return false }
    time.days = Calendar.days(year: year, month: month, day: day)
    return true
  }

  @inline(__always) private static func clock(
    _ cursor: inout TimeCursor, _ time: inout WrittenTime, _ isBasic: Bool
  ) -> Bool {
    if cursor.end &- cursor.at >= 8 && parseClock(cursor.text + cursor.at, &time.secondsOfDay) {
      // A basic date goes with a basic time.
      if isBasic { return false }
      cursor.at &+= 8
      guard cursor.next == UInt8(ascii: ".") || cursor.next == UInt8(ascii: ",") else { return true }
      cursor.at &+= 1
      guard let microseconds = cursor.fraction() else { return false }
      time.microseconds = microseconds
      return true
    }
    guard let hour = cursor.digits(exactly: 2), isBasic || cursor.take(UInt8(ascii: ":")),
      let minute = cursor.digits(exactly: 2)
    else { return false }
    var second = 0
    var microseconds = 0
    if isBasic ? DigitWord.isDigit(cursor.next) : cursor.take(UInt8(ascii: ":")) {
      guard let written = cursor.digits(exactly: 2) else { return false }
      second = written
      if cursor.take(UInt8(ascii: ".")) || cursor.take(UInt8(ascii: ",")) {
        guard let fraction = cursor.fraction() else { return false }
        microseconds = fraction
      }
    }
    return time.setTime(hour: hour, minute: minute, second: second, microseconds: microseconds)
  }
}
