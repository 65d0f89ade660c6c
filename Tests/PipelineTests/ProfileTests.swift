import Columns
import Foundation
import TestKit
import Testing

@testable import Pipeline

/// A column as a test states it.
struct ProfileColumn {
  var type: ColumnType
  var values: [Literal?]

  func column(_ rows: [Int]) -> Column {
    let column = Column(type: type, capacity: rows.count)
    for (row, index) in rows.enumerated() {
      guard let value = values[index] else { continue }
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

  static let types: [ColumnType] = [
    .string, .int, .double, .bool, .date, .timestamp, .decimal(precision: 9, scale: 2),
    .decimal(precision: 38, scale: 10),
  ]

  /// `spread` distinct values at most; 0: any. `wild` takes in extremes and what is not finite.
  static func random(
    _ type: ColumnType, rows: Int, spread: Int, wild: Bool, _ random: inout SeededGenerator
  ) -> ProfileColumn {
    var pool: [Literal] = []
    var values: [Literal?] = []
    for _ in 0..<rows {
      if Int.random(in: 0..<8, using: &random) == 0 {
        values.append(nil)
      } else if spread > 0 && pool.count >= spread {
        values.append(pool.randomElement(using: &random))
      } else {
        let value = value(type, wild, &random)
        pool.append(value)
        values.append(value)
      }
    }
    return ProfileColumn(type: type, values: values)
  }

  private static func value(_ type: ColumnType, _ wild: Bool, _ random: inout SeededGenerator) -> Literal {
    let odd = wild && Int.random(in: 0..<10, using: &random) == 0
    switch type {
    case .string:
      let length = Int.random(in: 0...(odd ? 200 : 12), using: &random)
      return .string(String((0..<length).map { _ in "abcdé漢🙂 ".randomElement(using: &random)! }))
    case .int:
      if odd { return .int([.min, .max, 0, -1].randomElement(using: &random)!) }
      return .int(Int64.random(in: -1_000_000...1_000_000, using: &random))
    case .double:
      if odd {
        let special: [Double] = [
          .nan, .infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude, -.leastNormalMagnitude / 8, 1e300,
          -1e-300,
        ]
        return .double(special.randomElement(using: &random)!)
      }
      return .double(Double(Int.random(in: -100_000...10_000_000, using: &random)) / 100)
    case .bool: return .bool(Bool.random(using: &random))
    case .date:
      return .date(
        odd ? [.min, .max].randomElement(using: &random)! : Int32.random(in: 10_000...20_000, using: &random))
    case .timestamp:
      return .timestamp(
        odd
          ? [.min, .max].randomElement(using: &random)!
          : Int64.random(in: 0...1_700_000_000_000_000, using: &random))
    case .decimal(let precision, _):
      var bound: Int128 = 1
      for _ in 0..<(odd ? precision : 7) { bound *= 10 }
      return .decimal(Int128.random(in: 1 - bound...bound - 1, using: &random))
    }
  }
}

@Suite struct ProfileTests {
  private func profile(_ column: ProfileColumn, _ rows: [Int]) -> ColumnProfile {
    let profile = ColumnProfile(type: column.type)
    profile.update(column.column(rows), count: rows.count)
    return profile
  }

  /// Several values at a time give what one by one gives.
  @Test func hashesAndBounds() throws {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    func hashes(_ distinct: DistinctCounter) -> Set<UInt64> { Set(distinct.exactHashes) }
    func nonZero(_ hashes: [UInt64]) -> Set<UInt64> { Set(hashes.map { $0 == 0 ? 1 : $0 }) }
    var room = [UInt64](repeating: 0, count: 1024)
    for number in Array(0...20) + [999, 1024] {
      let doubles = ProfileColumn.random(.double, rows: number, spread: 0, wild: true, &random).values.map {
        if case .double(let value)? = $0 { value } else { 0.0 }
      }
      let profile = DoubleProfile()
      profile.add(doubles, number, &room)
      let finite = doubles.filter(\.isFinite)
      #expect(profile.low == finite.min() ?? .infinity && profile.high == finite.max() ?? -.infinity, "seed \(seed)")
      #expect(profile.nans == doubles.count(where: \.isNaN), "seed \(seed)")
      #expect(profile.infinities == doubles.count(where: \.isInfinite), "seed \(seed)")
      #expect(hashes(profile.distinct) == nonZero(doubles.map { ProfileHash.double($0 + 0.0) }), "seed \(seed)")
      let words = (0..<number).map { _ in Int64.random(in: .min ... .max, using: &random) }
      ProfileHash.words(words, number, into: &room)
      #expect(Array(room[..<number]) == words.map { ProfileHash.word(UInt64(bitPattern: $0)) }, "seed \(seed)")
      let days = words.map { Int32(truncatingIfNeeded: $0) }
      ProfileHash.words(days, number, into: &room)
      #expect(Array(room[..<number]) == days.map { ProfileHash.word(UInt64(bitPattern: Int64($0))) }, "seed \(seed)")
    }
  }

  /// I1: the summary depends on the values alone.
  @Test(arguments: ProfileColumn.types) func orderAndPartsDoNotMatter(_ type: ColumnType) {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    // Around the 4,096 where counting stops, too.
    for (rows, spread) in [(0, 0), (1, 0), (300, 5), (5000, 0), (6000, 4096), (6000, 4097), (12_000, 0)] {
      let column = ProfileColumn.random(
        type, rows: rows, spread: spread, wild: Bool.random(using: &random), &random)
      let whole = profile(column, Array(0..<rows)).summary(name: "x")
      for _ in 0..<3 {
        var parts = (0..<Int.random(in: 1...7, using: &random)).map { _ in [Int]() }
        for row in (0..<rows).shuffled(using: &random) {
          // Uneven parts, so that one may count exactly where another estimates.
          parts[
            min(
              Int.random(in: 0..<parts.count, using: &random), Int.random(in: 0..<parts.count, using: &random)
            )
          ].append(row)
        }
        var profiles = parts.map { profile(column, $0) }
        while profiles.count > 1 {
          let taken = profiles.remove(at: Int.random(in: 0..<profiles.count, using: &random))
          profiles.randomElement(using: &random)!.merge(taken)
        }
        #expect(profiles[0].summary(name: "x") == whole, "seed \(seed), \(rows) rows, spread \(spread)")
      }
    }
  }

  @Test func countsDistinctAndTop() {
    var random = SeededGenerator(seed: 3)
    for spread in [1, 7, 4096, 4097, 40_000] {
      let values = (0..<60_000).map { row in
        Literal?.some(
          .string("value \(row < spread ? row : Int.random(in: 0..<spread, using: &random) * 7 % spread)"))
      }
      let column = ProfileColumn(type: .string, values: values + [nil, nil, nil])
      let summary = profile(column, Array(values.indices) + [60_000, 60_001, 60_002]).summary(name: "s")
      #expect(summary.count == 60_000 && summary.nulls == 3)
      #expect(summary.distinctIsExact == (spread <= 4096))
      let counts = Dictionary(grouping: values.compactMap { $0 }, by: { $0 }).mapValues(\.count)
      if spread <= 4096 {
        #expect(summary.distinct == spread)
        let want = counts.map { ("\($0.key)".dropFirst("string(\"".count).dropLast(2), $0.value) }
          .sorted { ($1.1, $0.0) < ($0.1, $1.0) }.prefix(10)
        #expect(summary.top?.map(\.value) == want.map { String($0.0) })
        #expect(summary.top?.map(\.count) == want.map(\.1))
      } else {
        #expect(summary.top == nil)
        // Five standard errors.
        #expect(abs(Double(summary.distinct) / Double(spread) - 1) < 0.08, "\(summary.distinct) of \(spread)")
      }
    }
  }

  @Test func estimateAtManySizes() {
    for size in [4097, 10_000, 100_000, 1_000_000] {
      let counter = DistinctCounter()
      for start in stride(from: 0, to: size, by: 1000) {
        let hashes = (start..<min(start + 1000, size)).map { ProfileHash.word(UInt64($0)) }
        // Twice, which must not count.
        for _ in 0..<2 { counter.add(hashes, hashes.count) }
      }
      #expect(!counter.isExact)
      #expect(abs(Double(counter.estimate) / Double(size) - 1) < 0.06, "\(counter.estimate) of \(size)")
    }
  }

  /// Bounds, mean, spread and quantiles against the plain definitions.
  @Test func numbersAgainstTheirDefinitions() throws {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    for round in 0..<40 {
      let rows = [1, 2, 100, 5000][round % 4]
      let scale = pow(10, Double(Int.random(in: -8...8, using: &random)))
      let shift = Bool.random(using: &random) ? 0 : 100 * scale
      let values = (0..<rows).map { _ -> Double in
        let u = Double.random(in: -1...1, using: &random)
        return u * u * u * scale + shift
      }
      let column = ProfileColumn(
        type: .double, values: values.map { .double($0) } + [.double(.nan), .double(-.infinity)])
      let summary = profile(column, Array(0..<rows + 2)).summary(name: "d")
      let sorted = values.sorted()
      let comment = Comment(rawValue: "seed \(seed), round \(round)")
      #expect(summary.nan == 1 && summary.infinite == 1 && summary.count == rows + 2, comment)
      #expect(summary.min == .double(sorted[0]) && summary.max == .double(sorted[rows - 1]), comment)
      let mean = values.reduce(0, +) / Double(rows)
      #expect(abs(try #require(summary.mean) - mean) <= 1e-9 * scale * 100, comment)
      if rows > 1 {
        let spread = sqrt(values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(rows - 1))
        #expect(abs(try #require(summary.stddev) - spread) <= 1e-9 * spread, comment)
      } else {
        #expect(summary.stddev == nil, comment)
      }
      for percentile in ColumnSummary.percentiles {
        let want = sorted[(rows - 1) * percentile / 100]
        guard case .double(let got) = summary.quantiles?["p\(percentile)"] else {
          Issue.record("no p\(percentile)")
          continue
        }
        #expect(abs(got - want) <= 0.01 * abs(want), "p\(percentile): \(got), not \(want); seed \(seed)")
      }
    }
  }

  @Test func integersDecimalsAndTimes() throws {
    var random = SeededGenerator(seed: 5)
    let ints = (0..<10_001).map { _ in Int64.random(in: -200...100_000, using: &random) }
    let sorted = ints.sorted()
    let int = profile(ProfileColumn(type: .int, values: ints.map { .int($0) }), Array(ints.indices)).summary(
      name: "i")
    let decimal = profile(
      ProfileColumn(type: .decimal(precision: 20, scale: 3), values: ints.map { .decimal(Int128($0)) }),
      Array(ints.indices)
    ).summary(name: "c")
    let time = profile(
      ProfileColumn(type: .timestamp, values: ints.map { .timestamp($0 * 1_000_000) }), Array(ints.indices)
    ).summary(name: "t")
    let date = profile(
      ProfileColumn(type: .date, values: ints.map { .date(Int32($0 / 100)) }), Array(ints.indices)
    )
    .summary(name: "d")
    #expect(int.min == .int(sorted[0]) && int.max == .int(sorted[10_000]))
    #expect(
      decimal.min == .text(ValueText.canonical(.decimal(Int128(sorted[0])), type: .decimal(precision: 38, scale: 3))))
    #expect(int.mean == Double(ints.reduce(0, +)) / 10_001)
    #expect(decimal.mean == Double(ints.reduce(0, +)) / 10_001 / 1000)
    let spread = try #require(int.stddev)
    #expect(abs(try #require(decimal.stddev) * 1000 - spread) <= spread.ulp * 2)
    #expect(
      time.mean == nil && time.min == .text(ValueText.canonical(.timestamp(sorted[0] * 1_000_000), type: .timestamp)))
    for percentile in ColumnSummary.percentiles {
      let want = sorted[10_000 * percentile / 100]
      guard case .int(let got) = int.quantiles?["p\(percentile)"],
        case .double(let scaled) = decimal.quantiles?["p\(percentile)"]
      else {
        Issue.record("no p\(percentile)")
        continue
      }
      #expect(abs(got - want) <= max(want, 100) / 100)
      #expect(abs(scaled - Double(want) / 1000) <= 0.01 * Double(want.magnitude) / 1000)
    }
    // Fewer than 4,096 days: every bin is a day, so quantiles are exact.
    let days = ints.map { $0 / 100 }.sorted()
    #expect(date.quantiles?["p50"] == .text(ValueText.canonical(.date(Int32(days[5000])), type: .date)))
    #expect(date.quantiles?["p99"] == .text(ValueText.canonical(.date(Int32(days[9900])), type: .date)))
  }

  @Test func extremesDoNotTrap() {
    for type in ProfileColumn.types {
      var values: [Literal?] = [nil]
      switch type {
      case .string: values += [.string(""), .string(String(repeating: "é", count: 1000))]
      case .int: values += [.int(.min), .int(.max), .int(.min)]
      case .double:
        values += [
          .double(.greatestFiniteMagnitude), .double(-.greatestFiniteMagnitude),
          .double(.leastNonzeroMagnitude), .double(.nan),
        ]
      case .bool: values += [.bool(true)]
      case .date: values += [.date(.min), .date(.max)]
      case .timestamp: values += [.timestamp(.min), .timestamp(.max)]
      case .decimal: values += [.decimal(.min), .decimal(.max), .decimal(0)]
      }
      let column = ProfileColumn(type: type, values: values)
      let many = (0..<3000).map { _ in Array(values.indices) }.flatMap { $0 }
      let summary = profile(column, many).summary(name: "x")
      #expect(summary.count == 3000 * (values.count - 1) && summary.nulls == 3000)
      #expect(summary.distinct == Set(values.compactMap { $0.map { "\($0)" } }).count, "\(type)")
      if type == .string, case .text(let longest) = summary.max {
        #expect(longest == String(repeating: "é", count: 128), "cut at 256 bytes, between characters")
      }
    }
    let empty = ColumnProfile(type: .double).summary(name: "x")
    #expect(empty.min == nil && empty.mean == nil && empty.quantiles == nil && empty.count == 0)
  }

  @Test(arguments: ProfileColumn.types) func summariesSurviveJSON(_ type: ColumnType) throws {
    var random = SeededGenerator(seed: 9)
    let column = ProfileColumn.random(type, rows: 500, spread: 20, wild: false, &random)
    let summary = profile(column, Array(0..<500)).summary(name: "ä\"\n")
    let data = try JSONEncoder().encode(summary)
    #expect(try JSONDecoder().decode(ColumnSummary.self, from: data) == summary)
  }
}
