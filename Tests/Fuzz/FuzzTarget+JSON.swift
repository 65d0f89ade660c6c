import Columns
import Definition
import Formats
import TestKit

extension FuzzTarget {
  /// JSON lines with damage, through cutter, scanner, reductions and casts.
  static let json = FuzzTarget(name: "json") { fuzzCase in
    var bytes: [UInt8] = []
    for _ in 0..<fuzzCase.random.pick([0, 1, 5, 30]) {
      bytes +=
        fuzzCase.random.chance(4) ? JSONText.document(&fuzzCase.random, depth: 4) : fuzzCase.random.pick(JSONText.lines)
      bytes.append(0x0a)
    }
    JSONText.mutation.apply(&bytes, times: fuzzCase.random.pick([0, 1, 4, 12]), &fuzzCase.random)
    fuzzCase.give(bytes)
    let maxRowBytes = fuzzCase.random.pick([30, 900 << 10])
    let columns = JSONText.columns
    let scanner = try JSONScanner(extractions: JSONExtraction.all(of: columns), maxRowBytes: maxRowBytes)
    try requireSameRecords(
      bytes, format: .json, maxRowBytes: maxRowBytes, blockBytes: fuzzCase.random.pick([16, 300, 256 << 10]),
      &fuzzCase.random
    ) { block, _ in
      try scanner.scan(block)
      for (index, column) in columns.enumerated() {
        let cast = try Cast(type: column.type, setNullOnError: column.onError == .setNull)
        let values = Column(type: column.type, capacity: block.rows)
        if let reduction = JSONReduction(column: column, cast: cast) {
          _ = reduction.run(block, field: index, into: values, columnIndex: UInt16(index))
        } else {
          cast.run(
            text: block.text, textIsValidUTF8: false, fields: block.fields + index, stride: block.width,
            rows: block.rows, into: values, faults: block.faults, columnIndex: UInt16(index))
        }
      }
    }
  }
}

private enum JSONText {
  static let mutation = Mutation([
    "{", "}", "[", "]", ":", ",", "\"", "\\u0000", "\\ud83d", "\\", "null", "true", "\n", "\r\n", "[[[[[[[[", "{\"a\":",
    "1e5",
    "\"id\":", "\u{feff}", "\u{0}", "NaN",
  ])

  static let lines: [[UInt8]] = [
    #"{"id":"c1","at":"2024-01-01T00:00:00Z","n":12,"x":1.5,"items":[{"a":1},{"a":2.5},{"a":null}],"tags":["x","y"]}"#,
    #"{"id":null,"at":1704067200,"n":"7","x":-0,"items":[],"flag":true,"deep":{"er":{"still":[1,[2,[3]]]}}}"#,
    #"{"n":9223372036854775808,"x":1e999,"items":[{"a":"9"},{}],"id":"\u00e9\ud83d\ude00","tags":"no list"}"#,
    "{}", "[]", "12", "", "   ", #"{"id":"a","id":"b"}"#,
  ].map { Array($0.utf8) }

  static func document(_ random: inout SeededGenerator, depth: Int) -> [UInt8] {
    let names = ["id", "at", "n", "x", "items", "a", "tags", "deep", "er", "flag", ""]
    switch depth == 0 ? random.int(0...3) : random.int(0...6) {
    case 0: return random.pick(Mutation.numbers)
    case 1: return Array("\"\(random.pick(["", "x", "2024-02-30", "\\u00e9", "true", "12.50"]))\"".utf8)
    case 2: return Array(random.pick(["null", "true", "false"]).utf8)
    case 3: return [UInt8(random.int(0...255))]
    case 4:
      let items = (0..<random.int(0...4)).map { _ in document(&random, depth: depth - 1) }
      return [0x5b] + Array(items.joined(separator: [0x2c])) + [0x5d]
    default:
      let members = (0..<random.int(0...5)).map { _ in
        Array("\"\(random.pick(names))\":".utf8) + document(&random, depth: depth - 1)
      }
      return [0x7b] + Array(members.joined(separator: [0x2c])) + [0x7d]
    }
  }

  static let columns: [SourceColumn] = {
    func column(
      _ steps: [JSONPath.Step], _ type: ColumnType, _ reduce: SourceColumn.Reduce? = nil,
      _ onError: SourceColumn.OnError = .reject
    ) -> SourceColumn {
      SourceColumn(
        name: "c", location: .path(JSONPath(steps: steps)), type: type, onError: onError, reduce: reduce)
    }
    let amounts: [JSONPath.Step] = [.member("items"), .elements, .member("a")]
    return [
      column([.member("id")], .string), column([.member("at")], .timestamp, nil, .setNull),
      column([.member("n")], .int), column([.member("x")], .double), column([.member("flag")], .bool, nil, .setNull),
      column(amounts, .double, .sum), column(amounts, .int, .max, .setNull), column(amounts, .string, .last),
      column(amounts, .decimal(precision: 10, scale: 2), .min), column([.member("items")], .int, .count),
      column([.member("tags"), .index(1)], .string), column([.member("deep"), .member("er")], .string),
    ]
  }()
}
