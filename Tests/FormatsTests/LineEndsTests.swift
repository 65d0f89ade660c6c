import Formats
import TestKit
import Testing

@Suite struct LineEndsTests {
  @Test("line ends are counted in texts of any length and place", arguments: 0..<40)
  func counts(seed: Int) {
    var random = SeededGenerator(seed: seed)
    // Long enough for a counter of one byte to run over, were it not emptied in time.
    let length = seed % 2 == 0 ? random.int(0...200) : random.int(0...40_000)
    let isAll = seed % 4 == 1
    let text = (0..<length).map { _ in isAll || random.chance(3) ? UInt8(10) : UInt8(random.int(0...255)) }
    let from = random.int(0...length)
    let to = random.int(from...length)
    let found = text.withUnsafeBufferPointer { bytes in
      bytes.baseAddress.map { RecordBoundary.lineEnds($0, from: from, to: to) } ?? 0
    }
    #expect(found == text[from..<to].count { $0 == 10 }, "seed \(seed)")
  }
}
