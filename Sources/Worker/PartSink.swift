internal import Definition
internal import Digests
internal import Formats
internal import Pipeline
internal import Platform

/// Files of a snapshot as they grow: chunks in order, a new file when one has reached the target. Used by one thread
/// at a time (``ParallelTasks`` sees to it), hence `@unchecked Sendable`.
final class PartSink: @unchecked Sendable {
  private let writer: SnapshotWriter
  private let encoder: SnapshotEncoder
  private let names: [String]
  private var parts: [ShardReport.Part] = []
  private var open: OpenPart?
  private var counts: [Int]
  /// Of the part that is made visible beside what goes on: a file has to reach its device first, and no processor is needed
  /// for that.
  private var finishing: (thread: WorkerThread, failure: Locked<(any Error)?>)?

  private struct OpenPart {
    var split: Int
    var key: String
    var object: any ObjectWriter
    var assembler: PartAssembler
    var hash: Digests.SHA256
  }

  init(writer: SnapshotWriter, encoder: SnapshotEncoder, names: [String]) {
    self.writer = writer
    self.encoder = encoder
    self.names = names
    counts = Array(repeating: 0, count: names.count)
  }

  deinit {
    finishing?.thread.join()
    open?.object.abort()
  }

  func append(_ chunk: EncodedChunk, split: Int) throws {
    if let part = open, part.split != split || part.assembler.bytes >= writer.plan.definition.snapshot.partTarget {
      try close()
    }
    if open == nil { try begin(split) }
    guard var part = open else { return }
    open = nil
    do {
      let (object, hash) = (part.object, part.hash)
      try part.assembler.append(chunk) { bytes in
        hash.update(bytes)
        try object.write(bytes)
      }
    } catch {
      part.object.abort()
      throw error
    }
    open = part
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
      if writer.threads == 1 {
        try object.finish()
        return
      }
    } catch {
      object.abort()
      throw error
    }
    let failure = Locked<(any Error)?>(nil)
    let thread = WorkerThread {
      do {
        try object.finish()
      } catch {
        object.abort()
        failure.withLock { $0 = error }
      }
    }
    finishing = (thread, failure)
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
    let object = try target.store.writer(target.key("\(writer.folder)/\(key)"))
    open = OpenPart(
      split: split, key: key, object: object, assembler: PartAssembler(encoder), hash: Digests.SHA256())
  }

  private func close() throws {
    guard var part = open else { return }
    open = nil
    let bodyBytes = part.assembler.bytes
    do {
      let (object, hash) = (part.object, part.hash)
      try part.assembler.finish { bytes in
        hash.update(bytes)
        try object.write(bytes)
      }
    } catch {
      part.object.abort()
      throw error
    }
    try makeVisible(part.object)
    parts.append(
      ShardReport.Part(
        key: part.key, split: names[part.split], rows: part.assembler.rows, bytes: part.assembler.bytes,
        footerBytes: part.assembler.bytes - bodyBytes, sha256: part.hash.finishHex()))
  }
}
