import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// Counts and sums that are added to many at a time, in records of many slots.
@Suite struct LaneTests {
  private static let texts = (0..<12).map { "text \($0)" }

  private func aggregates(_ random: inout SeededGenerator, _ count: Int) -> [Aggregate] {
    var aggregates = [Aggregate(function: .count)]
    while aggregates.count < count {
      let column = random.pick([nil, "int", "int", "double", "bool", "text"])
      let function: Aggregate.Function =
        switch column {
        case "int": random.pick([.sum, .sum, .sum, .count, .mean, .max, .countDistinct])
        case "double": random.pick([.count, .sum, .mean])
        case "bool": random.pick([.sum, .count])
        default: .count
        }
      let predicate: Predicate? =
        switch random.int(0...5) {
        case 0: .compare(column: "int", .less, .int(random.pick([0, 3])))
        case 1...3: .compare(column: "text", .equal, .string(random.pick(Self.texts)))
        default: nil
        }
      let aggregate = Aggregate(
        function: function, column: column, predicate: predicate, over: random.pick([nil, nil, 30, 60]))
      if !aggregates.contains(aggregate) { aggregates.append(aggregate) }
    }
    return aggregates
  }

  /// `bits`: of the integers, in the end.
  private func dataset(_ aggregates: [Aggregate], bits: Int, rows: Int, _ random: inout SeededGenerator) -> ModelDataset
  {
    let inputs = (0..<3).map { ModelInput(name: "in-\($0)", modified: 0) }
    let keys = (0..<9).map { "key \($0)" }
    var counts = [UInt64](repeating: 0, count: inputs.count)
    var all: [ModelRow] = []
    for _ in 0..<rows {
      let input = random.int(0...2)
      counts[input] += 1
      let bound = Int64(1) << Int64(max(bits * (input + 1) / 3, 1))
      var cells = [Literal?](repeating: nil, count: ModelSource.types.count)
      cells[0] = random.chance(9) ? nil : .string(random.pick(Self.texts + ["another"]))
      cells[1] = random.chance(9) ? nil : .int(Int64.random(in: -bound...bound, using: &random))
      cells[2] = random.chance(9) ? nil : .double(Double(random.int(0...99)) / 4)
      cells[3] = random.chance(9) ? nil : .bool(random.chance(2))
      let key = random.chance(2) ? keys[0] : random.pick(keys)
      all.append(ModelRow(key: key, time: Int64(random.int(0...109)), input: input, row: counts[input], cells: cells))
    }
    let none = [Literal?](repeating: nil, count: ModelSource.types.count)
    let base = ModelSource(
      name: "base", keep: .latest, isTimed: false, inputs: [ModelInput(name: "b", modified: 0)],
      rows: keys.enumerated().map { ModelRow(key: $1, time: 0, input: 0, row: UInt64($0 + 1), cells: none) })
    var dataset = ModelDataset(
      sources: [base, ModelSource(name: "events", keep: .events, isTimed: true, inputs: inputs, rows: all)],
      features: [], asOf: 100)
    dataset.features = aggregates.enumerated().compactMap { dataset.feature("f\($0)", 1, $1) }
    return dataset
  }

  @Test(
    "I1: counts and sums of many conditions are those of the model",
    arguments: [1, 3, 8, 17, 30, 60, 140], [3, 13, 18, 40, 52])
  func model(aggregates count: Int, bits: Int) throws {
    let seed = testSeed() &+ UInt64(count * 64 + bits)
    var random = SeededGenerator(seed: seed)
    let aggregates = aggregates(&random, count)
    let dataset = dataset(aggregates, bits: bits, rows: 600, &random)
    let found = try Arrangement(shards: 1 + count % 3, seed: seed).run(dataset)
    let differences = AccumulatorTests.compare(found, NaiveModel(dataset: dataset).answers(), dataset)
    #expect(differences.isEmpty, "\(count) aggregates, \(bits) bits, seed \(seed): \(differences.prefix(3))")
  }

  @Test("every count and sum of integers of up to four bytes is in one set, and no window goes beyond a record")
  func sets() throws {
    var windows: Set<Int> = []
    for seed in 0..<300 {
      var random = SeededGenerator(seed: UInt64(seed))
      let aggregates = aggregates(&random, 1 + seed % 90)
      let layout = try AccumulatorLayout(
        aggregates, positions: Dictionary(uniqueKeysWithValues: ModelSource.names.enumerated().map { ($1, $0) }),
        types: ModelSource.types, asOf: 100, source: "s")
      var wider = [layout]
      for width in [4, 8] {
        let groups = Set(layout.slots.filter { $0.isNarrow && random.chance(2) }.map(AccumulatorLayout.Group.init))
        wider.append(wider[wider.count - 1].widened(Dictionary(uniqueKeysWithValues: groups.map { ($0, width) })))
      }
      for layout in wider {
        let wanted = layout.slots.indices.filter { layout.slots[$0].isLane && layout.slots[$0].width < 8 }
        #expect(layout.laneSets.flatMap(\.slots).sorted() == wanted, "seed \(seed)")
        for set in layout.laneSets {
          windows.insert(set.windowBytes)
          #expect(set.window >= 0 && set.window + set.windowBytes <= layout.stride, "seed \(seed)")
          for slot in set.slots {
            let offset = layout.slots[slot].offset
            #expect(
              set.window <= offset && offset + layout.slots[slot].width <= set.window + set.windowBytes, "seed \(seed)")
          }
        }
      }
    }
    #expect(windows == [16, 32, 64])
  }
}
