/// Lays row groups one after the other into a Parquet file: says what to write before and after them.
///
/// ```
/// begin() ─▶ bytes   append(group), then the group's bytes … ─▶   finish() ─▶ bytes
/// ```
/// It never sees the groups' bytes, so they may come from an encoder or from another file. A value; one thread.
public struct ParquetFileAssembler: Sendable {
  /// Named in every footer.
  public static let createdBy = "tributary version 0.1.0"

  private var footer: ParquetFooter
  private var next = ParquetFooter.magic.count

  public init(columns: [ParquetColumn], keyValues: [ParquetKeyValue] = []) {
    footer = ParquetFooter(columns: columns, groups: [], keyValues: keyValues, createdBy: Self.createdBy)
  }

  /// Rows of the groups so far.
  public var rows: Int { footer.rows }
  /// Bytes of the file so far, without the footer.
  public var bytes: Int { next }

  /// What the file begins with.
  public func begin() -> [UInt8] { ParquetFooter.magic }

  /// Places a group; the caller writes its `compressedBytes` bytes next. A group without rows is left out: readers
  /// treat it unevenly, and it has no bytes.
  public mutating func append(_ group: ParquetRowGroup) throws(WriteError) {
    guard group.columns.count == footer.columns.count else {
      throw WriteError(
        .otherSchema, "a row group of \(group.columns.count) columns in a file of \(footer.columns.count)")
    }
    guard group.rows > 0 else { return }
    footer.groups.append(ParquetFooter.PlacedGroup(offset: next, group: group))
    next += group.compressedBytes
  }

  /// As ``append(_:)``, for a group of another file, whose schema must be the same.
  public mutating func append(_ group: ParquetRowGroup, of other: ParquetFooter) throws(WriteError) {
    guard other.columns == footer.columns else {
      throw WriteError(.otherSchema, "row groups of files with different schemas cannot be joined")
    }
    try append(group)
  }

  /// What the file ends with.
  public func finish() -> [UInt8] { footer.encoded() }
}
