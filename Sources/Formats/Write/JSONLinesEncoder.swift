public import Columns

/// Writes tables as JSON lines: one object a row, every column a member, in order.
///
/// Integers and decimals are numbers with all their digits (a reader that keeps numbers in doubles loses digits above
/// 2⁵³, and pandas refuses whole numbers above 64 bits; that is the reader's choice, not ours). Doubles are the shortest text that reads back the same. NaN and the
/// infinities become `null`: JSON has no spelling for them, and what is not JSON stops most readers. Dates and
/// timestamps are ISO 8601 strings. Bytes of strings go out as they are (columns hold valid UTF-8); quotes, backslashes
/// and control characters are escaped.
///
/// A value without state; any thread may call it.
public struct JSONLinesEncoder: Sendable {
  public let fields: [Field]
  /// `{"first":` `,"second":` …, one after the other.
  private let keys: [UInt8]
  private let keyRanges: [Range<Int>]

  public init(fields: [Field]) {
    self.fields = fields
    let out = OutputBuffer()
    var ranges: [Range<Int>] = []
    for (index, field) in fields.enumerated() {
      let start = out.count
      out.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
      out.append(UInt8(ascii: "\""))
      var name = field.name
      name.withUTF8 { utf8 in
        if let address = utf8.baseAddress { JSONLinesEncoder.writeEscaped(address, utf8.count, to: out) }
      }
      out.append(UInt8(ascii: "\""))
      out.append(UInt8(ascii: ":"))
      ranges.append(start..<out.count)
    }
    keys = out.contents
    keyRanges = ranges
  }

  /// The table's rows, a line each.
  public func encode(_ table: Table) -> [UInt8] {
    precondition(table.fields == fields, "a JSON lines encoder takes tables of its own schema")
    let out = OutputBuffer(capacity: 64 + table.count * (keys.count + fields.count * 8))
    guard !fields.isEmpty else {
      for _ in 0..<table.count { out.append(Array("{}\n".utf8)) }
      return out.contents
    }
    keys.withUnsafeBufferPointer { keys in
      TextCell.withCells(of: table, keys: keyRanges) { cells in
        guard let keys = keys.baseAddress else { return }
        for row in 0..<table.count {
          for index in 0..<cells.count {
            let cell = cells[index]
            out.append(keys + cell.keyStart, cell.keyLength)
            JSONLinesEncoder.writeCell(cell, row, to: out)
          }
          out.append(UInt8(ascii: "}"))
          out.append(UInt8(ascii: "\n"))
        }
      }
    }
    return out.contents
  }

  @inline(__always)
  private static func writeCell(_ cell: TextCell, _ row: Int, to out: OutputBuffer) {
    let isNull =
      cell.validity[row] == 0 || (cell.kind == .double && !cell.load(row, as: Double.self).isFinite)
    out.reserve(TextCell.bound + 2)
    if isNull {
      // "null" as one little-endian store.
      UnsafeMutableRawPointer(out.end).storeBytes(of: UInt32(0x6c6c_756e).littleEndian, as: UInt32.self)
      out.advance(4)
      return
    }
    switch cell.kind {
    case .string:
      let view = cell.load(row, as: ByteView.self)
      out.append(UInt8(ascii: "\""))
      writeEscaped(cell.text + Int(view.start), view.length, to: out)
      out.append(UInt8(ascii: "\""))
    case .date, .timestamp:
      out.append(UInt8(ascii: "\""))
      out.advance(cell.writePlain(row, to: out.end))
      out.append(UInt8(ascii: "\""))
    default:
      out.advance(cell.writePlain(row, to: out.end))
    }
  }

  private static func writeEscaped(_ bytes: UnsafePointer<UInt8>, _ length: Int, to out: OutputBuffer) {
    // A byte becomes six at most: \u001f.
    out.reserve(6 * length)
    let to = out.end
    var n = 0
    for i in 0..<length {
      let byte = bytes[i]
      if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
        to[n] = byte
        n &+= 1
      } else {
        n &+= writeEscape(of: byte, to: to + n)
      }
    }
    out.advance(n)
  }

  private static func writeEscape(of byte: UInt8, to out: UnsafeMutablePointer<UInt8>) -> Int {
    out[0] = UInt8(ascii: "\\")
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): out[1] = byte
    case 0x0a: out[1] = UInt8(ascii: "n")
    case 0x0d: out[1] = UInt8(ascii: "r")
    case 0x09: out[1] = UInt8(ascii: "t")
    default:
      out[1] = UInt8(ascii: "u")
      out[2] = UInt8(ascii: "0")
      out[3] = UInt8(ascii: "0")
      out[4] = byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1")
      let low = byte & 15
      out[5] = low < 10 ? 48 + low : 87 + low
      return 6
    }
    return 2
  }
}
