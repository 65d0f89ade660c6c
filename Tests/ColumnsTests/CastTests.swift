import Columns
import TestKit
import Testing

/// What all casts share: nulls, defaults, faults, strings, texts of values.
@Suite struct CastTests {
  typealias Raw = CastedFields.Raw

  static let types: [ColumnType] = [
    .string, .int, .double, .bool, .date, .timestamp, .decimal(precision: 12, scale: 3),
  ]

  static let samples: [ColumnType: String] = [
    .string: "Zürich", .int: "-42", .double: "0.1", .bool: "true", .date: "2024-02-29",
    .timestamp: "2026-11-21T03:00:00.000001Z", .decimal(precision: 12, scale: 3): "-0.125",
  ]

  @Test(arguments: types) func nullsStayNullOrTakeTheDefault(type: ColumnType) throws {
    let sample = try #require(CastTests.samples[type])
    let raw = [Raw(sample), .null, Raw(sample, flags: ByteView.quotedFlag), .null]
    let plain = CastedFields(raw, try Cast(type: type))
    #expect([0, 1, 2, 3].map { plain.column.literal(row: $0) == nil } == [false, true, false, true])
    let filled = CastedFields(raw, try Cast(type: type, defaultText: sample))
    #expect(filled.column.literal(row: 0) != nil)
    #expect((1...3).allSatisfy { filled.column.literal(row: $0) == filled.column.literal(row: 0) })
    #expect(plain.faults.count == 0 && filled.faults.count == 0)
  }

  @Test(arguments: types.dropFirst()) func badTextsAreNotedOrBecomeNull(type: ColumnType) throws {
    let sample = try #require(CastTests.samples[type])
    let raw = [Raw(sample), Raw("?"), .null, Raw("")]
    let strict = CastedFields(raw, try Cast(type: type))
    #expect(strict.faults.count == 2 && strict.nulledRows == 0)
    #expect((0..<4).map { strict.faults.codes[$0] != 0 } == [false, true, false, true])
    #expect(strict.faults.columns[1] == 7)
    #expect((0..<4).map { strict.column.validity[$0] } == [1, 0, 0, 0])
    // The default stands for nulls, not for texts that cannot be read.
    let lenient = CastedFields(raw, try Cast(type: type, setNullOnError: true, defaultText: sample))
    #expect(lenient.faults.count == 0 && lenient.nulledRows == 2)
    #expect((0..<4).map { lenient.column.validity[$0] } == [1, 0, 1, 0])
  }

  @Test func stringsAreViewsWithoutFlags() throws {
    let raw = [Raw("a"), Raw("", flags: ByteView.quotedFlag), .null, Raw(" b ", flags: ByteView.quotedFlag)]
    let fields = CastedFields(raw, try Cast(type: .string), textIsValidUTF8: true)
    #expect(fields.column.arena === fields.text)
    #expect((0..<4).allSatisfy { fields.column.views[$0].lengthAndFlags & ~ByteView.lengthMask == 0 })
    #expect([0, 1, 3].map { fields.column.text($0) } == ["a", "", " b "])
    #expect((0..<4).map { fields.column.validity[$0] } == [1, 1, 0, 1])
  }

  @Test func onlyStringsOfUnknownBytesAreChecked() throws {
    let raw = [Raw(bytes: [0x61, 0xff]), Raw("ok")]
    let checked = CastedFields(raw, try Cast(type: .string))
    #expect(checked.outcome(0) == "invalidUTF8" && checked.outcome(1) == "ok")
    #expect(CastedFields(raw, try Cast(type: .string), textIsValidUTF8: true).faults.count == 0)
    #expect(CastedFields(raw, try Cast(type: .string, setNullOnError: true)).nulledRows == 1)
  }

  @Test func theFirstFaultOfARowStays() throws {
    let fields = CastedFields(["x"], try Cast(type: .int))
    fields.faults.note(row: 0, .notADate, column: 9)
    #expect(fields.outcome(0) == "notAnInt" && fields.faults.columns[0] == 7 && fields.faults.count == 1)
  }

  @Test func wrongPlansSayWhy() {
    #expect(throws: CastError.self) { try Cast(type: .date, time: .epoch(.s)) }
    #expect(throws: CastError.self) { try Cast(type: .decimal(precision: 39, scale: 0)) }
    #expect(throws: CastError.self) { try Cast(type: .decimal(precision: 3, scale: 4)) }
    #expect(throws: CastError.self) { try Cast(type: .int, fallback: .string("0")) }
    #expect(throws: CastError.self) {
      try Cast(type: .decimal(precision: 2, scale: 0), fallback: .decimal(100))
    }
    let error = #expect(throws: CastError.self) { try Cast(type: .int, defaultText: "none") }
    #expect(error?.message.contains("none") == true)
  }

  /// The canonical text of a value is read back as that value, and equal values have one text.
  @Test(arguments: types) func canonicalTextsAreReadBack(type: ColumnType) throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    let column = Column(type: type, capacity: 500)
    let out = ByteArena()
    for row in 0..<500 {
      column.validity[row] = 1
      switch type {
      case .string:
        column.views[row] = column.arena.append(String(UInt64.random(in: 0...UInt64.max, using: &random)))
      case .int:
        column.int64s[row] =
          Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<64, using: &random)
      case .double:
        column.doubles[row] = Double(bitPattern: .random(in: 0..<0x7ff0_0000_0000_0000, using: &random))
      case .bool: column.bytes[row] = UInt8(row & 1)
      case .date: column.int32s[row] = .random(in: Calendar.firstDay...Calendar.lastDay, using: &random)
      case .timestamp:
        column.int64s[row] = .random(in: Calendar.firstTimestamp...Calendar.lastTimestamp, using: &random)
      case .decimal:
        column.int128s[row] = Int128(Int.random(in: -999_999_999_999...999_999_999_999, using: &random))
      }
    }
    let cast = try Cast(type: type)
    for row in 0..<500 {
      let view = ValueText.appendCanonical(column, row, into: out)
      let text = out.string(view)
      let value = column.literal(row: row)
      #expect(cast.literal(text) == value, "'\(text)', seed \(seed)")
      #expect(value.map { ValueText.canonical($0, type: type) } == text)
    }
    column.validity[0] = 0
    #expect(ValueText.appendCanonical(column, 0, into: out).length == 0)
  }

  @Test(arguments: [
    (Literal.int(.min), ColumnType.int, "-9223372036854775808"), (.int(0), .int, "0"),
    (.double(-0.0), .double, "0.0"),
    (.double(.nan), .double, "nan"), (.double(-.infinity), .double, "-inf"), (.bool(false), .bool, "false"),
    (.date(-719_162), .date, "0001-01-01"), (.decimal(-5), .decimal(precision: 4, scale: 3), "-0.005"),
    (.decimal(0), .decimal(precision: 4, scale: 2), "0.00"),
    (.decimal(120), .decimal(precision: 4, scale: 0), "120"),
    (.decimal(.max), .decimal(precision: 38, scale: 0), "170141183460469231731687303715884105727"),
    (.decimal(.min), .decimal(precision: 38, scale: 38), "-1.70141183460469231731687303715884105728"),
  ])
  func canonicalTexts(value: Literal, type: ColumnType, text: String) {
    #expect(ValueText.canonical(value, type: type) == text)
  }
}
