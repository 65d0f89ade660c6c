extension TimePattern {
  /// A timestamp in microseconds; a text without an offset is in `zone`, or UTC.
  /// Faults: ``RowFault/notATimestamp``, ``RowFault/outOfRange``.
  @inline(never) static func parse(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ steps: UnsafeBufferPointer<Step>, in zone: TimeZoneRules?,
    hint: inout Int, _ value: inout Int64
  ) -> RowFault {
    guard let written = match(text, length, steps) else { return .notATimestamp }
    return written.instant(in: zone, hint: &hint, &value)
  }

  /// The day as written; a time of day that the pattern names is read and left out. Fault: ``RowFault/notADate``.
  @inline(never) static func parseDate(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ steps: UnsafeBufferPointer<Step>, _ value: inout Int32
  ) -> RowFault {
    guard let written = match(text, length, steps), let days = Int32(exactly: written.days) else {
      return .notADate
    }
    guard days >= Calendar.firstDay && days <= Calendar.lastDay else { return .outOfRange }
    value = days
    return .none
  }

  /// What the directives gave; a later one of the same kind wins.
  private struct Fields {
    var year = 0
    var month = 0
    var day = 0
    var dayOfYear = 0
    var hour = 0
    var hour12 = 0
    var isAfternoon = false
    var hasHour12 = false
    var minute = 0
    var second = 0
    var microseconds = 0
    var epochSeconds = 0
    var hasEpoch = false
  }

  @inline(__always) private static func match(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ steps: UnsafeBufferPointer<Step>
  ) -> WrittenTime? {
    var start = 0
    var end = length
    DigitWord.trim(text, &start, &end)
    var cursor = TimeCursor(text: text, at: start, end: end)
    var fields = Fields()
    var time = WrittenTime()
    for step in steps {
      guard take(step, &cursor, &fields, &time) else { return nil }
    }
    guard cursor.isAtEnd, resolve(fields, &time) else { return nil }
    return time
  }

  @inline(__always) private static func take(
    _ step: Step, _ cursor: inout TimeCursor, _ fields: inout Fields, _ time: inout WrittenTime
  ) -> Bool {
    switch step {
    case .literal(let byte): return cursor.take(byte)
    case .space:
      guard DigitWord.isSpace(cursor.next) else { return false }
      while DigitWord.isSpace(cursor.next) { cursor.at &+= 1 }
      return true
    case .year: return set(&fields.year, cursor.digits(exactly: 4))
    case .yearOfCentury:
      guard let year = cursor.digits(exactly: 2) else { return false }
      fields.year = year < 69 ? 2000 &+ year : 1900 &+ year
      return true
    case .month: return set(&fields.month, number(&cursor))
    case .day: return set(&fields.day, number(&cursor))
    case .dayOfYear: return set(&fields.dayOfYear, cursor.digits(upTo: 3))
    case .hour:
      fields.hasHour12 = false
      return set(&fields.hour, number(&cursor))
    case .hour12:
      fields.hasHour12 = true
      return set(&fields.hour12, number(&cursor))
    case .meridiem: return meridiem(&cursor, &fields.isAfternoon)
    case .minute: return set(&fields.minute, number(&cursor))
    case .second: return set(&fields.second, number(&cursor))
    case .fraction: return set(&fields.microseconds, cursor.fraction())
    case .monthName: return set(&fields.month, EnglishNames.month(&cursor))
    case .dayName: return EnglishNames.day(&cursor)
    case .offset:
      time.hasOffset = true
      return set(&time.offset, cursor.offset())
    case .zoneName:
      time.hasOffset = true
      return cursor.utcName()
    case .epochSeconds:
      fields.hasEpoch = true
      return epoch(&cursor, &fields.epochSeconds)
    }
  }

  @inline(__always) private static func set(_ field: inout Int, _ value: Int?) -> Bool {
    guard let value else { return false }
    field = value
    return true
  }

  /// One or two digits behind any spaces.
  @inline(__always) private static func number(_ cursor: inout TimeCursor) -> Int? {
    while cursor.next == UInt8(ascii: " ") { cursor.at &+= 1 }
    return cursor.digits(upTo: 2)
  }

  private static func meridiem(_ cursor: inout TimeCursor, _ isAfternoon: inout Bool) -> Bool {
    let first = cursor.next | 0x20
    guard cursor.end &- cursor.at >= 2, cursor.text[cursor.at &+ 1] | 0x20 == UInt8(ascii: "m"),
      first == UInt8(ascii: "a") || first == UInt8(ascii: "p")
    else { return false }
    isAfternoon = first == UInt8(ascii: "p")
    cursor.at &+= 2
    return true
  }

  /// At most 12 digits, which reach beyond the year 9999 and whose microseconds stay within 64 bits.
  private static func epoch(_ cursor: inout TimeCursor, _ seconds: inout Int) -> Bool {
    let isNegative = cursor.take(UInt8(ascii: "-"))
    guard let magnitude = cursor.digits(upTo: 12) else { return false }
    seconds = isNegative ? -magnitude : magnitude
    return true
  }

  @inline(__always) private static func resolve(_ fields: Fields, _ time: inout WrittenTime) -> Bool {
    if fields.hasEpoch {
      time.days = Calendar.floorDivide(fields.epochSeconds, 86_400)
      time.secondsOfDay = fields.epochSeconds &- time.days &* 86_400
      time.microseconds = fields.microseconds
      // Seconds since the epoch are UTC, whatever else the text says.
      time.offset = 0
      time.hasOffset = true
      return true
    }
    if fields.dayOfYear > 0 && fields.month == 0 {
      guard Calendar.years.contains(fields.year),
        fields.dayOfYear <= (Calendar.isLeap(fields.year) ? 366 : 365)
      else { return false }
      time.days = Calendar.days(year: fields.year, month: 1, day: 1) &+ fields.dayOfYear &- 1
    } else {
      guard Calendar.isValid(year: fields.year, month: fields.month, day: fields.day) else { return false }
      time.days = Calendar.days(year: fields.year, month: fields.month, day: fields.day)
    }
    var hour = fields.hour
    if fields.hasHour12 {
      guard fields.hour12 >= 1 && fields.hour12 <= 12 else { return false }
      hour = fields.hour12 % 12 &+ (fields.isAfternoon ? 12 : 0)
    }
    guard hour < 24 else { return false }
    return time.setTime(
      hour: hour, minute: fields.minute, second: fields.second, microseconds: fields.microseconds)
  }
}

/// English names of months and days, told by their first three letters.
private enum EnglishNames {
  /// 1…12.
  static func month(_ cursor: inout TimeCursor) -> Int? {
    switch prefix(&cursor) {
    case 0x6e_616a: return finish(&cursor, 1, "uary")
    case 0x62_6566: return finish(&cursor, 2, "ruary")
    case 0x72_616d: return finish(&cursor, 3, "ch")
    case 0x72_7061: return finish(&cursor, 4, "il")
    case 0x79_616d: return finish(&cursor, 5, "")
    case 0x6e_756a: return finish(&cursor, 6, "e")
    case 0x6c_756a: return finish(&cursor, 7, "y")
    case 0x67_7561: return finish(&cursor, 8, "ust")
    case 0x70_6573: return finish(&cursor, 9, "tember")
    case 0x74_636f: return finish(&cursor, 10, "ober")
    case 0x76_6f6e: return finish(&cursor, 11, "ember")
    case 0x63_6564: return finish(&cursor, 12, "ember")
    default: return nil
    }
  }

  static func day(_ cursor: inout TimeCursor) -> Bool {
    switch prefix(&cursor) {
    case 0x6e_7573, 0x6e_6f6d, 0x69_7266: return finish(&cursor, 0, "day") != nil  // sun mon fri
    case 0x65_7574: return finish(&cursor, 0, "sday") != nil  // tue
    case 0x64_6577: return finish(&cursor, 0, "nesday") != nil  // wed
    case 0x75_6874: return finish(&cursor, 0, "rsday") != nil  // thu
    case 0x74_6173: return finish(&cursor, 0, "urday") != nil  // sat
    default: return false
    }
  }

  /// The next three letters in lower case, the first in the lowest byte; 0 if there are fewer bytes.
  @inline(__always) private static func prefix(_ cursor: inout TimeCursor) -> UInt64 {
    guard cursor.end &- cursor.at >= 3 else { return 0 }
    return (DigitWord.load(cursor.text + cursor.at) | 0x20_2020) & 0xff_ffff
  }

  /// Takes the three letters, and the rest of the full name if it follows.
  @inline(__always) private static func finish(
    _ cursor: inout TimeCursor, _ number: Int, _ rest: StaticString
  ) -> Int? {
    cursor.at &+= 3
    let length = rest.utf8CodeUnitCount
    guard cursor.end &- cursor.at >= length else { return number }
    for i in 0..<length where cursor.text[cursor.at &+ i] | 0x20 != rest.utf8Start[i] { return number }
    cursor.at &+= length
    return number
  }
}
