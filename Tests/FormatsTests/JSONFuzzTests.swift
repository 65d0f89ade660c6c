import Columns
import TestKit
import Testing

@testable import Formats

@Suite struct JSONFuzzTests {
  static let lines = [
    #"{"customer":{"id":"c1","region":"eu"},"s":{"items":[{"sku":"a","amount":0.5},{"sku":"\u00e9","amount":-1e3}]}}"#,
    #"{"a":[[[1,2],[3]],[],null,{"b":[true,false]}],"note":"quoted \"x\", \\ and 😀","customer":{"id":null}}"#,
    #" { "s" : { "items" : [ ] , "items" : [ { "amount" : 1 , "amount" : "2\n" } ] } , "" : 12345678901234567890 } "#,
    "{}", "", "\r", #"{"a":"\ud83d\ude00","s":{"items":[[{"amount":{}}]]},"customer":[]}"#,
  ]
  static let bytes =
    Array("{}[]\",:\\ntfalse0123-+.eEu \t\r\n\n\n\u{0}\u{1}\u{7f}".utf8) + [0x80, 0xc3, 0xe2, 0xff]
  static let extractions: [JSONExtraction] = [
    .init("customer.id"), .init("s.items", .count, container: true), .init("s.items[].amount"),
    .init("s.items[].sku", container: true), .init("a[][][]", nulls: true), .init("a[1]", container: true),
    .init("note"), .init("", container: true),
  ]

  static func mutated(_ generator: inout SeededGenerator) -> [UInt8] {
    var text: [UInt8] = []
    for _ in 0..<Int.random(in: 1...40, using: &generator) {
      text += Array(lines[Int.random(in: 0..<lines.count, using: &generator)].utf8)
      text.append(10)
    }
    for _ in 0..<Int.random(in: 0...12, using: &generator) {
      let at = Int.random(in: 0..<text.count, using: &generator)
      let byte = bytes[Int.random(in: 0..<bytes.count, using: &generator)]
      switch Int.random(in: 0..<5, using: &generator) {
      case 0: text[at] = byte
      case 1: text.insert(byte, at: at)
      case 2: text.removeSubrange(at..<min(at + Int.random(in: 1...30, using: &generator), text.count))
      case 3: text.insert(contentsOf: text[at..<min(at + 20, text.count)], at: at)
      default: text[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
      if text.isEmpty { text = [10] }
    }
    return text
  }

  @Test(
    "damaged text: no crash, one row a non-blank line, and each line is judged as if it stood alone",
    arguments: 0..<40)
  func fuzz(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed) &* 1_000_003 &+ 17)
    let scanner = try JSONScanner(extractions: JSONFuzzTests.extractions)
    let block = FieldBlock()
    for round in 0..<60 {
      let text = JSONFuzzTests.mutated(&generator)
      block.text = FieldBlock(text, filler: JSONFuzzTests.bytes[round % JSONFuzzTests.bytes.count]).text
      try scanner.scan(block)
      let rows = block.rows(JSONFuzzTests.extractions)
      let lines = text.split(separator: 10).filter { line in line.contains { ![9, 13, 32].contains($0) } }
      try #require(rows.count == lines.count, "seed \(seed), round \(round)")
      for (row, line) in zip(rows, lines) {
        block.text = FieldBlock(Array(line)).text
        try scanner.scan(block)
        #expect([row] == block.rows(JSONFuzzTests.extractions), "seed \(seed), round \(round)")
        #expect(row.record == Array(line.last == 13 ? line.dropLast() : line))
      }
    }
  }

  @Test("what the documents before had in what order changes nothing", arguments: 0..<40)
  func order(seed: Int) throws {
    var random = SeededGenerator(seed: seed + 300)
    let members = [
      #""customer":{"id":"c1","region":"eu"}"#, #""customer":{"region":"é","id":2.5}"#,
      #""s":{"items":[{"amount":1}]}"#,
      #""s":{"n":0,"items":[{"sku":"a","amount":1e3},{"amount":0.25,"sku":"b"}]}"#, #""note":"a\nb""#, #""note":-17"#,
      #""n\u006fte":"x""#, #""":{"a":[]}"#, #""a":[[[1],[2]]]"#, #""other":{"customer":{"id":3}}"#, #""a":"b""#,
    ]
    let scanner = try JSONScanner(extractions: JSONFuzzTests.extractions)
    let block = FieldBlock()
    let lines = (0..<60).map { _ in
      "{" + (0..<random.int(0...8)).map { _ in random.pick(members) }.joined(separator: ",") + "}"
    }
    block.text = FieldBlock(Array((lines.joined(separator: "\n") + "\n").utf8)).text
    try scanner.scan(block)
    let rows = block.rows(JSONFuzzTests.extractions)
    try #require(rows.count == lines.count)
    for (row, line) in zip(rows, lines) {
      block.text = FieldBlock(Array(line.utf8)).text
      try JSONScanner(extractions: JSONFuzzTests.extractions).scan(block)
      #expect([row] == block.rows(JSONFuzzTests.extractions), "seed \(seed): \(line)")
    }
  }
}
