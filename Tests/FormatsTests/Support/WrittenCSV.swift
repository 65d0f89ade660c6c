import Columns
import Definition
import TestKit

/// A random table written as CSV in a random manner, and what a reader must find in it.
struct WrittenCSV {
  var options = CSVOptions()
  var bytes: [UInt8] = []
  var header: [String] = []
  var rows: [CutRow] = []

  private var random: SeededGenerator
  private let width: Int
  /// Whether some records are at fault.
  private let faulty: Bool

  init(seed: UInt64, faulty: Bool = false, rows count: Int? = nil) {
    random = SeededGenerator(seed: seed)
    self.faulty = faulty
    width = random.int(1...random.pick([1, 3, 9, 80]))
    options.delimiter = random.pick(Array(",;|\t\u{1} ".utf8))
    switch random.int(0...5) {
    case 0:
      options.quote = nil
      options.escape = nil
    case 1: options.escape = nil
    case 2: options.escape = UInt8(ascii: "\\")
    case 3:
      options.quote = UInt8(ascii: "'")
      options.escape = UInt8(ascii: "'")
    default: break
    }
    options.header = random.chance(2)
    options.skipLines = random.chance(3) ? random.int(1...3) : 0
    options.nullValues = random.pick([[""], [], ["", "NA"], ["NULL", "\\N", "a"]])
    let lineEnd: [UInt8]? = random.pick([[0x0a], [0x0d, 0x0a], nil])
    if random.chance(3) { bytes += [0xef, 0xbb, 0xbf] }
    for _ in 0..<options.skipLines { line(Array("skipped, \"as it is".utf8), lineEnd) }
    header = (0..<width).map { "c\($0)" }
    if options.header {
      if options.skipLines == 0 && random.chance(4) { bytes.append(0x0a) }
      if random.chance(3) { header[width - 1] = options.quote == nil ? "last-one" : "last\n, \"one" }
      line(header.enumerated().map { written(Array($1.utf8), last: $0 == width - 1) }, lineEnd)
    } else {
      options.names = header
    }
    let total = count ?? random.pick([0, 1, 2, 10, 60])
    for _ in 0..<total {
      if random.chance(8) { bytes += random.pick([[0x0a], [0x0d, 0x0a]]) }
      record(lineEnd)
    }
    if random.chance(3) { dropLastLineEnd() }
  }

  /// Without the last line end a lone CR would still be taken off, so both bytes go.
  private mutating func dropLastLineEnd() {
    guard bytes.last == 0x0a, !rows.isEmpty else { return }
    bytes.removeLast()
    if bytes.last == 0x0d { bytes.removeLast() }
  }

  private mutating func line(_ text: [UInt8], _ lineEnd: [UInt8]?) {
    bytes += text
    bytes += lineEnd ?? random.pick([[0x0a], [0x0d, 0x0a]])
  }

  private mutating func line(_ fields: [[UInt8]], _ lineEnd: [UInt8]?) {
    line(Array(fields.joined(separator: [options.delimiter])), lineEnd)
  }

  private mutating func record(_ lineEnd: [UInt8]?) {
    var fault = RowFault.none
    var fields = width
    if faulty && random.chance(4) {
      switch random.int(0...2) {
      case 0 where width > 1:
        fields = random.int(1...width - 1)
        fault = .tooFewFields
      case 1:
        fields = width + random.int(1...3)
        fault = .tooManyFields
      default: fault = options.quote == nil ? .none : .textAfterQuote
      }
    }
    var cells: [Cell] = []
    var texts: [[UInt8]] = []
    let spoiled = random.int(0...fields - 1)
    for field in 0..<fields {
      let content = content()
      let wasQuoted: Bool
      var text: [UInt8]
      if fault == .textAfterQuote && field == spoiled {
        text = quoted(content) + Array("x y".utf8.filter { $0 != options.delimiter })
        wasQuoted = true
      } else {
        text = written(content, last: field == fields - 1, alone: fields == 1)
        wasQuoted = options.quote != nil && text.first == options.quote
      }
      // A table without quotes writes what it can.
      let stands = wasQuoted ? content : text
      let isNull = !wasQuoted && options.nullValues.contains { Array($0.utf8) == stands }
      if field < width { cells.append(isNull ? .null : .text(stands, quoted: wasQuoted)) }
      texts.append(text)
    }
    while cells.count < width { cells.append(.null) }
    let start = bytes.count
    let text = Array(texts.joined(separator: [options.delimiter]))
    line(text, lineEnd)
    rows.append(CutRow(offset: UInt64(start), fault: fault, cells: cells, record: text))
  }

  private mutating func content() -> [UInt8] {
    let length = random.pick([0, 0, 1, 2, 5, 12, 40, random.chance(20) ? 400 : 3])
    let pieces: [[UInt8]] = [
      [options.delimiter], [0x0a], [0x0d, 0x0a], [0x0d], [UInt8(ascii: "\"")], [UInt8(ascii: "'")],
      [UInt8(ascii: "\\")], Array("é漢🙂".utf8), [0x20],
    ]
    if random.chance(10) { return Array(random.pick(["NA", "NULL", "\\N", "a"]).utf8) }
    let plain = random.chance(2)
    var text: [UInt8] = []
    for _ in 0..<length {
      if !plain && random.chance(3) {
        text += random.pick(pieces)
      } else {
        text.append(UInt8(ascii: "a") + UInt8(random.int(0...25)))
      }
    }
    return text
  }

  /// The field's text, quoted where it must be or by chance.
  private mutating func written(_ content: [UInt8], last: Bool, alone: Bool = false) -> [UInt8] {
    guard let quote = options.quote else {
      // Nothing can be protected: such bytes do not occur.
      var text = content.filter { $0 != options.delimiter && $0 != 0x0a && $0 != 0x0d }
      if alone && text.isEmpty { text = [UInt8(ascii: "z")] }
      return text
    }
    let needsQuotes =
      content.first == quote || content.contains(options.delimiter) || content.contains(0x0a)
      || (last && content.last == 0x0d) || (alone && content.isEmpty)
    return needsQuotes || random.chance(4) ? quoted(content) : content
  }

  private mutating func quoted(_ content: [UInt8]) -> [UInt8] {
    guard let quote = options.quote else { return content }
    let escape = options.escape ?? quote
    var text = [quote]
    for (index, byte) in content.enumerated() {
      if byte == quote || byte == escape {
        // An escape byte before any other byte is itself and may stand alone.
        let next = index + 1 < content.count ? content[index + 1] : quote
        if byte == quote || next == quote || next == escape || random.chance(2) { text.append(escape) }
      }
      text.append(byte)
    }
    return text + [quote]
  }
}
