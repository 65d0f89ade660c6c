internal import Definition
internal import Digests
internal import Formats
internal import Pipeline
internal import Platform
internal import Threads

/// Files of a snapshot as they grow: chunks in order, a new file when one has reached the target. Where the writer has room
/// for parts in memory, a file is one of these as long as there is room, and goes to the store once there is none.
///
/// Used by one thread at a time (``ParallelTasks`` sees to it), hence `@unchecked Sendable`.
final class PartSink: @unchecked Sendable {
  private let writer: SnapshotWriter
  private let encoder: SnapshotEncoder
  private let names: [String]
  private var parts: [ShardReport.Part] = []
  /// Those of them that are in memory, by key.
  private(set) var held: [String: HeldPart] = [:]
  private var open: OpenPart?
  private var counts: [Int]
  /// Of the part that is made visible beside what goes on: a file has to reach its device first, and no processor is needed
  /// for that.
  private var finishing: (thread: SystemThread, failure: Locked<(any Error)?>)?

  private struct OpenPart {
    var split: Int
    var key: String
    var place: Place
    var assembler: PartAssembler
    var hash: Digests.SHA256

    enum Place {
      case memory(HeldPart)
      case store(any ObjectWriter)
    }

    func abort() { if case .store(let object) = place { object.abort() } }
  }

  init(writer: SnapshotWriter, encoder: SnapshotEncoder, names: [String]) {
    self.writer = writer
    self.encoder = encoder
    self.names = names
    counts = Array(repeating: 0, count: names.count)
  }

  deinit {
    finishing?.thread.join()
    open?.abort()
  }

  func append(_ chunk: EncodedChunk, split: Int) throws {
    if let part = open, part.split != split || part.assembler.bytes >= writer.plan.definition.snapshot.partTarget {
      try close()
    }
    if open == nil { try begin(split) }
    guard var part = open else { return }
    open = nil
    do {
      try write(part.assembler.append(chunk), to: &part)
    } catch {
      part.abort()
      throw error
    }
    open = part
  }

  private func write(_ pieces: [[UInt8]], to part: inout OpenPart) throws {
    for piece in pieces {
      switch part.place {
      case .store(let object): try write(piece, part, object)
      case .memory(let held):
        if held.append(piece) { continue }
        guard let target = writer.target else { continue }
        let object = try target.store.writer(target.key("\(writer.folder)/\(part.key)"))
        part.place = .store(object)
        for piece in held.pieces + [piece] { try write(piece, part, object) }
      }
    }
  }

  private func write(_ piece: [UInt8], _ part: OpenPart, _ object: any ObjectWriter) throws {
    try piece.withUnsafeBytes { bytes in
      part.hash.update(bytes)
      try object.write(bytes)
    }
  }

  func finish() throws -> [ShardReport.Part] {
    try close()
    try fillEmptySplits()
    try awaitFinished()
    return parts
  }

  private func fillEmptySplits() throws {
    guard writer.naming.fillsEmptySplits else { return }
    for split in names.indices where counts[split] == 0 {
      try begin(split)
      try close()
    }
  }

  /// Makes a part visible; where there are threads, in one of its own, one at a time.
  private func makeVisible(_ object: any ObjectWriter) throws {
    do {
      try awaitFinished()
      if writer.threads > 1, let finishing = finishBeside(object) {
        self.finishing = finishing
      } else {
        try object.finish()
      }
    } catch {
      object.abort()
      throw error
    }
  }

  /// nil: the system gives no thread for it.
  private func finishBeside(_ object: any ObjectWriter) -> (thread: SystemThread, failure: Locked<(any Error)?>)? {
    let failure = Locked<(any Error)?>(nil)
    let thread = SystemThread.ifAny {
      do {
        try object.finish()
      } catch {
        object.abort()
        failure.withLock { $0 = error }
      }
    }
    return thread.map { ($0, failure) }
  }

  private func awaitFinished() throws {
    guard let (thread, failure) = finishing else { return }
    finishing = nil
    thread.join()
    if let error = failure.withLock({ $0 }) { throw error }
  }

  private func begin(_ split: Int) throws {
    guard let target = writer.target else { return }
    let key = writer.naming.key(split: names[split], number: counts[split], fileExtension: encoder.fileExtension)
    counts[split] += 1
    let place =
      try writer.room.map { OpenPart.Place.memory(HeldPart($0)) }
      ?? .store(target.store.writer(target.key("\(writer.folder)/\(key)")))
    open = OpenPart(split: split, key: key, place: place, assembler: PartAssembler(encoder), hash: Digests.SHA256())
  }

  private func close() throws {
    guard var part = open else { return }
    open = nil
    let bodyBytes = part.assembler.bytes
    do {
      try write(part.assembler.finish(), to: &part)
    } catch {
      part.abort()
      throw error
    }
    var sha256 = ""
    switch part.place {
    case .memory(let held): self.held[part.key] = held
    case .store(let object):
      try makeVisible(object)
      sha256 = part.hash.finishHex()
    }
    parts.append(
      ShardReport.Part(
        key: part.key, split: names[part.split], rows: part.assembler.rows, bytes: part.assembler.bytes,
        footerBytes: part.assembler.bytes - bodyBytes, sha256: sha256))
  }
}
