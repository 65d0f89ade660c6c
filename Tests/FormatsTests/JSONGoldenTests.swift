import Columns
import Foundation
import Testing

@testable import Formats

/// The scanner against Python's json: `Fixtures/json_golden.py` says how the expected cells were made.
@Suite struct JSONGoldenTests {
  static let extractions: [JSONExtraction] = [
    .init("a", container: true), .init("a.b", nulls: true, index: 1), .init("a.b.c", nulls: true, index: 2),
    .init("items", .count, container: true, nulls: true, index: 3), .init("items[].x", nulls: true, index: 4),
    .init("items[].x[].b", container: true, nulls: true, index: 5),
    .init("items[1].x", container: true, nulls: true, index: 6),
    .init("items[]", container: true, nulls: true, index: 7),
    .init("items[1]", container: true, nulls: true, index: 8),
    .init("long_member_name_1", container: true, index: 9),
    .init("long_member_name_2_with_the_same_ends", container: true, index: 10),
    .init("long_member_name_3_with_the_same_ends", nulls: true, index: 11),
    .init("é\"k\n", container: true, index: 12), .init("", index: 13), .init("a.x", index: 14),
    .init("items[].a.b", nulls: true, index: 15), .init("b", nulls: true, index: 16),
    .init("b[0][0]", container: true, nulls: true, index: 17),
    .init("b[][]", container: true, nulls: true, index: 18),
  ]

  static func fixture(_ name: String) throws -> [UInt8] {
    let url = try #require(Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures"))
    return Array(try Data(contentsOf: url))
  }

  /// One expected line as the scan should leave it.
  static func parse(_ line: Substring) throws -> (fault: RowFault, column: UInt16?, cells: [String]) {
    var cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    let head = cells.removeFirst()
    switch head {
    case "#invalidJSON": return (.invalidJSON, nil, [])
    case "#invalidUTF8": return (.invalidUTF8, nil, [])
    case "#notAnObject": return (.notAnObject, nil, [])
    case "!-": return (.none, nil, cells)
    default:
      let column: UInt16 = try #require(UInt16(head.dropFirst()))
      return (.wrongShape, column, cells)
    }
  }

  @Test(
    "every record gives what Python's json finds, in blocks of any size",
    arguments: [1, 300, 5_000, 70_000, 10_000_000])
  func golden(blockBytes: Int) throws {
    let text = try JSONGoldenTests.fixture("json_golden.jsonl")
    let expected = String(decoding: try JSONGoldenTests.fixture("json_golden.expected"), as: UTF8.self)
      .split(separator: "\n")
    let scanner = try JSONScanner(extractions: JSONGoldenTests.extractions)
    let block = FieldBlock()
    var next = 0
    var from = 0
    while from < text.count {
      var to = min(from + blockBytes, text.count)
      while to < text.count && text[to - 1] != UInt8(ascii: "\n") { to += 1 }
      block.text = FieldBlock(Array(text[from..<to])).text
      try scanner.scan(block)
      for row in block.rows(JSONGoldenTests.extractions) {
        let wanted = try JSONGoldenTests.parse(try #require(next < expected.count ? expected[next] : nil))
        #expect(row.fault == wanted.fault, "record \(next): \(row)")
        #expect(row.column == wanted.column, "record \(next): \(row)")
        if wanted.cells.isEmpty {
          #expect(row.cells.allSatisfy { $0 == "N" }, "record \(next): \(row)")
        } else {
          #expect(row.cells == wanted.cells, "record \(next): \(row)")
        }
        next += 1
      }
      from = to
    }
    #expect(next == expected.count)
  }

  /// Bad lines make the scanner go line by line; without them all lines of a block share one index.
  @Test("good records give the same when no bad one is near")
  func goodOnly() throws {
    let text = try JSONGoldenTests.fixture("json_golden.jsonl")
    let expected = try String(
      decoding: try JSONGoldenTests.fixture("json_golden.expected"), as: UTF8.self
    ).split(separator: "\n").map { try JSONGoldenTests.parse($0) }
    let lines = text.split(separator: UInt8(ascii: "\n"))
      .filter { line in line.contains { !Array(" \t\r".utf8).contains($0) } }
    try #require(lines.count == expected.count)
    let good = expected.indices.filter { !expected[$0].cells.isEmpty }
    let rows = try scanJSON(
      Array(good.map { lines[$0] }.joined(separator: [UInt8(ascii: "\n")])), JSONGoldenTests.extractions)
    try #require(rows.count == good.count)
    for (row, record) in zip(rows, good) {
      #expect(row.cells == expected[record].cells, "record \(record): \(row)")
    }
  }
}
