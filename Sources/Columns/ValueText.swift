/// The one text that a value has as a key, in messages and in text output.
///
/// | type | text |
/// |---|---|
/// | `string` | its bytes |
/// | `int` | digits with `-`, no leading zeros |
/// | `double` | the fewest digits that read back the same, as Swift prints them; `nan` `inf` `-inf`; −0 is `0.0` |
/// | `bool` | `true` `false` |
/// | `date` | `YYYY-MM-DD` |
/// | `timestamp` | `YYYY-MM-DDThh:mm:ssZ`, or with six digits of a second where it has a fraction |
/// | `decimal(p,s)` | exactly `s` digits behind the point |
///
/// Equal values have equal texts, and each text is read back as the same value by the type's ``Cast``.
public enum ValueText {
  /// Bytes that a value other than a string takes at most.
  public static let capacity = 48

  /// Appends the text of a row's value, nothing for null; gives where it lies. No allocation but the arena's growth
  /// (doubles: a short string). `arena` may be the column's own.
  @discardableResult
  public static func appendCanonical(_ column: Column, _ row: Int, into arena: ByteArena) -> ByteView {
    precondition(row >= 0 && row < column.capacity)
    let start = UInt32(truncatingIfNeeded: arena.count)
    guard column.validity[row] != 0 else { return ByteView(start: start, length: 0) }
    if column.type == .string {
      let view = column.views[row]
      // First the room: it may move the column's bytes if they lie in the same arena.
      arena.reserve(view.length)
      arena.append(column.arena.base + Int(view.start), view.length)
      return ByteView(start: start, length: UInt32(truncatingIfNeeded: view.length))
    }
    arena.reserve(capacity)
    let length = write(column, row, arena.base + arena.count)
    arena.setCount(arena.count + length)
    return ByteView(start: start, length: UInt32(truncatingIfNeeded: length))
  }

  /// The text of a constant.
  public static func canonical(_ literal: Literal, type: ColumnType) -> String {
    switch literal {
    case .string(let text): text
    case .int(let value): text { IntText.write(value, $0) }
    case .double(let value): double(value)
    case .bool(let value): value ? "true" : "false"
    case .date(let days): text { Calendar.formatDate(Int(days), into: $0) }
    case .timestamp(let micros): text { Calendar.formatTimestamp(micros, into: $0) }
    case .decimal(let unscaled): text { DecimalText.write(unscaled, scale: type.scale, $0) }
    }
  }

  /// Writes an integer's digits; gives their number. Room for 20 bytes.
  public static func write(_ value: Int64, into out: UnsafeMutablePointer<UInt8>) -> Int {
    IntText.write(value, out)
  }

  /// Writes a decimal with `scale` digits behind the point; gives the length. Room for ``capacity`` bytes.
  public static func write(_ unscaled: Int128, scale: Int, into out: UnsafeMutablePointer<UInt8>) -> Int {
    DecimalText.write(unscaled, scale: scale, out)
  }

  private static func write(_ column: Column, _ row: Int, _ out: UnsafeMutablePointer<UInt8>) -> Int {
    switch column.type {
    case .string: 0
    case .int: IntText.write(column.int64s[row], out)
    case .double: copy(double(column.doubles[row]), out)
    case .bool: copy(column.bytes[row] != 0 ? "true" : "false", out)
    case .date: Calendar.formatDate(Int(column.int32s[row]), into: out)
    case .timestamp: Calendar.formatTimestamp(column.int64s[row], into: out)
    case .decimal(_, let scale): DecimalText.write(column.int128s[row], scale: scale, out)
    }
  }

  private static func double(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    return value == 0 ? "0.0" : value.description
  }

  private static func copy(_ string: String, _ out: UnsafeMutablePointer<UInt8>) -> Int {
    var length = 0
    for byte in string.utf8 {
      out[length] = byte
      length += 1
    }
    return length
  }

  private static func text(_ write: (UnsafeMutablePointer<UInt8>) -> Int) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      let length = write(base)
      return String(decoding: UnsafeBufferPointer(start: base, count: length), as: UTF8.self)
    }
  }
}

extension ColumnType {
  /// Digits behind the point; 0 for what is not a decimal.
  var scale: Int { if case .decimal(_, let scale) = self { scale } else { 0 } }
}
