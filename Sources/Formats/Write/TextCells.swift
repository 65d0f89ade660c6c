internal import CSimdJSON
internal import Columns

/// A table's columns as the row-at-a-time text writers walk them: plain pointers, one struct a column.
///
/// The pointers are borrowed: valid inside ``withCells(of:keys:_:)``, which keeps the table alive.
struct TextCell {
  enum Kind { case string, int, double, bool, date, timestamp, decimal }

  let kind: Kind
  let scale: Int
  let values: UnsafeRawPointer
  let validity: UnsafePointer<UInt8>
  /// The string column's bytes.
  let text: UnsafePointer<UInt8>
  /// What stands before each value, such as `,"name":`; in a buffer of the caller's.
  let keyStart: Int
  let keyLength: Int

  /// Bytes of a value that is not a string, at most.
  static let bound = 48

  /// Writes a value that is not a string and not null at `out` (``bound`` bytes of room); gives its length.
  /// Non-finite doubles are the caller's affair.
  @inline(__always)
  func writePlain(_ row: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    switch kind {
    case .string: return 0
    case .int: return ValueText.write(load(row, as: Int64.self), into: out)
    case .double: return ctj_write_double(load(row, as: Double.self), out)
    case .bool:
      // "true" and "false" as one little-endian store each.
      let raw = UnsafeMutableRawPointer(out)
      if load(row, as: UInt8.self) != 0 {
        raw.storeBytes(of: UInt32(0x6575_7274).littleEndian, as: UInt32.self)
        return 4
      }
      raw.storeBytes(of: UInt64(0x65_736c_6166).littleEndian, as: UInt64.self)
      return 5
    case .date: return Calendar.formatDate(Int(load(row, as: Int32.self)), into: out)
    case .timestamp: return Calendar.formatTimestamp(load(row, as: Int64.self), into: out)
    case .decimal: return ValueText.write(load(row, as: Int128.self), scale: scale, into: out)
    }
  }

  @inline(__always)
  func load<T: BitwiseCopyable>(_ row: Int, as: T.Type) -> T {
    values.load(fromByteOffset: row &* MemoryLayout<T>.stride, as: T.self)
  }

  /// Runs `body` over the cells of `table`'s columns; `keys` are the ranges of what stands before each value.
  static func withCells<R>(
    of table: Table, keys: [Range<Int>], _ body: (UnsafeBufferPointer<TextCell>) -> R
  ) -> R {
    withExtendedLifetime(table) {
      let cells = zip(table.columns, keys).map { column, key in
        let (kind, scale) = TextCell.kind(of: column.type)
        return TextCell(
          kind: kind, scale: scale, values: UnsafeRawPointer(column.values),
          validity: UnsafePointer(column.validity), text: UnsafePointer(column.arena.base),
          keyStart: key.lowerBound, keyLength: key.count)
      }
      return cells.withUnsafeBufferPointer(body)
    }
  }

  private static func kind(of type: ColumnType) -> (Kind, Int) {
    switch type {
    case .string: (.string, 0)
    case .int: (.int, 0)
    case .double: (.double, 0)
    case .bool: (.bool, 0)
    case .date: (.date, 0)
    case .timestamp: (.timestamp, 0)
    case .decimal(_, let scale): (.decimal, scale)
    }
  }
}
