import Columns
import TestKit

/// A table as a test states it: values, column by column.
struct ExpectedTable {
  var fields: [Field]
  var columns: [[Literal?]]
  var count: Int

  /// The same rows as the encoders take them.
  var table: Table {
    Table(
      fields: fields, columns: zip(fields, columns).map { ExpectedTable.column($0.type, $1) }, count: count)
  }

  func rows(_ range: Range<Int>) -> ExpectedTable {
    ExpectedTable(fields: fields, columns: columns.map { Array($0[range]) }, count: range.count)
  }

  static func column(_ type: ColumnType, _ values: [Literal?]) -> Column {
    let column = Column(type: type, capacity: values.count)
    for (row, value) in values.enumerated() {
      guard let value else { continue }
      column.validity[row] = 1
      switch value {
      case .string(let text): column.views[row] = column.arena.append(text)
      case .int(let int), .timestamp(let int): column.int64s[row] = int
      case .double(let double): column.doubles[row] = double
      case .bool(let bool): column.bytes[row] = bool ? 1 : 0
      case .date(let days): column.int32s[row] = days
      case .decimal(let unscaled): column.int128s[row] = unscaled
      }
    }
    return column
  }
}

/// Random columns of many shapes: few or many distinct values, runs, sorted, extremes.
struct RandomTables {
  var random: SeededGenerator
  /// Strings of the column at work are all long, so that their bounds are cut.
  private var isLong = false

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  enum Nulls: CaseIterable { case none, some, runs, all }

  static let types: [ColumnType] = [
    .string, .int, .double, .bool, .date, .timestamp, .decimal(precision: 1, scale: 0),
    .decimal(precision: 9, scale: 2), .decimal(precision: 10, scale: 10), .decimal(precision: 18, scale: 4),
    .decimal(precision: 19, scale: 0), .decimal(precision: 25, scale: 7), .decimal(precision: 38, scale: 10),
  ]

  /// A column of each type with each kind of nulls; those without nulls are named `…_none`.
  mutating func table(rows: Int) -> ExpectedTable {
    var fields: [Field] = []
    var columns: [[Literal?]] = []
    for type in Self.types {
      for nulls in Nulls.allCases {
        let name = "\(type)_\(nulls)".map { "(),".contains($0) ? "_" : $0 }
        fields.append(Field(name: String(name), type: type))
        columns.append(column(type, nulls, rows: rows))
      }
    }
    return ExpectedTable(fields: fields, columns: columns, count: rows)
  }

  mutating func column(_ type: ColumnType, _ nulls: Nulls, rows: Int) -> [Literal?] {
    isLong = Int.random(in: 0..<3, using: &random) == 0
    let distinct = [1, 2, 3, 40, 700, Int.max].randomElement(using: &random)!
    let pool = distinct == Int.max ? [] : (0..<distinct).map { _ in value(type) }
    var result: [Literal?] = []
    var isNullRun = false
    var run = 0
    var last: Literal?
    for _ in 0..<rows {
      if run == 0 {
        run = Int.random(in: 1...300, using: &random)
        isNullRun.toggle()
        last = nil
      }
      run -= 1
      switch nulls {
      case .all: result.append(nil)
      case .some where Int.random(in: 0..<4, using: &random) == 0: result.append(nil)
      case .runs where isNullRun: result.append(nil)
      case .runs:
        // Runs of one value, too.
        if last == nil || Int.random(in: 0..<60, using: &random) == 0 {
          last = pool.randomElement(using: &random) ?? value(type)
        }
        result.append(last)
      default: result.append(pool.randomElement(using: &random) ?? value(type))
      }
    }
    return result
  }

  mutating func value(_ type: ColumnType) -> Literal {
    let odd = Int.random(in: 0..<20, using: &random)
    switch type {
    case .string: return .string(text())
    case .int:
      if odd == 0 { return .int([.min, .max, 0, -1].randomElement(using: &random)!) }
      return .int(Int64.random(in: odd < 8 ? -100...100 : .min ... .max, using: &random))
    case .double:
      if odd == 0 {
        let special: [Double] = [
          0, -0.0, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, -.greatestFiniteMagnitude,
        ]
        return .double(special.randomElement(using: &random)!)
      }
      if odd < 8 { return .double(Double(Int.random(in: -100_000...100_000, using: &random)) / 100) }
      return .double(Double(bitPattern: UInt64.random(in: 0..<0x7ff0 << 48, using: &random)))
    case .bool: return .bool(Bool.random(using: &random))
    case .date:
      // 0001-01-01 … 9999-12-31, which all readers know.
      return .date(Int32.random(in: odd < 10 ? 18_000...20_000 : -719_162...2_932_896, using: &random))
    case .timestamp:
      let day: Int64 = 86_400_000_000
      if odd < 5 { return .timestamp(Int64.random(in: 18_000...20_000, using: &random) * day) }
      return .timestamp(Int64.random(in: -719_162 * day..<2_932_897 * day, using: &random))
    case .decimal(let precision, _):
      var limit: Int128 = 1
      for _ in 0..<precision { limit *= 10 }
      if odd == 0 { return .decimal([limit - 1, 1 - limit, 0].randomElement(using: &random)!) }
      let digits = Int.random(in: 1...precision, using: &random)
      var bound: Int128 = 1
      for _ in 0..<digits { bound *= 10 }
      return .decimal(Int128.random(in: 1 - bound...bound - 1, using: &random))
    }
  }

  /// Empty, short, long, with everything that CSV and JSON must escape, and characters of one to four bytes.
  mutating func text() -> String {
    let alphabet: [Character] = [
      "a", "b", "Z", "0", " ", ",", "\"", "'", "\n", "\r\n", "\\", "\t", "\u{1}", "\u{1f}", "é", "ß", "漢",
      "🙂", "\u{7f}",
      "\u{d7ff}", "\u{10ffff}", "|", ";",
    ]
    let length: Int
    switch Int.random(in: 0..<40, using: &random) {
    case _ where isLong: length = Int.random(in: 20...90, using: &random)
    case 0: length = 0
    case 1: length = Int.random(in: 60...300, using: &random)
    default: length = Int.random(in: 1...14, using: &random)
    }
    let plain = Bool.random(using: &random)
    return String(
      (0..<length).map { _ in alphabet[Int.random(in: 0..<(plain ? 4 : alphabet.count), using: &random)] })
  }
}
