import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// Sums at the bounds of their types, and spreads far from zero.
@Suite struct SumRangeTests {
  /// A dataset of one key (and one without rows) with the given cells of one column, dealt over a few inputs.
  private func dataset(_ column: String, _ cells: [Literal?], _ functions: [Aggregate.Function], seed: UInt64)
    -> ModelDataset
  {
    var random = SeededGenerator(seed: seed)
    let inputs = (0..<3).map { ModelInput(name: "in-\($0)", modified: 0) }
    var counts: [UInt64] = [0, 0, 0]
    let position = ModelSource.names.firstIndex(of: column)!
    let rows = cells.shuffled(using: &random).map { cell in
      let input = random.int(0...2)
      counts[input] += 1
      var all = [Literal?](repeating: nil, count: ModelSource.types.count)
      all[position] = cell
      return ModelRow(key: "the key", time: 0, input: input, row: counts[input], cells: all)
    }
    let none = [Literal?](repeating: nil, count: ModelSource.types.count)
    let base = ModelSource(
      name: "base", keep: .latest, isTimed: false, inputs: [ModelInput(name: "b", modified: 0)],
      rows: ["the key", "another"].enumerated().map {
        ModelRow(key: $1, time: 0, input: 0, row: UInt64($0 + 1), cells: none)
      })
    let events = ModelSource(name: "events", keep: .events, isTimed: true, inputs: inputs, rows: rows)
    var dataset = ModelDataset(sources: [base, events], features: [], asOf: 100)
    dataset.features = functions.enumerated().compactMap { index, function in
      dataset.feature("\(function.rawValue) of \(column)", 1, Aggregate(function: function, column: column))
    }
    return dataset
  }

  private func run(_ dataset: ModelDataset, seed: UInt64) throws -> [Literal?] {
    let found = try Arrangement(shards: 3, seed: seed).run(dataset)
    let differences = AccumulatorTests.compare(found, NaiveModel(dataset: dataset).answers(), dataset)
    #expect(differences.isEmpty, "arrangement \(seed): \(differences)")
    return found["the key"] ?? []
  }

  private func ints(_ values: [Int64]) -> [Literal?] { values.map { .int($0) } }

  private static let decimalMax = Int128("99999999999999999999999999999999999999")!

  @Test("integers that overflow in between and fit at the end", arguments: 0..<20)
  func intsFit(seed: UInt64) throws {
    let halves = Array(repeating: Int64.max, count: 40) + Array(repeating: -Int64.max, count: 40)
    #expect(try run(dataset("int", ints(halves + [5]), [.sum, .mean], seed: seed), seed: seed)[0] == .int(5))
    let atTheEdge = halves + [.max, 1, -1]
    #expect(try run(dataset("int", ints(atTheEdge), [.sum], seed: seed), seed: seed)[0] == .int(.max))
    let below = halves + [.min, 1, -1]
    #expect(try run(dataset("int", ints(below), [.sum], seed: seed), seed: seed)[0] == .int(.min))
  }

  @Test("decimals that overflow in between and fit at the end", arguments: 0..<20)
  func decimalsFit(seed: UInt64) throws {
    let halves = Array(repeating: Self.decimalMax, count: 9) + Array(repeating: -Self.decimalMax, count: 9)
    for last in [5, Self.decimalMax, -Self.decimalMax] {
      let cells = (halves + [last]).map { Literal?.some(.decimal($0)) }
      #expect(
        try run(dataset("decimal", cells, [.sum, .mean, .stddev], seed: seed), seed: seed)[0]
          == .decimal(last))
    }
  }

  @Test(
    "a sum that does not fit is an error that names feature and key; its mean is still there",
    arguments: 0..<10)
  func overflow(seed: UInt64) throws {
    let cases: [(String, [Literal?])] = [
      ("int", ints([.max, 1])), ("int", ints([.min, -1])), ("int", ints(Array(repeating: .max, count: 5))),
      ("int", ints(Array(repeating: .min, count: 4))), ("decimal", [.decimal(Self.decimalMax), .decimal(1)]),
      ("decimal", [.decimal(-Self.decimalMax), .decimal(-1)]),
      ("decimal", Array(repeating: .decimal(Self.decimalMax), count: 7)),
    ]
    for (column, cells) in cases {
      do {
        _ = try Arrangement(shards: 3, seed: seed).run(dataset(column, cells, [.count, .sum], seed: seed))
        Issue.record("the sum of \(cells) was given")
      } catch let error as SnapshotTableBuilder.OverflowError {
        #expect(error.column == "sum of \(column)" && error.key == "the key")
      }
      _ = try run(dataset(column, cells, [.mean, .stddev, .min, .max], seed: seed), seed: seed)
    }
  }

  @Test("the spread of values far from zero", arguments: 0..<10)
  func spread(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for mean in [0, 1e9, -1e12, 1e15] {
      let doubles = (0..<200).map { _ in Literal?.some(.double(mean + Double(random.int(0...1000)) / 1000)) }
      _ = try run(dataset("double", doubles, [.stddev, .mean], seed: seed), seed: seed)
    }
    let identifiers = (0..<200).map { _ in (1 << 60) + Int64(random.int(0...100)) }
    _ = try run(dataset("int", ints(identifiers), [.stddev], seed: seed), seed: seed)
    let same = try run(
      dataset("double", Array(repeating: .double(0.1), count: 77), [.stddev], seed: seed), seed: seed)
    #expect(same[0] == .double(0))
    let exact = try run(dataset("int", ints([2, 4, 4, 4, 5, 5, 7, 9]), [.stddev], seed: seed), seed: seed)
    #expect(exact[0] == .double((32.0 / 7).squareRoot()))
  }

  @Test("sums of few bits far apart, a hair beside the middle of two doubles, are rounded once")
  func rounding() {
    let exponents = [40, 0, -52, -53, -54, -79, -80]
    var wrong = 0
    for combination in 0..<2187 {
      var digits = combination
      var values: [Double] = []
      for exponent in exponents {
        if digits % 3 > 0 {
          values.append(Double(sign: digits % 3 == 1 ? .plus : .minus, exponent: exponent, significand: 1))
        }
        digits /= 3
      }
      var window: Int128 = 0
      var wide = WideSum()
      for value in values {
        #expect(ExactSum.addToWindow(&window, value))
        wide.add(value)
      }
      let wanted = PaperSum.sum(values)
      if ExactSum.round(window: window) != wanted || wide.rounded() != wanted { wrong += 1 }
    }
    #expect(wrong == 0)
  }

  @Test("a window that reaches behind the beginning of time takes all rows")
  func window() throws {
    var dataset = dataset("int", ints([1, 2, 3]), [], seed: 1)
    dataset.asOf = .min + 1000
    dataset.sources[1].rows = dataset.sources[1].rows.map { row in
      var early = row
      early.time = .min + 10
      return early
    }
    dataset.features = [dataset.feature("f", 1, Aggregate(function: .count, over: 86_400_000_000))!]
    #expect(try Arrangement(shards: 1, seed: 1).run(dataset)["the key"] == [.int(3)])
  }
}
