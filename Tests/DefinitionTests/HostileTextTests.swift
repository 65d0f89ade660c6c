import Definition
import Testing

/// Texts that are meant to hurt the reader.
@Suite struct HostileTextTests {
  @Test(arguments: ["[", "{a: ", "- ", "{? "])
  func deepNesting(_ opener: String) throws {
    let outcome = Outcome(
      "dataset: " + (opener == "- " ? "\n" : "") + String(repeating: opener, count: 10_000))
    #expect(!outcome.raw.isEmpty)
    #expect(outcome.raw.allSatisfy { $0.line <= 2 })
    if opener != "{? " { #expect(outcome.raw.last?.message == "nested deeper than 64 levels") }
  }

  @Test func deepExpressions() {
    for text in [
      String(repeating: "(", count: 10_000), String(repeating: "not ", count: 10_000),
      String(repeating: "(not ", count: 10_000) + "days = 1",
    ] {
      let outcome = Outcome(Samples.edited([30: "    v: \"count() where \(text)\""]))
      #expect(outcome.raw.map(\.message) == ["nested deeper than 64 levels"])
    }
  }

  @Test func longConditions() {
    let tests = (0..<512).map { "days = \($0)" }
    #expect(
      Outcome(Samples.edited([30: "    v: count() where " + tests.joined(separator: " or ")])).problems == [])
    let more = (tests + ["days = 512"]).joined(separator: " and ")
    #expect(
      Outcome(Samples.edited([30: "    v: count() where " + more])).raw.map(\.message) == [
        "more than 512 tests in one condition"
      ])
    let list = (0..<20_000).map(String.init).joined(separator: ", ")
    #expect(Outcome(Samples.edited([30: "    v: count() where days in (\(list))"])).problems == [])
  }

  /// Nine levels of nine aliases would be 387 million values.
  @Test func aliasBomb() {
    var text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for level in 0..<9 {
      let name = ["a", "b", "c", "d", "e", "f", "g", "h", "i"][level]
      let next = ["b", "c", "d", "e", "f", "g", "h", "i", "j"][level]
      text += "\(next): &\(next) [" + Array(repeating: "*\(name)", count: 9).joined(separator: ", ") + "]\n"
    }
    let outcome = Outcome(text)
    #expect(outcome.raw.contains { $0.message == "'*a' is a YAML alias; definitions have none" })
    #expect(outcome.raw.count > 81)
  }

  @Test func controlCharactersHaveAPlace() {
    let outcome = Outcome(Samples.edited([12: "      plan: st\u{1}ring"]))
    #expect(
      outcome.problems == [
        "12:15: a control character, which YAML does not allow; remove it, or is this a binary file?"
      ])
    #expect(Outcome("dataset: \u{0}").raw.map(\.column) == [10])
  }

  @Test func emptyAndTooLarge() {
    for text in ["", "\n\n", "# nothing\n", "---\n...\n"] {
      let outcome = Outcome(text)
      #expect(!outcome.problems.isEmpty)
      #expect(outcome.raw.allSatisfy { $0.line >= 1 && $0.column >= 1 })
    }
    let outcome = Outcome(String(repeating: "#", count: DefinitionReader.sizeLimit + 1))
    #expect(outcome.raw.count == 1)
    let list = Outcome("a: [" + String(repeating: "1,", count: 500_000) + "]")
    #expect(list.raw.last?.message == "more than 400000 values in one definition")
  }

  @Test func byteOrderMarkAndLineEnds() {
    #expect(Outcome("\u{feff}" + Samples.edited([:])).problems == [])
    let windows = Samples.lines.joined(separator: "\r\n") + "\r\n"
    #expect(Outcome(windows).problems == [])
    let wrong = Samples.edited([25: "      spent: doubl"]).split(separator: "\n").joined(separator: "\r\n")
    #expect(Outcome("\u{feff}" + wrong).raw.map(\.line) == [25])
    #expect(Outcome("\u{feff}" + wrong).raw.map(\.column) == [14])
  }

  /// Ten thousand columns are read, and ten thousand mistakes in them are found, without quadratic work.
  @Test func wideDefinitions() throws {
    func text(type: String, features: Bool) -> String {
      let columns = (0..<10_000).map { "      column_\($0): \(type)" }.joined(separator: "\n")
      let listed = (0..<10_000).map { "column_\($0)" }.joined(separator: ", ")
      return Samples.edited([
        12: "      plan: string\n" + columns,
        28: features ? "  people: [plan, \(listed)]" : "  people: [plan]",
      ])
    }
    let good = try #require(Outcome(text(type: "double", features: true)).definition)
    #expect(good.features.count == 10_002)
    #expect(Outcome(text(type: "doubl", features: true)).raw.count == 1001)
    let names = (0..<10_000).map { "colum_\($0)" }.joined(separator: ", ")
    let unknown = text(type: "double", features: false).replacing(
      "people: [plan]", with: "people: [\(names)]")
    #expect(Outcome(unknown).raw.count == 1001)
  }
}
