import Definition
import Testing

@testable import Formats

@Suite struct CSVHeaderTests {
  private func header(_ text: String, _ options: CSVOptions = CSVOptions(), blockBytes: Int = 64) throws
    -> [String]?
  {
    try CutReader(options: options, blockBytes: blockBytes).read(Array(text.utf8), .bytewise).header
  }

  @Test("names are trimmed, quotes and a byte order mark taken off, and the line end may be missing")
  func names() throws {
    #expect(try header("\u{feff}a, b ,\"c,d\"\n1,2,3\n") == ["a", "b", "c,d"])
    #expect(try header("\"a\r\nb\",c\r\n") == ["a\r\nb", "c"])
    #expect(try header("a,b") == ["a", "b"])
    #expect(try header("\n\r\n\na,b\n1,2") == ["a", "b"])
  }

  @Test("an empty last name is a column")
  func emptyLast() throws {
    #expect(try header("a,b,\n1,2,3\n") == ["a", "b", ""])
    #expect(try header("\"a,b\",c,\n1,2,3\n") == ["a,b", "c", ""])
    #expect(try header("\"a,b\",c,,\n1,2,3\n") == ["a,b", "c", "", ""])
    #expect(try header("\"a,b,c\"\n1\n") == ["a,b,c"])
  }

  @Test("a name that is spelled like null is a name")
  func nullSpelling() throws {
    #expect(try header("id,NA\n1,2\n", CSVOptions(nullValues: ["", "NA"])) == ["id", "NA"])
  }

  @Test("text behind a quoted name does not add columns")
  func textAfterQuote() throws {
    #expect(try header("\"a,b\" x,c\n1,2\n")?.count == 2)
  }

  @Test("`names` stand in place of the header's")
  func replaced() throws {
    let outcome = try CutReader(options: CSVOptions(header: true, names: ["x", "y"])).read(
      Array("a,b\n1,2\n".utf8))
    #expect(outcome.header == ["x", "y"])
    #expect(outcome.rows.count == 1)
  }

  @Test(
    "an object without a record has no rows",
    arguments: ["", "\n", "\r\n\n", "a,b", "a,b\n", "\u{feff}", "\u{feff}a,b\r\n"])
  func noRows(text: String) throws {
    for chunking in [Chunking.whole, .bytewise] {
      #expect(try CutReader(options: CSVOptions()).read(Array(text.utf8), chunking).rows.isEmpty)
    }
  }

  @Test("lines that are skipped may be missing")
  func skipped() throws {
    for text in ["", "one", "one\n", "one\ntwo", "one\ntwo\n", "one\ntwo\na,b", "one\ntwo\na,b\n"] {
      let outcome = try CutReader(options: CSVOptions(skipLines: 2)).read(Array(text.utf8), .bytewise)
      #expect(outcome.rows.isEmpty, "\(text)")
    }
    let outcome = try CutReader(options: CSVOptions(skipLines: 2)).read(
      Array("1\n2\na,b\nx,y".utf8), .bytewise)
    #expect(outcome.rows.map(\.offset) == [8])
  }

  @Test("UTF-16 is told by its byte order mark", arguments: [[0xff, 0xfe], [0xfe, 0xff]] as [[UInt8]])
  func utf16(mark: [UInt8]) {
    for chunking in [Chunking.whole, .bytewise] {
      #expect(throws: FormatError.self) {
        try CutReader(options: CSVOptions()).read(mark + [0x61, 0, 0x0a, 0], chunking)
      }
    }
  }

  @Test("a header over max_row is an error, not a table without rows")
  func longHeader() {
    for text in [String(repeating: "x", count: 5000), "\"" + String(repeating: "x\n", count: 5000)] {
      #expect(throws: FormatError.self) {
        try CutReader(options: CSVOptions(), maxRowBytes: 1000, blockBytes: 64).read(Array(text.utf8))
      }
    }
  }
}
