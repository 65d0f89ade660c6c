internal import Columns
internal import Definition

/// Reads the record that names an object's columns.
enum CSVHeader {
  static func names(_ record: UnsafeBufferPointer<UInt8>, _ options: CSVOptions) -> [String] {
    guard let base = record.baseAddress else { return [] }
    var fields = 1
    for byte in record where byte == options.delimiter { fields += 1 }
    let block = FieldBlock()
    block.text = ByteArena(capacity: record.count)
    block.text.append(base, record.count)
    // No spelling of null, so that each name is what is written; at least as wide as the header can be: quoted
    // delimiters make it narrower, which shows as nulls at the end.
    var plain = options
    plain.nullValues = []
    CSVScanner(plain, maxRowBytes: .max).scan(block, width: fields)
    guard block.rows > 0 else { return [] }
    return (0..<fields).prefix { !block.fields[$0].isNull }.map {
      block.text.string(block.fields[$0]).trimmed
    }
  }
}

extension String {
  /// Without ASCII spaces and tabs at both ends.
  fileprivate var trimmed: String {
    let isSpace = { (c: Character) in c == " " || c == "\t" }
    return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
  }
}
