import Columns
import Definition
import Testing

@Suite struct ExpressionTests {
  /// The feature of the visits source that an expression gives.
  private func feature(_ expression: String) -> Feature? {
    let outcome = Outcome(Samples.edited([30: "    v: " + quotedForYAML(expression)]))
    #expect(outcome.problems == [], "\(expression)")
    return outcome.definition?.features.last
  }

  private func predicate(_ condition: String) -> Predicate? {
    guard case .aggregate(let aggregate) = feature("count() where " + condition)?.value else { return nil }
    return aggregate.predicate
  }

  private func quotedForYAML(_ text: String) -> String {
    "'" + text.replacing("'", with: "''") + "'"
  }

  @Test func aggregatesAndTheirTypes() {
    let expected: [(String, Aggregate.Function, String?, ColumnType)] = [
      ("count()", .count, nil, .int), ("COUNT ( * )", .count, nil, .int),
      ("count(page)", .count, "page", .int),
      ("sum(days)", .sum, "days", .int), ("sum(spent)", .sum, "spent", .double),
      ("mean(days)", .mean, "days", .double), ("min(at)", .min, "at", .timestamp),
      ("Max(page)", .max, "page", .string), ("first(spent)", .first, "spent", .double),
      ("last(\"page\")", .last, "page", .string), ("count_distinct(`page`)", .countDistinct, "page", .int),
      ("stddev(days)", .stddev, "days", .double),
    ]
    for (text, function, column, type) in expected {
      let found = feature(text)
      #expect(found?.value == .aggregate(Aggregate(function: function, column: column)), "\(text)")
      #expect(found?.type == type, "\(text)")
    }
  }

  @Test func clausesInAnyOrder() {
    let expected = Aggregate(
      function: .sum, column: "spent", predicate: .compare(column: "page", .equal, .string("a")),
      over: 129_600_000_000)
    let clauses = ["where page = 'a'", "over 1d12h", "default -0.5"]
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
      let found = feature("sum(spent) " + order.map { clauses[$0] }.joined(separator: " "))
      #expect(found?.value == .aggregate(expected))
      #expect(found?.fallback == .double(-0.5))
    }
  }

  @Test func conditions() {
    func days(_ comparison: Predicate.Comparison, _ value: Int64) -> Predicate {
      .compare(column: "days", comparison, .int(value))
    }
    let expected: [(String, Predicate)] = [
      ("page = 'it''s'", .compare(column: "page", .equal, .string("it's"))),
      ("page <> ''", .compare(column: "page", .notEqual, .string(""))),
      ("5 < days", days(.greater, 5)), ("5 >= days", days(.lessOrEqual, 5)), ("-5 = days", days(.equal, -5)),
      ("days = 1 or days = 2 and days = 3", .or(days(.equal, 1), .and(days(.equal, 2), days(.equal, 3)))),
      ("(days = 1 or days = 2) and days = 3", .and(.or(days(.equal, 1), days(.equal, 2)), days(.equal, 3))),
      ("not days = 1 and days = 2", .and(.not(days(.equal, 1)), days(.equal, 2))),
      ("NOT (days = 1 AND days = 2)", .not(.and(days(.equal, 1), days(.equal, 2)))),
      (
        "days between 1 and 3 and days != 2",
        .and(.and(days(.greaterOrEqual, 1), days(.lessOrEqual, 3)), days(.notEqual, 2))
      ),
      ("days not between 1 and 3", .not(.and(days(.greaterOrEqual, 1), days(.lessOrEqual, 3)))),
      ("days in (1)", .isIn(column: "days", [.int(1)])),
      ("page not in ('a', 'b')", .not(.isIn(column: "page", [.string("a"), .string("b")]))),
      ("page is null", .isNull(column: "page")), ("page is not null", .not(.isNull(column: "page"))),
      ("at >= '2026-01-01'", .compare(column: "at", .greaterOrEqual, .timestamp(1_767_225_600_000_000))),
      ("spent > 1e3", .compare(column: "spent", .greater, .double(1000))),
    ]
    for (text, model) in expected { #expect(predicate(text) == model, "\(text)") }
  }

  @Test func latestSources() {
    let text = Samples.edited([
      12: "      \"net price\": double\n      where: string\n      plan: string",
      28:
        "  people: {a: net price, b: \"\\\"net price\\\" default 1\", c: where, d: trial default false, e: price default 2}",
    ])
    let features = Outcome(text).definition?.features.prefix(5) ?? []
    #expect(
      features.map(\.value) == [
        .column("net price"), .column("net price"), .column("where"), .column("trial"), .column("price"),
      ])
    #expect(features.map(\.fallback) == [nil, .double(1), nil, .bool(false), .decimal(200)])
    #expect(features.last?.type == .decimal(precision: 10, scale: 2))
  }

  /// Any condition, written down with the fewest parentheses or with many, is read as itself.
  @Test(arguments: [UInt64](1...300))
  func writtenConditionsAreReadBack(_ seed: UInt64) {
    var dice = Dice(seed: seed)
    let model = randomPredicate(&dice, depth: 5)
    let text = write(model, above: 0, &dice)
    #expect(predicate(text) == model, "seed \(seed): \(text)")
  }

  private func randomPredicate(_ dice: inout Dice, depth: Int) -> Predicate {
    switch dice.below(depth > 0 ? 7 : 3) {
    case 0:
      let comparison = dice.pick([
        Predicate.Comparison.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual,
      ])
      let (column, literal) = randomLiteral(&dice)
      return .compare(column: column, comparison, literal)
    case 1:
      let (column, literal) = randomLiteral(&dice)
      return .isIn(column: column, Array(repeating: literal, count: 1 + dice.below(3)))
    case 2: return .isNull(column: dice.pick(["page", "days", "spent"]))
    case 3, 4: return .and(randomPredicate(&dice, depth: depth - 1), randomPredicate(&dice, depth: depth - 1))
    case 5: return .or(randomPredicate(&dice, depth: depth - 1), randomPredicate(&dice, depth: depth - 1))
    default: return .not(randomPredicate(&dice, depth: depth - 1))
    }
  }

  private func randomLiteral(_ dice: inout Dice) -> (String, Literal) {
    switch dice.below(3) {
    case 0: ("days", .int(Int64.random(in: .min ... .max, using: &dice)))
    case 1: ("spent", .double(Double(bitPattern: dice.next() & 0xbfff_ffff_ffff_ffff)))
    default: ("page", .string(dice.pick(["", "a", "it's", "''", "and", "\"x\"", "ü ☃", "where (", "null"])))
    }
  }

  /// Levels: 0 or, 1 and, 2 not. `and` and `or` lean to the left, so a right operand of the same kind needs parentheses.
  private func write(_ predicate: Predicate, above level: Int, _ dice: inout Dice) -> String {
    let text: String
    let own: Int
    switch predicate {
    case .or(let left, let right):
      own = 0
      text = write(left, above: 0, &dice) + " or " + write(right, above: 1, &dice)
    case .and(let left, let right):
      own = 1
      text = write(left, above: 1, &dice) + " AND " + write(right, above: 2, &dice)
    case .not(let inner):
      own = 2
      text = "not " + write(inner, above: 2, &dice)
    case .isNull(let column): return "\(column) is null"
    case .compare(let column, let comparison, let literal):
      return "\(column)\(dice.pick([" ", ""]))\(comparison.rawValue)\(dice.pick([" ", ""]))\(write(literal))"
    case .isIn(let column, let literals):
      return "\(column) in (\(literals.map(write).joined(separator: dice.pick([",", " , "]))))"
    }
    return own < level || dice.below(5) == 0 ? "(\(text))" : text
  }

  private func write(_ literal: Literal) -> String {
    switch literal {
    case .string(let text): "'" + text.replacing("'", with: "''") + "'"
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    default: ""
    }
  }
}
