import Columns
import Testing

@Suite struct TimeCastTests {
  /// `datetime` says what each text is worth, or that it is none.
  @Test func agreesWithPython() throws {
    var texts: [[String]: [(text: String, expected: String)]] = [:]
    for row in try Fixtures.rows("times.tsv") {
      texts[[row[0], row[1]], default: []].append((row[2], row[3]))
    }
    #expect(texts.values.reduce(0) { $0 + $1.count } > 10_000)
    for (name, cases) in texts {
      let type: ColumnType = name[0] == "date" ? .date : .timestamp
      let fields = CastedFields(cases.map(\.text), try Cast(type: type, time: format(name[1])))
      for (row, item) in cases.enumerated() {
        #expect(fields.outcome(row) == item.expected, "\(name[0]) as \(name[1]) of '\(item.text)'")
      }
    }
  }

  private func format(_ name: String) -> TimeFormat {
    if name == "iso" { return .iso8601 }
    if let unit = EpochUnit(rawValue: name) { return .epoch(unit) }
    return .pattern(name, zone: nil)
  }

  /// Every day of the years 1 to 9999, counted up by month lengths written down here, against the calendar.
  @Test func calendarCountsEveryDay() {
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    var number = -719_162
    var wrong = 0
    for year in 1...9999 {
      let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
      for month in 1...12 {
        let length = lengths[month - 1] + (isLeap && month == 2 ? 1 : 0)
        for day in 1...length {
          let date = Calendar.Date(year: year, month: month, day: day)
          if Calendar.days(year: year, month: month, day: day) != number { wrong += 1 }
          if Calendar.civil(fromDays: number) != date { wrong += 1 }
          number += 1
        }
        if Calendar.days(inMonth: month, of: year) != length { wrong += 1 }
        if Calendar.isValid(year: year, month: month, day: length + 1) { wrong += 1 }
      }
    }
    #expect(wrong == 0)
    #expect(number == Int(Calendar.lastDay) + 1)
    #expect(Calendar.weekday(ofDays: 0) == 4 && Calendar.weekday(ofDays: -4) == 0)
  }

  /// Each day's text comes back as the day, and the days that each month lacks are refused.
  @Test func everyDateIsReadBack() throws {
    let cast = try Cast(type: .date)
    var out = [UInt8](repeating: 0, count: Calendar.textCapacity)
    // Each day of the years with a table, every 13th of the rest.
    let days = Array(-25_600..<47_500) + Array(stride(from: -719_162, through: 2_932_896, by: 13))
    let raw = days.map { day in
      CastedFields.Raw(bytes: Array(out[..<Calendar.formatDate(day, into: &out)]))
    }
    let fields = CastedFields(raw, cast)
    #expect(fields.faults.count == 0)
    #expect(days.indices.allSatisfy { Int(fields.column.int32s[$0]) == days[$0] })
    let absent = (1...2200).flatMap { year in
      (0...19).flatMap { month in
        [0, 29, 30, 31, 32].filter { !Calendar.isValid(year: year, month: month, day: $0) }
          .map { "\(padded(year, 4))-\(padded(month, 2))-\(padded($0, 2))" }
      }
    }
    #expect(CastedFields(absent, cast).faults.count == absent.count)
  }

  private func padded(_ value: Int, _ width: Int) -> String {
    String(repeating: "0", count: width - "\(value)".count) + "\(value)"
  }

  @Test func everySecondOfADayIsReadBack() throws {
    let seconds = stride(from: Int64(0), to: 86_400, by: 7).map { $0 * 1_000_000 + 1_800_000_000_000_000 }
    var out = [UInt8](repeating: 0, count: Calendar.textCapacity)
    let raw = seconds.map { CastedFields.Raw(bytes: Array(out[..<Calendar.formatTimestamp($0, into: &out)])) }
    let fields = CastedFields(raw, try Cast(type: .timestamp))
    #expect(fields.faults.count == 0)
    #expect(seconds.indices.allSatisfy { fields.column.int64s[$0] == seconds[$0] })
  }

  @Test(arguments: [
    (Int64.max, "+294247-01-10T04:00:54.775807Z"), (Int64.min, "-290308-12-21T19:59:05.224192Z"),
    (-1, "1969-12-31T23:59:59.999999Z"), (0, "1970-01-01T00:00:00Z"),
    (-62_167_219_200_000_000, "0000-01-01T00:00:00Z"), (253_402_300_800_000_000, "+10000-01-01T00:00:00Z"),
  ])
  func timestampsBeyondTheCalendarAreWritten(micros: Int64, text: String) {
    var out = [UInt8](repeating: 0, count: Calendar.textCapacity)
    let length = Calendar.formatTimestamp(micros, into: &out)
    #expect(String(decoding: out[..<length], as: UTF8.self) == text)
  }

  @Test(arguments: [
    ("%Y-%m", "whole date"), ("%d/%m", "whole date"), ("%H:%M", "whole date"), ("%Y-%m-%d %Q", "%Q"),
    ("%Y-%m-%d %", "lone %"), ("%Y-%m-%d %I:%M", "without %p"), ("", "whole date"), ("%Y %d", "whole date"),
    ("%é", "not English"),
  ])
  func badPatternsSayWhy(pattern: String, words: String) {
    let error = #expect(throws: CastError.self) {
      try Cast(type: .timestamp, time: .pattern(pattern, zone: nil))
    }
    #expect(error?.message.contains(words) == true)
    #expect(error?.message.contains(pattern) == true)
  }
}
