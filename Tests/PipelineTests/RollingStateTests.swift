import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// ``RollingState`` against ``NaiveModel``, snapshot after snapshot: rows come and go, the as-of time moves to and fro.
@Suite struct RollingStateTests {
  @Test("each snapshot is one of the rows there are, whatever was kept", arguments: 0..<60)
  func model(seed: Int) throws {
    var values = RandomValues(seed: UInt64(seed) &* 32_452_843)
    let dataset = LiveStateTests.dataset(&values, seed: seed)
    var random = values.random.fork()
    let definition = dataset.definition(shards: 1)
    var asOf = Int64(random.pick([-5, 30, 60]))
    let plan = try DatasetPlan(definition, asOf: asOf, carriesAll: true)
    // Sometimes there is no room for rows that come early.
    let state = RollingState(shard: 0, plan: plan, waitingBytesMax: random.pick([0, 4096, 1 << 20]))
    let tables = LiveStateTests.tables(dataset)
    var coming = LiveStateTests.deliveries(dataset, plan, &random)
    var applied: [LiveStateTests.Delivery] = []
    var reread = 0

    for step in 0..<12 {
      asOf = max(asOf + Int64(random.pick([0, 0, 5, 20, -3])), -5)
      var replaced: Set<Int> = []
      if random.chance(4), !applied.isEmpty {
        replaced.insert(applied.remove(at: random.int(0...applied.count - 1)).source)
      }
      let moved = try DatasetPlan(definition, asOf: asOf, carriesAll: true)
      let emptied = state.move(to: moved, replaced: replaced, tables: tables)
      #expect(emptied.isSuperset(of: replaced))
      reread += emptied.count
      let come = coming.prefix(random.int(0...max(1, coming.count / 3)))
      coming.removeFirst(come.count)
      for delivery in applied.filter({ emptied.contains($0.source) }) + come {
        state.apply(
          delivery.batch, source: delivery.source, inputs: delivery.inputs, table: tables[delivery.source])
      }
      applied += come

      let found = try Arrangement.read([state.state], moved)
      let wanted = LiveStateTests.answers(dataset, applied, asOf: asOf)
      let differences = AccumulatorTests.compare(found, wanted, dataset)
      #expect(differences.isEmpty, "seed \(seed), step \(step), as of \(asOf): \(differences.prefix(3))")
    }
    // Else nothing was kept at all.
    #expect(reread < 12 * dataset.sources.count)
  }
}
