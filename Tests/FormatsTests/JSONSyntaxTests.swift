import Columns
import Testing

@testable import Formats

/// One bad line a kind of mistake, between good neighbours. Each is bad whether or not a column asks for the value
/// that the mistake is in, and whether or not neighbouring lines are indexed with it.
@Suite struct JSONSyntaxTests {
  static let invalid: [String] = [
    // Structure.
    "{", "}", "[", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{,\"a\":1}",
    "{\"a\":1 \"b\":2}", "{\"a\":1,,\"b\":2}", "{\"a\"}", "{\"a\",1}", "{\"a\"::1}", "{:1}", "{\"a\":}",
    "{\"a\":1}}", "{\"a\":1]", "{\"a\":[1}", "{\"a\":[1,2}", "{\"a\":[1,]}", "{\"a\":[,1]}", "{\"a\":[1,,2]}",
    "{\"a\":[1 2]}", "{\"a\":[1:2]}", "{\"a\":{\"b\":1]}", "{\"a\":[[]}", "{\"a\":{}", "{\"a\":1}{\"a\":2}",
    "{\"a\":1} {\"a\":2}", "{\"a\":1},", "{\"a\":1} x", "{\"a\":1} 2", "{\"a\":1} \"b\"", ",{\"a\":1}",
    "{\"a\":1}:", "{1:2}", "{a:1}", "{'a':1}", "{\"a\":'b'}", "{null:1}", "{[]:1}", "{{}:1}", "{\"a\" 1}",
    "{\"a\":1;}", "{\"a\"=1}", "{\"x\":{\"y\":[{\"z\":}]}}", "{\"x\":[{\"y\"},1]}", "{\"x\":[1,{]}}",
    // Comments and other dialects.
    "{\"a\":1}//c", "{\"a\":1/*c*/}", "#{\"a\":1}", "{\"a\":1}#", "{\"a\":undefined}", "{\"a\":NaN}",
    "{\"a\":Infinity}", "{\"a\":-Infinity}", "{\"a\":nan}", "{\"a\":inf}", "{\"a\":True}", "{\"a\":None}",
    "{\"a\":b}", "{\"a\":`b`}", "{\"a\":0x10}", "{\"a\":1_000}", "{\"a\":1,000}", "{\"a\":$}",
    // Literals.
    "{\"a\":tru}", "{\"a\":truE}", "{\"a\":truee}", "{\"a\":t}", "{\"a\":fals}", "{\"a\":falsey}",
    "{\"a\":nul}",
    "{\"a\":nulll}", "{\"a\":n}", "{\"a\":true\"b\"}", "{\"a\":nulltrue}", "{\"a\":null1}",
    "{\"a\":true,false}",
    // Numbers.
    "{\"a\":01}", "{\"a\":-}", "{\"a\":--1}", "{\"a\":+1}", "{\"a\":-01}", "{\"a\":00}", "{\"a\":.5}",
    "{\"a\":5.}",
    "{\"a\":-.5}", "{\"a\":1.e5}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":1e-}", "{\"a\":1e1.5}",
    "{\"a\":1ee5}",
    "{\"a\":1.2.3}", "{\"a\":1-2}", "{\"a\":1e5x}", "{\"a\":12a}", "{\"a\":1\"b\"}", "{\"a\":- 1}",
    "{\"a\":1 .5}",
    "{\"a\":１}", "{\"a\":e5}", "{\"a\":-e5}", "{\"a\":0e}", "{\"a\":0.}", "{\"a\":1E+-2}",
    // Strings.
    "{\"a\":\"b}", "{\"a:1}", "{\"a\":b\"}", "{\"a\":\"b\"c\"}", "{\"a\":\"b\"\"c\"}", "{\"a\":\"\\\"}",
    "{\"a\":\"b\\\"}", "{\"a\":\"\\x41\"}", "{\"a\":\"\\q\"}", "{\"a\":\"\\'\"}", "{\"a\":\"\\0\"}",
    "{\"a\":\"\\ \"}",
    "{\"a\":\"\\U0041\"}", "{\"a\":\"\\u\"}", "{\"a\":\"\\u00\"}", "{\"a\":\"\\u004\"}",
    "{\"a\":\"\\u00g1\"}",
    "{\"a\":\"\\u 041\"}", "{\"a\":\"\\u+041\"}", "{\"a\":\"\\é\"}", "{\"a\":\"\t\"}", "{\"a\":\"\u{1}\"}",
    "{\"a\":\"\u{1f}\"}", "{\"a\":\"\u{0}\"}", "{\"\t\":1}", "{\"\\q\":1}", "{\"a\":\"\\\\\\\"}",
    "{\\\"a\":1}",
    "{\"a\\\":1}",
    // Half surrogate pairs.
    "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\ud800x\"}", "{\"a\":\"\\ud800\\n\"}",
    "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\ud800\\ud800\"}", "{\"a\":\"\\udc00\\ud800\"}",
    "{\"a\":\"\\ud800\\udc0\"}", "{\"\\ud800\":1}", "{\"x\":\"\\udfff\"}",
    // Bytes outside strings that are no white space.
    "{\"a\":1\u{0}}", "\u{0}{\"a\":1}", "{\u{0b}\"a\":1}", "{\"a\":1\u{0c}}", "{\"a\"\u{1a}1}",
    "{\"a\":1\u{0c}\"b\":2}",
    "{\"a\":1}\u{1a}", "{\"a\":\u{a0}1}", "{\"a\":1\u{2028}}", "\u{feff}{\"a\":1}", "{\"a\":1\u{7f}}",
    "{\"a\":\\n}",
    "\\", "{\"a\":1}\\", "{\"a\":1\\}", "{\"a\"\\:1}", "é", "\u{0}",
  ]

  static let good = "{\"a\":\"left\",\"x\":[1,{\"y\":\"\\\"\"}]}"
  static let extractions: [[JSONExtraction]] = [
    [.init("a", container: true, nulls: true)],
    [.init("a.b", nulls: true), .init("a[].c", nulls: true), .init("a", .count, nulls: true)],
    [.init("nothing.of.this")], [],
  ]

  @Test("each kind of mistake is a fault, whatever is extracted", arguments: invalid)
  func alone(line: String) throws {
    for extractions in JSONSyntaxTests.extractions {
      for end in ["", "\n", "\r\n"] {
        let rows = try scanJSON(line + end, extractions)
        #expect(
          rows.map(\.fault) == [.invalidJSON], "\(line.debugDescription) with \(extractions.count) fields")
      }
    }
  }

  @Test("neighbours of a bad line are unharmed", arguments: invalid)
  func neighbours(line: String) throws {
    let extractions: [JSONExtraction] = [.init("a", container: true), .init("x[].y", nulls: true)]
    let alone = try scanJSON(JSONSyntaxTests.good, extractions)
    for text in ["G\nB\nG\n", "B\nG", "G\nB", "G\nB\nB\n\nG\nG\nB\nG\n"] {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      let block = lines.map { $0 == "G" ? JSONSyntaxTests.good : $0 == "B" ? line : "" }.joined(
        separator: "\n")
      let rows = try scanJSON(block, extractions)
      let kinds = lines.filter { !$0.isEmpty }
      try #require(rows.count == kinds.count, "\(text.debugDescription)")
      for (row, kind) in zip(rows, kinds) {
        if kind == "G" {
          #expect(row == alone[0])
        } else {
          #expect(row.fault == .invalidJSON)
          #expect(row.cells == ["N", "N"])
          #expect(row.record == Array(line.utf8))
        }
      }
    }
  }

  @Test("each pair of bad lines gives two faults: none reads on into the next")
  func pairs() throws {
    for first in JSONSyntaxTests.invalid {
      let block = JSONSyntaxTests.invalid.map { first + "\n" + $0 + "\n" }.joined()
      let rows = try scanJSON(block, [.init("a.b", nulls: true)])
      #expect(rows.count == 2 * JSONSyntaxTests.invalid.count)
      #expect(rows.allSatisfy { $0.fault == .invalidJSON }, "\(first.debugDescription)")
    }
  }

  @Test(
    "a document that is no object is told apart from a broken one",
    arguments: [
      "1", "-0.5e3", "\"a\"", "\"a\\n\"", "true", "null", "[]", "[1,{\"a\":2}]", " \"x\" ", "[[[]]]",
    ])
  func notAnObject(line: String) throws {
    #expect(try scanJSON(line, [.init("a")]).map(\.fault) == [.notAnObject])
    #expect(
      try scanJSON("{}\n\(line)\n{}\n", [.init("a")]).map(\.fault) == [.none, .notAnObject, .none])
  }

  @Test("bytes that are no UTF-8 are a fault, in strings, names and outside")
  func utf8() throws {
    let sequences: [[UInt8]] = [
      [0x80], [0xff], [0xc3], [0xc3, 0x28], [0xc0, 0xaf], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80],
      [0xe2, 0x82],
      [0xf0, 0x9f, 0x98], [0xf4, 0x90, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80],
    ]
    for bytes in sequences {
      for (before, after) in [
        ("{\"a\":\"", "\"}"), ("{\"", "\":1}"), ("{\"a\":1}", ""), ("", ""), ("{\"x\":\"", ""),
      ] {
        let line = Array(before.utf8) + bytes + Array(after.utf8)
        #expect(try scanJSON(line, [.init("a")]).map(\.fault) == [.invalidUTF8])
        let good = Array("{\"a\":\"é\"}\n".utf8)
        let rows = try scanJSON(good + line + [10] + good, [.init("a")])
        #expect(rows.map(\.fault) == [.none, .invalidUTF8, .none])
        #expect(rows.map(\.cells) == [["Qc3a9"], ["N"], ["Qc3a9"]])
        #expect(rows[1].record == line)
      }
    }
  }
}
