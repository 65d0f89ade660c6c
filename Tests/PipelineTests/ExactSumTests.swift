import Foundation
import TestKit
import Testing

@testable import Pipeline

/// Against `Tests/system/exact_sums.txt`, which `exact_sum_cases.py` makes with Python's `math.fsum` and rationals.
@Suite struct ExactSumTests {
  struct Case: Sendable {
    let line: Int
    let sum: Double
    let deviation: Double?
    let values: [Double]
  }

  static func cases() throws -> [Case] {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../system/exact_sums.txt")
    let text = try String(contentsOf: path, encoding: .utf8)
    return text.split(separator: "\n").enumerated().map { number, line in
      let words = line.split(separator: " ").map {
        $0 == "-" ? nil : UInt64($0, radix: 16).map(Double.init(bitPattern:))
      }
      return Case(line: number + 1, sum: words[0]!, deviation: words[1], values: words[2...].map { $0! })
    }
  }

  /// As the aggregation engine does it: a window, promoted where a value does not fit.
  private func windowed(_ values: [Double]) -> Double {
    var window: Int128 = 0
    var wide: WideSum?
    for value in values {
      if wide == nil, ExactSum.addToWindow(&window, value) { continue }
      if wide == nil {
        wide = WideSum()
        wide?.add(window: window)
      }
      wide?.add(value)
    }
    return wide?.rounded() ?? ExactSum.round(window: window)
  }

  private func same(_ a: Double, _ b: Double) -> Bool { a.isNaN ? b.isNaN : a.bitPattern == b.bitPattern }

  @Test func sumsAreThoseOfPython() throws {
    let cases = try Self.cases()
    #expect(cases.count > 200)
    var random = SeededGenerator(seed: 1)
    var windows = 0
    for item in cases {
      var wide = WideSum()
      for value in item.values { wide.add(value) }
      #expect(same(wide.rounded(), item.sum), "line \(item.line): \(wide.rounded()), not \(item.sum)")
      #expect(same(windowed(item.values), item.sum), "line \(item.line) by windows")
      var window: Int128 = 0
      if item.values.allSatisfy({ ExactSum.addToWindow(&window, $0) }) { windows += 1 }
      for _ in 0..<3 {
        // In another order, in parts, merged in any order.
        let shuffled = item.values.shuffled(using: &random)
        #expect(same(windowed(shuffled), item.sum), "line \(item.line) shuffled")
        var parts = [WideSum](repeating: WideSum(), count: 4)
        for value in shuffled { parts[Int.random(in: 0..<4, using: &random)].add(value) }
        var merged = WideSum()
        for part in parts.shuffled(using: &random) { merged.merge(part) }
        #expect(same(merged.rounded(), item.sum), "line \(item.line) merged")
      }
    }
    #expect(windows > 40, "the window is hardly tested")
  }

  @Test func standardDeviationIsThatOfRationals() throws {
    for item in try Self.cases() {
      var sum = WideSum()
      var squares = WideSum()
      for value in item.values {
        sum.add(value)
        squares.addSquare(value)
      }
      let got = ExactMoments.standardDeviation(count: item.values.count, sum: sum, squares: squares)
      guard let want = item.deviation, let got else {
        #expect(got == nil && item.deviation == nil, "line \(item.line)")
        continue
      }
      // Two roundings of the variance and one of its root; subnormals are rounded once more.
      let good =
        want.isNaN ? got.isNaN : got == want || abs(got - want) <= 2 * max(want.ulp, .leastNonzeroMagnitude)
      #expect(good, "line \(item.line): \(got), not \(want)")
    }
  }

  @Test func windowRefusesAndKeepsItsValue() {
    var window: Int128 = 7
    for value in [
      0x1p47, -0x1p47, 0x1p-81, 3 * 0x1p-81, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, 1e300,
    ] {
      #expect(!ExactSum.addToWindow(&window, value), "\(value)")
    }
    #expect(window == 7)
    window = .max
    #expect(!ExactSum.addToWindow(&window, 1))
    #expect(window == .max)
    window = .min
    #expect(!ExactSum.addToWindow(&window, -0x1p-80))
    #expect(window == .min)
    var largest: Int128 = 0
    #expect(ExactSum.addToWindow(&largest, 0x1.fffffffffffffp45) && ExactSum.addToWindow(&largest, -0x1p-80))
    #expect(ExactSum.round(window: .min) == -0x1p47)
    #expect(ExactSum.round(window: .max) == 0x1p47)
  }

  @Test func integersAndTheirSquares() {
    var random = SeededGenerator(seed: 2)
    var sum = WideSum()
    var squares = WideSum()
    var wantSum: Int128 = 0
    var wantSquares: UInt128 = 0
    for _ in 0..<1000 {
      let value = Int128(Int64.random(in: -(1 << 55)...(1 << 55), using: &random))
      sum.add(integer: value)
      squares.addSquare(integer: value)
      wantSum += value
      wantSquares += value.magnitude * value.magnitude
    }
    #expect(sum.rounded() == Double(wantSum))
    #expect(squares.rounded() == Double(wantSquares))
    var extremes = WideSum()
    extremes.addSquare(integer: .min)
    #expect(extremes.rounded() == 0x1p254)
    extremes.addSquare(integer: .max)
    extremes.add(0x1p128)
    #expect(extremes.rounded() == 0x1p255)
  }

  /// Carries wait for 2³⁰ additions; here they are forced by merging a sum into itself.
  @Test func manyAdditions() {
    var sum = WideSum()
    for _ in 0..<100_000 { sum.add(0x1.fffffffffffffp0) }
    for _ in 0..<30 { sum.merge(sum) }
    #expect(sum.rounded() == 0x1.fffffffffffffp0 * 100_000 * 0x1p30)
    var negative = WideSum()
    for _ in 0..<100_000 { negative.add(-0x1.fffffffffffffp0) }
    for _ in 0..<30 { negative.merge(negative) }
    sum.merge(negative)
    #expect(sum.rounded() == 0)
  }
}
