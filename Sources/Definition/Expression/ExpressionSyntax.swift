/// A feature as it is written, before names and types are looked up.
struct ExpressionSyntax {
  enum Head {
    /// A column as it is.
    case column(NameSyntax)
    /// `function(argument)`; no argument: `count()`.
    case call(function: NameSyntax, argument: NameSyntax?)
  }
  var head: Head
  var predicate: PredicateSyntax?
  /// Offset of the word `where`.
  var whereOffset = 0
  /// Microseconds.
  var over: Int64?
  var overOffset = 0
  var fallback: LiteralSyntax?
  var fallbackOffset = 0
}

/// A name and where it stands in the expression.
struct NameSyntax {
  var text: String
  var offset: Int
}

/// A constant, not yet typed.
struct LiteralSyntax {
  enum Kind { case text, number, bool, null }
  var kind: Kind
  /// With the sign of a number.
  var text: String
  var offset: Int

  var described: String { kind == .text ? "'\(text.replacingQuotes)'" : text }
}

extension String {
  fileprivate var replacingQuotes: String {
    split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
  }
}

indirect enum PredicateSyntax {
  case compare(NameSyntax, Predicate.Comparison, LiteralSyntax)
  case isIn(NameSyntax, [LiteralSyntax])
  case isNull(NameSyntax)
  /// A column of type bool that stands alone.
  case isTrue(NameSyntax)
  case and(PredicateSyntax, PredicateSyntax)
  case or(PredicateSyntax, PredicateSyntax)
  case not(PredicateSyntax)
}
