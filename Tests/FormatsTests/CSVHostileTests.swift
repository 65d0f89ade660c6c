import Columns
import Definition
import TestKit
import Testing

@testable import Formats

/// Rows that are too long, quotes that do not close, and bytes that are no text.
@Suite struct CSVHostileTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private static let names = CSVOptions(header: false, names: ["a", "b"])

  // MARK: Rows over max_row

  @Test(
    "a row over max_row costs itself, wherever it stands and however often it outgrows a block",
    arguments: [false, true], [64, 999, 1000, 1001, 1002, 5000, 256 << 10])
  func tooLong(quoted: Bool, blockBytes: Int) throws {
    let reader = CutReader(options: Self.names, maxRowBytes: 1000, blockBytes: blockBytes)
    for length in [995, 996, 997, 998, 999, 1000, 1001, 1002, 1003, 40_000] {
      for place in 0..<3 {
        for end in ["\n", "\r\n"] {
          let field = String(repeating: "x", count: quoted ? length - 2 : length)
          var lines = ["k1,v1", "k2,v2"]
          lines.insert("k,\(quoted ? "\"\(field)\"" : field)", at: place)
          for closed in [true, false] {
            let text = lines.joined(separator: end) + (closed ? end : "")
            for chunking in [Chunking.whole, .random(seed: 1, most: 700)] {
              let outcome = try reader.read(bytes(text), chunking)
              let spot: Comment = "\(length) bytes in row \(place), blocks of \(blockBytes), \(chunking)"
              let faults = outcome.rows.map(\.fault)
              #expect(
                faults == (0..<3).map { $0 == place && length + 2 > 1000 ? .rowTooLong : .none }, spot)
              let offsets = lines.indices.map { i in
                lines[..<i].reduce(0) { $0 + $1.utf8.count + end.utf8.count }
              }
              #expect(outcome.rows.map { Int($0.offset) } == offsets, spot)
              #expect(outcome.blockBytesMax <= max(blockBytes, 2 * 1002), spot)
            }
          }
        }
      }
    }
  }

  @Test("a quoted field with line ends over max_row: the rows behind it are found again")
  func longQuoted() throws {
    let body = String(repeating: "line of text\n", count: 1000)
    let text = "k1,v1\nk,\"\(body)\"\n" + (0..<200).map { "r\($0),v\n" }.joined()
    for blockBytes in [64, 500, 5000] {
      let outcome = try CutReader(options: Self.names, maxRowBytes: 1000, blockBytes: blockBytes).read(
        bytes(text))
      #expect(outcome.rows[0].fault == .none)
      #expect(outcome.rows.contains { $0.fault != .none })
      let last = outcome.rows.suffix(100)
      #expect(
        last.allSatisfy { $0.fault == .none && $0.cells[1] == .text([UInt8(ascii: "v")], quoted: false) })
      #expect(outcome.blockBytesMax <= max(blockBytes, 2 * 1002))
    }
  }

  // MARK: Quotes that do not close

  @Test("an unclosed quote costs its first line", arguments: [64, 300, 1000, 4096, 256 << 10])
  func unclosed(blockBytes: Int) throws {
    for after in [0, 1, 3, 60, 2000] {
      let rest = (0..<after).map { "r\($0),v\n" }
      let text = "k1,v1\nk2,\"open\n" + rest.joined()
      let outcome = try CutReader(options: Self.names, maxRowBytes: 1000, blockBytes: blockBytes).read(
        bytes(text))
      // Where the whole block is short of max_row's bound, the quote may reach to the block's end, not beyond it.
      #expect(outcome.rows.count == 2 + after, "\(after) rows behind it")
      #expect(outcome.rows.map(\.fault) == [.none, .unclosedQuote] + rest.map { _ in .none }, "\(after)")
    }
  }

  @Test("an unclosed quote in a last line without line end is one row at fault")
  func unclosedAtEnd() throws {
    for text in ["a,b\nc,\"d", "a,b\nc,\"", "a,b\nc,\"d\"\"", "a,b\nc,\"d,e,f"] {
      let outcome = try CutReader(options: Self.names).read(bytes(text), .bytewise)
      #expect(outcome.rows.map(\.fault) == [.none, .unclosedQuote], "\(text)")
    }
    let closed = try CutReader(options: Self.names).read(bytes("a,b\nc,\"d\""), .bytewise)
    #expect(closed.rows.map(\.fault) == [.none, .none])
  }

  @Test(
    "20 MB of hostile quotes are read in one pass",
    arguments: [
      "\"\n", "\"", ",\"", "\"x\n", "\"\"\n", "\"\"\"\n", "\",\n\"\"", "\\\"\n", "\"\\\n", ",\"\"\"\"\n",
      "a,\"\\\"\n",
    ])
  func hostile(pattern: String) throws {
    let unit = bytes(pattern)
    for escape in ["\"", "\\"] {
      // An opened quote before it, so that the same text is met from within and from without.
      for start in ["", "\""] {
        let size = start.isEmpty && escape == "\"" && pattern.count == 1 ? 20 << 20 : 1 << 20
        var text = unit
        while text.count < size { text += text }
        text = bytes(start) + text.prefix(size)
        var options = Self.names
        options.escape = escape.utf8.first
        let clock = ContinuousClock()
        let began = clock.now
        let outcome = try CutReader(options: options).counted(text)
        let seconds = began.duration(to: clock.now) / .seconds(1)
        #expect(outcome.rows > 0)
        #expect(seconds < 60, "\(pattern.debugDescription) took \(seconds) s")
      }
    }
  }

  // MARK: No text at all

  @Test("binary garbage: no crash, and the same rows whatever the chunks", arguments: 0..<20)
  func garbage(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let few = random.chance(2)
    let alphabet: [UInt8] = Array(",\n\r\"\\x".utf8) + [0, 0xff]
    let text = (0..<random.int(0...20_000)).map { _ in
      few ? random.pick(alphabet) : UInt8(random.int(0...255))
    }
    var options = Self.names
    options.header = random.chance(2)
    options.escape = random.pick([nil, UInt8(ascii: "\\"), UInt8(ascii: "\"")])
    if random.chance(4) { options.quote = nil }
    let reader = CutReader(options: options, maxRowBytes: random.pick([50, 1000, 1 << 20]), blockBytes: 256)
    let whole = Result { try reader.read(text) }
    for most in [1, 7, 3000] {
      let again = Result { try reader.read(text, .random(seed: UInt64(seed), most: most)) }
      switch (whole, again) {
      case (.success(let a), .success(let b)): #expect(a.rows == b.rows)
      case (.failure, .failure): break
      default: Issue.record("whole: \(whole), in pieces: \(again)")
      }
    }
  }

  @Test("short lines under a header of 10,000 columns do not take columns × lines of memory")
  func wide() throws {
    let header = (0..<10_000).map { "c\($0)" }.joined(separator: ",")
    let text = header + "\n" + String(repeating: "x\n", count: 20_000)
    let outcome = try CutReader(options: CSVOptions()).counted(bytes(text))
    #expect(outcome.rows == 20_000)
    #expect(outcome.cellsMax <= 2 << 20)
  }
}

extension CutReader {
  /// Reads an object and keeps counts only.
  func counted(_ bytes: [UInt8]) throws -> (rows: Int, cellsMax: Int) {
    let cutter = BlockCutter(format: .csv(options), maxRowBytes: maxRowBytes, blockBytes: blockBytes)
    let scanner = CSVScanner(options, maxRowBytes: maxRowBytes)
    let block = FieldBlock()
    var rows = 0
    var cellsMax = 0
    func take(_ cut: CutBlock) {
      if case .oversized = cut.content {
        rows += 1
        return
      }
      block.text = cut.text
      scanner.scan(block, width: cutter.header?.count ?? 0)
      rows += block.rows
      cellsMax = max(cellsMax, block.rows * block.width)
    }
    try bytes.withUnsafeBytes { bytes in
      var used = 0
      while let cut = try cutter.next(bytes, used: &used) { take(cut) }
    }
    while let cut = try cutter.finish() { take(cut) }
    return (rows, cellsMax)
  }
}
