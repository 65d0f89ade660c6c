/// Puts chunks together to one part's bytes, in the order they are appended, through a sink.
///
/// `append` as often as there are chunks, then `finish` once. Holds footers only, never rows. One thread at a time.
/// An error of the sink passes through; the part is then of no use.
public struct PartAssembler {
  public typealias Sink = (UnsafeRawBufferPointer) throws -> Void

  /// Rows appended so far.
  public private(set) var rows = 0
  /// Bytes given to the sink so far; a CSV's header and Parquet's magic come with the first call.
  public private(set) var bytes = 0

  private enum Layout {
    case parquet(ParquetFileAssembler)
    case text(header: [UInt8])
  }
  private var layout: Layout
  private var hasBegun = false

  /// `keyValues` go into a Parquet footer's metadata; other formats have no place for them.
  public init(_ encoder: SnapshotEncoder, keyValues: [ParquetKeyValue] = []) {
    switch encoder {
    case .parquet(let parquet):
      layout = .parquet(ParquetFileAssembler(columns: parquet.columns, keyValues: keyValues))
    case .csv(let csv, let header):
      layout = .text(header: header ? csv.header : [])
    case .json:
      layout = .text(header: [])
    }
  }

  public mutating func append(_ chunk: EncodedChunk, to sink: Sink) throws {
    try begin(sink)
    if case .parquet(var file) = layout {
      guard let group = chunk.group else {
        throw WriteError(.otherSchema, "a chunk of CSV or JSON in a Parquet file")
      }
      try file.append(group)
      layout = .parquet(file)
    }
    try write(chunk.bytes, sink)
    rows += chunk.rows
  }

  public mutating func finish(to sink: Sink) throws {
    try begin(sink)
    if case .parquet(let file) = layout { try write(file.finish(), sink) }
  }

  private mutating func begin(_ sink: Sink) throws {
    guard !hasBegun else { return }
    hasBegun = true
    switch layout {
    case .parquet(let file): try write(file.begin(), sink)
    case .text(let header): try write(header, sink)
    }
  }

  private mutating func write(_ part: [UInt8], _ sink: Sink) throws {
    guard !part.isEmpty else { return }
    try part.withUnsafeBytes(sink)
    bytes += part.count
  }
}
