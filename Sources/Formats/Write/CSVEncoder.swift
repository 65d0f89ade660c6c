public import Columns

/// Writes tables as CSV (RFC 4180, but with LF line ends, as every data tool writes them).
///
/// null is the empty field, the empty string `""`. Dates and timestamps are ISO 8601 (timestamps in UTC with `Z`),
/// doubles the shortest text that reads back as the same number, decimals with all digits of their scale, booleans
/// `true` and `false`. Non-finite doubles are `NaN`, `inf` and `-inf`, which pandas, DuckDB and Polars all read.
/// A table of a single column writes null as an empty line, which some readers skip; CSV has no better spelling.
///
/// A value without state; any thread may call it.
public struct CSVEncoder: Sendable {
  public let fields: [Field]
  public let delimiter: UInt8
  /// 1 for each byte that makes a field need quotes.
  private let special: [UInt8]
  /// The delimiter may stand in numbers or dates, so every value is quoted.
  private let quotesAll: Bool

  public init(fields: [Field], delimiter: UInt8 = UInt8(ascii: ",")) {
    self.fields = fields
    self.delimiter = delimiter
    var special = [UInt8](repeating: 0, count: 256)
    for byte in [delimiter, UInt8(ascii: "\""), UInt8(ascii: "\r"), UInt8(ascii: "\n")] {
      special[Int(byte)] = 1
    }
    self.special = special
    quotesAll = "0123456789+-.:TZeantrufls".utf8.contains(delimiter)
  }

  /// The line that names the columns.
  public var header: [UInt8] {
    let out = OutputBuffer()
    for (index, field) in fields.enumerated() {
      if index > 0 { out.append(delimiter) }
      var name = field.name
      name.withUTF8 { utf8 in
        // An empty name has no address; it is quoted like an empty string.
        if let address = utf8.baseAddress {
          writeString(address, utf8.count, to: out)
        } else {
          out.append([UInt8(ascii: "\""), UInt8(ascii: "\"")])
        }
      }
    }
    out.append(UInt8(ascii: "\n"))
    return out.contents
  }

  /// The table's rows, a line each, without a header.
  public func encode(_ table: Table) -> [UInt8] {
    precondition(table.fields == fields, "a CSV encoder takes tables of its own schema")
    let out = OutputBuffer(capacity: 64 + table.count * fields.count * 8)
    let keys = [Range<Int>](repeating: 0..<0, count: fields.count)
    TextCell.withCells(of: table, keys: keys) { cells in
      for row in 0..<table.count {
        for index in 0..<cells.count {
          if index > 0 { out.append(delimiter) }
          let cell = cells[index]
          if cell.validity[row] != 0 { writeCell(cell, row, to: out) }
        }
        out.append(UInt8(ascii: "\n"))
      }
    }
    return out.contents
  }

  @inline(__always)
  private func writeCell(_ cell: TextCell, _ row: Int, to out: OutputBuffer) {
    if cell.kind == .string {
      let view = cell.load(row, as: ByteView.self)
      writeString(cell.text + Int(view.start), view.length, to: out)
      return
    }
    if quotesAll { out.append(UInt8(ascii: "\"")) }
    out.reserve(TextCell.bound)
    if cell.kind == .double, !cell.load(row, as: Double.self).isFinite {
      let value = cell.load(row, as: Double.self)
      out.append(Array((value.isNaN ? "NaN" : value < 0 ? "-inf" : "inf").utf8))
    } else {
      out.advance(cell.writePlain(row, to: out.end))
    }
    if quotesAll { out.append(UInt8(ascii: "\"")) }
  }

  private func writeString(_ bytes: UnsafePointer<UInt8>, _ length: Int, to out: OutputBuffer) {
    let quote = UInt8(ascii: "\"")
    let needsQuotes = special.withUnsafeBufferPointer { special in
      var found: UInt8 = length == 0 ? 1 : 0
      for i in 0..<length { found |= special[Int(bytes[i])] }
      return found != 0
    }
    guard needsQuotes || quotesAll else {
      out.append(bytes, length)
      return
    }
    out.reserve(2 * length + 2)
    let to = out.end
    var n = 1
    to[0] = quote
    for i in 0..<length {
      to[n] = bytes[i]
      n &+= 1
      if bytes[i] == quote {
        to[n] = quote
        n &+= 1
      }
    }
    to[n] = quote
    out.advance(n + 1)
  }
}
