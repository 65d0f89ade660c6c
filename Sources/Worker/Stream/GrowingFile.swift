internal import Digests
internal import Formats
internal import Pipeline
internal import Platform

/// A file of a snapshot that parts are joined to, one after the other: bytes, hash and footer. Nothing of it is visible
/// before ``show()``. Used by one thread at a time, hence `@unchecked Sendable`.
final class GrowingFile: @unchecked Sendable {
  /// Its parts so far.
  private(set) var file: JoinedFile
  private let key: String
  private let object: any ObjectWriter
  private let hash = Digests.SHA256()
  private var joiner: PartJoiner
  private var isSealed = false

  /// Waking another thread takes longer than hashing less.
  private static let besideBytesMin = 1 << 15

  /// `key`: in the snapshot's folder.
  init(_ target: PublishTarget, _ encoder: SnapshotEncoder, split: String, key: String) throws {
    self.key = key
    file = JoinedFile(split: split, pieces: [])
    object = try target.place.store.writer(target.key(key))
    joiner = PartJoiner(encoder)
  }

  deinit { object.abort() }

  /// Bytes of its parts.
  var partBytes: Int { file.pieces.reduce(0) { $0 + $1.bytes } }

  /// Adds a part that is in memory. `side`: a thread that hashes.
  func append(_ part: ShardReport.Part, _ held: HeldPart, _ side: SideThread?) throws {
    try begin(part)
    for piece in held.pieces {
      try piece.withUnsafeBytes { piece in
        try joiner.append(piece) { bytes in
          guard let side, bytes.count > GrowingFile.besideBytesMin else { return try write(bytes) }
          let run = Run(bytes: bytes)
          try side.run { [hash] in
            hash.update(run.bytes)
          } beside: {
            try object.write(run.bytes)
          }
        }
      }
    }
    try joiner.end()
  }

  /// Bytes that another thread reads, too.
  private struct Run: @unchecked Sendable {
    // Sendable: nobody writes them, or frees them, before the job that reads them is done (``SideThread``).
    let bytes: UnsafeRawBufferPointer
  }

  /// A part begins whose bytes are given one after the other.
  func begin(_ part: ShardReport.Part) throws(WriteError) {
    try joiner.begin(rows: part.rows, bytes: part.bytes, footerBytes: part.footerBytes)
    file.pieces.append(part)
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws { try joiner.append(bytes, to: write) }

  func end() throws(WriteError) { try joiner.end() }

  /// Writes what stands behind the last part.
  func seal() throws {
    if isSealed { return }
    try joiner.finish(to: write)
    isSealed = true
  }

  /// Makes the file visible.
  func show() throws -> Manifest.PartRecord {
    try seal()
    try object.finish()
    return Manifest.PartRecord(
      key: key, split: file.split, rows: joiner.rows, bytes: joiner.bytes, sha256: hash.finishHex())
  }

  func abort() { object.abort() }

  private func write(_ bytes: UnsafeRawBufferPointer) throws {
    hash.update(bytes)
    try object.write(bytes)
  }
}
