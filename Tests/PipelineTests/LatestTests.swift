import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// `latest` sources against ``NaiveModel``, and the memory that strings take.
@Suite struct LatestTests {
  /// A timed and a timeless source of few keys and times, so that ties abound; every column is a feature.
  private func dataset(seed: Int, rows count: Int) -> ModelDataset {
    var values = RandomValues(seed: UInt64(seed) &* 104_729)
    // Sometimes more than are read into a table at a time.
    let keys = (0..<values.random.int(1...(seed % 4 == 3 ? 600 : 30))).map { "k\($0)" }
    var sources: [ModelSource] = []
    for (name, isTimed) in [("timed", true), ("timeless", false)] {
      let inputs = (0..<values.random.int(1...6)).map {
        ModelInput(name: "dir/\($0 * 5 % 6)\(values.text())", modified: Int64(values.random.int(0...2)))
      }
      var counts = [UInt64](repeating: 0, count: inputs.count)
      let rows = (0..<count).map { _ in
        let input = values.random.int(0...inputs.count - 1)
        counts[input] += 1
        return ModelRow(
          key: values.random.pick(keys), time: Int64(values.random.int(90...101)), input: input,
          row: counts[input],
          cells: values.cells())
      }
      sources.append(ModelSource(name: name, keep: .latest, isTimed: isTimed, inputs: inputs, rows: rows))
    }
    if seed % 2 == 1 { sources.reverse() }
    let features = sources.flatMap { source in
      zip(ModelSource.names, ModelSource.types).map { name, type in
        Feature(
          name: "\(source.name) \(name)", source: source.name, value: .column(name),
          fallback: values.random.chance(3) ? values.value(type) : nil, type: type)
      }
    }
    return ModelDataset(sources: sources, features: features, asOf: 100)
  }

  @Test("the newest row before the as-of time, by time, input and row", arguments: 0..<40)
  func model(seed: Int) throws {
    let dataset = dataset(seed: seed, rows: [0, 1, 20, 800][seed % 4])
    let wanted = NaiveModel(dataset: dataset).answers()
    for shards in [1, 3, 64] {
      let arrangement = Arrangement(shards: shards, seed: UInt64(seed + shards))
      let differences = AccumulatorTests.compare(try arrangement.run(dataset), wanted, dataset)
      #expect(
        differences.isEmpty, "seed \(seed), \(arrangement): \(differences.prefix(3).joined(separator: "; "))")
    }
  }

  /// A state of one `latest` and one `events` source over strings, and a way to feed it.
  private struct Feeder {
    let plan: DatasetPlan
    let state: ShardState
    private var row: UInt64 = 0
    private var table = InputTable()

    init() throws {
      let inputs = [ModelInput(name: "in", modified: 0)]
      var dataset = ModelDataset(
        sources: [
          ModelSource(name: "latest", keep: .latest, isTimed: true, inputs: inputs, rows: []),
          ModelSource(name: "events", keep: .events, isTimed: true, inputs: inputs, rows: []),
        ], features: [], asOf: .max)
      dataset.features = [Feature(name: "text", source: "latest", value: .column("text"), type: .string)]
      for function in [Aggregate.Function.last, .first, .min, .max] {
        dataset.features.append(
          dataset.feature(function.rawValue, 1, Aggregate(function: function, column: "text"))!)
      }
      plan = try DatasetPlan(dataset.definition(shards: 1), asOf: .max)
      state = ShardState(shard: 0, plan: plan)
      _ = table.add(.init(name: "in", modified: 0))
    }

    /// Rows of both sources, later than all before (or, for `first`, earlier).
    mutating func feed(_ texts: [(key: String, text: String?)], backwards: Bool) {
      for source in 0..<2 {
        let splitter = ShardSplitter(shards: 1, types: plan.sources[source].carriedTypes)
        let rows = texts.enumerated().map { index, entry in
          let age = Int64(row) + Int64(index)
          return ModelRow(
            key: entry.key, time: backwards ? -age : age, input: 0, row: row + UInt64(index) + 1,
            cells: [entry.text.map { .string($0) }] + Array(repeating: nil, count: 6))
        }
        splitter.append(rows, plan.sources[source], input: 0)
        for batch in splitter.finish() { state.apply(batch, source: source, inputs: [0], table: table) }
      }
      row += UInt64(texts.count)
    }

    func features() throws -> [String: [String?]] {
      let keys = state.keys.canonicalOrder()
      var builder = SnapshotTableBuilder(plan: plan, keyCasts: [try Cast(type: .string)], rows: keys.count)
      try builder.append(state, keys: keys[...])
      let table = builder.finish()
      var features: [String: [String?]] = [:]
      for row in 0..<table.count {
        guard case .string(let key)? = table.columns[0].literal(row: row) else { continue }
        features[key] = table.columns.dropFirst().map { column in
          if case .string(let text)? = column.literal(row: row) { text } else { nil }
        }
      }
      return features
    }
  }

  @Test("strings that grow, shrink and vanish: right values in bounded memory", arguments: [false, true])
  func strings(backwards: Bool) throws {
    var random = SeededGenerator(seed: 5)
    var feeder = try Feeder()
    let keys = (0..<50).map { "key \($0)" }
    var newest: [String: String?] = [:]
    var first: [String: String] = [:]
    var last: [String: String] = [:]
    var least: [String: String] = [:]
    var most: [String: String] = [:]
    for round in 0..<150 {
      let texts = (0..<400).map { _ -> (key: String, text: String?) in
        // Long texts that get longer in byte order, so that the greatest is replaced over and over.
        let text = "\(100_000 + round)" + String(repeating: "x", count: random.int(0...300))
        return (random.pick(keys), random.chance(8) ? nil : random.chance(5) ? "" : text)
      }
      feeder.feed(texts, backwards: backwards)
      for (key, text) in texts {
        if !backwards || newest[key] == nil { newest[key] = .some(text) }
        guard let text else { continue }
        if backwards || first[key] == nil { first[key] = text }
        if !backwards || last[key] == nil { last[key] = text }
        least[key] = min(least[key] ?? text, text)
        most[key] = max(most[key] ?? text, text)
      }
    }
    let found = try feeder.features()
    for key in keys {
      #expect(found[key] == [newest[key] ?? nil, last[key], first[key], least[key], most[key]], "\(key)")
    }
    // 50 keys × 4 slots × 306 bytes are 61 KB at most; as much again may be garbage, and 64 KB are always allowed.
    let latest = try #require(feeder.state.latest[0]).textBytes
    let events = try #require(feeder.state.events[1]).arena.count
    #expect(latest < 300_000 && events < 300_000, "\(latest) and \(events) bytes")
  }
}
