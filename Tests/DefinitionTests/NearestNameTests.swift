import Testing

@testable import Definition

@Suite struct NearestNameTests {
  /// The definition of the distance, written as it is defined.
  private func reference(_ a: ArraySlice<Unicode.Scalar>, _ b: ArraySlice<Unicode.Scalar>) -> Int {
    guard let x = a.last, let y = b.last else { return max(a.count, b.count) }
    var best = min(reference(a.dropLast(), b) + 1, reference(a, b.dropLast()) + 1)
    best = min(best, reference(a.dropLast(), b.dropLast()) + (x == y ? 0 : 1))
    if a.count > 1, b.count > 1, x == b.dropLast().last, y == a.dropLast().last {
      best = min(best, reference(a.dropLast(2), b.dropLast(2)) + 1)
    }
    return best
  }

  /// All pairs of texts of up to four letters of two, and random longer ones.
  @Test func distanceIsAsDefined() {
    var words: [[Unicode.Scalar]] = [[]]
    for length in 1...4 {
      for bits in 0..<(1 << length) { words.append((0..<length).map { bits >> $0 & 1 == 0 ? "a" : "b" }) }
    }
    for a in words {
      for b in words where NearestName.distance(a, b) != reference(a[...], b[...]) {
        Issue.record("\(a) \(b)")
      }
    }
    var dice = Dice(seed: 3)
    for _ in 0..<40 {
      let letters: [Unicode.Scalar] = ["a", "b", "c"]
      let a = (0..<dice.below(7)).map { _ in dice.pick(letters) }
      let b = (0..<dice.below(7)).map { _ in dice.pick(letters) }
      #expect(NearestName.distance(a, b) == reference(a[...], b[...]))
    }
  }

  @Test func findsWhatWasMeant() {
    let keys = KnownKeys.source
    let meant = [
      "colums": "columns", "cloumns": "columns", "objcets": "objects", "tiem": "time", "Time": "time",
      "onremove": "on_remove",
      "on-remove": "on_remove", "keeps": "keep", "exlude": "exclude",
    ]
    for (typed, known) in meant { #expect(NearestName.find(typed, among: keys) == known) }
    for typed in ["", "x", "banana", "frobnicate", "zzzz"] {
      #expect(NearestName.find(typed, among: keys) == nil)
    }
    #expect(NearestName.find("a", among: ["b"]) == nil)
    #expect(NearestName.find(String(repeating: "x", count: 100_000), among: keys) == nil)
  }
}
