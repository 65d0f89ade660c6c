import Columns
import Definition
import Foundation
import Testing

@testable import Formats

/// The scanner against Python's csv: `Fixtures/csv_golden.py` says how the documents were made.
@Suite struct CSVGoldenTests {
  struct Document: Decodable {
    var text: String
    var delimiter: String
    var quote: String
    var escape: String?
    var rows: [[String]]
  }

  @Test("the records that Python finds", arguments: [64, 200, 256 << 10])
  func golden(blockBytes: Int) throws {
    let lines = try JSONGoldenTests.fixture("csv_golden.jsonl").split(separator: 0x0a)
    #expect(lines.count == 500)
    for line in lines {
      let document = try JSONDecoder().decode(Document.self, from: Data(line))
      let width = document.rows.map(\.count).max() ?? 0
      var options = CSVOptions(header: false, names: (0..<width).map { "c\($0)" }, nullValues: [])
      options.delimiter = try #require(document.delimiter.utf8.first)
      options.quote = document.quote.utf8.first
      options.escape = document.escape?.utf8.first
      let outcome = try CutReader(options: options, blockBytes: blockBytes).read(Array(document.text.utf8))
      let found = outcome.rows.map { row in
        row.cells.filter { $0 != .null }.map { cell in
          if case .text(let bytes, _) = cell { String(decoding: bytes, as: UTF8.self) } else { "" }
        }
      }
      #expect(found == document.rows, "\(document.text.debugDescription)")
      #expect(outcome.rows.map(\.fault) == document.rows.map { $0.count < width ? .tooFewFields : .none })
    }
  }
}
