import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// What batches carry, and what a source's schema hash depends on.
@Suite struct SchemaTests {
  private func definition(_ change: (inout Definition) -> Void = { _ in }) throws -> DatasetPlan {
    let source = ModelSource(name: "s", keep: .events, isTimed: true, inputs: [], rows: [])
    let other = ModelSource(name: "rows", keep: .latest, isTimed: false, inputs: [], rows: [])
    var dataset = ModelDataset(sources: [other, source], features: [], asOf: 0)
    dataset.features = [
      dataset.feature("sum", 1, Aggregate(function: .sum, column: "int", predicate: .isNull(column: "text")))!
    ]
    var definition = dataset.definition(shards: 2)
    change(&definition)
    return try DatasetPlan(definition, asOf: 0, carriesAll: true)
  }

  @Test func carriesAllColumns() throws {
    let plan = try definition()
    for source in plan.sources {
      #expect(source.carried == Array(source.source.columns.indices))
      #expect(source.carriedTypes == source.source.columns.map(\.type))
    }
    // Slots and kept columns point at where columns stand among all.
    let layout = plan.sources[1].layout
    #expect(layout.slots.contains { $0.kind == .sum && $0.column == 3 })
    let plain = try DatasetPlan(plan.definition, asOf: 0)
    #expect(plain.sources[1].carried == [2, 3])
    #expect(plain.sources[1].schemaHash == plan.sources[1].schemaHash)
    #expect(plain.sources[0].kept.isEmpty && plan.sources[0].kept.isEmpty)
  }

  @Test func whatTheHashDependsOn() throws {
    let before = try definition()
    let hash = before.sources[1].schemaHash
    #expect(hash.count == 16 && hash.allSatisfy { $0.isHexDigit && !$0.isUppercase })
    #expect(hash != before.sources[0].schemaHash)
    let same: [(inout Definition) -> Void] = [
      { $0.features = [] }, { $0.shards = 5 }, { $0.dataset = "x" }, { $0.sources[1].keep = .latest },
      { $0.sources[1].include = ["*"] }, { $0.rows.label = "int" }, { $0.split.salt = "x" },
      { $0.sources[1].onGap = .skip },
    ]
    for (index, change) in same.enumerated() {
      #expect(try definition(change).sources[1].schemaHash == hash, "change \(index)")
    }
    var hashes: Set<String> = [hash]
    let different: [(inout Definition) -> Void] = [
      { $0.sources[1].columns.swapAt(2, 3) }, { $0.sources[1].columns.removeLast() },
      { $0.sources[1].format = .csv(CSVOptions()) },
      { $0.sources[1].format = .csv(CSVOptions(delimiter: 9)) }, { $0.sources[1].time = nil },
      { $0.sources[1].columns[4].onError = .setNull }, { $0.sources[1].columns[4].type = .string },
      { $0.sources[1].columns[4].defaultValue = .double(1) }, { $0.sources[1].columns[4].location = .row },
      { $0.sources[1].columns[4].reduce = .sum }, { $0.sources[1].columns[1].time = .epoch(.ms) },
      { $0.maxRowBytes = 5 }, { $0.sources[1].onRemove = .keep },
      { $0.key = ["k", "text"] },
      {
        $0.features = []
        $0.sources[1].name = "t"
      },
    ]
    for (index, change) in different.enumerated() {
      #expect(hashes.insert(try definition(change).sources[1].schemaHash).inserted, "change \(index)")
    }
  }

  @Test func tombstonesAreRowsOrNot() throws {
    func hash(_ keep: Source.Keep, _ key: SourceColumn.Location) throws -> String {
      try definition {
        $0.features = []
        $0.sources[1].input = .records(topic: "t")
        $0.sources[1].keep = keep
        $0.sources[1].columns[0].location = key
      }.sources[1].schemaHash
    }
    #expect(try hash(.latest, .recordKey) != hash(.events, .recordKey))
    #expect(try hash(.latest, .named("k")) == hash(.events, .named("k")))
  }
}
