import Columns
import Definition
import Testing

@Suite struct GoodDefinitionTests {
  @Test func architectureExampleIsGood() throws {
    let outcome = Outcome(Samples.customer360)
    #expect(outcome.problems == [])
    #expect(outcome.warnings == [])
    let definition = try #require(outcome.definition)
    #expect(definition.sources.map(\.name) == ["attributes", "usage", "billing", "clicks"])
    #expect(definition.features.map(\.name).suffix(3) == ["usage_30d", "usage_payroll", "clicks_7d"])
  }

  @Test func smallSampleIsGood() {
    #expect(Outcome(Samples.edited([:])).problems == [])
  }
}
