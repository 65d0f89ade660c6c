import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// Counts and sums of integers that begin with two bytes a key.
@Suite struct NarrowSlotTests {
  private static let texts = ["a", "bb", "ccc", "dddd"]

  /// Rows of a few keys; from input to input their integers grow, up to a bound of so many bits.
  private func dataset(bits: Int, rows: Int, seed: UInt64) -> ModelDataset {
    var random = SeededGenerator(seed: seed)
    let inputs = (0..<4).map { ModelInput(name: "in-\($0)", modified: 0) }
    let keys = (0..<7).map { "key \($0)" }
    var counts = [UInt64](repeating: 0, count: inputs.count)
    var all: [ModelRow] = []
    for _ in 0..<rows {
      let input = random.int(0...3)
      counts[input] += 1
      let bound = Int64(1) << Int64(max(bits * (input + 1) / 4, 1))
      var cells = [Literal?](repeating: nil, count: ModelSource.types.count)
      cells[0] = random.int(0...9) == 0 ? nil : .string(Self.texts[random.int(0...3)])
      cells[1] = random.int(0...9) == 0 ? nil : .int(Int64.random(in: -bound...bound, using: &random))
      cells[3] = .bool(random.int(0...3) > 0)
      // One key has most rows.
      let key = keys[random.int(0...2) > 0 ? 0 : random.int(0...6)]
      all.append(ModelRow(key: key, time: Int64(random.int(0...99)), input: input, row: counts[input], cells: cells))
    }
    let none = [Literal?](repeating: nil, count: ModelSource.types.count)
    let base = ModelSource(
      name: "base", keep: .latest, isTimed: false, inputs: [ModelInput(name: "b", modified: 0)],
      rows: (keys + ["a key without rows"]).enumerated().map {
        ModelRow(key: $1, time: 0, input: 0, row: UInt64($0 + 1), cells: none)
      })
    var dataset = ModelDataset(
      sources: [base, ModelSource(name: "events", keep: .events, isTimed: true, inputs: inputs, rows: all)],
      features: [], asOf: 100)
    var aggregates = [
      Aggregate(function: .count), Aggregate(function: .sum, column: "int"), Aggregate(function: .mean, column: "int"),
      Aggregate(function: .stddev, column: "int"), Aggregate(function: .mean, column: "bool"),
      Aggregate(function: .count, column: "int", over: 50), Aggregate(function: .sum, column: "int", over: 30),
      Aggregate(function: .countDistinct, column: "int"), Aggregate(function: .max, column: "int"),
    ]
    for text in Self.texts {
      let isText = Predicate.compare(column: "text", .equal, .string(text))
      aggregates.append(Aggregate(function: .sum, column: "int", predicate: isText))
      aggregates.append(Aggregate(function: .count, predicate: isText))
    }
    dataset.features = aggregates.enumerated().compactMap { dataset.feature("f\($0)", 1, $1) }
    return dataset
  }

  @Test(
    "I1: sums and counts are those of the model, whatever their widths", arguments: [4, 14, 16, 20, 31, 33, 47, 58])
  func sums(bits: Int) throws {
    for seed in 0..<6 {
      let seed = testSeed() &+ UInt64(seed)
      let dataset = dataset(bits: bits, rows: 900, seed: seed)
      let found = try Arrangement(shards: 1 + Int(seed % 3), seed: seed).run(dataset)
      let differences = AccumulatorTests.compare(found, NaiveModel(dataset: dataset).answers(), dataset)
      #expect(differences.isEmpty, "\(bits) bits, seed \(seed): \(differences)")
    }
  }

  @Test("a key of more rows than two bytes count")
  func counts() throws {
    let seed = testSeed()
    let dataset = dataset(bits: 3, rows: 60_000, seed: seed)
    let found = try Arrangement(shards: 2, seed: seed).run(dataset)
    let differences = AccumulatorTests.compare(found, NaiveModel(dataset: dataset).answers(), dataset)
    #expect(differences.isEmpty, "seed \(seed): \(differences)")
  }

  @Test("one slot that needs more widens those of its kind and column, and no others")
  func groups() throws {
    let aggregates = [
      Aggregate(function: .count), Aggregate(function: .sum, column: "n"), Aggregate(function: .sum, column: "m"),
      Aggregate(function: .sum, column: "n", over: 10), Aggregate(function: .max, column: "n"),
    ]
    let layout = try AccumulatorLayout(
      aggregates, positions: ["n": 0, "m": 1], types: [.int, .int], asOf: 100, source: "s")
    let state = EventsState(layout: layout, asOf: 100)
    func width(_ aggregate: Aggregate) -> Int {
      layout.readings[aggregate].map { state.layout.slots[$0.slot].width } ?? 0
    }
    func apply(_ n: Int64, _ m: Int64) {
      let batch = RowBatch(shard: 0, types: [.int, .int], capacity: 1)
      batch.keys[0] = batch.arena.append("k")
      batch.hashes[0] = 1
      batch.times[0] = 95
      batch.origins[0] = RowOrigin(input: 0, row: 1)
      batch.columns[0].int64s[0] = n
      batch.columns[1].int64s[0] = m
      for column in batch.columns { column.validity[0] = 1 }
      batch.count = 1
      let prepared = PreparedRows(layout, shards: 1)
      prepared.prepare(batch, numbers: [0])
      prepared.withChosen(0) {
        state.apply(prepared, $0, keyCount: 1, inputs: [0], table: InputTable())
      }
    }
    func values() -> [Int64] {
      aggregates.map { aggregate in
        let column = Column(type: .int, capacity: 1)
        guard let reading = layout.readings[aggregate] else { return .min }
        #expect(state.read(reading, keys: [0], into: column, at: 0) == nil)
        return column.int64s[0]
      }
    }
    apply(Int64(Int16.max), 1)
    #expect(aggregates.map(width) == [2, 2, 2, 2, 8])
    #expect(values() == [1, 32_767, 1, 32_767, 32_767])
    apply(1, 1)
    #expect(aggregates.map(width) == [2, 4, 2, 4, 8])
    #expect(values() == [2, 32_768, 2, 32_768, 32_767])
    apply(-(1 << 40), -40_000)
    #expect(aggregates.map(width) == [2, 8, 4, 8, 8])
    #expect(values() == [3, 32_768 - 1 << 40, -39_998, 32_768 - 1 << 40, 32_767])
    #expect(state.wraps.isEmpty)
  }

  @Test("what wraps within a batch and fits at its end is widened once, not at each batch")
  func reversals() throws {
    let sum = Aggregate(function: .sum, column: "n")
    let layout = try AccumulatorLayout([sum], positions: ["n": 0], types: [.int], asOf: 100, source: "s")
    let state = EventsState(layout: layout, asOf: nil)
    let batch = RowBatch(shard: 0, types: [.int], capacity: 2)
    for (row, value) in [Int64(5_000_000_000), -5_000_000_000].enumerated() {
      batch.keys[row] = batch.arena.append("k")
      batch.hashes[row] = 1
      batch.times[row] = 95
      batch.origins[row] = RowOrigin(input: 0, row: UInt64(row + 1))
      batch.columns[0].int64s[row] = value
      batch.columns[0].validity[row] = 1
    }
    batch.count = 2
    let prepared = PreparedRows(layout, shards: 1)
    var records: [UnsafeMutableRawPointer?] = []
    for _ in 0..<5 {
      prepared.prepare(batch, numbers: [0, 0])
      prepared.withChosen(0) { state.apply(prepared, $0, keyCount: 1, inputs: [0], table: InputTable()) }
      records.append(state.record(0))
    }
    #expect(state.layout.slots.last?.width == 8 && state.wraps.isEmpty)
    #expect(Set(records.suffix(4)).count == 1, "records stay where they are")
    let column = Column(type: .int, capacity: 1)
    let reading = try #require(layout.readings[sum])
    #expect(state.read(reading, keys: [0], into: column, at: 0) == nil && column.int64s[0] == 0)
  }
}
