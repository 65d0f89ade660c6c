import Columns
import Definition

@testable import Pipeline

/// What features mean, written down a second time: plain loops over arrays, no state, no tricks.
struct NaiveModel {
  var dataset: ModelDataset

  enum Answer {
    case value(Literal?)
    /// Right if it is this close, relatively.
    case near(Double, within: Double)
    /// The sum does not fit its type.
    case overflow
  }

  /// Answers by key, one a feature.
  func answers() -> [String: [Answer]] {
    var answers: [String: [Answer]] = [:]
    let rowsSource = dataset.sources[0]
    let counted = rowsSource.rows.filter { counts($0, rowsSource, over: nil) }
    for key in Set(counted.map(\.key)) {
      if rowsSource.keep == .latest, ordered(counted.filter { $0.key == key }, rowsSource).last?.isRemoval ?? true {
        continue
      }
      answers[key] = dataset.features.map { answer($0, key) }
    }
    return answers
  }

  private func counts(_ row: ModelRow, _ source: ModelSource, over: Int64?) -> Bool {
    if !source.isTimed { return true }
    if row.time >= dataset.asOf { return false }
    return over.map { row.time >= dataset.asOf - $0 } ?? true
  }

  /// In the order in which the last one wins.
  private func ordered(_ rows: [ModelRow], _ source: ModelSource) -> [ModelRow] {
    rows.sorted { a, b in
      let (x, y) = (source.inputs[a.input], source.inputs[b.input])
      let (s, t) = source.isTimed ? (a.time, b.time) : (x.modified, y.modified)
      if s != t { return s < t }
      if x.name != y.name { return Array(x.name.utf8).lexicographicallyPrecedes(Array(y.name.utf8)) }
      return a.row < b.row
    }
  }

  private func answer(_ feature: Feature, _ key: String) -> Answer {
    let source = dataset.sources.first { $0.name == feature.source }!
    let rows = source.rows.filter { $0.key == key }
    var answer: Answer
    switch feature.value {
    case .column(let name):
      let newest = ordered(rows.filter { counts($0, source, over: nil) }, source).last
      answer = .value(newest.flatMap { $0.isRemoval ? nil : NaiveModel.cell($0, name) })
    case .aggregate(let aggregate):
      let counted = rows.filter { row in
        counts(row, source, over: aggregate.over)
          && (aggregate.predicate.map { NaiveModel.truth($0, row) == true } ?? true)
      }
      answer = NaiveModel.aggregate(aggregate, ordered(counted, source))
    }
    if case .value(nil) = answer, let fallback = feature.fallback { answer = .value(fallback) }
    return answer
  }

  static func cell(_ row: ModelRow, _ column: String) -> Literal? {
    row.cells[ModelSource.names.firstIndex(of: column)!]
  }

  // MARK: Conditions

  /// nil: unknown.
  static func truth(_ predicate: Predicate, _ row: ModelRow) -> Bool? {
    switch predicate {
    case .isNull(let column): return cell(row, column) == nil
    case .compare(let column, let comparison, let literal):
      return cell(row, column).map { holds($0, comparison, literal) }
    case .isIn(let column, let literals):
      return cell(row, column).map { cell in literals.contains { holds(cell, .equal, $0) } }
    case .not(let inner): return truth(inner, row).map { !$0 }
    case .and(let a, let b):
      let (x, y) = (truth(a, row), truth(b, row))
      if x == false || y == false { return false }
      return x == nil || y == nil ? nil : true
    case .or(let a, let b):
      let (x, y) = (truth(a, row), truth(b, row))
      if x == true || y == true { return true }
      return x == nil || y == nil ? nil : false
    }
  }

  private static func holds(_ a: Literal, _ comparison: Predicate.Comparison, _ b: Literal) -> Bool {
    func compare<T: Comparable>(_ a: T, _ b: T) -> Bool {
      switch comparison {
      case .equal: a == b
      case .notEqual: a != b
      case .less: a < b
      case .lessOrEqual: a <= b
      case .greater: a > b
      case .greaterOrEqual: a >= b
      }
    }
    switch (a, b) {
    case (.string(let x), .string(let y)):
      let order = bytesOrder(x, y)
      switch comparison {
      case .equal: return order == 0
      case .notEqual: return order != 0
      case .less: return order < 0
      case .lessOrEqual: return order <= 0
      case .greater: return order > 0
      case .greaterOrEqual: return order >= 0
      }
    case (.int(let x), .int(let y)), (.timestamp(let x), .timestamp(let y)): return compare(x, y)
    case (.double(let x), .double(let y)): return compare(x, y)
    case (.bool(let x), .bool(let y)): return compare(x ? 1 : 0, y ? 1 : 0)
    case (.date(let x), .date(let y)): return compare(x, y)
    case (.decimal(let x), .decimal(let y)): return compare(x, y)
    default: preconditionFailure("a constant of another type")
    }
  }

  private static func bytesOrder(_ a: String, _ b: String) -> Int {
    let (x, y) = (Array(a.utf8), Array(b.utf8))
    return x == y ? 0 : x.lexicographicallyPrecedes(y) ? -1 : 1
  }

  /// A total order of one type's values: −0 before 0, NaN last.
  static func precedes(_ a: Literal, _ b: Literal) -> Bool {
    switch (a, b) {
    case (.double(let x), .double(let y)):
      if x.isNaN || y.isNaN { return !x.isNaN && y.isNaN }
      return x == y ? x.sign == .minus && y.sign == .plus : x < y
    case (.string(let x), .string(let y)): return bytesOrder(x, y) < 0
    default: return holds(a, .less, b)
    }
  }

  // MARK: Aggregates

  /// `rows` in the order of ``ordered(_:_:)``.
  private static func aggregate(_ aggregate: Aggregate, _ rows: [ModelRow]) -> Answer {
    guard let column = aggregate.column else { return .value(.int(Int64(rows.count))) }
    let values = rows.compactMap { cell($0, column) }
    switch aggregate.function {
    case .count: return .value(.int(Int64(values.count)))
    case .countDistinct:
      let distinct = Set(
        values.map { value -> Literal in
          guard case .double(let double) = value else { return value }
          return .double(double == 0 ? 0 : double.isNaN ? 0x1p-1000 : double)
        })
      return .value(.int(Int64(distinct.count)))
    case .first: return .value(values.first.map(canonical))
    case .last: return .value(values.last.map(canonical))
    case .min: return .value(values.min(by: precedes).map(canonical))
    case .max: return .value(values.max(by: precedes).map(canonical))
    case .sum: return values.isEmpty ? .value(nil) : sum(values)
    case .mean: return values.isEmpty ? .value(nil) : mean(values)
    case .stddev: return values.count < 2 ? .value(nil) : deviation(values)
    }
  }

  private static func canonical(_ value: Literal) -> Literal {
    if case .double(let double) = value, double.isNaN { return .double(.nan) }
    return value
  }

  private static func integers(_ values: [Literal]) -> [Int128]? {
    let integers = values.compactMap { value -> Int128? in
      switch value {
      case .int(let int): Int128(int)
      case .bool(let bool): bool ? 1 : 0
      case .decimal(let unscaled): unscaled
      default: nil
      }
    }
    return integers.isEmpty ? nil : integers
  }

  private static func doubles(_ values: [Literal]) -> [Double] {
    values.map { if case .double(let double) = $0 { double } else { .nan } }
  }

  private static func sum(_ values: [Literal]) -> Answer {
    guard let integers = integers(values) else { return .value(.double(PaperSum.sum(doubles(values)))) }
    let isDecimal = if case .decimal = values[0] { true } else { false }
    // Wide enough for any number of values that a test adds.
    let sum = PaperSum(integers: integers)
    if isDecimal {
      var limit: Int128 = 1
      for _ in 0..<38 { limit *= 10 }
      guard let total = sum.int128, total.magnitude < limit.magnitude else { return .overflow }
      return .value(.decimal(total))
    }
    guard let total = sum.int128, let small = Int64(exactly: total) else { return .overflow }
    return .value(.int(small))
  }

  private static func mean(_ values: [Literal]) -> Answer {
    let n = Double(values.count)
    guard let integers = integers(values) else { return .value(.double(PaperSum.sum(doubles(values)) / n)) }
    let sum = PaperSum(integers: integers).rounded()
    guard case .decimal = values[0] else { return .value(.double(sum / n)) }
    return .near(sum / 1000 / n, within: 0x1p-51)
  }

  private static func deviation(_ values: [Literal]) -> Answer {
    let isDecimal = if case .decimal = values[0] { true } else { false }
    let numbers: [TwoDoubles] =
      integers(values)?.map { TwoDoubles(exactly: $0) } ?? doubles(values).map { TwoDoubles($0) }
    if !numbers.allSatisfy({ $0.high.isFinite }) { return .value(.double(.nan)) }
    let n = TwoDoubles(Double(numbers.count))
    var total = TwoDoubles(0)
    for number in numbers { total = total + number }
    let mean = total / n
    var squares = TwoDoubles(0)
    for number in numbers { squares = squares + (number - mean) * (number - mean) }
    let deviation = (squares / (n - TwoDoubles(1))).high.squareRoot()
    return .near(isDecimal ? deviation / 1000 : deviation, within: 0x1p-48)
  }
}
