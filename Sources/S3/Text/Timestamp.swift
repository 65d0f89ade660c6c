/// A time in UTC, in microseconds since 1970, and its spellings on the wire.
struct Timestamp: Sendable, Comparable {
  var microseconds: Int64

  static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

  /// `20150830T123600Z`, as Signature V4 writes it. Years beyond 0…9999 do not occur: clocks give them.
  var basic: String {
    let seconds = microseconds.flooredDivision(by: 1_000_000)
    let days = seconds.flooredDivision(by: 86_400)
    let second = Int(seconds - days * 86_400)
    let (year, month, day) = Self.civil(fromDays: Int(days))
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let digits = String(year)
    let years = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    return years + two(month) + two(day) + "T" + two(second / 3600) + two(second / 60 % 60)
      + two(second % 60) + "Z"
  }

  init(microseconds: Int64) { self.microseconds = microseconds }

  /// `2009-10-12T17:50:30.000Z` (S3, STS) or with an offset `+00:00`. Nil for anything else.
  init?(iso8601 text: String) {
    var scanner = Scanner(text)
    guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2), scanner.skip("-"),
      let day = scanner.number(2), scanner.skip("T"), let hour = scanner.number(2), scanner.skip(":"),
      let minute = scanner.number(2), scanner.skip(":"), let second = scanner.number(2)
    else { return nil }
    var fraction: Int64 = 0
    if scanner.skip(".") {
      var unit: Int64 = 100_000
      while let digit = scanner.digit() {
        fraction += Int64(digit) * unit
        unit /= 10
      }
    }
    var offset = 0
    if !scanner.skip("Z") {
      let isEast = scanner.skip("+")
      guard isEast || scanner.skip("-"), let hours = scanner.number(2) else { return nil }
      _ = scanner.skip(":")
      guard let minutes = scanner.number(2), hours < 24, minutes < 60 else { return nil }
      offset = (hours * 3600 + minutes * 60) * (isEast ? 1 : -1)
    }
    guard scanner.isAtEnd, let seconds = Self.seconds(year, month, day, hour, minute, second) else {
      return nil
    }
    microseconds = Int64(seconds - offset) * 1_000_000 + fraction
  }

  /// `Wed, 21 Oct 2015 07:28:00 GMT` (RFC 9110's preferred form). Nil for anything else.
  init?(http text: String) {
    let parts = text.split(separator: " ").map(String.init)
    guard parts.count == 6, let month = Self.months.firstIndex(of: parts[2]),
      parts[5] == "GMT" || parts[5] == "UTC"
    else { return nil }
    var day = Scanner(parts[1])
    var year = Scanner(parts[3])
    var clock = Scanner(parts[4])
    guard let dayNumber = day.number(2), let yearNumber = year.number(4), let hour = clock.number(2),
      clock.skip(":"),
      let minute = clock.number(2), clock.skip(":"), let second = clock.number(2),
      let seconds = Self.seconds(yearNumber, month + 1, dayNumber, hour, minute, second)
    else { return nil }
    microseconds = Int64(seconds) * 1_000_000
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Nil where a part is out of range; second 60 is allowed (leap seconds).
  private static func seconds(
    _ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int
  ) -> Int? {
    guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60 else {
      return nil
    }
    return days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
  }

  // Howard Hinnant's algorithms on the proleptic Gregorian calendar, with years that begin in March.
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }
}

extension Int64 {
  fileprivate func flooredDivision(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}

/// Reads fixed-width numbers from a short text.
private struct Scanner {
  private let bytes: [UInt8]
  private var index = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  var isAtEnd: Bool { index == bytes.count }

  mutating func digit() -> Int? {
    guard index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) else {
      return nil
    }
    defer { index += 1 }
    return Int(bytes[index] - UInt8(ascii: "0"))
  }

  mutating func number(_ width: Int) -> Int? {
    var value = 0
    for _ in 0..<width {
      guard let next = digit() else { return nil }
      value = value * 10 + next
    }
    return value
  }

  mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
    guard index < bytes.count, UInt32(bytes[index]) == scalar.value else { return false }
    index += 1
    return true
  }
}
