import Columns
import Glibc
import TestKit
import Testing

@Suite struct NumberCastTests {
  /// `float`, `decimal` and exact fractions of Python say what each text is worth, or why it is refused.
  @Test func agreesWithPython() throws {
    var texts: [String: [(text: String, expected: String)]] = [:]
    for row in try Fixtures.rows("numbers.tsv") { texts[row[0], default: []].append((row[1], row[2])) }
    #expect(texts.values.reduce(0) { $0 + $1.count } > 8000)
    for (name, cases) in texts {
      let fields = CastedFields(cases.map(\.text), try Cast(type: columnType(name)))
      for (row, item) in cases.enumerated() {
        #expect(fields.outcome(row) == item.expected, "\(name) of '\(item.text)'")
      }
    }
  }

  private func columnType(_ name: String) throws -> ColumnType {
    switch name {
    case "int": return .int
    case "double": return .double
    case "bool": return .bool
    default:
      let numbers = name.split { "(,)".contains($0) }.dropFirst().compactMap { Int($0) }
      try #require(numbers.count == 2)
      return .decimal(precision: numbers[0], scale: numbers[1])
    }
  }

  /// Random texts of every length and exponent against the C library.
  @Test func doublesAgreeWithStrtod() throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    let texts = (0..<60_000).map { _ in randomDouble(&random) }
    let fields = CastedFields(texts, try Cast(type: .double))
    for (row, text) in texts.enumerated() {
      let reference = strtod(text, nil)
      let expected =
        reference.isInfinite ? "outOfRange" : Fixtures.hex(reference.bitPattern)
      if fields.outcome(row) != expected {
        Issue.record("'\(text)' is \(fields.outcome(row)), strtod says \(expected); seed \(seed)")
      }
    }
  }

  private func randomDouble(_ random: inout SeededGenerator) -> String {
    func digits(_ range: ClosedRange<Int>) -> String {
      String(
        (0..<Int.random(in: range, using: &random)).map { _ in
          "0123456789".randomElement(using: &random) ?? "0"
        })
    }
    let sign = Bool.random(using: &random) ? "-" : ""
    switch Int.random(in: 0..<5, using: &random) {
    case 0: return sign + digits(1...9)
    case 1: return sign + digits(1...9) + "." + digits(0...9)
    case 2: return sign + "\(Double(bitPattern: .random(in: 0..<0x7ff0_0000_0000_0000, using: &random)))"
    case 3:
      return sign + digits(1...30) + "." + digits(0...30) + "e\(Int.random(in: -360...320, using: &random))"
    default:
      // Short mantissas beside ties: an odd number of 54 bits and its neighbours.
      let odd = UInt64.random(in: 1 << 53..<1 << 54, using: &random) | 1
      return "\(odd)"
        + ["", ".0", ".00000000000000000000000001", "e3", "e-3"][Int.random(in: 0..<5, using: &random)]
    }
  }

  @Test func utf8AgreesWithPython() throws {
    let rows = try Fixtures.rows("utf8.tsv")
    let raw = try rows.map { CastedFields.Raw(bytes: try #require(Fixtures.bytes(hex: $0[0]))) }
    let fields = CastedFields(raw, try Cast(type: .string))
    for (row, item) in rows.enumerated() {
      #expect((fields.faults.codes[row] == 0) == (item[1] == "1"), "\(item[0])")
    }
    #expect(rows.filter { $0[1] == "1" }.count > 100 && rows.filter { $0[1] == "0" }.count > 100)
  }
}

extension Fixtures {
  static func hex(_ bits: UInt64) -> String {
    let hex = String(bits, radix: 16)
    return String(repeating: "0", count: 16 - hex.count) + hex
  }

  static func bytes(hex: String) -> [UInt8]? {
    let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == hex.utf8.count, digits.count % 2 == 0 else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
  }
}
