public import Columns
public import Definition

/// The format of a snapshot's parts: turns tables into chunks that any number of threads make apart from each other.
///
/// A closed enum: three formats, dispatched once a table. A value without state that changes; any thread may call it.
public enum SnapshotEncoder: Sendable {
  case parquet(ParquetEncoder)
  /// `header`: each file begins with a line of names.
  case csv(CSVEncoder, header: Bool)
  case json(JSONLinesEncoder)

  /// The encoder of a definition's target. `fields` are the part's columns as they shall stand (the caller has put the
  /// label first and left the key out where that is wanted); `required` names those that never hold null.
  public init(format: SnapshotTarget.Format, fields: [Field], required: Set<String> = []) {
    switch format {
    case .parquet(let options):
      let columns = fields.map { ParquetColumn(field: $0, required: required.contains($0.name)) }
      var encoding = ParquetEncoder.Options()
      switch options.compression {
      case .zstd: encoding.codec = .zstd
      case .snappy: encoding.codec = .snappy
      case .none: encoding.codec = .uncompressed
      }
      self = .parquet(ParquetEncoder(columns: columns, options: encoding))
    case .csv(let options):
      self = .csv(CSVEncoder(fields: fields, delimiter: options.delimiter), header: options.header)
    case .json:
      self = .json(JSONLinesEncoder(fields: fields))
    }
  }

  /// What a part's name ends in.
  public var fileExtension: String {
    switch self {
    case .parquet: "parquet"
    case .csv: "csv"
    case .json: "jsonl"
    }
  }

  /// The table's rows in this format, wherever in a file they will stand. The same rows give the same bytes.
  /// A Parquet chunk is one row group, so the caller cuts tables to the row group's size.
  public func encode(_ table: Table) throws(WriteError) -> EncodedChunk {
    switch self {
    case .parquet(let encoder):
      let group = try encoder.encode(table)
      return EncodedChunk(bytes: group.bytes, rows: table.count, group: group.metadata, counts: group.counts)
    case .csv(let encoder, _):
      return EncodedChunk(bytes: encoder.encode(table), rows: table.count, group: nil)
    case .json(let encoder):
      return EncodedChunk(bytes: encoder.encode(table), rows: table.count, group: nil)
    }
  }

  /// As ``encode(_:)``, where of the same rows some columns were encoded before: those without a flag in `anew`, whose
  /// values in `table` are not looked at. Gives the same bytes. Lines of text are not made of columns: all are then
  /// encoded anew, and all columns must be there.
  public func encode(_ table: Table, _ kept: EncodedChunk, anew: [Bool]) throws(WriteError) -> EncodedChunk {
    guard case .parquet(let encoder) = self, let group = kept.group else { return try encode(table) }
    let encoded = try encoder.encode(table, EncodedRowGroup(bytes: kept.bytes, metadata: group), anew: anew)
    return EncodedChunk(bytes: encoded.bytes, rows: table.count, group: encoded.metadata, counts: encoded.counts)
  }

  /// Takes the memory of a chunk that is read no more, for those to come.
  public func reuse(_ chunk: EncodedChunk) {
    if case .parquet(let encoder) = self { encoder.reuse(chunk.bytes) }
  }
}

/// Encoded rows that can stand anywhere in a part.
public struct EncodedChunk: Sendable {
  public let bytes: [UInt8]
  public let rows: Int
  /// What the footer will say of a Parquet row group; nil in other formats.
  public let group: ParquetRowGroup?
  /// One a column of Parquet; nil where no dictionary was made. For who profiles the columns.
  public var counts: [ValueCounts?] = []
}
