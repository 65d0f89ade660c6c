import Columns
import Definition
import Testing

@testable import Formats

@Suite struct JSONScannerTests {
  private func q(_ text: String) -> String { "Q" + hex(text.utf8) }
  private func t(_ text: String) -> String { "T" + hex(text.utf8) }

  @Test("values are the text as written; strings are unescaped and marked")
  func values() throws {
    let rows = try scanJSON(
      #"{"n":-1.50e+3,"s":"a\"\u00e9\ud83d\ude00\/","p":"plain","t":true,"f":false,"z":null,"o":{"k":[1, 2]}}"#,
      [
        .init("n"), .init("s"), .init("p"), .init("t"), .init("f"), .init("z"), .init("absent"),
        .init("o", container: true), .init("o.k", container: true), .init("o.k[1]"),
      ])
    #expect(rows.count == 1)
    #expect(
      rows[0].cells == [
        t("-1.50e+3"), q("a\"é😀/"), q("plain"), t("true"), t("false"), "N", "N", t(#"{"k":[1, 2]}"#),
        t("[1, 2]"),
        t("2"),
      ])
  }

  @Test("a string without escapes is a view of the record itself")
  func inPlace() throws {
    let text = "{\"a\":\"plain\",\"b\":\"es\\ncaped\"}\n"
    let block = FieldBlock(Array(text.utf8))
    try JSONScanner(extractions: [.init("a"), .init("b")]).scan(block)
    #expect(block.fields[0].start == 6)
    #expect(Int(block.fields[1].start) >= text.utf8.count)
    #expect(block.text.count == text.utf8.count + "es\ncaped".utf8.count)
  }

  @Test("line ends: LF, CRLF, none at the end, blank lines, white space around")
  func lines() throws {
    let text = "\n{\"a\":1}\r\n\r\n  \t\n {\"a\":2} \n\n\r\n{\"a\":3}\r\n\n{\"a\":4}"
    let rows = try scanJSON(text, [.init("a")])
    #expect(rows.map(\.cells) == [[t("1")], [t("2")], [t("3")], [t("4")]])
    #expect(
      rows.map { String(decoding: $0.record, as: UTF8.self) } == [
        "{\"a\":1}", " {\"a\":2} ", "{\"a\":3}", "{\"a\":4}",
      ])
    for blank in ["", "\n", "  ", "\r\n", "\n\n\n", " \t\r\n \n"] {
      #expect(try scanJSON(blank, [.init("a")]).isEmpty)
    }
  }

  @Test("a line's end is the end: nothing behind the block is read as text")
  func blockEnd() throws {
    for filler in Array("0}]\",1:{\n\\".utf8) {
      for text in ["{\"a\":1", "{\"a\":", "{\"a\":\"", "{\"a\":tru", "{\"a\":1}", "12", "{\"a\":{\"b\":[1,2"] {
        let block = FieldBlock(Array(text.utf8), filler: filler)
        try JSONScanner(extractions: [.init("a")]).scan(block)
        #expect(block.rows == 1)
        let fault = try #require(RowFault(rawValue: block.faults.codes[0]))
        let wanted: RowFault = text == "{\"a\":1}" ? .none : text == "12" ? .notAnObject : .invalidJSON
        #expect(fault == wanted, "\(text) before \(filler)")
      }
    }
  }

  @Test(
    "1,024 levels are read, more are a fault, and 100,000 do not harm the stack", arguments: [false, true])
  func depth(objects: Bool) throws {
    func line(_ levels: Int, closed: Bool = true) -> String {
      let (open, close) = objects ? ("{\"a\":", "}") : ("[", "]")
      return "{\"a\":" + String(repeating: open, count: levels - 1) + "1"
        + (closed ? String(repeating: close, count: levels - 1) + "}" : "")
    }
    for extractions: [JSONExtraction] in [
      [.init("a", container: true)], [.init("b")], [.init("a.a.a", container: true, nulls: true)],
      [.init("a[][][]", container: true, nulls: true)],
    ] {
      let text = [
        line(1024), line(1025), line(1), line(10_000), line(10_000, closed: false), line(100_000), line(2),
      ]
      .joined(separator: "\n")
      let rows = try scanJSON(text, extractions)
      #expect(
        rows.map(\.fault) == [.none, .jsonTooDeep, .none, .jsonTooDeep, .jsonTooDeep, .jsonTooDeep, .none])
    }
    let deep = JSONExtraction(
      path: JSONPath(steps: Array(repeating: objects ? .member("a") : .index(0), count: 1023)))
    let path = JSONExtraction(path: JSONPath(steps: [.member("a")] + deep.path.steps))
    #expect(try scanJSON(line(1024), [path]).map(\.cells) == [[t("1")]])
  }

  @Test("lines without end brackets are linear work")
  func unclosedLines() throws {
    let text = String(repeating: "{\"a\":\n", count: 100_000)
    let clock = ContinuousClock()
    var rows = 0
    let time = try clock.measure {
      rows = try scanJSON(text, [.init("a.a")]).count { $0.fault == .invalidJSON }
    }
    #expect(rows == 100_000)
    // Quadratic work would take minutes; the bound leaves a slow, busy machine much room.
    #expect(time < .seconds(60))
  }

  @Test("long strings, numbers and lines")
  func long() throws {
    let text = String(repeating: "xé", count: 350_000)
    let escaped = String(repeating: "\\\"é", count: 200_000)
    let digits = String(repeating: "1234567890", count: 50_000)
    let lines = [
      "{\"a\":\"\(text)\"}", "{\"a\":\"\(escaped)\"}", "{\"a\":-\(digits).\(digits)e-\(digits)}", "{\"a\":1}",
    ]
    let rows = try scanJSON(Array(lines.joined(separator: "\n").utf8), [.init("a")], maxRowBytes: 4 << 20)
    #expect(rows.map(\.fault) == [.none, .none, .none, .none])
    #expect(rows[0].cells == [q(text)])
    #expect(rows[1].cells == [q(String(repeating: "\"é", count: 200_000))])
    #expect(rows[2].cells == [t("-\(digits).\(digits)e-\(digits)")])
    #expect(rows[3].cells == [t("1")])
  }

  @Test("a row over the limit is a fault of its own, whatever is in it", arguments: [false, true])
  func rowLimit(withBadLine: Bool) throws {
    let fits = "{\"a\":\"" + String(repeating: "b", count: 92) + "\"}"
    let long = "{\"a\":\"" + String(repeating: "b", count: 93) + "\"}"
    #expect(fits.utf8.count == 100)
    let lines = [
      fits, long, fits + "\r", long + "\r", "{\"a\":\"" + String(repeating: "b", count: 200), fits,
    ]
    let text = lines.joined(separator: "\n") + "\n" + (withBadLine ? "{\"a\n" : "")
    let rows = try scanJSON(Array(text.utf8), [.init("a")], maxRowBytes: 100)
    #expect(
      rows.map(\.fault) == [.none, .rowTooLong, .none, .rowTooLong, .rowTooLong, .none]
        + (withBadLine ? [.invalidJSON] : []))
    #expect(rows[1].record == Array(long.utf8))
    let huge =
      Array("{\"a\":1}\n".utf8) + Array(repeating: UInt8(ascii: "["), count: 1 << 20) + Array("\n{}".utf8)
    #expect(try scanJSON(huge, [.init("a")]).map(\.fault) == [.none, .rowTooLong, .none])
  }

  @Test("of a repeated member the last one counts, and what the first left is gone")
  func duplicates() throws {
    let extractions: [JSONExtraction] = [
      .init("a", container: true), .init("a.x"), .init("l[].v"), .init("l", .count, container: true),
      .init("l[].m[].w"),
    ]
    func cells(_ line: String) throws -> [String] {
      let row = try scanJSON(line, extractions)[0]
      return row.fault == .none ? row.cells : ["\(row.fault)"]
    }
    #expect(try cells(#"{"a":{"x":1},"a":{"y":2}}"#) == [t(#"{"y":2}"#), "N", "N", "N", "N"])
    #expect(try cells(#"{"a":{"x":1,"x":2}}"#)[1] == t("2"))
    #expect(try cells(#"{"a":{"x":1,"\u0078":null}}"#)[1] == "N")
    #expect(try cells(#"{"a":3,"a":{"x":1}}"#) == [t(#"{"x":1}"#), t("1"), "N", "N", "N"])
    #expect(try cells(#"{"a":{"x":1},"a":3}"#) == ["wrongShape"])
    #expect(try cells(#"{"l":[{"v":1},{"v":2}],"l":[{"v":3}]}"#) == ["N", "N", "L" + t("3"), "C1", "L"])
    #expect(try cells(#"{"l":[{"v":1}],"l":null}"#) == ["N", "N", "N", "N", "N"])
    #expect(try cells(#"{"l":[{"v":{}}],"l":[{"v":1,"v":2,"v":null}]}"#) == ["N", "N", "LN", "C1", "L"])
    #expect(
      try cells(#"{"l":[{"m":[{"w":1}]},{"m":[{"w":2},{"w":3}],"m":[{"w":4,"w":5}]},{"v":9}]}"#)
        == ["N", "N", "LN,N," + t("9"), "C3", "L" + t("1") + "," + t("5")])
  }

  @Test("lists: absent, null, empty, nulls kept, several levels flattened, one element by number")
  func lists() throws {
    let extractions: [JSONExtraction] = [
      .init("l[].v"), .init("l", .count, container: true), .init("l[].m[].w"), .init("l[1].v"),
    ]
    let text = """
      {}
      {"l":null}
      {"l":[]}
      {"l":[null,{"v":1},{},{"v":null},{"v":"s"}]}
      {"l":[{"m":[{"w":1},{"w":2}]},{"m":[]},{},null,{"m":null},{"m":[{"w":3},null]}]}
      """
    #expect(
      try scanJSON(text, extractions).map(\.cells) == [
        ["N", "N", "N", "N"], ["N", "N", "N", "N"], ["L", "C0", "L", "N"],
        ["LN," + t("1") + ",N,N," + q("s"), "C5", "L", t("1")],
        ["LN,N,N,N,N,N", "C6", "L" + [t("1"), t("2"), t("3"), "N"].joined(separator: ","), "N"],
      ])
  }

  @Test("wrong shapes reject the row under their column, or become null; other fields stand")
  func wrongShapes() throws {
    let strict: [JSONExtraction] = [
      .init("ok", index: 7), .init("a.b", index: 8), .init("l[].v", index: 9), .init("n", .count, index: 10),
    ]
    let lines: [(String, UInt16?)] = [
      (#"{"ok":1,"a":{"b":1},"l":[{"v":1}],"n":[1]}"#, nil), (#"{"ok":1,"a":3}"#, 8),
      (#"{"ok":1,"a":"b"}"#, 8),
      (#"{"ok":1,"a":[]}"#, 8), (#"{"ok":1,"a":{"b":{}}}"#, 8), (#"{"ok":1,"a":{"b":[1]}}"#, 8),
      (#"{"ok":1,"l":{}}"#, 9), (#"{"ok":1,"l":5}"#, 9), (#"{"ok":1,"l":[5]}"#, 9),
      (#"{"ok":1,"l":[[]]}"#, 9),
      (#"{"ok":1,"l":[{"v":1},{"v":[2]}]}"#, 9), (#"{"ok":1,"n":{}}"#, 10), (#"{"ok":1,"n":"x"}"#, 10),
      (#"{"ok":1,"n":7,"l":7,"a":7}"#, 8), (#"{"ok":1,"a":null,"l":null,"n":null}"#, nil),
    ]
    let rows = try scanJSON(lines.map(\.0).joined(separator: "\n"), strict)
    for (row, (line, column)) in zip(rows, lines) {
      #expect(row.fault == (column == nil ? .none : .wrongShape), "\(line)")
      #expect(row.column == column, "\(line)")
      #expect(row.cells[0] == t("1"))
      if let column { #expect(row.cells[Int(column) - 7] == "N", "\(line)") }
    }
    let lenient = strict.map { extraction in
      var copy = extraction
      copy.setsNullOnWrongShape = true
      return copy
    }
    let nulled = try scanJSON(lines.map(\.0).joined(separator: "\n"), lenient)
    #expect(nulled.allSatisfy { $0.fault == .none })
    #expect(nulled[10].cells == [t("1"), "N", "N", "N"])
    #expect(nulled[0].cells == [t("1"), t("1"), "L" + t("1"), "C1"])
  }

  /// The strings' room is asked for one string at a time, and the record is read again from its start each time: what
  /// it needs is the sum. (Element 1 is unescaped twice, so that the sum is more than the line.)
  @Test("a record that needs more room than its own length for unescaped strings", .timeLimit(.minutes(1)))
  func unescapedRoom() throws {
    let extractions: [JSONExtraction] = [.init("l[]"), .init("l[1]"), .init("l[0]"), .init("a")]
    for length in [1, 10, 100, 10_000] {
      let text = String(repeating: "b", count: length) + "\""
      let escaped = "\"" + text.dropLast() + "\\\"\""
      let line = "{\"l\":[\(escaped),\(escaped),\(escaped)],\"a\":\(escaped)}"
      let rows = try scanJSON(line + "\n" + line, extractions)
      let cells = [
        "L" + Array(repeating: q(text), count: 3).joined(separator: ","), q(text), q(text), q(text),
      ]
      #expect(rows.map(\.cells) == [cells, cells])
    }
  }

  @Test("many columns, names alike in their first and last bytes")
  func manyColumns() throws {
    let names = (0..<10_000).map { "column_with_a_long_name_\($0)_and_a_long_ending" }
    let extractions = names.enumerated().map { JSONExtraction($1, index: $0) }
    let line = "{" + names.enumerated().reversed().map { "\"\($1)\":\($0)" }.joined(separator: ",") + "}"
    let rows = try scanJSON(line + "\n" + line, extractions)
    #expect(rows.map(\.cells) == Array(repeating: (0..<10_000).map { t("\($0)") }, count: 2))
  }

  @Test("a scanner and a block are used again for blocks of other sizes")
  func reuse() throws {
    let extractions: [JSONExtraction] = [.init("a"), .init("l[]"), .init("m[]")]
    let scanner = try JSONScanner(extractions: extractions)
    let block = FieldBlock()
    for count in [3, 20_000, 1, 0, 5_000] {
      let lines = (0..<count).map { i in
        i % 7 == 3 ? "{\"a\":bad}" : "{\"a\":\"\\u0041\(i)\",\"l\":[\(i),\"x\"],\"m\":[\(i)]}"
      }
      block.text = FieldBlock(Array(lines.joined(separator: "\n").utf8)).text
      try scanner.scan(block)
      let rows = block.rows(extractions)
      #expect(rows.count == count)
      for (i, row) in rows.enumerated() {
        #expect(row.fault == (i % 7 == 3 ? .invalidJSON : .none))
        #expect(
          row.cells
            == (i % 7 == 3 ? ["N", "N", "N"] : [q("A\(i)"), "L\(t("\(i)")),\(q("x"))", "L\(t("\(i)"))"]))
      }
    }
  }

  @Test("a definition's columns become extractions")
  func extractions() {
    let columns = [
      SourceColumn(name: "id", location: .path(JSONPath("customer.id")), type: .string),
      SourceColumn(name: "price", location: .named("price"), type: .double, onError: .setNull),
      SourceColumn(name: "items", location: .path(JSONPath("s.items")), type: .int, reduce: .count),
      SourceColumn(
        name: "amount", location: .path(JSONPath("s.items[].amount")), type: .double, reduce: .sum),
      SourceColumn(name: "used", location: .path(JSONPath("s.items[].x")), type: .int, reduce: .count),
      SourceColumn(name: "from", location: .object, type: .string),
    ]
    #expect(
      JSONExtraction.all(of: columns) == [
        .init("customer.id", container: true, index: 0), .init("price", nulls: true, index: 1),
        .init("s.items", .count, container: true, index: 2), .init("s.items[].amount", index: 3),
        .init("s.items[].x", container: true, index: 4),
        JSONExtraction(path: JSONPath(steps: []), shape: .nothing, allowsContainer: true, columnIndex: 5),
      ])
  }
}
