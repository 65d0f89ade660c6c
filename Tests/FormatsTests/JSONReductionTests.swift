import Columns
import Definition
import Testing

@testable import Formats

@Suite struct JSONReductionTests {
  /// The column's value a row; nil for null. And the rows' faults.
  private func reduce(
    _ lines: [String], _ type: ColumnType, _ reduce: SourceColumn.Reduce, path: String = "l[].v",
    onError: SourceColumn.OnError = .reject, fallback: Literal? = nil
  ) throws -> (values: [Literal?], faults: [RowFault], nulled: Int) {
    let column = SourceColumn(
      name: "x", location: .path(JSONPath(path)), type: type, onError: onError, reduce: reduce)
    // A list before and one behind, so that the column's items are not the block's first or last.
    let extractions: [JSONExtraction] = [
      .init("k[]"), JSONExtraction(column: column, columnIndex: 1), .init("k[]"),
    ]
    let block = FieldBlock(Array(lines.joined(separator: "\n").utf8))
    try JSONScanner(extractions: extractions).scan(block)
    let cast = try Cast(type: type, setNullOnError: onError == .setNull, fallback: fallback)
    let reduction = try #require(JSONReduction(column: column, cast: cast))
    let result = Column(type: type, capacity: max(block.rows, 1))
    let nulled = reduction.run(block, field: 1, into: result, columnIndex: 1)
    return (
      (0..<block.rows).map { result.literal(row: $0) },
      (0..<block.rows).map { RowFault(rawValue: block.faults.codes[$0]) ?? .none }, nulled
    )
  }

  private static let lines = [
    #"{"k":[1,2],"l":[{"v":3},{"v":-1},null,{"v":null},{"v":10}]}"#, #"{"k":[3],"l":[]}"#, #"{"l":null}"#,
    "{}",
    #"{"l":[{"v":null},{}]}"#, #"{"k":[],"l":[{"v":5}]}"#, #"{"k":[4,5,6]}"#,
  ]

  @Test("each reduction over rows with elements, without, with nulls only, and without the array")
  func ints() throws {
    let lines = JSONReductionTests.lines
    func ints(_ values: [Int64?]) -> [Literal?] { values.map { $0.map { .int($0) } } }
    #expect(try reduce(lines, .int, .sum).values == ints([12, nil, nil, nil, nil, 5, nil]))
    #expect(try reduce(lines, .int, .min).values == ints([-1, nil, nil, nil, nil, 5, nil]))
    #expect(try reduce(lines, .int, .max).values == ints([10, nil, nil, nil, nil, 5, nil]))
    #expect(try reduce(lines, .int, .first).values == ints([3, nil, nil, nil, nil, 5, nil]))
    #expect(try reduce(lines, .int, .last).values == ints([10, nil, nil, nil, nil, 5, nil]))
    #expect(try reduce(lines, .int, .count).values == ints([3, 0, nil, nil, 0, 1, nil]))
    #expect(try reduce(lines, .int, .count, path: "l").values == ints([5, 0, nil, nil, 2, 1, nil]))
    #expect(try reduce(lines, .int, .count, path: "l[]").values == ints([4, 0, nil, nil, 2, 1, nil]))
    #expect(
      try reduce(lines, .double, .mean).values == [.double(4), nil, nil, nil, nil, .double(5), nil])
    #expect(try reduce([], .int, .sum).values.isEmpty)
  }

  @Test("every type has its order and its ends")
  func types() throws {
    func all(_ items: String, _ type: ColumnType) throws -> [Literal?] {
      try [.min, .max, .first, .last].map {
        try reduce([#"{"l":[{"v":null},\#(items)]}"#], type, $0).values[0]
      }
    }
    #expect(
      try all(#"{"v":"b"},{"v":"a\u00e9"},{"v":"a"},{"v":"ab"}"#, .string)
        == [.string("a"), .string("b"), .string("b"), .string("ab")])
    #expect(
      try all(#"{"v":2.5},{"v":-0.5},{"v":1e3}"#, .double) == [
        .double(-0.5), .double(1000), .double(2.5), .double(1000),
      ])
    #expect(
      try all(#"{"v":true},{"v":false}"#, .bool) == [.bool(false), .bool(true), .bool(true), .bool(false)])
    #expect(
      try all(#"{"v":"1970-01-03"},{"v":"1970-01-02"}"#, .date) == [.date(1), .date(2), .date(2), .date(1)])
    #expect(
      try all(#"{"v":"1970-01-01T00:00:02Z"},{"v":"1970-01-01T00:00:01Z"}"#, .timestamp)
        == [.timestamp(1_000_000), .timestamp(2_000_000), .timestamp(2_000_000), .timestamp(1_000_000)])
    #expect(
      try all(#"{"v":1.25},{"v":-3}"#, .decimal(precision: 5, scale: 2))
        == [.decimal(-300), .decimal(125), .decimal(125), .decimal(-300)])
  }

  @Test(
    "a null text has a view of length 0, whatever the block before left there",
    arguments: [.min, .max, .first, .last] as [SourceColumn.Reduce]
  )
  func nullViews(_ reduce: SourceColumn.Reduce) throws {
    let column = SourceColumn(name: "x", location: .path(JSONPath("l[].v")), type: .string, reduce: reduce)
    let lines = [#"{"l":[]}"#, #"{"l":[{"v":"abc"}]}"#, "{}", #"{"l":[{"v":null}]}"#]
    let block = FieldBlock(Array(lines.joined(separator: "\n").utf8))
    try JSONScanner(extractions: [JSONExtraction(column: column, columnIndex: 0)]).scan(block)
    let reduction = try #require(JSONReduction(column: column, cast: try Cast(type: .string)))
    let result = Column(type: .string, capacity: block.rows)
    for row in 0..<block.rows { result.views[row] = ByteView(start: 1 << 20, length: 77) }
    _ = reduction.run(block, field: 0, into: result, columnIndex: 0)
    #expect((0..<block.rows).map { result.views[$0].length } == [0, 3, 0, 0])
  }

  @Test("sums that do not fit are out of range; those that just fit are exact")
  func overflow() throws {
    let max = Int64.max
    let ints = try reduce(
      [
        "{\"l\":[{\"v\":\(max - 1)},{\"v\":1}]}", "{\"l\":[{\"v\":\(max)},{\"v\":1}]}",
        "{\"l\":[{\"v\":\(Int64.min + 1)},{\"v\":-1}]}", "{\"l\":[{\"v\":\(Int64.min)},{\"v\":-1}]}",
      ], .int, .sum)
    #expect(ints.values == [.int(max), nil, .int(.min), nil])
    #expect(ints.faults == [.none, .outOfRange, .none, .outOfRange])
    let decimals = try reduce(
      [
        #"{"l":[{"v":9.98},{"v":0.01}]}"#, #"{"l":[{"v":9.99},{"v":0.01}]}"#,
        #"{"l":[{"v":-9.99},{"v":-0.01}]}"#,
      ],
      .decimal(precision: 3, scale: 2), .sum)
    #expect(decimals.values == [.decimal(999), nil, nil])
    #expect(decimals.faults == [.none, .outOfRange, .outOfRange])
    let nines = String(repeating: "9", count: 38)
    let widest = try reduce(
      ["{\"l\":[" + Array(repeating: "{\"v\":\(nines)}", count: 5).joined(separator: ",") + "]}"],
      .decimal(precision: 38, scale: 0), .sum)
    #expect(widest.faults == [.outOfRange])
    let doubles = try reduce(
      [#"{"l":[{"v":1.7e308},{"v":1.7e308}]}"#, #"{"l":[{"v":0.1},{"v":0.2},{"v":0.3}]}"#], .double, .sum)
    #expect(doubles.values == [nil, .double(0.1 + 0.2 + 0.3)])
    #expect(doubles.faults == [.outOfRange, .none])
  }

  @Test(
    "an element that cannot be read rejects its row, or makes its value null; the default stands for other nulls"
  )
  func unreadable() throws {
    let lines = [
      #"{"l":[{"v":1}]}"#, #"{"l":[{"v":1},{"v":"x"},{"v":"y"}]}"#, #"{"l":[]}"#, "broken", "{}",
      #"{"l":[{"v":[]}]}"#, #"{"l":[{"v":2}]}"#,
    ]
    let rejected = try reduce(lines, .int, .sum, fallback: .int(-7))
    #expect(rejected.faults == [.none, .notAnInt, .none, .invalidJSON, .none, .wrongShape, .none])
    #expect(rejected.nulled == 0)
    #expect(rejected.values[0] == .int(1) && rejected.values[2] == .int(-7) && rejected.values[4] == .int(-7))
    let nulled = try reduce(lines, .int, .sum, onError: .setNull, fallback: .int(-7))
    #expect(nulled.faults == [.none, .none, .none, .invalidJSON, .none, .none, .none])
    #expect(nulled.nulled == 1)
    #expect(nulled.values[1] == nil && nulled.values[6] == .int(2))
    let text = try reduce(["{}", #"{"l":[{"v":"a\u0062"}]}"#], .string, .first, fallback: .string("none"))
    #expect(text.values == [.string("none"), .string("ab")])
  }

  @Test("reductions that do not fit a type or path are refused")
  func refused() throws {
    func reduction(_ path: String, _ type: ColumnType, _ reduce: SourceColumn.Reduce?) throws
      -> JSONReduction?
    {
      JSONReduction(
        column: SourceColumn(name: "x", location: .path(JSONPath(path)), type: type, reduce: reduce),
        cast: try Cast(type: type))
    }
    #expect(try reduction("l[]", .string, .sum) == nil)
    #expect(try reduction("l[]", .int, .mean) == nil)
    #expect(try reduction("l[]", .double, .count) == nil)
    #expect(try reduction("l", .double, .sum) == nil)
    #expect(try reduction("l", .double, nil) == nil)
    #expect(try reduction("l[]", .double, .mean) != nil)
    #expect(try reduction("l", .int, .count) != nil)
  }
}
