import TestKit
import Testing

@testable import Columns

@Suite struct CompactionTests {
  private func values<T: BitwiseCopyable & Equatable>(
    _ values: [T], _ validity: [UInt8], _ copy: (UnsafePointer<T>, UnsafeMutablePointer<T>) -> Int
  ) -> [T] {
    guard let first = values.first else { return [] }
    var target = Array(repeating: first, count: values.count + Compaction.room)
    let count = copy(values, &target)
    return Array(target[..<count])
  }

  private func check<T: BitwiseCopyable & Equatable>(_ all: [T], _ validity: [UInt8], _ what: String) {
    let wanted = zip(all, validity).filter { $0.1 != 0 }.map(\.0)
    #expect(values(all, validity) { Compaction.copy($0, validity, all.count, to: $1) } == wanted, "\(what)")
    #expect(values(all, validity) { Compaction.copyOneByOne($0, validity, all.count, to: $1) } == wanted, "\(what)")
  }

  @Test func keepsWhatIsNotNull() {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    for round in 0..<200 {
      let rows = round < 40 ? round : random.int(1...2000)
      let nulls = random.pick([1, 2, 10, 1000])
      let validity = (0..<rows).map { _ in random.chance(nulls) ? 0 : 1 as UInt8 }
      let what = "seed \(seed), round \(round)"
      check((0..<rows).map { _ in Int64.random(in: .min ... .max, using: &random) }, validity, what)
      check((0..<rows).map { _ in Int32.random(in: .min ... .max, using: &random) }, validity, what)
      check((0..<rows).map { ByteView(start: UInt32($0), length: UInt32($0 % 9)) }, validity, what)
    }
  }
}
