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
    _ text: UnsafePointer<UInt8>, _ length: Int, _ table: MonthTable, _ value: inout Int64
  ) -> RowFault {
    var seconds: Int64 = 0
    if length == 19 || (length == 20 && text[19] == UInt8(ascii: "Z")), parseSeconds(text, table, &seconds) {
      value = seconds &* Calendar.microsecondsPerSecond
      return .none
    }
    var hint = 0
    return parseCarefully(text, length, table, nil, &hint, &value)
  }

  /// The same where a text without an offset is in `zone`. `hint` is for one loop's neighbouring rows; start with 0.
  @inline(__always) static func parse(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ table: MonthTable, in zone: TimeZoneRules, hint: inout Int,
    _ value: inout Int64
  ) -> RowFault {
    var local: Int64 = 0
    // Within 1900…2099, so the range needs no check.
    if length == 19 && parseSeconds(text, table, &local) {
      value = (local &- zone.offset(atLocal: local, hint: &hint)) &* Calendar.microsecondsPerSecond
      return .none
    }
    return parseCarefully(text, length, table, zone, &hint, &value)
  }

  /// A day number. A time is accepted if it is midnight, as programs write that know no dates.
  /// Faults: ``RowFault/notADate``.
  @inline(__always) static func parseDate(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ table: MonthTable, _ value: inout Int32
  ) -> RowFault {
    let date = dateDigits(text)
    var days: Int64 = 0
    if length == 10 && ((date &+ dateCarries) | date) & DigitWord.highBits == 0
      && parseDays(date, text, table, &days)
    {
      value = Int32(truncatingIfNeeded: days)
      return .none
    }
    return parseDateCarefully(text, length, table, &value)
  }

  // MARK: Eight bytes at a time
  //
  // `YY-MM-DD` and `hh:mm:ss` as words whose digits are their values and whose separators are 0. Adding the carries
  // below sets the high bit of each byte that is too large: of a tens digit that no month, day, hour, minute or second
  // has, of a units digit above 9, of a separator that is not 0.

  private static let dateCarries: UInt64 = 0x767c_7f76_7e7f_7676
  private static let timeCarries: UInt64 = 0x767a_7f76_7a7f_767d

  /// The word of `YY-MM-DD` in `YYYY-MM-DD`.
  @inline(__always) private static func dateDigits(_ text: UnsafePointer<UInt8>) -> UInt64 {
    DigitWord.load(text + 2) ^ 0x3030_2d30_302d_3030
  }

  /// The word of `hh:mm:ss`.
  @inline(__always) private static func timeDigits(_ text: UnsafePointer<UInt8>) -> UInt64 {
    DigitWord.load(text) ^ 0x3030_3a30_303a_3030
  }

  /// Bytes 0, 3 and 6 are the two-digit numbers that begin there.
  @inline(__always) private static func pairs(_ digits: UInt64) -> UInt64 { digits &* 10 &+ (digits &>> 8) }

  /// Days of `19YY-MM-DD` or `20YY-MM-DD`; `date` passed the carries. False where there is no such day.
  @inline(__always) private static func parseDays(
    _ date: UInt64, _ text: UnsafePointer<UInt8>, _ table: MonthTable, _ days: inout Int64
  ) -> Bool {
    let century = UInt32(UInt16(littleEndian: UnsafeRawPointer(text).loadUnaligned(as: UInt16.self)))
    // "20" and "19"; the product is 0 for either, without a branch that a column from 1990 to 2010 would mispredict.
    let is20 = century == 0x3032
    let isNeither = (century ^ 0x3032) &* (century ^ 0x3931)
    let pairs = pairs(date)
    let year = Int(truncatingIfNeeded: pairs & 0xff) &+ (is20 ? 100 : 0)
    let month = Int(truncatingIfNeeded: (pairs &>> 24) & 0xff)
    let day = Int32(truncatingIfNeeded: (pairs &>> 48) & 0xff)
    // year ≤ 199 and month ≤ 19 by the carries.
    let entry = table.months[year &* MonthTable.monthsPerYear &+ month]
    days = Int64((entry &>> 5) &+ day)
    return UInt32(bitPattern: day &- 1) < UInt32(bitPattern: entry & 31) && isNeither == 0
  }

  /// Seconds of the day; not 24:00 nor second 60. `time` passed the carries. False where there is no such hour.
  @inline(__always) private static func secondsOfDay(_ time: UInt64, _ seconds: inout Int64) -> Bool {
    let pairs = pairs(time)
    seconds =
      Int64(truncatingIfNeeded: pairs & 0xff) &* 3600 &+ Int64(truncatingIfNeeded: (pairs &>> 24) & 0xff)
      &* 60
      &+ Int64(truncatingIfNeeded: (pairs &>> 48) & 0xff)
    return seconds < Calendar.secondsPerDay
  }

  /// `YYYY-MM-DD[T ]hh:mm:ss` of 1900…2099, whatever follows, in seconds since the epoch.
  @inline(__always) private static func parseSeconds(
    _ text: UnsafePointer<UInt8>, _ table: MonthTable, _ seconds: inout Int64
  ) -> Bool {
    let date = dateDigits(text)
    let time = timeDigits(text + 11)
    guard
      ((date &+ dateCarries) | date | (time &+ timeCarries) | time) & DigitWord.highBits == 0,
      text[10] == UInt8(ascii: " ") || text[10] == UInt8(ascii: "T")
    else { return false }
    var daysBefore: Int64 = 0
    var clock: Int64 = 0
    guard secondsOfDay(time, &clock), parseDays(date, text, table, &daysBefore) else { return false }
    seconds = daysBefore &* Calendar.secondsPerDay &+ clock
    return true
  }

  // MARK: Piece by piece

  @inline(never) private static func parseCarefully(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ table: MonthTable, _ zone: TimeZoneRules?,
    _ hint: inout Int, _ value: inout Int64
  ) -> RowFault {
    if parseFraction(text, length, table, zone, &hint, &value) { return .none }
    guard let written = written(text, length, table) else { return .notATimestamp }
    return written.instant(in: zone, hint: &hint, &value)
  }

  /// `YYYY-MM-DD[T ]hh:mm:ss.f` with one to six digits and perhaps a `Z`: what most programs write. False otherwise.
  @inline(__always) private static func parseFraction(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ table: MonthTable, _ zone: TimeZoneRules?,
    _ hint: inout Int, _ value: inout Int64
  ) -> Bool {
    guard length > 20, text[19] == UInt8(ascii: ".") else { return false }
    let isUTC = text[length &- 1] == UInt8(ascii: "Z")
    let digits = length &- (isUTC ? 21 : 20)
    guard digits >= 1 && digits <= 6 else { return false }
    // Zeros for the digits that are not there, behind those that are.
    let filler = ~0 &<< (UInt64(truncatingIfNeeded: digits) &* 8)
    let fraction = (DigitWord.load(text + 20) ^ DigitWord.zeros) & ~filler
    var local: Int64 = 0
    guard DigitWord.areDigits(fraction), parseSeconds(text, table, &local) else { return false }
    if !isUTC, let zone { local = local &- zone.offset(atLocal: local, hint: &hint) }
    // Eight digits are hundredths of a microsecond.
    let microseconds = Int64(truncatingIfNeeded: DigitWord.number(fraction) / 100)
    value = local &* Calendar.microsecondsPerSecond &+ microseconds
    return true
  }

  @inline(never) private static func parseDateCarefully(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ table: MonthTable, _ value: inout Int32
  ) -> RowFault {
    guard let written = written(text, length, table), written.secondsOfDay == 0, written.microseconds == 0
    else { return .notADate }
    value = Int32(truncatingIfNeeded: written.days)
    return .none
  }

  private static func written(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ table: MonthTable
  ) -> WrittenTime? {
    var start = 0
    var end = length
    DigitWord.trim(text, &start, &end)
    var cursor = TimeCursor(text: text, at: start, end: end)
    var time = WrittenTime()
    var seconds: Int64 = 0
    if end &- start >= 19 && parseSeconds(text + start, table, &seconds) {
      time.setSeconds(seconds)
      cursor.at &+= 19
      guard fraction(&cursor, &time) else { return nil }
    } else {
      var isBasic = false
      guard date(&cursor, &time, &isBasic) else { return nil }
      if cursor.isAtEnd { return time }
      let separator = cursor.next
      guard separator | 0x20 == UInt8(ascii: "t") || separator == UInt8(ascii: " ") else { return nil }
      cursor.at &+= 1
      guard clock(&cursor, &time, isBasic) else { return nil }
    }
    while cursor.take(UInt8(ascii: " ")) {}
    if !cursor.isAtEnd {
      guard let offset = cursor.offset() else { return nil }
      time.offset = offset
      time.hasOffset = true
    }
    return cursor.isAtEnd ? time : nil
  }

  private static func date(_ cursor: inout TimeCursor, _ time: inout WrittenTime, _ isBasic: inout Bool)
    -> Bool
  {
    guard let year = cursor.digits(exactly: 4) else { return false }
    isBasic = !cursor.take(UInt8(ascii: "-"))
    guard let month = cursor.digits(exactly: 2), isBasic || cursor.take(UInt8(ascii: "-")),
      let day = cursor.digits(exactly: 2), Calendar.isValid(year: year, month: month, day: day)
    else { return false }
    time.days = Calendar.days(year: year, month: month, day: day)
    return true
  }

  private static func clock(_ cursor: inout TimeCursor, _ time: inout WrittenTime, _ isBasic: Bool) -> Bool {
    guard let hour = cursor.digits(exactly: 2), isBasic || cursor.take(UInt8(ascii: ":")),
      let minute = cursor.digits(exactly: 2)
    else { return false }
    var second = 0
    if isBasic ? DigitWord.isDigit(cursor.next) : cursor.take(UInt8(ascii: ":")) {
      guard let written = cursor.digits(exactly: 2), fraction(&cursor, &time) else { return false }
      second = written
    }
    return time.setTime(hour: hour, minute: minute, second: second, microseconds: time.microseconds)
  }

  /// The fraction of a second if one follows.
  private static func fraction(_ cursor: inout TimeCursor, _ time: inout WrittenTime) -> Bool {
    guard cursor.take(UInt8(ascii: ".")) || cursor.take(UInt8(ascii: ",")) else { return true }
    guard let microseconds = cursor.fraction() else { return false }
    time.microseconds = microseconds
    return true
  }
}
