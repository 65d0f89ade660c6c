import Columns
import Testing

@testable import Definition

@Suite struct LiteralTests {
  private func read(_ text: String, _ type: ColumnType) -> Literal? { try? LiteralText.parse(text, as: type) }

  @Test func numbers() {
    #expect(read("-9223372036854775808", .int) == .int(.min))
    #expect(read("+7", .int) == .int(7))
    for text in ["", "+", "1.0", "1e3", " 1", "0x10", "9223372036854775808", "١", "1_000"] {
      #expect(read(text, .int) == nil, "\(text)")
    }
    #expect(read(".5e-1", .double) == .double(0.05))
    #expect(read("-0", .double) == .double(-0.0))
    for text in ["", ".", "nan", "inf", "1e", "0x1p3", "1e999", "1,5"] {
      #expect(read(text, .double) == nil, "\(text)")
    }
    #expect(read("true", .bool) == .bool(true))
    #expect(read("True", .bool) == nil)
    #expect(read("", .string) == .string(""))
  }

  @Test func decimals() {
    let money = ColumnType.decimal(precision: 6, scale: 2)
    let good: [(String, Int128)] = [
      ("0", 0), ("1", 100), ("-1.5", -150), ("12.34", 1234), (".5", 50), ("5.", 500), ("+9999.99", 999_999),
      ("1.5000", 150), ("0001.50", 150),
    ]
    for (text, unscaled) in good { #expect(read(text, money) == .decimal(unscaled), "\(text)") }
    for text in ["", ".", "1.234", "10000", "1e2", "1,5", "--1"] {
      #expect(read(text, money) == nil, "\(text)")
    }
    let nines = String(repeating: "9", count: 38)
    #expect(read("-" + nines, .decimal(precision: 38, scale: 0)) == Int128(nines).map { .decimal(-$0) })
    #expect(read("1" + nines, .decimal(precision: 38, scale: 0)) == nil)
  }

  /// Every day of 1600 to 2400, counted one by one.
  @Test func daysAreCounted() {
    var expected: Int32 = CivilTime.days(year: 1600, month: 1, day: 1)
    #expect(expected == -135_140)
    for year in 1600...2400 {
      for month in 1...12 {
        let isLeap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
        let length = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        for day in [1, 2, 15, length] {
          let text = "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
          if read(text, .date) != .date(expected + Int32(day) - 1) { Issue.record("\(text)") }
        }
        if read("\(year)-\(month < 10 ? "0" : "")\(month)-\(length + 1)", .date) != nil {
          Issue.record("\(year)-\(month)")
        }
        expected += Int32(length)
      }
    }
  }

  @Test func timestamps() {
    let good: [(String, Int64)] = [
      ("1970-01-01", 0), ("1970-01-01T00:00", 0), ("1970-01-01 00:00:01", 1_000_000),
      ("1970-01-01T00:00:00.5Z", 500_000), ("1970-01-01T00:00:00.123456789", -1),
      ("1970-01-01T00:00:00.123456000", 123_456),
      ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T23:30:00-0030", 0), ("1970-01-01t00:00:00z", 0),
      ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
      ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
      ("2026-11-21T03:00:00+05", 1_795_212_000_000_000),
    ]
    for (text, micros) in good {
      #expect(read(text, .timestamp) == (micros == -1 ? nil : .timestamp(micros)), "\(text)")
    }
    for text in [
      "", "2026", "2026-11", "2026-11-21T", "2026-11-21T3:00", "2026-11-21T24:00", "2026-11-21T00:60",
      "2026-11-21T00:00:60", "2026-11-21T00:00:00.", "2026-11-21T00:00:00+", "2026-11-21T00:00:00ZZ",
      "2026-02-29", "0000-01-01", "2026-1-1", "2026-11-21  00:00", "2026-11-21T00:00:00+25:00", "-2026-01-01",
    ] {
      #expect(read(text, .timestamp) == nil, "\(text)")
    }
  }
}
