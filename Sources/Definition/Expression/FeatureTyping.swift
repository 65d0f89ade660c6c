internal import Columns

/// Gives a parsed feature its meaning: looks names up in its source and fits types; says what does not fit.
struct FeatureTyping {
  let log: ProblemLog
  let source: SourceDraft
  /// The feature's text.
  let node: YAMLNode

  /// nil if anything was reported, now or earlier about something it uses.
  func feature(named name: String, _ syntax: ExpressionSyntax) -> Feature? {
    switch (source.keep, syntax.head) {
    case (nil, .column(let column)):
      // What `keep` should have said is unknown; the column can be checked all the same.
      _ = type(of: column)
      return nil
    case (.latest, .column(let column)): return plain(name, column, syntax)
    case (.latest, .call(let function, _)):
      log.report(
        node, offset: function.offset,
        "source '\(source.name)' keeps one row a key, so \(quoted(function.text)) has nothing to aggregate",
        hint: "name a column, or give the source keep: events")
      return nil
    case (.events, .column(let column)):
      let isColumn = source.columns[column.text] != nil
      log.report(
        node, offset: column.offset,
        "source '\(source.name)' keeps every row, so a feature of it is an aggregate; found \(quoted(column.text))",
        hint: isColumn
          ? "write last(\(column.text)), max(\(column.text)) or another aggregate, or give the source keep: latest"
          : "write count(), sum(x), mean(x), min(x), max(x), first(x), last(x), count_distinct(x) or stddev(x)"
      )
      return nil
    case (.events, .call(let function, let argument)), (nil, .call(let function, let argument)):
      return aggregate(name, function, argument, syntax)
    }
  }

  /// A column of a `latest` source.
  func plain(_ name: String, _ column: NameSyntax, _ syntax: ExpressionSyntax) -> Feature? {
    if syntax.predicate != nil {
      log.report(
        node, offset: syntax.whereOffset,
        "'where' belongs to an aggregate; source '\(source.name)' keeps one row a key")
    }
    if syntax.over != nil {
      log.report(
        node, offset: syntax.overOffset,
        "'over' belongs to an aggregate; source '\(source.name)' keeps one row a key")
    }
    guard let type = type(of: column), syntax.predicate == nil, syntax.over == nil else { return nil }
    guard let fallback = fallback(syntax, type) else { return nil }
    return Feature(
      name: name, source: source.name, value: .column(column.text), fallback: fallback, type: type)
  }

  private func aggregate(
    _ name: String, _ functionName: NameSyntax, _ argument: NameSyntax?, _ syntax: ExpressionSyntax
  ) -> Feature? {
    let function = function(functionName, argument)
    let input = argument.flatMap { type(of: $0) }
    let predicate = syntax.predicate.map { self.predicate($0) }
    if syntax.over != nil && source.time == nil {
      log.report(
        node, offset: syntax.overOffset,
        "'over' needs the rows' times, and source '\(source.name)' has no 'time'",
        hint: "add time: COLUMN to the source")
      return nil
    }
    guard let function, argument == nil || input != nil else { return nil }
    var aggregate = Aggregate(function: function, column: argument?.text, over: syntax.over)
    guard let type = aggregate.resultType(of: input) else {
      log.report(
        node, offset: functionName.offset,
        "\(function.rawValue) does not fit \(quoted(argument?.text ?? "")), which is \(input?.withArticle ?? "")",
        hint: "it takes int, double, decimal or bool")
      return nil
    }
    if let predicate {
      guard let predicate else { return nil }
      aggregate.predicate = predicate
    }
    if function == .count || function == .countDistinct, syntax.fallback != nil {
      log.warn(node, "\(function.rawValue) is never null, so its default has no effect")
    }
    guard let fallback = fallback(syntax, type) else { return nil }
    return Feature(
      name: name, source: source.name, value: .aggregate(aggregate), fallback: fallback, type: type)
  }

  private func function(_ name: NameSyntax, _ argument: NameSyntax?) -> Aggregate.Function? {
    let word = name.text.lowercased()
    guard let function = Aggregate.Function(rawValue: word) else {
      let known = Aggregate.Function.allCases.map(\.rawValue)
      let synonyms = [
        "avg": "mean", "average": "mean", "std": "stddev", "stdev": "stddev", "nunique": "count_distinct",
        "distinct": "count_distinct", "size": "count", "total": "sum", "latest": "last", "newest": "last",
      ]
      log.report(
        node, offset: name.offset, "unknown aggregate \(quoted(name.text))",
        hint: synonyms[word].map { "did you mean '\($0)'?" }
          ?? log.nearest(word, among: known, otherwise: "known: \(known.joined(separator: ", "))"))
      return nil
    }
    if argument == nil && function != .count {
      log.report(
        node, offset: name.offset, "\(word)() needs a column",
        hint: "write \(word)(COLUMN); only count() counts rows")
      return nil
    }
    return function
  }

  /// The outer optional is nil after a problem; the inner one where there is no default.
  private func fallback(_ syntax: ExpressionSyntax, _ type: ColumnType) -> Literal?? {
    guard let literal = syntax.fallback else { return .some(nil) }
    return self.literal(literal, type, "the feature").map { .some($0) }
  }

  /// nil if the column is unknown (reported) or wrong (reported where it stands).
  private func type(of column: NameSyntax) -> ColumnType? {
    if let found = source.columns[column.text] { return found.type }
    if source.knowsColumns {
      log.report(
        node, offset: column.offset, "source '\(source.name)' has no column \(quoted(column.text))",
        hint: log.nearest(column.text, among: source.columnNames, otherwise: listing))
    }
    return nil
  }

  private var listing: String {
    let shown = source.columnNames.prefix(12).joined(separator: ", ")
    return "its columns: \(shown)\(source.columnNames.count > 12 ? ", …" : "")"
  }

  // MARK: conditions

  /// Bounded by the parser's limits, hence the recursion.
  private func predicate(_ syntax: PredicateSyntax) -> Predicate? {
    switch syntax {
    case .compare(let column, let comparison, let literal):
      guard let type = type(of: column) else { return nil }
      if type == .bool && comparison != .equal && comparison != .notEqual {
        log.report(node, offset: column.offset, "\(quoted(column.text)) is a bool: compare it with = or !=")
        return nil
      }
      return self.literal(literal, type, quoted(column.text)).map {
        .compare(column: column.text, comparison, $0)
      }
    case .isIn(let column, let literals):
      guard let type = type(of: column) else { return nil }
      let values = literals.compactMap { literal($0, type, quoted(column.text)) }
      return values.count == literals.count ? .isIn(column: column.text, values) : nil
    case .isNull(let column):
      return type(of: column).map { _ in .isNull(column: column.text) }
    case .isTrue(let column):
      guard let type = type(of: column) else { return nil }
      guard type == .bool else {
        log.report(
          node, offset: column.offset, "\(quoted(column.text)) is \(type.withArticle), not a condition",
          hint: "compare it: \(column.text) = …")
        return nil
      }
      return .compare(column: column.text, .equal, .bool(true))
    case .and(let left, let right):
      let both = (predicate(left), predicate(right))
      guard let left = both.0, let right = both.1 else { return nil }
      return .and(left, right)
    case .or(let left, let right):
      let both = (predicate(left), predicate(right))
      guard let left = both.0, let right = both.1 else { return nil }
      return .or(left, right)
    case .not(let inner): return predicate(inner).map { .not($0) }
    }
  }

  /// A constant as a value of `type`, which is that of `what`.
  private func literal(_ literal: LiteralSyntax, _ type: ColumnType, _ what: String) -> Literal? {
    let expected: String
    switch (literal.kind, type) {
    case (.null, _):
      log.report(
        node, offset: literal.offset, "null is not a constant",
        hint: "a condition says 'is null' or 'is not null'; a feature without default is null already")
      return nil
    case (.text, .string), (.text, .date), (.text, .timestamp), (.number, .int), (.number, .double),
      (.number, .decimal), (.bool, .bool):
      do {
        return try LiteralText.parse(literal.text, as: type)
      } catch {
        log.report(
          node, offset: literal.offset, "\(what) is \(type.withArticle): \(error.message)", hint: error.hint)
        return nil
      }
    case (_, .string): expected = "a text in single quotes: '\(literal.text)'"
    case (_, .date): expected = "a date in single quotes: '2026-11-21'"
    case (_, .timestamp): expected = "a time in single quotes: '2026-11-21T03:00:00Z'"
    case (_, .bool): expected = "true or false"
    case (.text, _) where LiteralText.isNumber(literal.text, fraction: true):
      expected = "a number without quotes: \(literal.text)"
    default: expected = "a number"
    }
    log.report(
      node, offset: literal.offset, "\(what) is \(type.withArticle), and \(literal.described) is not",
      hint: "write \(expected)")
    return nil
  }
}
