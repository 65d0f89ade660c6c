/// A constant of a column's type; the same physical values as ``ColumnType`` lists.
public enum Literal: Sendable, Hashable {
  case string(String)
  case int(Int64)
  case double(Double)
  case bool(Bool)
  case date(Int32)
  case timestamp(Int64)
  /// Unscaled, at the column's scale.
  case decimal(Int128)
}
