import Testing

@testable import Worker

@Suite("Members that were shut out of their group")
struct FenceCountTests {
  private static let second: Int64 = 1_000_000

  @Test func mayRejoinNowAndThen() {
    var count = FenceCount()
    let answers = (0..<20).map { count.mayRejoin(now: Int64($0) * 60 * Self.second) }
    #expect(answers.allSatisfy { $0 })
  }

  @Test func twoOfOneNameDoNotGoOnForEver() {
    var count = FenceCount()
    let answers = (0..<6).map { count.mayRejoin(now: Int64($0) * 3 * Self.second) }
    #expect(answers == [true, true, true, true, false, false])
    let later = count.mayRejoin(now: 300 * Self.second)
    #expect(later)
  }
}
