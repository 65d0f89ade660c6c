import FoundationEssentials
import TestKit
import Testing

@testable import Console

@Suite struct DisplayTextTests {
  @Test func nothingCommandsTheTerminal() {
    #expect(DisplayText.printable("a\u{1b}[31mb\n\t\u{202e}c") == "a\\u{1b}[31mb\\n\\t\\u{202e}c")
    #expect(DisplayText.printable("größe 名前") == "größe 名前")
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      let shown = DisplayText.printable(random.text(length: 0...40))
      let bad = shown.unicodeScalars.contains { scalar in
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
          || (0x2028...0x202e).contains(scalar.value)
      }
      #expect(!bad, "seed \(seed)")
    }
  }

  @Test func widths() {
    #expect(DisplayText.width("abc") == 3)
    #expect(DisplayText.width("名前") == 4)
    #expect(DisplayText.width("e\u{301}") == 1)
    #expect(DisplayText.width("…│█") == 3)
  }

  @Test func fittingCutsTheRightEnd() {
    #expect(DisplayText.fit("abcdef", 6, isUnicode: true) == "abcdef")
    #expect(DisplayText.fit("abcdef", 4, isUnicode: true) == "abc…")
    #expect(DisplayText.fit("a/b/c.csv", 6, fromStart: true, isUnicode: true) == "…c.csv")
    #expect(DisplayText.fit("abcdefgh", 6, isUnicode: false) == "abc...")
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      let text = DisplayText.printable(random.text(length: 0...40))
      let columns = Int.random(in: 3...30, using: &random)
      for fromStart in [false, true] {
        let fitted = DisplayText.fit(text, columns, fromStart: fromStart, isUnicode: true)
        #expect(DisplayText.width(fitted) <= columns, "seed \(seed)")
      }
    }
  }

  @Test func jsonReadsBack() throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      let (name, text) = (random.text(length: 0...20), random.text(length: 0...40))
      let number = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &random))
      let json = JSONValue.object([
        (name, .array([.string(text), .string("")])), (name + "2", .array([])), (name + "3", .object([])),
      ])
      struct Texts: Decodable, Equatable {
        var values: [String: [String]] = [:]
        init(from decoder: any Decoder) throws {
          let members = try decoder.container(keyedBy: Key.self)
          for key in members.allKeys {
            values[key.stringValue] = (try? members.decode([String].self, forKey: key)) ?? []
          }
        }
        struct Key: CodingKey {
          var stringValue: String
          var intValue: Int? { nil }
          init(stringValue: String) { self.stringValue = stringValue }
          init?(intValue: Int) { nil }
        }
      }
      let read = try JSONDecoder().decode(Texts.self, from: Data(json.text.utf8))
      #expect(read.values == [name: [text, ""], name + "2": [], name + "3": []], "seed \(seed)")
      let one = try JSONDecoder().decode(
        [Double?].self, from: Data(JSONValue.array([.double(number)]).text.utf8))
      #expect(one == [number.isFinite ? number : nil], "seed \(seed)")
    }
    let extremes = JSONValue.array([.int(.min), .unsigned(.max), .bool(true), .null])
    #expect(extremes.text == "[\n  -9223372036854775808,\n  18446744073709551615,\n  true,\n  null\n]")
  }
}
