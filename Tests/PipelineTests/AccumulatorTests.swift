import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// `events` sources against ``NaiveModel``, dealt out in every manner that must not matter (I1).
@Suite struct AccumulatorTests {
  /// A base source that names the keys, an events source with and one without time, random aggregates over both.
  static func dataset(
    seed: Int, doubles: RandomValues.Doubles? = nil, isLarge: Bool = false, features: Int = 40,
    rows: Int? = nil, keys keyCount: Int = 20
  ) -> ModelDataset {
    var values = RandomValues(seed: UInt64(seed) &* 7919, doubles: doubles, isLarge: isLarge)
    let keys = (0..<values.random.int(1...keyCount)).map { "key-\($0)" + values.text() }
    func source(_ name: String, _ keep: Source.Keep, isTimed: Bool, rows: Int, _ values: inout RandomValues)
      -> ModelSource
    {
      let inputs = (0..<values.random.int(1...5)).map {
        ModelInput(name: "in/\($0 * 7 % 5)-\(values.text())", modified: Int64(values.random.int(0...2)))
      }
      var counts = [UInt64](repeating: 0, count: inputs.count)
      let rows = (0..<rows).map { _ in
        let input = values.random.int(0...inputs.count - 1)
        counts[input] += values.random.chance(10) ? 2 : 1
        return ModelRow(
          key: values.random.pick(keys), time: Int64(values.random.int(0...110)), input: input,
          row: counts[input],
          cells: values.cells())
      }
      return ModelSource(name: name, keep: keep, isTimed: isTimed, inputs: inputs, rows: rows)
    }
    let count = rows ?? values.random.pick([0, 1, 30, 700])
    let sources = [
      source("base", .latest, isTimed: false, rows: keys.count, &values),
      source("timed", .events, isTimed: true, rows: count, &values),
      source("timeless", .events, isTimed: false, rows: count, &values),
    ]
    var dataset = ModelDataset(sources: sources, features: [], asOf: 100)
    while dataset.features.count < features {
      let index = values.random.int(1...2)
      var aggregate = values.aggregate()
      if index == 2 { aggregate.over = nil }
      guard var feature = dataset.feature("f\(dataset.features.count)", index, aggregate) else { continue }
      if values.random.chance(4) { feature.fallback = values.value(feature.type) }
      dataset.features.append(feature)
    }
    return dataset
  }

  static func compare(
    _ found: Arrangement.Outcome, _ wanted: [String: [NaiveModel.Answer]], _ dataset: ModelDataset
  )
    -> [String]
  {
    var differences: [String] = []
    if Set(found.keys) != Set(wanted.keys) {
      differences.append("keys \(found.keys.sorted()) for \(wanted.keys.sorted())")
    }
    for (key, answers) in wanted {
      guard let row = found[key] else { continue }
      for (index, answer) in answers.enumerated() {
        let isRight =
          switch (answer, row[index]) {
          case (.value(nil), nil): true
          case (.value(let wanted?), let found?): wanted.isIdentical(to: found)
          case (.near(let wanted, let within), .double(let found)?):
            wanted == found || abs(wanted - found) <= within * abs(wanted)
          default: false
          }
        if !isRight {
          differences.append(
            "\(dataset.features[index].value) of \(key): found \(row[index] as Any), wanted \(answer)")
        }
      }
    }
    return differences
  }

  @Test("every function, type, filter and window; any order, shards and batches", arguments: 0..<60)
  func model(seed: Int) throws {
    let dataset = Self.dataset(seed: seed)
    let wanted = NaiveModel(dataset: dataset).answers()
    var first: Arrangement.Outcome?
    for (index, shards) in [1, 3, 16, 64].enumerated() {
      let arrangement = Arrangement(shards: shards, seed: UInt64(seed * 10 + index))
      let found = try arrangement.run(dataset)
      let differences = Self.compare(found, wanted, dataset)
      #expect(
        differences.isEmpty, "seed \(seed), \(arrangement): \(differences.prefix(3).joined(separator: "; "))")
      if let first {
        let same = found.allSatisfy { key, row in
          zip(row, first[key] ?? []).allSatisfy { a, b in
            a == nil && b == nil || a.map { a in b.map { a.isIdentical(to: $0) } ?? false } ?? false
          }
        }
        #expect(same, "seed \(seed), \(arrangement) differs from another arrangement")
      }
      first = first ?? found
    }
  }
}
