import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// I4: a key's split depends on salt, shares and the key alone.
@Suite struct SplitRuleTests {
  private static let keys = (0..<100_000).map { Array("customer-\($0)".utf8) }

  private func splits(_ shares: [Double], salt: String = "v1") -> [Int] {
    let rule = SplitRule(
      Split(shares: shares.enumerated().map { .init(name: "s\($0)", share: $1) }, salt: salt))
    return Self.keys.map { rule.split($0, $0.count) }
  }

  @Test(
    "the shares come out, within four standard deviations",
    arguments: [
      [0.8, 0.2], [0.5, 0.25, 0.25], [1], [0.001, 0.999], [0.1, 0.2, 0.3, 0.4], [0, 1], [1, 0],
    ])
  func shares(shares: [Double]) {
    let found = splits(shares)
    for (index, share) in shares.enumerated() {
      let n = Double(Self.keys.count)
      let count = Double(found.filter { $0 == index }.count)
      #expect(abs(count - share * n) <= 4 * (n * share * (1 - share)).squareRoot())
    }
  }

  @Test("another salt deals anew: the overlap is what chance gives")
  func salt() {
    let (a, b) = (splits([0.5, 0.5], salt: "v1"), splits([0.5, 0.5], salt: "v2"))
    let same = zip(a, b).filter { $0 == $1 }.count
    #expect(abs(same - 50_000) < 700)
    #expect(splits([0.5, 0.5], salt: "v1") == a)
    #expect(splits([0.5, 0.5], salt: "") != a)
  }

  @Test("neighbouring keys, shards and splits have nothing to do with one another")
  func independent() {
    let found = splits([0.5, 0.5])
    for shard in 0..<16 {
      let inShard = zip(Self.keys, found).filter { Hashing.shard($0.0, $0.0.count, of: 16) == shard }
      let share = Double(inShard.filter { $0.1 == 0 }.count) / Double(inShard.count)
      #expect(abs(share - 0.5) < 0.03)
    }
    let changes = zip(found, found.dropFirst()).filter { $0 != $1 }.count
    #expect(abs(changes - 50_000) < 700)
  }

  /// What a changed list of shares keeps: the unit interval is cut in the order in which shares are written, so a key
  /// moves only if the bounds around its hash do. Cutting the last share in two moves keys of that share alone;
  /// growing the first share moves keys into it alone.
  @Test("a split that is cut off the end takes keys of the last one only")
  func stable() {
    let before = splits([0.8, 0.2])
    for (a, b) in zip(before, splits([0.8, 0.1, 0.1])) { #expect(b == a || (a == 1 && b == 2)) }
    for (a, b) in zip(before, splits([0.9, 0.1])) { #expect(b == a || (a == 1 && b == 0)) }
  }

  /// Computed once more in Python from the description at ``Hashing/hash64(_:_:seed:)``.
  @Test("these keys stay where they are, for ever")
  func golden() {
    let rule = SplitRule(
      Split(shares: [.init(name: "train", share: 0.8), .init(name: "eval", share: 0.2)], salt: "v1"))
    let evals = (0..<60).filter { rule.split(Self.keys[$0], Self.keys[$0].count) == 1 }
    #expect(evals == Self.golden)
  }

  private static let golden = [4, 6, 9, 16, 17, 24, 34, 40, 45, 48, 55]
}
