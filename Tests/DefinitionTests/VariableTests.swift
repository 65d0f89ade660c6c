import Definition
import Testing

@Suite struct VariableTests {
  private func dataset(_ text: String, _ environment: [String: String] = [:]) -> String? {
    Outcome(
      Samples.edited([24: "      page: {type: string, default: \"\(text)\"}"]), environment: environment
    )
    .definition?.source("visits")?.column("page")?.defaultText
  }

  @Test func expansion() {
    #expect(dataset("${A}", ["A": "x"]) == "x")
    #expect(dataset("1${A}2${B}3", ["A": "x", "B": "yy"]) == "1x2yy3")
    #expect(dataset("${A:-d}") == "d")
    #expect(dataset("${A:-d}", ["A": ""]) == "d")
    #expect(dataset("${A:-}") == "")
    #expect(dataset("${A}", ["A": ""]) == "")
    #expect(dataset("$${A}") == "${A}")
    #expect(dataset("$$${A}", ["A": "x"]) == "$${A}")
    #expect(dataset("$A $ {A} $") == "$A $ {A} $")
    // What a variable holds is not expanded again, and means nothing to YAML.
    #expect(dataset("${A}", ["A": "${B}: [#"]) == "${B}: [#")
  }

  @Test func problemsBehindAnExpansionHaveTheirPlace() {
    let text = Samples.edited([30: "    v: sum(${COLUMN}) where pge = 'x'"])
    #expect(
      Outcome(text, environment: ["COLUMN": "a_long_name"]).raw.map(\.column) == [12, 29])
    #expect(Outcome(text, environment: ["COLUMN": "spent"]).raw.map(\.column) == [29])
    #expect(
      Outcome(text).problems == [
        "30:12: the environment variable COLUMN is not set; set it, or give a default: ${COLUMN:-…}"
      ])
  }

  @Test func recordsWhatShapesTheSnapshot() {
    let text =
      Samples.edited([5: "    objects: ${IN:-data}/", 33: "snapshot: {to: \"${OUT}\"}"])
      + "store: {profile: \"${PROFILE}\"}\nbroker: {kafka: {brokers: \"${BROKERS}\", sasl.password: \"${SECRET}\"}}\n"
      + "events: {topic: \"${TOPIC:-t}\"}\n"
    let environment = ["OUT": "o", "PROFILE": "p", "BROKERS": "b:9092", "SECRET": "s", "UNUSED": "u"]
    let outcome = Outcome(text, environment: environment)
    #expect(outcome.problems == [])
    #expect(outcome.variables == ["OUT": "o", "PROFILE": "p"])
    // A rebuild has only these, and none for broker and events.
    let again = Outcome(text, environment: outcome.variables, withoutRuntime: true)
    #expect(again.problems == [])
    #expect(again.definition?.canonical == outcome.definition?.canonical)
    #expect(again.definition?.broker == nil)
    #expect(!Outcome(text, environment: outcome.variables).problems.isEmpty)
  }

  /// One value of a megabyte of unset variables: the first few are told, in time in proportion to its length.
  @Test func manyUnsetVariables() {
    let text = String(repeating: "${A}", count: 250_000)
    let outcome = Outcome(Samples.edited([5: "    objects: \"\(text)\""]))
    #expect(outcome.raw.map(\.column) == (0..<10).map { 15 + 4 * $0 })
  }

  @Test func keysAreNotExpanded() {
    let outcome = Outcome(Samples.edited([1: "dataset: shop\n\"${A}\": x"]), environment: ["A": "as_of"])
    #expect(
      outcome.problems == [
        "2:1: unknown key '${A}' in the definition; variables are expanded in values, not in keys"
      ])
  }
}
