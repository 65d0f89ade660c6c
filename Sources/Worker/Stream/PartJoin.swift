internal import Digests
internal import Formats
internal import Pipeline
internal import Platform

/// A file of a snapshot that is to be put together from shards' parts.
struct JoinedFile: Sendable {
  var split: String
  /// In the order of shards; none for a split without rows.
  var pieces: [ShardReport.Part]

  /// Deals each split's parts, in order, to files near `target` bytes. Depends on the parts alone.
  ///
  /// A file ends once it has reached the target; it also ends before a part that would take it beyond one and a half
  /// times the target, so a shard's large parts stay files of their own.
  static func plan(_ parts: [ShardReport.Part], splits: [String], target: Int) -> [JoinedFile] {
    let target = min(target, 1 << 40)
    return splits.flatMap { split in
      var files = [JoinedFile(split: split, pieces: [])]
      var bytes = 0
      for part in parts where part.split == split {
        if bytes > 0 && (bytes >= target || bytes + part.bytes > target + target / 2) {
          files.append(JoinedFile(split: split, pieces: []))
          bytes = 0
        }
        files[files.count - 1].pieces.append(part)
        bytes += part.bytes
      }
      return files
    }
  }
}

/// Copies parts into one file. Row groups, lines and objects pass through as they are, a piece at a time; the bytes of each
/// part that is read are checked against its hash, and a file with one that differs never becomes visible.
struct PartJoin {
  let target: PublishTarget
  let encoder: SnapshotEncoder
  /// Parts in memory, by shard.
  let held: [Int: HeldParts.OfShard]
  /// What is known of the others, by key.
  let listed: [String: ObjectInfo]
  /// Hashes are computed on a thread beside the one that writes: of what is read the part's, else the file's.
  let hashesBeside: Bool
  static let pieceBytes = 1 << 20
  /// Waking another thread takes longer than hashing less.
  private static let besideBytesMin = 1 << 15

  func write(_ file: JoinedFile, key: String) throws -> Manifest.PartRecord {
    let object = try target.place.store.writer(target.key(key))
    let hash = Digests.SHA256()
    var joiner = PartJoiner(encoder)
    let side = hashesBeside ? SideThread() : nil
    let held = Dictionary(held.values.flatMap(\.parts), uniquingKeysWith: { first, _ in first })
    do {
      let sink: PartJoiner.Sink = { bytes in
        hash.update(bytes)
        try object.write(bytes)
      }
      let sinkBeside: PartJoiner.Sink = { bytes in
        guard let side, bytes.count > PartJoin.besideBytesMin else { return try sink(bytes) }
        let piece = Piece(bytes: bytes)
        try side.run {
          hash.update(piece.bytes)
        } beside: {
          try object.write(piece.bytes)
        }
      }
      for part in file.pieces {
        if let held = held[part.key] {
          try copy(part, held, &joiner, sinkBeside)
        } else {
          try copy(part, &joiner, sink, side)
        }
      }
      try joiner.finish(to: sink)
      try object.finish()
    } catch {
      object.abort()
      throw error
    }
    return Manifest.PartRecord(
      key: key, split: file.split, rows: joiner.rows, bytes: joiner.bytes, sha256: hash.finishHex())
  }

  /// A piece that another thread reads, too.
  private struct Piece: @unchecked Sendable {
    // Sendable: nobody writes its bytes, or frees them, before the job that reads them is done (``SideThread``).
    let bytes: UnsafeRawBufferPointer
  }

  private func copy(
    _ part: ShardReport.Part, _ held: HeldPart, _ joiner: inout PartJoiner, _ sink: PartJoiner.Sink
  ) throws {
    try joiner.begin(rows: part.rows, bytes: part.bytes, footerBytes: part.footerBytes)
    for piece in held.pieces { try piece.withUnsafeBytes { try joiner.append($0, to: sink) } }
    try joiner.end()
  }

  private func copy(
    _ part: ShardReport.Part, _ joiner: inout PartJoiner, _ sink: PartJoiner.Sink, _ side: SideThread?
  ) throws {
    var reader = try open(part)
    let hash = Digests.SHA256()
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(PartJoin.pieceBytes, max(part.bytes, 1)), alignment: 16)
    defer { buffer.deallocate() }
    do {
      try joiner.begin(rows: part.rows, bytes: part.bytes, footerBytes: part.footerBytes)
      var isBegun = false
      while true {
        let count: Int
        do throws(StoreError) {
          count = try reader.read(into: buffer)
        } catch {
          // Another worker has written the same bytes once more since they were listed; S3 says so at the first read.
          guard error.code == .changed, !isBegun else { throw error }
          isBegun = true
          reader = try openAnew(part)
          continue
        }
        isBegun = true
        if count == 0 { break }
        let piece = Piece(bytes: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        if let side {
          try side.run {
            hash.update(piece.bytes)
          } beside: {
            try joiner.append(piece.bytes, to: sink)
          }
        } else {
          hash.update(piece.bytes)
          try joiner.append(piece.bytes, to: sink)
        }
      }
      try joiner.end()
    } catch let error as WriteError {
      throw damaged(part, "is damaged (\(error))")
    }
    guard hash.finishHex() == part.sha256 else { throw damaged(part, "has other bytes than its worker wrote") }
  }

  private func open(_ part: ShardReport.Part) throws -> any ObjectReader {
    let key = target.key(part.key)
    if let info = listed[key], info.size == Int64(part.bytes) {
      do throws(StoreError) {
        return try target.place.store.open(info)
      } catch {
        guard error.code == .changed else { throw error }
      }
    }
    return try openAnew(part)
  }

  private func openAnew(_ part: ShardReport.Part) throws -> any ObjectReader {
    let key = target.key(part.key)
    let info = try target.place.store.head(key)
    guard info.size == Int64(part.bytes) else { throw damaged(part, "has \(info.size) bytes, not \(part.bytes)") }
    return try target.place.store.open(info)
  }

  private func damaged(_ part: ShardReport.Part, _ what: String) -> PublishError {
    PublishError(.damaged, "the part \(part.key) of the snapshot '\(target.id)' \(what)")
  }
}
