/// Puts chunks together to one part's bytes, in the order they are appended: as pieces, or through a sink.
///
/// `append` as often as there are chunks, then `finish` once. Holds footers only, never rows; a chunk's bytes are one of the
/// pieces as they are. One thread at a time. An error of the sink passes through; the part is then of no use.
public struct PartAssembler {
  public typealias Sink = (UnsafeRawBufferPointer) throws -> Void

  /// Rows appended so far.
  public private(set) var rows = 0
  /// Bytes given out so far; a CSV's header and Parquet's magic come with the first call.
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

  /// What the part goes on with: the chunk's bytes, and what stands before them.
  public mutating func append(_ chunk: EncodedChunk) throws(WriteError) -> [[UInt8]] {
    var pieces = begin()
    if case .parquet(var file) = layout {
      guard let group = chunk.group else {
        throw WriteError(.otherSchema, "a chunk of CSV or JSON in a Parquet file")
      }
      try file.append(group)
      layout = .parquet(file)
    }
    pieces.append(chunk.bytes)
    rows += chunk.rows
    return count(pieces)
  }

  /// What the part ends with.
  public mutating func finish() -> [[UInt8]] {
    var pieces = begin()
    if case .parquet(let file) = layout { pieces.append(file.finish()) }
    return count(pieces)
  }

  public mutating func append(_ chunk: EncodedChunk, to sink: Sink) throws {
    for piece in try append(chunk) { try piece.withUnsafeBytes(sink) }
  }

  public mutating func finish(to sink: Sink) throws {
    for piece in finish() { try piece.withUnsafeBytes(sink) }
  }

  private mutating func begin() -> [[UInt8]] {
    guard !hasBegun else { return [] }
    hasBegun = true
    return switch layout {
    case .parquet(let file): [file.begin()]
    case .text(let header): [header]
    }
  }

  /// Those that are not empty.
  private mutating func count(_ pieces: [[UInt8]]) -> [[UInt8]] {
    bytes += pieces.reduce(0) { $0 + $1.count }
    return pieces.filter { !$0.isEmpty }
  }
}
