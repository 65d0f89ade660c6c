import Columns
import Definition
import Formats
import Pipeline

/// CSV as many exports have it, every field in quotes.
extension Stage {
  /// The same rows scanned, and cut at the last record's end, which has to be looked for from the first.
  static func quotedCSV(_ decoded: Decoded, maxRowBytes: Int) throws -> [Stage] {
    guard case .csv(let options) = decoded.source.plan.source.format, let quote = options.quote else {
      throw MicrobenchError("'\(decoded.source.name)' is no CSV with quotes")
    }
    let texts = decoded.scanned.map { quoted($0, options.delimiter, quote) }
    let lengths = texts.map(\.count)
    let bytes = lengths.reduce(0, +)
    let width = decoded.source.header.count
    let scanner = CSVScanner(options, maxRowBytes: maxRowBytes)
    let boundary = RecordBoundary(decoded.source.plan.source.format)
    let block = FieldBlock()
    let rows = decoded.rows
    return [
      Stage(
        name: "CSV scan, all quoted", rows: rows, bytes: bytes,
        run: {
          var found = 0
          for (text, length) in zip(texts, lengths) {
            text.setCount(length)
            block.text = text
            scanner.scan(block, width: width)
            try require(block.faults.count == 0, "a quoted row cannot be read")
            found += block.rows
          }
          try require(found == rows, "\(rows) rows, and \(found) in quotes")
        }, yardsticks: [.copy(bytes)]),
      Stage(
        name: "end of the last record, all quoted", rows: 0, bytes: bytes,
        run: {
          for (text, length) in zip(texts, lengths) {
            let end = boundary.endOfLastRecord(text.base, from: 0, to: length)
            try require(end == length, "a block of \(length) bytes ends at \(end)")
          }
        }, yardsticks: [.copy(bytes)]),
    ]
  }

  private static func quoted(_ block: FieldBlock, _ delimiter: UInt8, _ quote: UInt8) -> ByteArena {
    let text = ByteArena(capacity: 2 * block.text.count)
    func put(_ byte: UInt8) { withUnsafePointer(to: byte) { _ = text.append($0, 1) } }
    for row in 0..<block.rows {
      for column in 0..<block.width {
        let field = block.fields[row * block.width + column]
        put(quote)
        _ = text.append(block.text.base + Int(field.start), field.length)
        put(quote)
        put(column + 1 < block.width ? delimiter : 0x0a)
      }
    }
    return text
  }
}
