import Columns
import Definition
import Foundation
import TestKit
import Testing

@testable import Formats

/// CSV and JSON lines: exact bytes of the odd cases, and whole tables read back by Python's own readers and the four.
@Suite struct WriterTextTests {
  private func encoded(_ encoder: SnapshotEncoder, _ tables: [ExpectedTable]) throws -> [UInt8] {
    var assembler = PartAssembler(encoder)
    var bytes: [UInt8] = []
    for table in tables { try assembler.append(try encoder.encode(table.table)) { bytes += $0 } }
    try assembler.finish { bytes += $0 }
    #expect(assembler.bytes == bytes.count)
    #expect(assembler.rows == tables.map(\.count).reduce(0, +))
    return bytes
  }

  private static let odd = ExpectedTable(
    fields: [
      Field(name: "s", type: .string), Field(name: "a,\"b\"", type: .int), Field(name: "d", type: .double),
      Field(name: "b", type: .bool), Field(name: "day", type: .date), Field(name: "t", type: .timestamp),
      Field(name: "m", type: .decimal(precision: 38, scale: 3)),
    ],
    columns: [
      [.string("plain"), .string(""), nil, .string("a,b"), .string("q\"q"), .string("l\nm\r\u{1}\\é")],
      [.int(0), .int(.min), nil, .int(.max), .int(-7), .int(10)],
      [.double(0.1), .double(1e300), nil, .double(-0.0), .double(.nan), .double(-.infinity)],
      [.bool(true), .bool(false), nil, .bool(true), .bool(false), .bool(true)],
      [.date(0), .date(-1), nil, .date(-719_529), .date(2_932_897), .date(19_782)],
      [
        .timestamp(0), .timestamp(-1), nil, .timestamp(1_500_000), .timestamp(1_700_000_000_123_456),
        .timestamp(120_000),
      ],
      [
        .decimal(1), .decimal(-1000), nil, .decimal(123_456_789_012_345_678_901_234_567_890), .decimal(0),
        .decimal(-5),
      ],
    ], count: 6)

  @Test func csvBytes() throws {
    let want = """
      s,"a,""b""\",d,b,day,t,m
      plain,0,0.1,true,1970-01-01,1970-01-01T00:00:00Z,0.001
      "",-9223372036854775808,1e300,false,1969-12-31,1969-12-31T23:59:59.999999Z,-1.000
      ,,,,,,
      "a,b",9223372036854775807,-0.0,true,-00001-12-31,1970-01-01T00:00:01.500000Z,123456789012345678901234567.890
      "q""q",-7,NaN,false,+10000-01-01,2023-11-14T22:13:20.123456Z,0.000
      "l\nm\r\u{1}\\é",10,-inf,true,2024-02-29,1970-01-01T00:00:00.120000Z,-0.005

      """
    let header = SnapshotEncoder(format: .csv(.init()), fields: Self.odd.fields)
    let halves = [Self.odd.rows(0..<2), Self.odd.rows(2..<2), Self.odd.rows(2..<6)]
    #expect(String(decoding: try encoded(header, halves), as: UTF8.self) == want)
    let without = SnapshotEncoder(format: .csv(.init(header: false)), fields: Self.odd.fields)
    let lines = want.drop { $0 != "\n" }.dropFirst()
    #expect(String(decoding: try encoded(without, [Self.odd]), as: UTF8.self) == String(lines))
    #expect(header.fileExtension == "csv")
  }

  /// A delimiter that stands in numbers and dates: everything is quoted.
  @Test func csvOddDelimiter() throws {
    let table = ExpectedTable(
      fields: [Field(name: "x", type: .double), Field(name: "y", type: .date)],
      columns: [[.double(0.5), nil], [.date(0), .date(1)]], count: 2)
    for (delimiter, want) in [
      (UInt8(ascii: "."), "\"x\".\"y\"\n\"0.5\".\"1970-01-01\"\n.\"1970-01-02\"\n"),
      (UInt8(ascii: "|"), "x|y\n0.5|1970-01-01\n|1970-01-02\n"),
    ] {
      let encoder = SnapshotEncoder(format: .csv(.init(delimiter: delimiter)), fields: table.fields)
      #expect(String(decoding: try encoded(encoder, [table]), as: UTF8.self) == want)
    }
  }

  @Test func jsonBytes() throws {
    let encoder = SnapshotEncoder(format: .json, fields: Self.odd.fields)
    let lines = String(decoding: try encoded(encoder, [Self.odd]), as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == 7 && lines[6] == "")
    #expect(
      lines[1] == #"{"s":"","a,\"b\"":-9223372036854775808,"d":1e300,"b":false,"day":"1969-12-31","#
        + #""t":"1969-12-31T23:59:59.999999Z","m":-1.000}"#)
    #expect(lines[2] == #"{"s":null,"a,\"b\"":null,"d":null,"b":null,"day":null,"t":null,"m":null}"#)
    #expect(
      lines[4] == #"{"s":"q\"q","a,\"b\"":-7,"d":null,"b":false,"day":"+10000-01-01","#
        + #""t":"2023-11-14T22:13:20.123456Z","m":0.000}"#)
    #expect(lines[5].hasPrefix(#"{"s":"l\nm\r\u0001\\é","a,\"b\"":10,"d":null,"#))
  }

  /// Shortest, and laid out as Python's repr, but for the exponent's sign and padding.
  @Test func doubles() throws {
    let cases: [(Double, String)] = [
      (0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (100, "100.0"), (123456.789, "123456.789"),
      (1e15, "1000000000000000.0"),
      (1e16, "1e16"), (1.5e16, "1.5e16"), (0.0001, "0.0001"), (0.00001, "1e-5"), (1.25e-7, "1.25e-7"),
      (.leastNonzeroMagnitude, "5e-324"), (.greatestFiniteMagnitude, "1.7976931348623157e308"),
      (9_007_199_254_740_994, "9007199254740994.0"), (-2.5, "-2.5"), (1.0 / 3, "0.3333333333333333"),
      (-1.2345678901234567e-100, "-1.2345678901234567e-100"),
    ]
    let field = [Field(name: "d", type: .double)]
    let table = ExpectedTable(fields: field, columns: [cases.map { .double($0.0) }], count: cases.count)
    let text = String(decoding: CSVEncoder(fields: field).encode(table.table), as: UTF8.self)
    #expect(text.split(separator: "\n").map(String.init) == cases.map(\.1))
    var random = SeededGenerator(seed: 11)
    let any = (0..<20_000).map { _ in Double(bitPattern: random.next()) }.filter(\.isFinite)
    let many = ExpectedTable(fields: field, columns: [any.map { .double($0) }], count: any.count)
    let back = String(decoding: CSVEncoder(fields: field).encode(many.table), as: UTF8.self)
      .split(separator: "\n").map { Double($0)! }
    #expect(back == any)
  }

  private func text(_ literal: Literal, _ type: ColumnType) -> String { ValueText.canonical(literal, type: type) }

  @Test func decimalsAndIntegersAgainstDescription() {
    var random = SeededGenerator(seed: 12)
    for _ in 0..<20_000 {
      let value =
        Int128(bitPattern: UInt128(random.next()) << 64 | UInt128(random.next()))
        >> Int128.random(in: 0..<128, using: &random)
      let scale = Int.random(in: 0...38, using: &random)
      var digits = "\(value.magnitude)"
      if scale > 0 {
        digits = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
        digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -scale))
      }
      #expect(text(.decimal(value), .decimal(precision: 38, scale: scale)) == (value < 0 ? "-" : "") + digits)
      let int = Int64(truncatingIfNeeded: value)
      #expect(text(.int(int), .int) == "\(int)")
    }
    #expect(text(.decimal(.min), .decimal(precision: 38, scale: 38)) == "-1.70141183460469231731687303715884105728")
    #expect(text(.timestamp(.min), .timestamp) == "-290308-12-21T19:59:05.224192Z")
    #expect(text(.timestamp(.max), .timestamp) == "+294247-01-10T04:00:54.775807Z")
    #expect(text(.date(.min), .date) == "-5877641-06-23")
    #expect(text(.date(.max), .date) == "+5881580-07-11")
  }

  /// Every day of 800 years, counted on by Python's calendar rules written out.
  @Test func dates() {
    var (year, month, day) = (1600, 1, 1)
    for number in Int32(-135_140)...157_000 {
      let text = text(.date(number), .date)
      if text != String(format: "%04d-%02d-%02d", year, month, day) {
        Issue.record("day \(number) is \(text), not \(year)-\(month)-\(day)")
        return
      }
      let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      let length = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
      day += 1
      if day > length { (day, month) = (1, month + 1) }
      if month > 12 { (month, year) = (1, year + 1) }
    }
  }

  @Test func readersSeeTheSameTable() throws {
    let seed = testSeed(below: 1_000_000)
    try WriterPython.withDirectory { directory in
      var tables = RandomTables(seed: seed)
      let expected = tables.table(rows: 3000)
      let parts = [expected.rows(0..<1000), expected.rows(1000..<3000)]
      for (name, format) in [
        ("csv", SnapshotEncoder(format: .csv(.init()), fields: expected.fields)),
        ("jsonl", .init(format: .json, fields: expected.fields)),
      ] {
        try Data(try encoded(format, parts)).write(to: directory.appendingPathComponent("table.\(name)"))
      }
      try WriterPython.description(of: expected, groups: []).write(
        to: directory.appendingPathComponent("table.json"))
      do {
        #expect(try WriterPython.run("text_readback.py", [directory.path]).contains("equal"))
      } catch {
        Issue.record("seed \(seed): \(error)")
      }
    }
  }
}
