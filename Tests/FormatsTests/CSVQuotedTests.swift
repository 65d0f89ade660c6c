import CScan
import Columns
import Definition
import TestKit
import Testing

@testable import Formats

/// Text whose quotes stand where they should is scanned, and cut, by another loop where the processor can: it must find what the
/// one for all text finds, and leave other text alone.
@Suite struct CSVQuotedTests {
  private struct Scanned: Equatable {
    var rows: Int
    var fields: [ByteView]
    var texts: [[UInt8]]
    var records: [ByteView]
    var faults: [UInt8]
    var isDone = true

    init(_ text: [UInt8], width: Int, _ scan: (FieldBlock) -> Bool) {
      let block = FieldBlock()
      block.text = ByteArena(capacity: text.count)
      text.withUnsafeBufferPointer { if let base = $0.baseAddress { block.text.append(base, text.count) } }
      block.width = width
      isDone = scan(block)
      rows = isDone ? block.rows : 0
      // An empty field's beginning means nothing.
      fields = (0..<rows * width).map { block.fields[$0].isNull ? .null : block.fields[$0] }
      texts = fields.map { view in
        Array(UnsafeBufferPointer(start: block.text.base + Int(view.start), count: view.length))
      }
      records = (0..<rows).map { block.records[$0] }
      faults = (0..<rows).map { block.faults.codes[$0] }
    }
  }

  private static let quote: UInt8 = 0x22

  /// Records of `width` fields, with quotes around some.
  private static func regular(
    _ random: inout SeededGenerator, width: Int, delimiter: UInt8, isMixed: Bool
  ) -> [UInt8] {
    let longest = random.pick([0, 1, 4, 20, 150])
    let quotedOneIn = random.pick([1, 2, 10])
    let end: [UInt8] = random.pick([[0x0a], [0x0d, 0x0a]])
    var text: [UInt8] = []
    for row in 0..<random.pick([1, 2, 7, 60, 300]) {
      if row > 0 { text += isMixed && random.chance(2) ? [0x0a] : end }
      for field in 0..<width {
        if field > 0 { text.append(delimiter) }
        if random.chance(quotedOneIn) {
          text.append(quote)
          for _ in 0..<random.int(0...longest) {
            text += random.pick([[0x61], [0xc3], [delimiter], [0x0a], [0x0d], [0x0d, 0x0a], [quote, quote]])
          }
          text.append(quote)
        } else {
          text += (0..<random.int(0...longest)).map { _ in random.pick([0x61, 0x0d, 0x20, 0xc3] as [UInt8]) }
          // One of a line end is another thing.
          while text.last == 0x0d { text.removeLast() }
        }
      }
    }
    if random.chance(2) { text += end }
    return text
  }

  /// Up to two bytes changed, put in or taken out.
  private static func damage(_ text: inout [UInt8], _ random: inout SeededGenerator, delimiter: UInt8) {
    for _ in 0..<random.int(1...2) where !text.isEmpty {
      let at = random.int(0...text.count - 1)
      let byte = random.pick([delimiter, 0x0a, 0x0d, 0x61, quote, quote])
      switch random.int(0...2) {
      case 0: text[at] = byte
      case 1: text.insert(byte, at: at)
      default: text.remove(at: at)
      }
    }
  }

  @Test("any bytes: the same fields, records and faults", arguments: 0..<400)
  func same(seed: Int) {
    var random = SeededGenerator(seed: seed)
    let delimiter: UInt8 = random.pick([0x2c, 0x7c, 0x09])
    let options = CSVOptions(header: false, delimiter: delimiter, nullValues: random.pick([[""], []]))
    let scanner = CSVScanner(options, maxRowBytes: random.pick([5, 100, 1 << 20]))
    let letters: [UInt8] =
      [0x61, 0x61, delimiter, delimiter, 0x0a, 0x0d, Self.quote] + (seed % 2 == 0 ? [0x0a, Self.quote] : [])
    let text = (0..<random.pick([1, 2, 5, 20, 63, 64, 65, 128, 600])).map { _ in random.pick(letters) }
    let width = random.int(1...4)
    let byField = Scanned(text, width: width) {
      scanner.scanQuotes($0, width: width, quote: Self.quote)
      return true
    }
    let found = Scanned(text, width: width) {
      scanner.scan($0, width: width)
      return true
    }
    #expect(found == byField, "seed \(seed): \(text)")
  }

  @Test("regular text, and text that is nearly so", arguments: 0..<600)
  func regular(seed: Int) {
    var random = SeededGenerator(seed: seed + 5000)
    let delimiter: UInt8 = random.pick([0x2c, 0x7c])
    let rowMax = random.pick([40, 1 << 20, 1 << 20])
    let options = CSVOptions(
      header: false, delimiter: delimiter, escape: random.pick([nil, Self.quote]), nullValues: random.pick([[""], []]))
    let scanner = CSVScanner(options, maxRowBytes: rowMax)
    let width = random.pick([1, 2, 2, 3, 5, 8, 9, 17, 63, 64, 65])
    let isMixed = random.chance(3)
    var text = Self.regular(&random, width: width, delimiter: delimiter, isMixed: isMixed)
    let isDamaged = random.chance(2)
    if isDamaged { Self.damage(&text, &random, delimiter: delimiter) }
    let byField = Scanned(text, width: width) {
      scanner.scanQuotes($0, width: width, quote: Self.quote)
      return true
    }
    let found = Scanned(text, width: width) {
      scanner.scan($0, width: width)
      return true
    }
    #expect(found == byField, "seed \(seed): \(text)")
    let atOnce = Scanned(text, width: width) { scanner.scanRegular($0, width: width, quote: Self.quote) }
    if atOnce.isDone { #expect(atOnce == byField, "seed \(seed): \(text)") }
    if !isDamaged && cscan_is_wide() != 0 && (2...64).contains(width) && !text.isEmpty && rowMax > 40 {
      #expect(atOnce.isDone, "seed \(seed): it was left to the slow loop: \(text)")
    }
  }

  @Test("text with a backslash before quotes is not for the quick loop")
  func escaped() {
    let text = Array("\"a\\\"b\",c\n\"d\",e\n".utf8)
    let scanner = CSVScanner(CSVOptions(header: false, escape: 0x5c), maxRowBytes: 1 << 20)
    #expect(!Scanned(text, width: 2) { scanner.scanRegular($0, width: 2, quote: Self.quote) }.isDone)
    let found = Scanned(text, width: 2) {
      scanner.scan($0, width: 2)
      return true
    }
    #expect(found.texts == ["a\"b", "c", "d", "e"].map { Array($0.utf8) })
  }

  @Test("the last record's end", arguments: 0..<600)
  func ends(seed: Int) {
    var random = SeededGenerator(seed: seed + 9000)
    let delimiter: UInt8 = 0x2c
    var text: [UInt8]
    var isRegular = false
    if random.chance(2) {
      let letters: [UInt8] = [0x61, 0x61, 0x61, delimiter, delimiter, 0x0a, 0x0d, Self.quote]
      text = (0..<random.pick([1, 20, 64, 200])).map { _ in random.pick(letters) }
    } else {
      text = Self.regular(&random, width: random.int(1...5), delimiter: delimiter, isMixed: false)
      isRegular = random.chance(2)
      if !isRegular { Self.damage(&text, &random, delimiter: delimiter) }
    }
    let boundary = RecordBoundary(.csv(CSVOptions(header: false, delimiter: delimiter)))
    let from = random.int(0...text.count)
    let to = random.int(from...text.count)
    text.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return }
      let found = boundary.endOfLastRecord(base, from: from, to: to)
      let byField = boundary.endOfLastRecord(
        base, from: from, to: to, delimiter: delimiter, quote: Self.quote, escape: Self.quote)
      #expect(found == byField, "seed \(seed), \(from)..<\(to): \(text)")
      if isRegular && cscan_is_wide() != 0 {
        let atOnce = cscan_end_of_last_record(base, text.count, delimiter, Self.quote)
        #expect(atOnce >= 0, "seed \(seed): it was left to the slow loop: \(text)")
      }
    }
  }
}
