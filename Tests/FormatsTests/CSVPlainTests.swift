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
  }
}
