import Platform
import TestKit

struct SimError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// A row as it was meant; how it is written is its object's or topic's matter.
struct SimRow: Hashable {
  var key: String
  /// Microseconds, whole seconds (whole milliseconds where a record's timestamp tells it).
  var time: Int64
  var number: Int
  /// Two columns hold it, one with a letter before it, so that which of them was read shows.
  var text: String
  /// Written so that every source rejects it.
  var isBad = false

  static let header = "id,t,n,s,u\n"

  static func random(_ random: inout SeededGenerator, around now: Int64, label: String) -> SimRow {
    SimRow(
      key: "k\(random.int(0...7))",
      // Few different times, so that there are ties; some in the future of any cut.
      time: now / 1_000_000 * 1_000_000 + random.pick([-7200, -3600, -1800, -60, -60, 0, 60, 3600]) * 1_000_000,
      number: random.int(-9...99), text: label, isBad: random.chance(8))
  }

  /// With milliseconds, where there are any.
  static func iso(_ micros: Int64) -> String {
    let seconds = micros / 1_000_000
    let days = seconds / 86_400
    // Civil from days, after Howard Hinnant.
    let z = days + 719_468
    let era = z / 146_097
    let doe = z - era * 146_097
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
    let mp = (5 * doy + 2) / 153
    let day = doy - (153 * mp + 2) / 5 + 1
    let month = mp < 10 ? mp + 3 : mp - 9
    let year = yoe + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
    let rest = seconds % 86_400
    let milliseconds = micros / 1000 % 1000
    let fraction = milliseconds == 0 ? "" : ".\(String(1000 + milliseconds).dropFirst())"
    return "\(year)-\(two(month))-\(two(day))T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))\(fraction)Z"
  }

  var csv: String { "\(key),\(SimRow.iso(time)),\(isBad ? "x" : "\(number)"),\(text),u\(text)\n" }
  var json: String {
    isBad
      ? "{\"id\":\"\(key)\",\"t\":\"never\",\"n\":\"x\",\"s\":\"\(text)\"}"
      : "{\"id\":\"\(key)\",\"t\":\"\(SimRow.iso(time))\",\"n\":\(number),\"s\":\"\(text)\",\"u\":\"u\(text)\"}"
  }
}
