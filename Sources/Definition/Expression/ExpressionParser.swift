/// Reads `sum(cnt) where feature = 'payroll' over 30d default 0`.
///
/// ```
/// expression = (column | function "(" [column | "*"] ")") { "where" condition | "over" duration | "default" literal }
/// condition  = conjunction { "or" conjunction }
/// conjunction = negation { "and" negation }
/// negation   = "not" negation | "(" condition ")" | test
/// test       = column [ comparison literal | literal comparison column
///            | ["not"] "in" "(" literal {"," literal} ")" | ["not"] "between" literal "and" literal
///            | "is" ["not"] "null" ]
/// ```
struct ExpressionParser {
  /// Words that are names only in double quotes.
  static let reserved: Set<String> = [
    "where", "and", "or", "not", "in", "is", "null", "between", "over", "default", "true", "false",
  ]
  /// Parentheses and `not` within each other.
  static let depthLimit = 64
  /// Tests and connectives of one condition: with left-leaning trees their number bounds the tree's depth.
  static let testLimit = 512

  private let tokens: [ExpressionToken]
  private var position = 0
  private var tests = 0

  static func parse(_ text: String) throws(TextFault) -> ExpressionSyntax {
    var parser = ExpressionParser(tokens: try ExpressionLexer.tokens(of: text))
    return try parser.expression()
  }

  private init(tokens: [ExpressionToken]) { self.tokens = tokens }

  private var next: ExpressionToken { tokens[position] }

  private mutating func advance() {
    // The end token stays the next one.
    if position + 1 < tokens.count { position += 1 }
  }

  // MARK: the whole

  private mutating func expression() throws(TextFault) -> ExpressionSyntax {
    if next.kind == .end {
      throw TextFault("expected a column or an aggregate such as sum(x), found nothing")
    }
    var syntax = ExpressionSyntax(head: try head())
    while next.kind != .end {
      let offset = next.offset
      if takeKeyword("where") {
        guard syntax.predicate == nil else {
          throw TextFault("a second 'where'", at: offset, hint: "join conditions with and, or")
        }
        syntax.predicate = try condition(depth: 0)
        syntax.whereOffset = offset
      } else if takeKeyword("over") {
        guard syntax.over == nil else { throw TextFault("a second 'over'", at: offset) }
        syntax.over = try duration()
        syntax.overOffset = offset
      } else if takeKeyword("default") {
        guard syntax.fallback == nil else { throw TextFault("a second 'default'", at: offset) }
        syntax.fallback = try literal("a constant behind 'default'")
        syntax.fallbackOffset = offset
      } else {
        throw unexpectedTail()
      }
    }
    return syntax
  }

  private func unexpectedTail() -> TextFault {
    switch next.kind {
    case .symbol("-") where position > 0 && isYear(tokens[position - 1]):
      return TextFault(
        "a date without quotes", at: tokens[position - 1].offset, hint: "write it as '2026-11-21'")
    case .symbol("+"), .symbol("-"), .symbol("*"), .symbol("/"), .symbol("%"):
      return TextFault(
        "a feature cannot calculate: expected where, over, default or the end, found \(next.described)",
        at: next.offset,
        hint: "take the parts as features of their own; a name with other signs than letters, digits and _ "
          + "stands in double quotes")
    case .symbol("("):
      return TextFault("'(' cannot stand here", at: next.offset)
    case .word(let word):
      let near = NearestName.find(word.lowercased(), among: ["where", "over", "default"])
      let isConnective = word.lowercased() == "and" || word.lowercased() == "or"
      return TextFault(
        "expected where, over, default or the end, found \(next.described)", at: next.offset,
        hint: near.map { "did you mean '\($0)'?" } ?? (isConnective ? "conditions begin with 'where'" : ""))
    default:
      return TextFault("expected where, over, default or the end, found \(next.described)", at: next.offset)
    }
  }

  private func isYear(_ token: ExpressionToken) -> Bool {
    if case .number(let text) = token.kind { return text.count == 4 && Int(text) != nil }
    return false
  }

  private mutating func head() throws(TextFault) -> ExpressionSyntax.Head {
    let name = try name("a column or an aggregate such as sum(x)")
    guard takeSymbol("(") else { return .column(name) }
    if takeSymbol(")") { return .call(function: name, argument: nil) }
    if case .symbol("*") = next.kind {
      advance()
      try expect(")", "behind 'count(*'")
      guard name.text.lowercased() == "count" else {
        throw TextFault("only count takes '*'", at: name.offset)
      }
      return .call(function: name, argument: nil)
    }
    let argument = try self.name("a column")
    if case .symbol("(") = next.kind {
      throw TextFault("aggregates take a column, not another function", at: argument.offset)
    }
    guard takeSymbol(")") else {
      switch next.kind {
      case .end: throw TextFault("the '(' is never closed", at: next.offset)
      case .symbol(","): throw TextFault("aggregates take one column", at: next.offset)
      default:
        throw TextFault(
          "aggregates take one column as it is; expected ')', found \(next.described)", at: next.offset,
          hint: "a name with other signs than letters, digits and _ stands in double quotes")
      }
    }
    return .call(function: name, argument: argument)
  }

  private mutating func duration() throws(TextFault) -> Int64 {
    let start = next
    switch start.kind {
    case .measure(let text), .number(let text):
      advance()
      do { return try DurationText.parsePositive(text) } catch {
        throw TextFault(error.message, at: start.offset + error.offset, hint: error.hint)
      }
    default:
      throw TextFault(
        "expected a duration behind 'over', found \(start.described)", at: start.offset,
        hint: "for example over 30d")
    }
  }

  // MARK: conditions

  private mutating func condition(depth: Int) throws(TextFault) -> PredicateSyntax {
    var left = try conjunction(depth: depth)
    while takeKeyword("or") { left = .or(left, try conjunction(depth: depth)) }
    return left
  }

  private mutating func conjunction(depth: Int) throws(TextFault) -> PredicateSyntax {
    var left = try negation(depth: depth)
    while takeKeyword("and") { left = .and(left, try negation(depth: depth)) }
    return left
  }

  private mutating func negation(depth: Int) throws(TextFault) -> PredicateSyntax {
    guard depth < ExpressionParser.depthLimit else {
      throw TextFault("nested deeper than \(ExpressionParser.depthLimit) levels", at: next.offset)
    }
    tests += 1
    guard tests <= ExpressionParser.testLimit else {
      throw TextFault(
        "more than \(ExpressionParser.testLimit) tests in one condition", at: next.offset,
        hint: "use in ('a', 'b', …) for many values of one column")
    }
    if takeKeyword("not") { return .not(try negation(depth: depth + 1)) }
    if takeSymbol("(") {
      let inner = try condition(depth: depth + 1)
      try expect(")", "to close the condition")
      return inner
    }
    return try test()
  }

  private mutating func test() throws(TextFault) -> PredicateSyntax {
    if let literal = try literalIfAny() { return try flipped(literal) }
    let column = try name("a column of the condition")
    if let comparison = takeComparison() {
      return .compare(column, comparison, try literal("a constant behind '\(comparison.rawValue)'"))
    }
    if takeKeyword("is") {
      let isNegated = takeKeyword("not")
      guard takeKeyword("null") else {
        throw TextFault("expected 'null' behind 'is', found \(next.described)", at: next.offset)
      }
      return isNegated ? .not(.isNull(column)) : .isNull(column)
    }
    let isNegated = takeKeyword("not")
    if takeKeyword("in") {
      let list = try literals()
      return isNegated ? .not(.isIn(column, list)) : .isIn(column, list)
    }
    if takeKeyword("between") {
      let low = try literal("a constant behind 'between'")
      guard takeKeyword("and") else {
        throw TextFault("expected 'and' of 'between … and …', found \(next.described)", at: next.offset)
      }
      let high = try literal("a constant behind 'and'")
      let both = PredicateSyntax.and(
        .compare(column, .greaterOrEqual, low), .compare(column, .lessOrEqual, high))
      return isNegated ? .not(both) : both
    }
    if isNegated {
      throw TextFault("expected 'in' or 'between' behind 'not', found \(next.described)", at: next.offset)
    }
    switch next.kind {
    case .symbol("("):
      throw TextFault(
        "conditions compare columns; \(quoted(column.text)) cannot be called here", at: column.offset)
    case .symbol("!"), .symbol("=="):
      throw TextFault("\(next.described) is not a comparison", at: next.offset, hint: "write = or !=")
    case .word(let word) where ["like", "ilike", "matches", "contains"].contains(word.lowercased()):
      throw TextFault("'\(word)' is not supported", at: next.offset, hint: "compare with = or in (…)")
    default: return .isTrue(column)
    }
  }

  /// `5 < cnt` as `cnt > 5`.
  private mutating func flipped(_ literal: LiteralSyntax) throws(TextFault) -> PredicateSyntax {
    guard let comparison = takeComparison() else {
      throw TextFault(
        "expected a comparison behind \(literal.described), found \(next.described)", at: next.offset)
    }
    let column = try name("a column")
    let turned: Predicate.Comparison =
      switch comparison {
      case .less: .greater
      case .lessOrEqual: .greaterOrEqual
      case .greater: .less
      case .greaterOrEqual: .lessOrEqual
      case .equal, .notEqual: comparison
      }
    return .compare(column, turned, literal)
  }

  private mutating func literals() throws(TextFault) -> [LiteralSyntax] {
    try expect("(", "behind 'in'")
    var list: [LiteralSyntax] = []
    repeat { list.append(try literal("a constant of 'in (…)'")) } while takeSymbol(",")
    try expect(")", "to close 'in (…)'")
    return list
  }

  // MARK: words

  private mutating func literal(_ expected: String) throws(TextFault) -> LiteralSyntax {
    if let literal = try literalIfAny() { return literal }
    let hint: String
    switch next.kind {
    case .word: hint = "a text stands in single quotes; two columns cannot be compared"
    case .quotedName(let text): hint = "a text stands in single quotes: '\(text)'"
    case .measure: hint = "a time stands in single quotes: '2026-11-21'"
    default: hint = ""
    }
    throw TextFault("expected \(expected), found \(next.described)", at: next.offset, hint: hint)
  }

  private mutating func literalIfAny() throws(TextFault) -> LiteralSyntax? {
    let start = next
    switch start.kind {
    case .text(let text):
      advance()
      return LiteralSyntax(kind: .text, text: text, offset: start.offset)
    case .number(let text):
      advance()
      return LiteralSyntax(kind: .number, text: text, offset: start.offset)
    case .symbol(let sign) where sign == "-" || sign == "+":
      advance()
      guard case .number(let text) = next.kind else {
        throw TextFault("expected a number behind '\(sign)', found \(next.described)", at: next.offset)
      }
      advance()
      return LiteralSyntax(kind: .number, text: sign == "-" ? "-" + text : text, offset: start.offset)
    case .word(let word) where ["true", "false", "null"].contains(word.lowercased()):
      advance()
      return LiteralSyntax(
        kind: word.lowercased() == "null" ? .null : .bool, text: word.lowercased(), offset: start.offset)
    default: return nil
    }
  }

  private mutating func name(_ expected: String) throws(TextFault) -> NameSyntax {
    let start = next
    switch start.kind {
    case .word(let word) where !ExpressionParser.reserved.contains(word.lowercased()):
      advance()
      return NameSyntax(text: word, offset: start.offset)
    case .quotedName(let name):
      advance()
      return NameSyntax(text: name, offset: start.offset)
    case .word(let word):
      throw TextFault(
        "expected \(expected), found the word '\(word)'", at: start.offset,
        hint: "a column of this name stands in double quotes: \"\(word)\"")
    case .text(let text):
      throw TextFault(
        "expected \(expected), found \(start.described)", at: start.offset,
        hint: "a column's name stands in double quotes: \"\(text)\"")
    default:
      throw TextFault("expected \(expected), found \(start.described)", at: start.offset)
    }
  }

  private mutating func takeComparison() -> Predicate.Comparison? {
    guard case .symbol(let sign) = next.kind else { return nil }
    guard let comparison = sign == "<>" ? .notEqual : Predicate.Comparison(rawValue: sign) else { return nil }
    advance()
    return comparison
  }

  private mutating func takeKeyword(_ keyword: String) -> Bool {
    guard case .word(let word) = next.kind, word.lowercased() == keyword else { return false }
    advance()
    return true
  }

  private mutating func takeSymbol(_ symbol: String) -> Bool {
    guard next.kind == .symbol(symbol) else { return false }
    advance()
    return true
  }

  private mutating func expect(_ symbol: String, _ why: String) throws(TextFault) {
    guard takeSymbol(symbol) else {
      throw TextFault("expected '\(symbol)' \(why), found \(next.described)", at: next.offset)
    }
  }
}
