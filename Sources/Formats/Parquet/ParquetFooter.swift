internal import Columns

/// What stands at the end of a Parquet file: its schema, its row groups and where they lie.
public struct ParquetFooter: Sendable, Hashable {
  /// A row group and where its first byte lies in the file.
  public struct PlacedGroup: Sendable, Hashable {
    public var offset: Int
    public var group: ParquetRowGroup

    public init(offset: Int, group: ParquetRowGroup) {
      self.offset = offset
      self.group = group
    }
  }

  public var columns: [ParquetColumn]
  public var groups: [PlacedGroup]
  public var keyValues: [ParquetKeyValue]
  public var createdBy: String

  public var rows: Int { groups.reduce(0) { $0 + $1.group.rows } }

  /// `PAR1`, at a file's start and end.
  static let magic: [UInt8] = [0x50, 0x41, 0x52, 0x31]
  /// The bytes behind the metadata: its length and the magic.
  public static let trailerBytes = 8
}

// MARK: Writing, field by field as `parquet.thrift` numbers them.

extension ParquetFooter {
  /// The metadata, its length and the magic: what a file ends with.
  func encoded() -> [UInt8] {
    var out = ThriftCompactWriter()
    out.i32(1, 2)
    out.list(2, of: ThriftCompactWriter.Kind.structure, count: columns.count + 1)
    out.element { root in
      root.binary(4, "schema".utf8)
      root.i32(5, columns.count)
    }
    for column in columns { out.element { ParquetFooter.write(column, to: &$0) } }
    out.i64(3, rows)
    out.list(4, of: ThriftCompactWriter.Kind.structure, count: groups.count)
    for placed in groups { out.element { write(placed, to: &$0) } }
    if !keyValues.isEmpty {
      out.list(5, of: ThriftCompactWriter.Kind.structure, count: keyValues.count)
      for pair in keyValues {
        out.element { item in
          item.binary(1, pair.key.utf8)
          item.binary(2, pair.value.utf8)
        }
      }
    }
    out.binary(6, createdBy.utf8)
    out.list(7, of: ThriftCompactWriter.Kind.structure, count: columns.count)
    for _ in columns { out.element { $0.structure(1) { _ in } } }  // TypeDefinedOrder
    out.stop()
    var bytes = out.bytes
    let length = UInt32(truncatingIfNeeded: bytes.count)
    for shift in stride(from: UInt32(0), to: 32, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: length &>> shift))
    }
    return bytes + ParquetFooter.magic
  }

  /// A SchemaElement: the logical type, and beside it the converted type that older readers know.
  private static func write(_ column: ParquetColumn, to out: inout ThriftCompactWriter) {
    let physical = ParquetPhysicalType(column.field.type)
    out.i32(1, physical.code)
    if case .fixedLenByteArray(let width) = physical { out.i32(2, width) }
    out.i32(3, column.required ? 0 : 1)
    out.binary(4, column.field.name.utf8)
    switch column.field.type {
    case .string:
      out.i32(6, 0)
      out.structure(10) { $0.structure(1) { _ in } }
    case .date:
      out.i32(6, 6)
      out.structure(10) { $0.structure(6) { _ in } }
    case .timestamp:
      out.i32(6, 10)
      out.structure(10) { logical in
        logical.structure(8) { timestamp in
          timestamp.bool(1, true)
          timestamp.structure(2) { $0.structure(2) { _ in } }
        }
      }
    case .decimal(let precision, let scale):
      out.i32(6, 5)
      out.i32(7, scale)
      out.i32(8, precision)
      out.structure(10) { logical in
        logical.structure(5) { decimal in
          decimal.i32(1, scale)
          decimal.i32(2, precision)
        }
      }
    case .int, .double, .bool:
      break
    }
  }

  private func write(_ placed: PlacedGroup, to out: inout ThriftCompactWriter) {
    let group = placed.group
    out.list(1, of: ThriftCompactWriter.Kind.structure, count: group.columns.count)
    for (column, chunk) in zip(columns, group.columns) {
      out.element { item in
        item.i64(2, 0)  // deprecated; 0 is what the specification wants
        item.structure(3) { ParquetFooter.write(chunk, of: column, at: placed.offset, to: &$0) }
      }
    }
    out.i64(2, group.uncompressedBytes)
    out.i64(3, group.rows)
    out.i64(5, placed.offset)
    out.i64(6, group.compressedBytes)
  }

  private static func write(
    _ chunk: ParquetColumnChunk, of column: ParquetColumn, at offset: Int, to out: inout ThriftCompactWriter
  ) {
    let hasDictionary = chunk.dictionaryPageOffset != nil
    var encodings: [ParquetEncoding] = [.plain, .rle]
    if hasDictionary { encodings.append(.rleDictionary) }
    out.i32(1, ParquetPhysicalType(column.field.type).code)
    out.list(2, of: ThriftCompactWriter.Kind.i32, count: encodings.count)
    for encoding in encodings { out.element(encoding.rawValue) }
    out.list(3, of: ThriftCompactWriter.Kind.binary, count: 1)
    out.element(column.field.name.utf8)
    out.i32(4, chunk.codec.rawValue)
    out.i64(5, chunk.values)
    out.i64(6, chunk.uncompressedBytes)
    out.i64(7, chunk.compressedBytes)
    out.i64(9, offset + chunk.dataPageOffset)
    if let dictionary = chunk.dictionaryPageOffset { out.i64(11, offset + dictionary) }
    out.structure(12) { write(chunk.statistics, to: &$0) }
    out.list(13, of: ThriftCompactWriter.Kind.structure, count: hasDictionary ? 2 : 1)
    if hasDictionary { out.element { write(pages: 1, type: 2, .plain, to: &$0) } }
    out.element { write(pages: chunk.dataPages, type: 0, hasDictionary ? .rleDictionary : .plain, to: &$0) }
  }

  /// A PageEncodingStats: lets a reader see that *all* pages use the dictionary.
  private static func write(
    pages: Int, type: Int, _ encoding: ParquetEncoding, to out: inout ThriftCompactWriter
  ) {
    out.i32(1, type)
    out.i32(2, encoding.rawValue)
    out.i32(3, pages)
  }

  private static func write(_ statistics: ParquetStatistics, to out: inout ThriftCompactWriter) {
    out.i64(3, statistics.nullCount)
    if let max = statistics.max { out.binary(5, max) }
    if let min = statistics.min { out.binary(6, min) }
    if statistics.max != nil { out.bool(7, statistics.isMaxExact) }
    if statistics.min != nil { out.bool(8, statistics.isMinExact) }
    if let count = statistics.nanCount { out.i64(9, count) }
  }
}
