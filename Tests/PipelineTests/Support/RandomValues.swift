import Columns
import Definition
import TestKit

/// Random values of every type; few enough distinct ones that ties and equal constants occur.
struct RandomValues {
  var random: SeededGenerator
  /// What doubles look like in this run.
  enum Doubles: CaseIterable { case cents, integers, farFromZero, anySize, special }
  var doubles: Doubles
  /// Whether integers and decimals come near their bounds.
  var isLarge: Bool

  init(seed: UInt64, doubles: Doubles? = nil, isLarge: Bool = false) {
    var random = SeededGenerator(seed: seed)
    self.doubles = doubles ?? random.pick(Doubles.allCases)
    self.random = random
    self.isLarge = isLarge
  }

  mutating func value(_ type: ColumnType) -> Literal {
    switch type {
    case .string: return .string(text())
    case .int:
      if isLarge && random.chance(2) {
        return .int(random.pick([.max, .min, .max - 1, .min + 1, 1 << 62, -1 << 62]))
      }
      return .int(Int64(random.int(-50...50)) * random.pick([1, 1, 1_000_000_007]))
    case .double: return .double(double())
    case .bool: return .bool(random.chance(2))
    case .date: return .date(Int32(random.int(-20...20)))
    case .timestamp: return .timestamp(Int64(random.int(-5...5)) * 3_600_000_000)
    case .decimal(let precision, _):
      var most: Int128 = 1
      for _ in 0..<precision { most *= 10 }
      if isLarge && random.chance(2) { return .decimal(random.pick([most - 1, 1 - most])) }
      return .decimal(Int128(random.int(-100_000...100_000)))
    }
  }

  mutating func double() -> Double {
    switch doubles {
    case .cents: Double(random.int(-10_000...10_000)) / 100
    case .integers: Double(random.int(-20...20))
    case .farFromZero: 1e9 + Double(random.int(0...1000)) / 1000
    case .anySize:
      Double(sign: random.chance(2) ? .minus : .plus, exponent: random.int(-200...200), significand: 1)
        * Double.random(in: 1..<2, using: &random)
    case .special:
      random.pick([
        0, -0.0, 1, -1, .nan, -.nan, .signalingNaN, .infinity, -.infinity, .greatestFiniteMagnitude,
        -.greatestFiniteMagnitude, .leastNonzeroMagnitude, .leastNormalMagnitude, 1e300, 0x1p46, 0x1p-80,
        0x1p-81,
      ])
    }
  }

  mutating func text() -> String {
    let alphabet: [Character] = ["a", "b", "B", "é", "漢", "\u{0}", "\u{7f}", " "]
    let length = random.pick([0, 1, 1, 2, 3, 8, 9, 17, random.chance(10) ? 300 : 2])
    return String((0..<length).map { _ in random.pick(alphabet) })
  }

  mutating func cells() -> [Literal?] {
    ModelSource.types.map { type in
      if random.chance(6) { return nil }
      // A second look makes some values frequent.
      let value = value(type)
      return random.chance(3) ? frequent(type) : value
    }
  }

  private func frequent(_ type: ColumnType) -> Literal {
    switch type {
    case .string: .string("a")
    case .int: .int(7)
    case .double: .double(doubles == .farFromZero ? 1e9 : 7)
    case .bool: .bool(true)
    case .date: .date(0)
    case .timestamp: .timestamp(0)
    case .decimal: .decimal(7)
    }
  }

  /// A random condition over the columns of ``ModelSource``.
  mutating func predicate(depth: Int) -> Predicate {
    if depth > 0 && random.chance(2) {
      switch random.int(0...2) {
      case 0: return .and(predicate(depth: depth - 1), predicate(depth: depth - 1))
      case 1: return .or(predicate(depth: depth - 1), predicate(depth: depth - 1))
      default: return .not(predicate(depth: depth - 1))
      }
    }
    let column = random.int(0...ModelSource.types.count - 1)
    let (name, type) = (ModelSource.names[column], ModelSource.types[column])
    switch random.int(0...4) {
    case 0: return .isNull(column: name)
    case 1: return .isIn(column: name, (0..<random.pick([1, 2, 5, 8, 9, 30])).map { _ in constant(type) })
    default:
      let comparisons: [Predicate.Comparison] = [
        .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual,
      ]
      return .compare(column: name, random.pick(comparisons), constant(type))
    }
  }

  /// A definition has no way to write NaN.
  private mutating func constant(_ type: ColumnType) -> Literal {
    if random.chance(2) { return frequent(type) }
    let value = value(type)
    if case .double(let double) = value, double.isNaN { return frequent(type) }
    return value
  }

  mutating func aggregate() -> Aggregate {
    let column = random.int(0...ModelSource.types.count - 1)
    while true {
      var aggregate = Aggregate(
        function: random.pick(Aggregate.Function.allCases),
        column: random.chance(12) ? nil : ModelSource.names[column],
        predicate: random.chance(2) ? predicate(depth: 3) : nil,
        over: random.chance(3) ? Int64(random.int(0...60)) : nil)
      if aggregate.function != .count && aggregate.column == nil { aggregate.function = .count }
      if aggregate.resultType(of: aggregate.column == nil ? nil : ModelSource.types[column]) != nil {
        return aggregate
      }
    }
  }
}
