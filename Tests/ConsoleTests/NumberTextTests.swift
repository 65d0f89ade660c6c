import TestKit
import Testing

@testable import Console

@Suite struct NumberTextTests {
  @Test func grouping() {
    #expect(NumberText.grouped(0) == "0")
    #expect(NumberText.grouped(999) == "999")
    #expect(NumberText.grouped(-1000) == "-1,000")
    #expect(NumberText.grouped(Int64.min) == "-9,223,372,036,854,775,808")
    #expect(NumberText.grouped(UInt64.max) == "18,446,744,073,709,551,615")
    #expect(NumberText.counted(1, "row") == "1 row")
    #expect(NumberText.counted(2000, "row") == "2,000 rows")
  }

  @Test func units() {
    #expect(NumberText.bytes(0) == "0 B")
    #expect(NumberText.bytes(999) == "999 B")
    #expect(NumberText.bytes(1000) == "1 kB")
    #expect(NumberText.bytes(4130) == "4.13 kB")
    #expect(NumberText.bytes(999_499) == "999 kB")
    #expect(NumberText.bytes(999_600) == "1 MB")
    #expect(NumberText.bytes(Int64.max) == "?")
    #expect(NumberText.bytes(5_000_000_000_000_000) == "5000 TB")
    #expect(NumberText.byteRate(198_400_000) == "198 MB/s")
    #expect(NumberText.short(293_412) == "293k")
    #expect(NumberText.short(.infinity) == "?")
  }

  @Test func durations() {
    #expect(NumberText.duration(0.4) == "0.40 s")
    #expect(NumberText.duration(4.14) == "4.1 s")
    #expect(NumberText.duration(41.4) == "41 s")
    #expect(NumberText.duration(187) == "3:07 min")
    #expect(NumberText.duration(7387) == "2:03:07 h")
    #expect(NumberText.duration(59.7) == "1:00 min")
    #expect(NumberText.clock(12) == "0:12")
    #expect(NumberText.clock(3599.6) == "1:00:00")
    for odd in [Double.nan, .infinity, -1, 1e300] { #expect(NumberText.duration(odd) == "?") }
  }

  @Test func percentagesNeverClaimNoneOrAll() {
    #expect(NumberText.percent(0) == "0%")
    #expect(NumberText.percent(1) == "100%")
    #expect(NumberText.percent(0.125) == "12.5%")
    #expect(NumberText.percent(0.8) == "80%")
    #expect(NumberText.percent(1e-9) == "<0.1%")
    #expect(NumberText.percent(1 - 1e-9) == ">99.9%")
    #expect(NumberText.percent(.nan) == "?")
  }

  @Test func significantDigits() {
    #expect(NumberText.significant(0.1 + 0.2) == "0.3")
    #expect(NumberText.significant(1203.456789) == "1203.46")
    #expect(NumberText.significant(-0.00042) == "-0.00042")
    #expect(NumberText.significant(123_456_789.5) == "123456790")
    #expect(NumberText.significant(1.5e300) == "1.5e300")
    #expect(NumberText.significant(-2.5e-7) == "-2.5e-7")
    #expect(NumberText.significant(.nan) == "NaN")
    #expect(NumberText.groupedFraction("-1203.46") == "-1,203.46")
    #expect(NumberText.groupedFraction("-0.5") == "-0.5")
    #expect(NumberText.groupedFraction("1.5e300") == "1.5e300")
    #expect(NumberText.significant(-.infinity) == "-inf")
  }

  /// Read back, a shown number is within its digits of the true one.
  @Test func shownNumbersAreNearTheTrueOnes() {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    for _ in 0..<20_000 {
      let number = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &random))
      guard number.isFinite, number.magnitude >= .leastNormalMagnitude else { continue }
      let text = NumberText.significant(number)
      let shown = Double(text)
      #expect(shown != nil, "\(text), seed \(seed)")
      // Scaling by powers of ten rounds some hundred times where the exponent is large.
      let off = ((shown ?? 0) - number).magnitude / number.magnitude
      #expect(off < 1e-5, "\(number) is shown as \(text), seed \(seed)")
    }
    for _ in 0..<20_000 {
      let number = Double.random(in: -1e6...1e6, using: &random)
      let shown = Double(NumberText.significant(number)) ?? .nan
      #expect(
        (shown - number).magnitude <= max(number.magnitude * 1e-5, 1e-9), "\(number), seed \(seed)")
    }
  }
}
