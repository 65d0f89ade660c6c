/// The type of a column, as a definition names it.
///
/// Physical form in a ``Column`` (one element a row):
///
/// | type        | element         | meaning |
/// |-------------|-----------------|---------|
/// | `string`    | ``ByteView``    | UTF-8 bytes in the column's arena |
/// | `int`       | `Int64`         | |
/// | `double`    | `Double`        | IEEE 754 binary64; never NaN-boxed |
/// | `bool`      | `UInt8`         | 0 or 1 |
/// | `date`      | `Int32`         | days since 1970-01-01 |
/// | `timestamp` | `Int64`         | microseconds since 1970-01-01T00:00:00Z |
/// | `decimal`   | `Int128`        | the unscaled value: 12.34 as `decimal(p,2)` is 1234 |
public enum ColumnType: Sendable, Hashable {
  case string
  case int
  case double
  case bool
  case date
  case timestamp
  /// 1 ≤ precision ≤ 38, 0 ≤ scale ≤ precision.
  case decimal(precision: Int, scale: Int)

  /// Bytes of one element.
  @inlinable public var stride: Int {
    switch self {
    case .string, .int, .double, .timestamp: 8
    case .bool: 1
    case .date: 4
    case .decimal: 16
    }
  }
}

extension ColumnType: CustomStringConvertible {
  /// The name a definition uses.
  public var description: String {
    switch self {
    case .string: "string"
    case .int: "int"
    case .double: "double"
    case .bool: "bool"
    case .date: "date"
    case .timestamp: "timestamp"
    case .decimal(let precision, let scale): "decimal(\(precision),\(scale))"
    }
  }
}
