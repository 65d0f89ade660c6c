import Definition
import Testing

/// A line of ``Samples/lines`` replaced by one with a mistake, and everything that must be said about it.
struct Mistake: Sendable, CustomTestStringConvertible {
  var line: Int
  var text: String
  /// `line:column: message; hint`
  var expected: [String]

  init(line: Int, _ text: String, _ expected: [String]) {
    self.line = line
    self.text = text
    self.expected = expected
  }

  var testDescription: String { "line \(line): " + text.replacing("\n", with: "⏎") }
  var outcome: Outcome { Outcome(Samples.edited([line: text]), environment: ["OUT": "x"]) }
}

@Suite struct MistakeTests {
  @Test(arguments: Mistake.syntax + Mistake.top + Mistake.source + Mistake.feature)
  func everyMistakeIsExplained(_ mistake: Mistake) {
    let outcome = mistake.outcome
    #expect(outcome.problems == mistake.expected)
    #expect(outcome.definition == nil)
  }

  @Test(arguments: Mistake.warning)
  func warnings(_ mistake: Mistake) {
    let outcome = mistake.outcome
    #expect(outcome.problems == [])
    #expect(outcome.warnings == mistake.expected)
    #expect(outcome.definition != nil)
  }

  @Test(arguments: Mistake.none)
  func unusualButRight(_ mistake: Mistake) {
    let outcome = mistake.outcome
    #expect(outcome.problems == [])
    #expect(outcome.warnings == [])
  }

  /// All at once: nothing hides anything else.
  @Test func manyMistakesAreAllReported() {
    let edits = [
      2: "key: idd", 6: "    format: jsn", 12: "      plan: strng", 17: "    object: x",
      19: "    keep: event",
      28: "  people: [plans]", 30: "    visits: cnt()", 31: "rows: {from: people, label: buyed}",
      32: "split: {train: 0.8}", 33: "snapshot: {to: out, formt: csv}",
    ]
    let outcome = Outcome(Samples.edited(edits))
    #expect(Set(outcome.raw.map(\.line)) == [4, 6, 12, 16, 17, 19, 28, 30, 31, 32, 33])
  }

  @Test func problemsSayWhere() throws {
    let outcome = Outcome(
      Samples.edited([25: "      spent: {type: doubl}", 33: "snapshot: {to: out, bogus: [1]}"]))
    #expect(outcome.raw.map(\.path) == ["sources.visits.columns.spent.type", "snapshot.bogus"])
    #expect(outcome.raw.map(\.file) == ["d.yaml", "d.yaml"])
    let first = try #require(outcome.raw.first)
    #expect(first.description == "d.yaml:25:21: \(first.message); did you mean 'double'?")
  }

  @Test func problemsAreBounded() {
    let features = (0..<5000).map { "    v\($0): sum(nothing\($0))" }.joined(separator: "\n")
    let outcome = Outcome(Samples.edited([30: features]))
    #expect(outcome.raw.count == 1001)
    #expect(outcome.raw.last?.message == "4000 more problems are not shown")
  }
}
