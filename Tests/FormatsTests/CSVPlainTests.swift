import Columns
import Definition
import TestKit
import Testing

@testable import Formats

/// Text without quotes is scanned by another loop: it must find what the one for all text finds.
@Suite struct CSVPlainTests {
  private struct Scanned: Equatable {
    var rows: Int
    var fields: [ByteView]
    var records: [ByteView]
    var faults: [UInt8]

    init(_ text: [UInt8], width: Int, _ scan: (FieldBlock) -> Void) {
      let block = FieldBlock()
      block.text = ByteArena(capacity: text.count)
      text.withUnsafeBufferPointer { if let base = $0.baseAddress { block.text.append(base, text.count) } }
      block.width = width
      scan(block)
      rows = block.rows
      // An empty field's beginning means nothing.
      fields = (0..<rows * width).map { block.fields[$0].isNull ? .null : block.fields[$0] }
      records = (0..<rows).map { block.records[$0] }
      faults = (0..<rows).map { block.faults.codes[$0] }
    }
  }

  @Test("the same fields, records and faults", arguments: 0..<300)
  func same(seed: Int) {
    var random = SeededGenerator(seed: seed)
    let delimiter: UInt8 = random.pick([0x2c, 0x7c, 0x09])
    let options = CSVOptions(header: false, delimiter: delimiter, nullValues: random.pick([[""], []]))
    let scanner = CSVScanner(options, maxRowBytes: random.pick([5, 100, 1 << 20]))
    let letters: [UInt8] = [0x61, 0x62, delimiter, delimiter, 0x0a, 0x0d] + (seed % 2 == 0 ? [0x61, 0x61, 0x61] : [])
    let text = (0..<random.pick([0, 1, 5, 63, 64, 65, 128, 3000])).map { _ in random.pick(letters) }
    let width = random.int(1...4)
    let plain = Scanned(text, width: width) { scanner.scanPlain($0, width: width) }
    let quoting = Scanned(text, width: width) { scanner.scanQuotes($0, width: width, quote: 0x22) }
    #expect(plain == quoting, "seed \(seed): \(text)")
    let marked = Scanned(text, width: width) { scanner.scanMarked($0, width: width) }
    #expect(marked == quoting, "seed \(seed): \(text)")
  }

  /// Where the processor reads regular text at once, it must find what the loop over marks finds, bit by bit, and leave
  /// text that is not regular alone.
  @Test("regular text, and text that is nearly so", arguments: 0..<300)
  func regular(seed: Int) {
    var random = SeededGenerator(seed: seed + 1000)
    let options = CSVOptions(header: false, delimiter: 0x7c, nullValues: random.pick([[""], []]))
    let scanner = CSVScanner(options, maxRowBytes: random.pick([40, 1 << 20, 1 << 20]))
    let width = random.pick([1, 2, 2, 3, 5, 8, 9, 17, 63, 64, 65, 100])
    let longest = random.pick([0, 1, 4, 20, 200])
    var text: [UInt8] = []
    for row in 0..<random.pick([1, 2, 7, 100, 700]) {
      if row > 0 { text.append(0x0a) }
      for field in 0..<width {
        if field > 0 { text.append(0x7c) }
        text += (0..<random.int(0...longest)).map { _ in random.pick([0x61, 0x0d, 0x20, 0xc3] as [UInt8]) }
        // A CR before a line end would make most texts irregular.
        while text.last == 0x0d && !random.chance(500) { text.removeLast() }
      }
    }
    if random.chance(2) { text.append(0x0a) }
    for _ in 0..<random.pick([0, 0, 1, 2]) where !text.isEmpty {
      let at = random.int(0...text.count - 1)
      switch random.int(0...2) {
      case 0: text[at] = random.pick([0x7c, 0x0a, 0x0d, 0x61])
      case 1: text.insert(random.pick([0x7c, 0x0a, 0x0d, 0x61]), at: at)
      default: text.remove(at: at)
      }
    }
    let marked = Scanned(text, width: width) { scanner.scanMarked($0, width: width) }
    let plain = Scanned(text, width: width) { scanner.scanPlain($0, width: width) }
    #expect(plain == marked, "seed \(seed): \(text)")
    let quoting = Scanned(text, width: width) { scanner.scanQuotes($0, width: width, quote: 0x22) }
    #expect(plain == quoting, "seed \(seed): \(text)")
  }
}
