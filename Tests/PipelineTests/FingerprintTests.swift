import Columns
import TestKit
import Testing

@testable import Pipeline

/// What the fingerprint must and must not depend on. That it is the documented algorithm is shown against Python, in
/// `FormatsTests/WriterFingerprintTests`.
@Suite struct FingerprintTests {
  private static let fields = ProfileColumn.types.enumerated().map { Field(name: "c\($0)", type: $1) }

  private func columns(rows: Int, _ random: inout SeededGenerator) -> [ProfileColumn] {
    ProfileColumn.types.map { ProfileColumn.random($0, rows: rows, spread: 0, wild: true, &random) }
  }

  private func table(_ columns: [ProfileColumn], _ rows: [Int]) -> Table {
    Table(fields: Self.fields, columns: columns.map { $0.column(rows) }, count: rows.count)
  }

  private func hex(_ columns: [ProfileColumn], _ rows: [Int], split: String = "train") -> String {
    var print = Fingerprint()
    print.add(table: table(columns, rows), split: split)
    return print.hex(fields: Self.fields)
  }

  @Test func orderAndPartsDoNotMatter() {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    let columns = columns(rows: 3000, &random)
    let whole = hex(columns, Array(0..<3000))
    #expect(whole.utf8.count == 32)
    for _ in 0..<5 {
      let order = (0..<3000).shuffled(using: &random)
      let cut = Int.random(in: 0...3000, using: &random)
      var first = Fingerprint()
      var second = Fingerprint()
      first.add(table: table(columns, Array(order[..<cut])), split: "train")
      second.add(table: table(columns, Array(order[cut...])), split: "train")
      first.merge(second)
      #expect(first.rows == 3000)
      #expect(first.hex(fields: Self.fields) == whole, "seed \(seed)")
    }
  }

  /// Each of these is another snapshot.
  @Test func everyChangeShows() {
    var random = SeededGenerator(seed: 4)
    let columns = columns(rows: 50, &random)
    let rows = Array(0..<50)
    var seen: Set<String> = [hex(columns, rows)]
    func expectNew(_ hex: String, _ what: String) { #expect(seen.insert(hex).inserted, "\(what)") }
    expectNew(hex(columns, rows, split: "eval"), "another split")
    expectNew(hex(columns, Array(0..<49)), "a row less")
    expectNew(hex(columns, rows + [7]), "a row twice")
    expectNew(hex(columns, rows + [7, 7]), "a row three times")
    for index in columns.indices {
      var changed = columns
      changed[index].values[3] = changed[index].values[3] == nil ? zero(columns[index].type) : nil
      expectNew(hex(changed, rows), "null in column \(index)")
    }
    // The same values in two rows, swapped in one column only.
    var swapped = columns
    swapped[1].values.swapAt(0, (1..<50).first { swapped[1].values[$0] != swapped[1].values[0] }!)
    expectNew(hex(swapped, rows), "values moved between rows")
    var print = Fingerprint()
    print.add(table: table(columns, rows), split: "train")
    var renamed = Self.fields
    renamed[0].name = "other"
    expectNew(print.hex(fields: renamed), "a column renamed")
    var retyped = Self.fields
    retyped[1].type = .timestamp
    expectNew(print.hex(fields: retyped), "a column's type")
  }

  /// Several rows at a time give what one by one gives: any number of rows, nulls or none, short and long strings.
  @Test func severalRowsAtATime() {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    for round in 0..<60 {
      let rows = round < 30 ? round : random.int(1...3000)
      let (nulls, longest) = (random.pick([0, 2, 10]), random.pick([8, 16, 20, 70]))
      let columns = ProfileColumn.types.map { type in
        var column = ProfileColumn.random(type, rows: rows, spread: 0, wild: true, &random)
        for row in 0..<rows {
          if type == .string {
            column.values[row] = .string(String(repeating: "ä", count: random.int(0...longest) / 2) + "\(row % 7)")
          } else if column.values[row] == nil {
            column.values[row] = zero(type)
          }
          if nulls > 0 && random.chance(nulls) { column.values[row] = nil }
        }
        return column
      }
      let table = table(columns, Array(0..<rows))
      let one = Fingerprint.numbers(of: table, split: "train", isWide: false)
      #expect(one.count == rows)
      #expect(Fingerprint.numbers(of: table, split: "train", isWide: RowLanes.isWide) == one, "seed \(seed), \(rows)")
      var whole = Fingerprint()
      whole.add(table: table, split: "train")
      #expect(whole.sum == one.reduce(0, &+), "seed \(seed), \(rows)")
    }
  }

  private func zero(_ type: ColumnType) -> Literal {
    switch type {
    case .string: .string("")
    case .int: .int(0)
    case .double: .double(0)
    case .bool: .bool(false)
    case .date: .date(0)
    case .timestamp: .timestamp(0)
    case .decimal: .decimal(0)
    }
  }

  @Test func zerosAndNaNsAreOne() {
    let field = [Field(name: "d", type: .double)]
    func hex(_ value: Double) -> String {
      var print = Fingerprint()
      let column = ProfileColumn(type: .double, values: [.double(value)])
      print.add(table: Table(fields: field, columns: [column.column([0])], count: 1), split: "train")
      return print.hex(fields: field)
    }
    #expect(hex(0.0) == hex(-0.0))
    #expect(hex(.nan) == hex(Double(bitPattern: 0xfff8_0000_0000_0001)))
    #expect(hex(0.0) != hex(.nan))
    #expect(hex(.infinity) != hex(-.infinity))
  }
}
