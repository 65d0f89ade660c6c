public import Columns
internal import Synchronization

/// Turns tables into Parquet row groups: our own writer, after the Parquet format specification.
///
/// Columns become one chunk each: a dictionary (RLE_DICTIONARY) where it pays, else PLAIN; pages near 1 MiB; zstd,
/// snappy or no compression; statistics. Pages are **data page v1**: pyarrow, DuckDB and Polars read both versions, but
/// v1 is what every other reader (Athena, Redshift Spectrum, older Spark) reads without a flag, and v2's gain, levels
/// outside the compressed part, is nothing for flat columns whose levels are one run.
///
/// `encode` depends only on the table and the options: the same rows give the same bytes, and the group's offsets count
/// from its own start, so groups that threads or workers made apart can be put into one file without encoding again.
/// Thread-safe; buffers are kept from call to call, as many as there are threads inside at once.
public struct ParquetEncoder: Sendable {
  public struct Options: Sendable, Hashable {
    public var codec: ParquetCodec = .zstd
    /// 1 (fast) … 19. Level 3 makes files of feature columns 8 % smaller for twice the time.
    public var zstdLevel = 1
    /// Bytes of a data page before compression, about.
    public var pageBytes = 1 << 20
    /// Try dictionaries at all.
    public var usesDictionary = true

    public init() {}
  }

  public let columns: [ParquetColumn]
  public let options: Options
  private let pool = ScratchPool()

  public init(columns: [ParquetColumn], options: Options = Options()) {
    self.columns = columns
    self.options = options
  }

  /// One row group with the table's rows, any number, none too. Fails on a null in a required column and on a decimal
  /// beyond its precision; both name column and row.
  public func encode(_ table: Table) throws(WriteError) -> EncodedRowGroup {
    precondition(
      table.fields == columns.map(\.field), "a Parquet encoder takes tables of its own schema")
    let scratch = pool.take() ?? ParquetGroupEncoder(options)
    defer { pool.give(scratch) }
    return try scratch.encode(table, columns, into: pool.takeBytes())
  }

  /// Takes the memory of an encoded group that is read no more, for those to come.
  public func reuse(_ bytes: [UInt8]) { pool.give(bytes) }

  /// As ``encode(_:)``, with the chunks of columns that have no flag in `anew` out of `kept`, a group of the same rows by an
  /// encoder of the same columns and options; the table need not have their values.
  public func encode(_ table: Table, _ kept: EncodedRowGroup, anew: [Bool]) throws(WriteError) -> EncodedRowGroup {
    precondition(
      table.fields == columns.map(\.field), "a Parquet encoder takes tables of its own schema")
    precondition(
      kept.metadata.rows == table.count && kept.metadata.columns.count == columns.count && anew.count == columns.count,
      "a kept group has the same rows and columns")
    let scratch = pool.take() ?? ParquetGroupEncoder(options)
    defer { pool.give(scratch) }
    return try scratch.encode(table, columns, kept: kept, anew: anew)
  }
}

/// The encoders that are not at work.
private final class ScratchPool: Sendable {
  private let idle = Mutex<[ParquetGroupEncoder]>([])
  /// Arrays to be written again.
  private let spare = Mutex<[[UInt8]]>([])
  /// More than are ever under way where two threads write.
  private static let spareMax = 8

  func take() -> ParquetGroupEncoder? { idle.withLock { $0.popLast() } }
  func give(_ encoder: ParquetGroupEncoder) { idle.withLock { $0.append(encoder) } }

  func takeBytes() -> [UInt8] { spare.withLock { $0.popLast() } ?? [] }
  func give(_ bytes: [UInt8]) {
    spare.withLock { if $0.count < ScratchPool.spareMax { $0.append(bytes) } }
  }
}
