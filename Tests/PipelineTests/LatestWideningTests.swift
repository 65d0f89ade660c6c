import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// Records of `latest` sources whose columns take more room as values come that need it.
@Suite struct LatestWideningTests {
  private static func texts(_ distinct: Int) -> [String] {
    (0..<distinct).map { "t\($0)" + ["", "é", "-long-enough"][$0 % 3] }
  }

  /// Rows whose integers and numbers of texts grow from input to input.
  private func dataset(bits: Int, distinct: Int, isLong: Bool, seed: UInt64) -> ModelDataset {
    var random = SeededGenerator(seed: seed)
    let texts = Self.texts(distinct)
    let keys = (0..<90).map { "key \($0)" }
    let inputs = (0..<4).map { ModelInput(name: "in-\($0)", modified: Int64($0 % 2)) }
    let sources = [true, false].map { isTimed in
      var counts = [UInt64](repeating: 0, count: inputs.count)
      let rows = (0..<700).map { _ in
        let input = random.int(0...3)
        counts[input] += 1
        let bound = Int64(1) << Int64(max(bits * (input + 1) / 4, 1))
        var cells: [Literal?] = [
          .string(texts[random.int(0...max(texts.count * (input + 1) / 4 - 1, 0))]),
          .int(Int64.random(in: -bound...bound - 1, using: &random)), .double(Double(random.int(0...9)) / 8),
          .bool(random.chance(2)), .date(Int32(random.int(-9...9))), .timestamp(Int64(random.int(0...9))),
          .decimal(Int128(random.int(-99...99))),
        ]
        if isLong && random.chance(200) { cells[0] = .string("a text of more than sixteen bytes") }
        for cell in cells.indices where random.chance(6) { cells[cell] = nil }
        return ModelRow(
          key: random.pick(keys), time: Int64(random.int(0...99)), input: input, row: counts[input], cells: cells)
      }
      return ModelSource(
        name: isTimed ? "timed" : "timeless", keep: .latest, isTimed: isTimed, inputs: inputs, rows: rows)
    }
    let features = sources.flatMap { source in
      zip(ModelSource.names, ModelSource.types).map { name, type in
        Feature(name: "\(source.name) \(name)", source: source.name, value: .column(name), type: type)
      }
    }
    return ModelDataset(sources: sources, features: features, asOf: 100)
  }

  @Test(
    "I1: integers of any size, and few or many texts, are the newest rows'",
    arguments: [(1, 1), (14, 200), (15, 256), (16, 257), (17, 300), (31, 700), (32, 3), (62, 300)], [false, true])
  func model(size: (bits: Int, distinct: Int), isLong: Bool) throws {
    for seed in 0..<3 {
      let seed = testSeed() &+ UInt64(seed)
      let dataset = dataset(bits: size.bits, distinct: size.distinct, isLong: isLong, seed: seed)
      let wanted = NaiveModel(dataset: dataset).answers()
      for shards in [1, 5] {
        let found = try Arrangement(shards: shards, seed: seed).run(dataset)
        let differences = AccumulatorTests.compare(found, wanted, dataset)
        #expect(differences.isEmpty, "\(size), seed \(seed), \(shards) shards: \(differences.prefix(3))")
      }
    }
  }

  @Test("a column takes more room when a value needs it, and the others none")
  func forms() throws {
    let dataset = dataset(bits: 1, distinct: 1, isLong: false, seed: 1)
    let plan = try DatasetPlan(dataset.definition(shards: 1), asOf: 100)
    let state = ShardState(shard: 0, plan: plan)
    var table = InputTable()
    _ = table.add(.init(name: "in", modified: 0))
    var row: UInt64 = 0
    func apply(_ texts: [String], _ ints: [Int64]) throws -> [LatestLayout.Form] {
      let rows = zip(texts, ints).enumerated().map { index, values in
        row += 1
        return ModelRow(
          key: "k\(index)", time: Int64(row), input: 0, row: row,
          cells: [.string(values.0), .int(values.1)] + Array(repeating: nil, count: 5))
      }
      let splitter = ShardSplitter(shards: 1, types: plan.sources[0].carriedTypes)
      splitter.append(rows, plan.sources[0], input: 0)
      for batch in splitter.finish() { state.apply(batch, source: 0, inputs: [0], table: table) }
      let latest = try #require(state.latest[0])
      return plan.sources[0].kept.indices.filter { [.string, .int].contains(plan.sources[0].kept[$0].type) }
        .map { latest.layout.places[$0].form }
    }
    #expect(try apply(["a", "b"], [1, -32_768]) == [.code, .value(2)])
    #expect(try apply(["c", ""], [32_767, 0]) == [.code, .value(2)])
    #expect(try apply(["c", "d"], [32_768, 0]) == [.code, .value(4)])
    #expect(try apply(["sixteen bytes ok", "d"], [-2_147_483_648, 0]) == [.code, .value(4)])
    #expect(try apply(["seventeen bytes..", "d"], [0, 0]) == [.text, .value(4)])
    #expect(try apply(["x", "y"], [.max, .min]) == [.text, .value(8)])
  }

  @Test("the 257th text of a column makes its codes texts")
  func dictionaries() throws {
    let dictionary = TextDictionary()
    let column = Column(type: .string, capacity: 300)
    for (row, text) in Self.texts(300).enumerated() {
      column.views[row] = column.arena.append(text)
      column.validity[row] = 1
    }
    var codes = [UInt8](repeating: 0, count: 300)
    func read(_ rows: Range<UInt32>) -> Bool {
      Array(rows).withUnsafeBufferPointer { rows in
        codes.withUnsafeMutableBufferPointer { codes in
          codes.baseAddress.map { dictionary.read(column, rows, into: $0) } ?? false
        }
      }
    }
    #expect(read(0..<256) && codes[..<256].elementsEqual(0...255))
    #expect(read(100..<110) && codes[..<10].elementsEqual(100..<110))
    #expect(!read(0..<257))
  }
}
