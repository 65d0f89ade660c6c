import Columns
import TestKit

extension FuzzTarget {
  /// Texts of every shape cast to every type: a good value's own text reads back as the same value.
  static let casts = FuzzTarget(name: "casts") { fuzzCase in
    let cast = try CastFuzz.anyCasts(&fuzzCase.random, 1)[0]
    let arena = ByteArena()
    var views: [ByteView] = []
    for _ in 0..<40 {
      var text = fuzzCase.random.pick(CastFuzz.samples)
      CastFuzz.mutation.apply(&text, times: fuzzCase.random.pick([0, 0, 1, 2, 5]), &fuzzCase.random)
      views.append(ByteView(start: UInt32(arena.count), length: UInt32(text.count)))
      text.withUnsafeBufferPointer { if let base = $0.baseAddress { _ = arena.append(base, text.count) } }
    }
    fuzzCase.give(Array(UnsafeBufferPointer(start: arena.base, count: arena.count)))
    let column = Column(type: cast.type, capacity: views.count)
    let faults = RowFaults(capacity: views.count)
    let nulled = cast.run(
      text: arena, textIsValidUTF8: false, fields: views, stride: 1, rows: views.count, into: column, faults: faults,
      columnIndex: 3)
    let valid = (0..<views.count).filter { column.validity[$0] != 0 }.count
    try require(valid + nulled + faults.count == views.count, "a field is neither good nor bad")
    let plain = try Cast(type: cast.type)
    for row in 0..<views.count where column.validity[row] != 0 && cast.type != .string {
      guard let literal = column.literal(row: row) else { continue }
      let text = ValueText.canonical(literal, type: cast.type)
      guard let again = plain.literal(text) else {
        throw FuzzFailure(
          description: "\(arena.string(views[row]).debugDescription) gives '\(text)', which is no \(cast.type)")
      }
      try require(
        ValueText.canonical(again, type: cast.type) == text,
        "'\(text)' reads back as \(again), from \(arena.string(views[row]).debugDescription)")
    }
  }
}

enum CastFuzz {
  static let types: [ColumnType] = [
    .string, .int, .double, .bool, .date, .timestamp, .decimal(precision: 10, scale: 2),
    .decimal(precision: 38, scale: 0),
    .decimal(precision: 38, scale: 38),
  ]

  static let mutation = Mutation([
    "-", "+", ".", "e", "E", ":", "T", "Z", " ", "+01:00", "/", "0", "9", "\u{0}", "é", "_", ",",
  ])

  static let samples: [[UInt8]] =
    [
      "", "0", "-12", "9223372036854775807", "3.14159", "1e10", "-.5", "true", "FALSE", "no", "1", "2024-02-29",
      "20240229",
      "2024-02-29T12:30:00Z", "2024-02-29 12:30:00.123456", "2024-02-29T12:30:00.123456789+05:30", "29/02/2024 12:30",
      "1704067200", "1704067200123", "-1704067200.5", "12345678.90", "99999999.99",
      "0.00000000000000000000000000000000000001",
      "Infinity", "nan", "-0", "1e-400", "0001-01-01", "9999-12-31T23:59:60Z", "Feb 29 2024", "12:30 PM",
    ].map { Array($0.utf8) } + Mutation.numbers

  static func anyCasts(_ random: inout SeededGenerator, _ count: Int) throws -> [Cast] {
    try (0..<count).map { _ in
      let type = random.pick(types)
      var time = TimeFormat.iso8601
      if type == .timestamp && random.chance(2) {
        time = random.pick([
          .epoch(random.pick(EpochUnit.allCases)),
          .pattern("%d/%m/%Y %H:%M", zone: nil), .pattern("%Y%m%d", zone: nil), .pattern("%b %d %Y", zone: nil),
        ])
      }
      if type == .date && random.chance(3) { time = .pattern("%d/%m/%Y", zone: nil) }
      return try Cast(type: type, time: time, setNullOnError: random.chance(3))
    }
  }
}
