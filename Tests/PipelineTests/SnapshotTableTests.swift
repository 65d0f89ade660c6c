import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// Tables of more keys than are read at a time, against ``NaiveModel``.
@Suite struct SnapshotTableTests {
  @Test("many keys, in one table", arguments: 0..<6)
  func manyKeys(seed: Int) throws {
    let dataset = AccumulatorTests.dataset(seed: seed + 500, features: 30, rows: 3000, keys: 900)
    let wanted = NaiveModel(dataset: dataset).answers()
    for shards in [1, 2] {
      let arrangement = Arrangement(shards: shards, seed: UInt64(seed + shards))
      let differences = AccumulatorTests.compare(try arrangement.run(dataset), wanted, dataset)
      #expect(
        differences.isEmpty, "seed \(seed), \(arrangement): \(differences.prefix(3).joined(separator: "; "))")
    }
  }
}
