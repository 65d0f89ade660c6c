/// Dates and times of ISO 8601 in the definition itself (`as_of`, defaults, literals of conditions).
enum CivilTime {
  /// Days since 1970-01-01 of `YYYY-MM-DD`.
  static func date(_ text: String) throws(TextFault) -> Int32 {
    let scalars = Array(text.unicodeScalars)
    var index = 0
    let fault = TextFault("\(quoted(text)) is not a date", hint: "write it as 2026-11-21")
    guard let days = try? date(scalars, &index, text), index == scalars.count else { throw fault }
    return days
  }

  /// Microseconds since the epoch of `YYYY-MM-DD`, `YYYY-MM-DDThh:mm[:ss[.ffffff]]`, then `Z`, `±hh:mm` or nothing (UTC).
  static func timestamp(_ text: String) throws(TextFault) -> Int64 {
    let scalars = Array(text.unicodeScalars)
    var index = 0
    let days = Int64(try date(scalars, &index, text))
    var micros = days * 86_400_000_000
    if index == scalars.count { return micros }
    guard "Tt ".unicodeScalars.contains(scalars[index]) else { throw fault(text) }
    index += 1
    let hour = try number(scalars, &index, 2, 0...23, text)
    try expect(":", scalars, &index, text)
    let minute = try number(scalars, &index, 2, 0...59, text)
    var second: Int64 = 0
    var fraction: Int64 = 0
    if index < scalars.count, scalars[index] == ":" {
      index += 1
      second = try number(scalars, &index, 2, 0...59, text)
      if index < scalars.count, scalars[index] == "." {
        index += 1
        fraction = try self.fraction(scalars, &index, text)
      }
    }
    micros += ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    return micros - (try offset(scalars, &index, text))
  }

  /// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, after Howard Hinnant's `days_from_civil`.
  static func days(year: Int64, month: Int64, day: Int64) -> Int32 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return Int32(truncatingIfNeeded: era * 146_097 + dayOfEra - 719_468)
  }

  private static func date(
    _ scalars: [Unicode.Scalar], _ index: inout Int, _ text: String
  ) throws(TextFault) -> Int32 {
    let year = try number(scalars, &index, 4, 1...9999, text)
    try expect("-", scalars, &index, text)
    let month = try number(scalars, &index, 2, 1...12, text)
    try expect("-", scalars, &index, text)
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    let day = try number(scalars, &index, 2, 1...lengths[Int(month) - 1], text)
    return days(year: year, month: month, day: day)
  }

  private static func number(
    _ scalars: [Unicode.Scalar], _ index: inout Int, _ digits: Int, _ range: ClosedRange<Int64>,
    _ text: String
  ) throws(TextFault) -> Int64 {
    let start = index
    var value: Int64 = 0
    while index < scalars.count, index < start + digits, DigitRun.isDigit(scalars[index]) {
      value = value * 10 + Int64(scalars[index].value) - 48
      index += 1
    }
    guard index == start + digits, range.contains(value) else { throw fault(text) }
    return value
  }

  private static func expect(
    _ scalar: Unicode.Scalar, _ scalars: [Unicode.Scalar], _ index: inout Int, _ text: String
  ) throws(TextFault) {
    guard index < scalars.count, scalars[index] == scalar else { throw fault(text) }
    index += 1
  }

  /// Microseconds; digits beyond the sixth must be zeros, so that nothing is lost.
  private static func fraction(
    _ scalars: [Unicode.Scalar], _ index: inout Int, _ text: String
  ) throws(TextFault) -> Int64 {
    let start = index
    var value: Int64 = 0
    while index < scalars.count, DigitRun.isDigit(scalars[index]) {
      let digit = Int64(scalars[index].value) - 48
      if index < start + 6 {
        value = value * 10 + digit
      } else if digit != 0 {
        throw TextFault("\(quoted(text)) is finer than a microsecond")
      }
      index += 1
    }
    guard index > start else { throw fault(text) }
    for _ in 0..<max(0, 6 - (index - start)) { value *= 10 }
    return value
  }

  /// Microseconds east of Greenwich.
  private static func offset(
    _ scalars: [Unicode.Scalar], _ index: inout Int, _ text: String
  ) throws(TextFault) -> Int64 {
    if index == scalars.count { return 0 }
    let sign = scalars[index]
    index += 1
    if sign == "Z" || sign == "z" {
      guard index == scalars.count else { throw fault(text) }
      return 0
    }
    guard sign == "+" || sign == "-" else { throw fault(text) }
    let hours = try number(scalars, &index, 2, 0...23, text)
    if index < scalars.count, scalars[index] == ":" { index += 1 }
    let minutes = index < scalars.count ? try number(scalars, &index, 2, 0...59, text) : 0
    guard index == scalars.count else { throw fault(text) }
    return (hours * 60 + minutes) * 60_000_000 * (sign == "-" ? -1 : 1)
  }

  private static func fault(_ text: String) -> TextFault {
    TextFault(
      "\(quoted(text)) is not a time of ISO 8601", hint: "write it as 2026-11-21 or 2026-11-21T03:00:00Z")
  }
}
