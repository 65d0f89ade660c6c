import Definition
import Testing

/// Definitions damaged at random: each gives a definition, or problems whose places are in the file.
@Suite struct FuzzTests {
  private static let bases = [Samples.customer360, ModelTests.text, Samples.edited([:])]
  private static let pieces = [
    "\t", " ", "\n", "\r\n", ":", ": ", "#", " #", "'", "\"", "|", "> ", "*", "&a ", "!", "%", "@", "`", "- ",
    "{", "}",
    "[", "]", ",", "${", "${X}", "$${", "}", "(", ")", "---\n", "...\n", "<<: ", "\u{0}", "\u{7f}", "\u{85}",
    "\u{feff}",
    "☃", "null", "count()", "where", " in ('a', 'b')", "decimal(10,2)", "99999999999999999999", "-1", "~",
  ]

  @Test(arguments: 0..<40)
  func damagedDefinitions(_ batch: Int) {
    for round in 0..<100 {
      let seed = UInt64(batch * 100 + round)
      var dice = Dice(seed: seed)
      var bytes = Array(dice.pick(FuzzTests.bases).utf8)
      for _ in 0...dice.below(4) { damage(&bytes, &dice) }
      check(String(decoding: bytes, as: UTF8.self), seed)
    }
  }

  /// Every definition cut off at every tenth byte.
  @Test func truncatedDefinitions() {
    for base in FuzzTests.bases {
      let bytes = Array(base.utf8)
      for length in stride(from: 0, to: bytes.count, by: 10) {
        check(String(decoding: bytes[..<length], as: UTF8.self), UInt64(length))
      }
    }
  }

  /// Texts of nothing but YAML's and the expressions' own words.
  @Test func wordSalad() {
    for seed in UInt64(100_000)..<101_000 {
      var dice = Dice(seed: seed)
      let words = (0..<dice.below(30)).map { _ in
        dice.pick(FuzzTests.pieces + ["dataset: ", "sources:\n  a:\n    ", "x: "])
      }
      check(words.joined(), seed)
      let expression = (0..<dice.below(12)).map { _ in
        dice.pick([
          "sum", "(", ")", "spent", "days", "where", "and", "or", "not", "in", "is", "null", "between",
          "over", "1d", "default", "=", "<", "'a'", "5", "-", ",", "page", "at", "'2026-01-01'", "true",
        ])
      }
      check(Samples.edited([30: "    v: \"count() \(expression.joined(separator: " "))\""]), seed)
    }
  }

  private func damage(_ bytes: inout [UInt8], _ dice: inout Dice) {
    guard !bytes.isEmpty else { return }
    let place = dice.below(bytes.count)
    switch dice.below(6) {
    case 0: bytes[place] = UInt8(truncatingIfNeeded: dice.next())
    case 1: bytes[place] ^= 1 << UInt8(dice.below(8))
    case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + dice.below(5)))
    case 3: bytes.insert(contentsOf: Array(dice.pick(FuzzTests.pieces).utf8), at: place)
    default:
      var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let line = dice.below(lines.count)
      switch dice.below(3) {
      case 0: lines.remove(at: line)
      case 1: lines.swapAt(line, dice.below(lines.count))
      default: lines.insert(lines[dice.below(lines.count)], at: line)
      }
      bytes = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    }
  }

  private func check(_ text: String, _ seed: UInt64) {
    let outcome = Outcome(text, environment: ["X": "x"])
    if outcome.definition == nil && outcome.raw.isEmpty {
      Issue.record("neither definition nor problem, seed \(seed)")
    }
    var lines: [Int] = [0]
    var previous: Unicode.Scalar = " "
    for (index, scalar) in text.unicodeScalars.enumerated() {
      if ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalar) {
        if !(scalar == "\n" && previous == "\r") { lines.append(0) }
      } else if !(index == 0 && scalar == "\u{feff}") {
        lines[lines.count - 1] += 1
      }
      previous = scalar
    }
    for problem in outcome.raw {
      let isInside =
        problem.line >= 1 && problem.line <= lines.count && problem.column >= 1
        && problem.column <= lines[problem.line - 1] + 1
      if !isInside || problem.message.isEmpty { Issue.record("\(problem) is outside the file, seed \(seed)") }
    }
  }
}
