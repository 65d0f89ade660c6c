/// Turns the raw fields of one column into typed values: the plan, made once a source column.
public struct Cast: Sendable {
  public let type: ColumnType
  public let time: TimeFormat
  /// A field that cannot be read becomes null instead of rejecting its row.
  public let setNullOnError: Bool
  /// Stands for null fields.
  public let fallback: Literal?
}
