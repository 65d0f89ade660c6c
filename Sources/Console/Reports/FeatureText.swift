internal import Columns
internal import Definition

/// Features as a definition writes them.
enum FeatureText {
  /// `sum(cnt) over 30d where feature = 'payroll' default 0`; a column's name; "" for what follows from the name.
  static func expression(_ feature: Feature, in definition: Definition) -> String {
    var text: String
    switch feature.value {
    case .column(let name): text = name == feature.name ? "" : name
    case .aggregate(let aggregate):
      text = "\(aggregate.function.rawValue)(\(aggregate.column ?? ""))"
      if let over = aggregate.over { text += " over \(duration(over))" }
      if let predicate = aggregate.predicate {
        let source = definition.source(feature.source)
        text += " where \(condition(predicate) { source?.column($0)?.type })"
      }
    }
    if let fallback = feature.fallback { text += " default \(constant(fallback, feature.type))" }
    return text
  }

  private static func condition(_ predicate: Predicate, _ type: (String) -> ColumnType?) -> String {
    switch predicate {
    case .compare(let column, let comparison, let literal):
      "\(column) \(comparison.rawValue) \(constant(literal, type(column)))"
    case .isIn(let column, let literals):
      "\(column) in (\(literals.map { constant($0, type(column)) }.joined(separator: ", ")))"
    case .isNull(let column): "\(column) is null"
    case .not(.isNull(let column)): "\(column) is not null"
    case .not(let inner): "not (\(condition(inner, type)))"
    case .and(let left, let right): "\(grouped(left, type)) and \(grouped(right, type))"
    case .or(let left, let right): "\(condition(left, type)) or \(condition(right, type))"
    }
  }

  private static func grouped(_ predicate: Predicate, _ type: (String) -> ColumnType?) -> String {
    if case .or = predicate { "(\(condition(predicate, type)))" } else { condition(predicate, type) }
  }

  private static func constant(_ literal: Literal, _ type: ColumnType?) -> String {
    guard let type else { return "?" }
    let text = ValueText.canonical(literal, type: type)
    switch type {
    case .string, .date, .timestamp:
      return "'"
        + text.split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: "''") + "'"
    case .double: return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    default: return text
    }
  }

  /// `30d`, `12h`, `1500ms`: the largest unit that divides it.
  static func duration(_ microseconds: Int64) -> String {
    let units: [(String, Int64)] = [
      ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000),
      ("ms", 1000),
    ]
    for (name, size) in units where microseconds % size == 0 && microseconds != 0 {
      return "\(microseconds / size)\(name)"
    }
    return "\(microseconds)us"
  }
}
