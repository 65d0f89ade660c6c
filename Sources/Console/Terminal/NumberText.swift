/// Numbers as people read them. No locale: `,` between thousands and `.` before a fraction.
public enum NumberText {
  /// `1,204,332`
  public static func grouped(_ number: some BinaryInteger) -> String {
    let digits = Array(String(number.magnitude).utf8)
    var out: [UInt8] = number < 0 ? [UInt8(ascii: "-")] : []
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { out.append(UInt8(ascii: ",")) }
      out.append(digit)
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// `1203.4` with the thousands of its whole part grouped: `1,203.4`. Other notations stay as they are.
  static func groupedFraction(_ text: String) -> String {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard !text.contains("e"), let whole = Int64(parts[0]) else { return text }
    let sign = whole == 0 && text.hasPrefix("-") ? "-" : ""
    return sign + grouped(whole) + (parts.count > 1 ? "." + parts[1] : "")
  }

  /// `1 row`, `1,204 rows`: for nouns whose plural takes an s.
  public static func counted(_ number: some BinaryInteger, _ noun: String) -> String {
    "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
  }

  /// `812 B`, `4.1 kB`, `198 MB`: powers of 1000, three significant digits.
  public static func bytes(_ count: Int64) -> String { "\(scaled(Double(count), unitsOfBytes))" }

  /// `198 MB/s`
  public static func byteRate(_ perSecond: Double) -> String { scaled(perSecond, unitsOfBytes) + "/s" }

  /// `293k`: of rows.
  public static func short(_ number: Double) -> String { scaled(number, ["", "k", "M", "G", "T"]) }

  /// `0.4 s`, `41 s`, `3:07 min`, `2:03:07 h`
  public static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
    if seconds < 9.995 { return fixed(seconds, seconds < 0.995 ? 2 : 1) + " s" }
    if seconds < 59.5 { return fixed(seconds, 0) + " s" }
    return clock(seconds) + (seconds < 3599.5 ? " min" : " h")
  }

  /// `0:12`, `3:07`, `2:03:07`
  public static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
    let whole = Int(seconds.rounded())
    let tail = twoDigits(whole % 60)
    return whole < 3600 ? "\(whole / 60):\(tail)" : "\(whole / 3600):\(twoDigits(whole / 60 % 60)):\(tail)"
  }

  /// `12.5%` of 0.125; `<0.1%` and `>99.9%` where rounding would claim none or all.
  public static func percent(_ share: Double) -> String {
    guard share.isFinite else { return "?" }
    if share > 0, share < 0.0005 { return "<0.1%" }
    if share < 1, share > 0.9995 { return ">99.9%" }
    let text = fixed(share * 100, 1)
    return (text.hasSuffix(".0") ? String(text.dropLast(2)) : text) + "%"
  }

  /// A double for a table: at most `digits` significant ones, no noise behind them; `1.2e-7` where very small or large.
  public static func significant(_ number: Double, digits: Int = 6) -> String {
    guard number.isFinite else { return number.isNaN ? "NaN" : number < 0 ? "-inf" : "inf" }
    if number == 0 { return "0" }
    let magnitude = number.magnitude
    if magnitude >= 1e15 || magnitude < 1e-4 { return scientific(number, digits) }
    // magnitude is in 1e-4 ..< 1e15, so the exponent is -4 ... 15.
    var exponent = 0
    var rest = magnitude
    while rest >= 10 {
      rest /= 10
      exponent += 1
    }
    while rest < 1 {
      rest *= 10
      exponent -= 1
    }
    return trimmed(fixed(number, max(0, digits - 1 - exponent)))
  }

  /// `decimals` digits behind the point (0…10), half away from zero; |number| < 1e16.
  static func fixed(_ number: Double, _ decimals: Int) -> String {
    let places = min(max(decimals, 0), 10)
    var scale: Int64 = 1
    for _ in 0..<places { scale *= 10 }
    // Split first, so that large numbers with many places stay in range.
    let magnitude = number.magnitude
    var whole = Int64(exactly: magnitude.rounded(.towardZero)) ?? Int64.max
    var part = Int64(exactly: ((magnitude - magnitude.rounded(.towardZero)) * Double(scale)).rounded()) ?? 0
    if part >= scale {
      part -= scale
      whole += whole < Int64.max ? 1 : 0
    }
    let sign = number < 0 && (whole != 0 || part != 0) ? "-" : ""
    guard places > 0 else { return sign + String(whole) }
    let digits = String(part)
    return sign + String(whole) + "." + String(repeating: "0", count: places - digits.count) + digits
  }

  private static let unitsOfBytes = [" B", " kB", " MB", " GB", " TB"]

  private static func scaled(_ number: Double, _ units: [String]) -> String {
    guard number.isFinite, number >= 0, number < 1e18 else { return "?" }
    var value = number
    var unit = 0
    while value >= 999.5, unit + 1 < units.count {
      value /= 1000
      unit += 1
    }
    let decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
    return (decimals > 0 ? trimmed(fixed(value, decimals)) : fixed(value, 0)) + units[unit]
  }

  private static func scientific(_ number: Double, _ digits: Int) -> String {
    var exponent = 0
    var rest = number
    while rest.magnitude >= 10 {
      rest /= 10
      exponent += 1
    }
    // Subnormal numbers end here too: 324 steps at most.
    while rest.magnitude < 1 {
      rest *= 10
      exponent -= 1
    }
    return trimmed(fixed(rest, digits - 1)) + "e\(exponent)"
  }

  /// Without zeros at the end of a fraction.
  private static func trimmed(_ text: String) -> String {
    guard text.contains(".") else { return text }
    var end = text.endIndex
    while text[text.index(before: end)] == "0" { end = text.index(before: end) }
    if text[text.index(before: end)] == "." { end = text.index(before: end) }
    return String(text[..<end])
  }

  private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
