/// A date and a time of day as a text gives them, before zone and range are looked at.
struct WrittenTime {
  /// Days since 1970-01-01 of the date as written.
  var days = 0
  /// 0…86,400: `24:00` and the leap second of `23:59:60` are the next day's first second.
  var secondsOfDay = 0
  /// 0…999,999.
  var microseconds = 0
  /// Seconds east of Greenwich, if `hasOffset`.
  var offset = 0
  var hasOffset = false

  /// The instant in microseconds since the epoch: by the text's own offset, else by `zone`, else as UTC. Outside of
  /// the years 0001…9999 (in UTC) it is ``RowFault/outOfRange``.
  @inline(__always) func instant(in zone: TimeZoneRules?, hint: inout Int, _ value: inout Int64) -> RowFault {
    let local = Int64(days) &* Calendar.secondsPerDay &+ Int64(secondsOfDay)
    var seconds = local &- Int64(offset)
    if !hasOffset, let zone { seconds = local &- zone.offset(atLocal: local, hint: &hint) }
    let instant = seconds &* Calendar.microsecondsPerSecond &+ Int64(microseconds)
    guard instant >= Calendar.firstTimestamp && instant <= Calendar.lastTimestamp else { return .outOfRange }
    value = instant
    return .none
  }

  /// Sets day and time of day from seconds since 1970-01-01T00:00.
  mutating func setSeconds(_ seconds: Int64) {
    days = Calendar.floorDivide(Int(seconds), Int(Calendar.secondsPerDay))
    secondsOfDay = Int(seconds) &- days &* Int(Calendar.secondsPerDay)
  }

  /// Sets the time of day; false unless it exists. `24:00:00` does, and so does second 60 of any minute, which is
  /// the next minute's first: texts do not say where leap seconds were, and no time follows from refusing one.
  mutating func setTime(hour: Int, minute: Int, second: Int, microseconds micros: Int) -> Bool {
    guard minute < 60, second <= 60, hour < 24 || (hour == 24 && minute == 0 && second == 0 && micros == 0)
    else { return false }
    secondsOfDay = hour &* 3600 &+ minute &* 60 &+ second
    microseconds = micros
    return true
  }
}

/// Reads small pieces of a time's text from the left. Bounded by `end`; never reads beyond it to decide.
struct TimeCursor {
  let text: UnsafePointer<UInt8>
  var at: Int
  let end: Int

  var isAtEnd: Bool { at >= end }

  /// The next byte; 0 at the end.
  @inline(__always) var next: UInt8 { at < end ? text[at] : 0 }

  @inline(__always) mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte, at < end else { return false }
    at &+= 1
    return true
  }

  /// Exactly `count` digits; nil (nothing consumed) otherwise.
  @inline(__always) mutating func digits(exactly count: Int) -> Int? {
    guard end &- at >= count else { return nil }
    var value = 0
    for i in at..<at &+ count {
      guard DigitWord.isDigit(text[i]) else { return nil }
      value = value &* 10 &+ Int(text[i] &- 0x30)
    }
    at &+= count
    return value
  }

  /// One to `count` digits; nil if there is none.
  @inline(__always) mutating func digits(upTo count: Int) -> Int? {
    let first = at
    var value = 0
    while at < end && at &- first < count && DigitWord.isDigit(text[at]) {
      value = value &* 10 &+ Int(text[at] &- 0x30)
      at &+= 1
    }
    return at == first ? nil : value
  }

  /// The digits of a fraction of a second as microseconds: at least one, those beyond the sixth cut off.
  mutating func fraction() -> Int? {
    let first = at
    var value = 0
    var scale = 100_000
    while at < end && DigitWord.isDigit(text[at]) {
      value &+= Int(text[at] &- 0x30) &* scale
      scale /= 10
      at &+= 1
    }
    return at == first ? nil : value
  }

  /// `Z`, `UTC`, `GMT` (upper or lower case) or `±hh`, `±hhmm`, `±hh:mm`, either with seconds; in seconds east.
  mutating func offset() -> Int? {
    let sign = next
    if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
      at &+= 1
      guard let hours = digits(exactly: 2), hours < 24 else { return nil }
      var minutes = 0
      var seconds = 0
      if take(UInt8(ascii: ":")) {
        guard let written = digits(exactly: 2) else { return nil }
        minutes = written
        if take(UInt8(ascii: ":")) {
          guard let written = digits(exactly: 2) else { return nil }
          seconds = written
        }
      } else if let written = digits(exactly: 2) {
        minutes = written
        seconds = digits(exactly: 2) ?? 0
      }
      guard minutes < 60, seconds < 60 else { return nil }
      let offset = hours &* 3600 &+ minutes &* 60 &+ seconds
      return sign == UInt8(ascii: "-") ? -offset : offset
    }
    return utcName() ? 0 : nil
  }

  /// `Z`, `UTC` or `GMT`, upper or lower case.
  mutating func utcName() -> Bool {
    if end &- at >= 3 {
      let word = (DigitWord.load(text + at) | 0x20_2020) & 0xff_ffff
      if word == 0x63_7475 || word == 0x74_6d67 {  // utc gmt
        at &+= 3
        return true
      }
    }
    guard next | 0x20 == UInt8(ascii: "z") else { return false }
    at &+= 1
    return true
  }
}
