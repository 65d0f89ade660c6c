import Columns

/// Fields cast in one block, as a scanner would hand them over: with other fields between them.
struct CastedFields {
  let column: Column
  let faults: RowFaults
  let nulledRows: Int
  let text: ByteArena

  /// A raw field.
  struct Raw {
    var bytes: [UInt8]
    var flags: UInt32 = 0

    init(_ text: String, flags: UInt32 = 0) {
      bytes = Array(text.utf8)
      self.flags = flags
    }

    init(bytes: [UInt8]) { self.bytes = bytes }

    static var null: Raw { Raw("", flags: ByteView.nullFlag) }
  }

  init(_ raw: [Raw], _ cast: Cast, textIsValidUTF8: Bool = false) {
    // No room beyond the last field, so that its end is the arena's.
    let arena = ByteArena(capacity: raw.reduce(0) { $0 + $1.bytes.count })
    text = arena
    let stride = 3
    let block = FieldBlock()
    block.reserveFields(raw.count * stride, keeping: 0)
    for (row, field) in raw.enumerated() {
      var view = ByteView.null
      field.bytes.withUnsafeBufferPointer { bytes in
        let start = bytes.baseAddress.map { arena.append($0, bytes.count) } ?? UInt32(arena.count)
        view = ByteView(start: start, length: UInt32(bytes.count), flags: field.flags)
      }
      for other in 0..<stride { block.fields[row * stride + other] = other == 1 ? view : .null }
    }
    column = Column(type: cast.type, capacity: raw.count)
    faults = RowFaults(capacity: raw.count)
    faults.reset(rows: raw.count)
    nulledRows = cast.run(
      text: text, textIsValidUTF8: textIsValidUTF8, fields: block.fields + 1, stride: stride, rows: raw.count,
      into: column, faults: faults, columnIndex: 7)
  }

  init(_ texts: [String], _ cast: Cast) { self.init(texts.map { Raw($0) }, cast) }

  /// A row's value or fault as the golden files write it.
  func outcome(_ row: Int) -> String {
    if let fault = RowFault(rawValue: faults.codes[row]), fault != .none { return "\(fault)" }
    guard column.validity[row] == 1 else { return "null" }
    switch column.type {
    case .string: return column.text(row)
    case .int, .timestamp: return "\(column.int64s[row])"
    case .bool: return "\(column.bytes[row])"
    case .date: return "\(column.int32s[row])"
    case .decimal: return "\(column.int128s[row])"
    case .double:
      let value = column.doubles[row]
      if value.isNaN { return "nan" }
      let hex = String(value.bitPattern, radix: 16)
      return String(repeating: "0", count: 16 - hex.count) + hex
    }
  }
}

extension Column {
  func text(_ row: Int) -> String { arena.string(views[row]) }
}
