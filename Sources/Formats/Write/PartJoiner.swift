/// Joins finished parts of one format and schema to a single part, without reading rows: what stands before and behind
/// them is written once, the rows' bytes pass through as they are.
///
/// ```
/// (begin(part), then its bytes in pieces of any size: append …, end()) …   finish()
/// ```
/// Holds pieces and footers only, so memory does not grow with the parts. Bytes may be anything; what is no part of ours
/// throws. Errors of the sink pass through; the joined part is then of no use. One thread at a time.
public struct PartJoiner {
  public typealias Sink = (UnsafeRawBufferPointer) throws -> Void

  /// Rows of the parts that ended so far.
  public private(set) var rows = 0
  /// Bytes given to the sink so far.
  public private(set) var bytes = 0

  /// What every part begins with: Parquet's magic, a CSV's header.
  private let lead: [UInt8]
  /// nil for text.
  private var parquet: ParquetFileAssembler?
  private let columns: [ParquetColumn]
  private var hasBegun = false
  private var incoming: Incoming?

  /// The part that comes in.
  private struct Incoming {
    var rows: Int
    var bytes: Int
    /// Where its footer begins.
    var bodyEnd: Int
    var at = 0
    var footer: [UInt8] = []
  }

  public init(_ encoder: SnapshotEncoder) {
    switch encoder {
    case .parquet(let parquet):
      lead = ParquetFooter.magic
      columns = parquet.columns
      self.parquet = ParquetFileAssembler(columns: parquet.columns)
    case .csv(let csv, let header):
      lead = header ? csv.header : []
      columns = []
    case .json:
      lead = []
      columns = []
    }
  }

  /// Announces a part of `bytes` bytes, of which `footerBytes` at the end describe the others.
  public mutating func begin(rows: Int, bytes: Int, footerBytes: Int) throws(WriteError) {
    precondition(incoming == nil, "the part before has not ended")
    guard footerBytes >= 0, bytes >= lead.count, footerBytes <= bytes - lead.count,
      parquet != nil ? footerBytes >= ParquetFooter.trailerBytes : footerBytes == 0
    else { throw WriteError(.invalidFooter, "a part of \(bytes) bytes with a footer of \(footerBytes)") }
    incoming = Incoming(rows: rows, bytes: bytes, bodyEnd: bytes - footerBytes)
  }

  public mutating func append(_ piece: UnsafeRawBufferPointer, to sink: Sink) throws {
    guard var part = incoming else { preconditionFailure("no part has begun") }
    try beginFile(sink)
    guard piece.count <= part.bytes - part.at else {
      throw WriteError(.invalidFooter, "a part has more than its \(part.bytes) bytes")
    }
    var from = 0
    while from < piece.count, part.at < lead.count {
      guard piece[from] == lead[part.at] else {
        throw WriteError(.otherSchema, "a part does not begin as files of this snapshot do")
      }
      from += 1
      part.at += 1
    }
    let body = max(0, min(piece.count - from, part.bodyEnd - part.at))
    if body > 0 {
      try sink(UnsafeRawBufferPointer(rebasing: piece[from..<from + body]))
      bytes += body
    }
    part.footer += piece[(from + body)...]
    part.at += piece.count - from
    incoming = part
  }

  /// Says that the part is complete; a Parquet footer is checked against what came before it.
  public mutating func end() throws(WriteError) {
    guard let part = incoming else { preconditionFailure("no part has begun") }
    guard part.at == part.bytes else {
      throw WriteError(.invalidFooter, "a part has \(part.at) bytes, not \(part.bytes)")
    }
    if var file = parquet {
      let trailer = Array(part.footer.suffix(ParquetFooter.trailerBytes))
      let metadata = part.footer.count - trailer.count
      guard try ParquetFooter.metadataBytes(trailer: trailer) == metadata else {
        throw WriteError(.invalidFooter, "a part's footer is not \(metadata) bytes long")
      }
      let footer = try ParquetFooter(metadata: Array(part.footer.prefix(metadata)), fileOffset: part.bodyEnd)
      guard footer.columns == columns else {
        throw WriteError(.otherSchema, "a part has other columns than its snapshot")
      }
      // Groups lie without gaps, from the magic to the footer: their bytes went out as one run.
      let groupBytes = footer.groups.reduce(0) { $0 + $1.group.compressedBytes }
      guard footer.rows == part.rows, groupBytes == part.bodyEnd - lead.count else {
        throw WriteError(.invalidFooter, "a part's footer does not fit its rows")
      }
      for placed in footer.groups { try file.append(placed.group, of: footer) }
      parquet = file
    }
    rows += part.rows
    incoming = nil
  }

  /// Writes what the joined part ends with; without parts it is one without rows.
  public mutating func finish(to sink: Sink) throws {
    precondition(incoming == nil, "the last part has not ended")
    try beginFile(sink)
    if let parquet { try write(parquet.finish(), sink) }
  }

  private mutating func beginFile(_ sink: Sink) throws {
    guard !hasBegun else { return }
    hasBegun = true
    try write(lead, sink)
  }

  private mutating func write(_ part: [UInt8], _ sink: Sink) throws {
    guard !part.isEmpty else { return }
    try part.withUnsafeBytes(sink)
    bytes += part.count
  }
}
