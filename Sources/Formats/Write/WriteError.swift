/// Why rows could not be written, or a file that we wrote not be read again.
public struct WriteError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: Sendable, Hashable {
    /// A null in a column that was declared to have none.
    case nullInRequiredColumn
    /// A decimal with more digits than its type has.
    case decimalOutOfRange
    /// The compressor refused; should not happen.
    case compression
    /// Row groups of another schema than the file's.
    case otherSchema
    /// Not a Parquet footer of ours: cut off, corrupt, or with types that Tributary does not write.
    case invalidFooter
  }

  public var code: Code
  /// The column's name where there is one.
  public var column: String?
  /// The row within the table, from 0.
  public var row: Int?
  public var message: String

  public init(_ code: Code, column: String? = nil, row: Int? = nil, _ message: String) {
    self.code = code
    self.column = column
    self.row = row
    self.message = message
  }

  public var description: String {
    var place = ""
    if let column { place = "column \(column)" }
    if let row { place += (place.isEmpty ? "" : ", ") + "row \(row)" }
    return place.isEmpty ? message : "\(place): \(message)"
  }
}
