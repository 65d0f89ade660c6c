import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// Conditions in three-valued logic, a column at a time, against the same a row at a time.
@Suite struct PredicateTests {
  private func check(_ predicate: Predicate, _ rows: [ModelRow], _ place: Comment) throws {
    let positions = Dictionary(uniqueKeysWithValues: zip(ModelSource.names, ModelSource.names.indices))
    let program = try PredicateProgram(predicate, positions: positions, types: ModelSource.types)
    let batch = RowBatch(shard: 0, types: ModelSource.types, capacity: rows.count)
    for (index, type) in ModelSource.types.enumerated() {
      let column = Column(type, rows.map { $0.cells[index] })
      batch.columns[index].values.copyMemory(from: column.values, byteCount: rows.count * type.stride)
      batch.columns[index].validity.update(from: column.validity, count: rows.count)
      batch.columns[index].arena = column.arena
    }
    batch.count = rows.count
    var truth = [UInt8](repeating: 9, count: rows.count)
    program.evaluate(batch.columns, batch.count, into: &truth)
    let wanted = rows.map { row in NaiveModel.truth(predicate, row).map { $0 ? 1 : 0 } ?? 2 } as [UInt8]
    #expect(truth == wanted, "\(predicate): \(place)")
  }

  @Test("random conditions over every type, with nulls", arguments: 0..<60)
  func random(seed: Int) throws {
    var values = RandomValues(seed: UInt64(seed) + 99, isLarge: seed % 5 == 0)
    for round in 0..<20 {
      let rows = (0..<values.random.pick([1, 2, 63, 300])).map { _ in
        ModelRow(key: "", time: 0, input: 0, row: 1, cells: values.cells())
      }
      try check(values.predicate(depth: values.random.int(0...6)), rows, "seed \(seed), round \(round)")
    }
  }

  @Test("a list of 100,000 constants")
  func longList() throws {
    let rows = [-1, 0, 50_000, 99_999, 100_000].map { (value: Int64) in
      ModelRow(key: "", time: 0, input: 0, row: 1, cells: [nil, .int(value), nil, nil, nil, nil, nil])
    }
    try check(.isIn(column: "int", (0..<100_000).map { .int($0) }), rows, "ints")
    try check(.not(.isIn(column: "int", (0..<100_000).map { .int($0) })), rows, "not ints")
  }
}
