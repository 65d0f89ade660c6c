internal import Pipeline
internal import Platform

/// Files of row batches in the state folder: a broker need not carry what nobody is expected to fetch from it.
///
/// Where an attempt at objects brings many rows for shards that take them from their sender (``OwnRows``), their batches
/// are written to files, each shard's of a file one behind the other, and `rows` gets a ``RowReference`` in each one's place.
/// A file is whole in the store before a message tells of it, and a message is there before an entry counts on it. From
/// then on it is as if the broker had the batches: who wants them after all (a worker that begins anew, another one that
/// gets the shard) reads them from where they lie, verified, and a file that is gone is a range of `rows` that is gone. Nobody
/// writes to a file again; it goes by its age, as `rows` goes.
struct RowFiles: Sendable {
  private let state: StorePlace
  private let sabotage: StreamSabotage?

  init(_ context: StreamContext) {
    state = context.state
    sabotage = context.options.sabotage
  }

  /// For those who sweep.
  init(state: StorePlace) {
    self.state = state
    sabotage = nil
  }

  private var prefix: String { state.key("rows/") }
  private func key(_ attempt: AttemptID, _ file: Int) -> String { "\(prefix)\(attempt)-\(file)" }
  private func key(_ reference: RowReference) -> String { key(reference.attempt, reference.file) }

  private func info(_ reference: RowReference) -> ObjectInfo {
    ObjectInfo(bucket: state.bucket, key: key(reference), size: Int64(reference.fileBytes), modifiedMicroseconds: 0)
  }

  /// Writes messages of an attempt to a file, and gives those that are to be sent in their place, in the same order.
  func write(_ messages: [OutgoingMessage], attempt: AttemptID, file: Int) throws -> [OutgoingMessage] {
    let total = messages.reduce(0) { $0 + ($1.value?.count ?? 0) }
    var references = messages
    let writer = try state.store.writer(key(attempt, file))
    var offset = 0
    // A reader takes a shard's in one piece.
    let order = messages.indices.sorted { (messages[$0].partition ?? -1, $0) < (messages[$1].partition ?? -1, $1) }
    do {
      for index in order {
        guard let message = messages[index].value else { continue }
        references[index].value = try message.withRawBytes { bytes in
          try writer.write(bytes)
          return try RowReference(to: bytes, file: file, fileBytes: total, offset: offset).encode()
        }
        offset += message.count
      }
      if sabotage == .files { writer.abort() } else { try writer.finish() }
    } catch {
      writer.abort()
      throw error
    }
    return references
  }

  /// A shard's messages of an attempt, with what some of them refer to in their place.
  func resolve(_ frames: [ArraySlice<UInt8>]) throws(StoreError) -> Resolved {
    var whole = frames
    var wanted: [(index: Int, reference: RowReference)] = []
    for (index, frame) in frames.enumerated() where isReference(frame) {
      guard let reference = frame.withRawBytes({ RowReference($0) }) else { return .damaged }
      wanted.append((index, reference))
    }
    wanted.sort { ($0.reference.file, $0.reference.offset) < ($1.reference.file, $1.reference.offset) }
    var next = 0
    while next < wanted.count {
      let first = wanted[next].reference
      var end = next + 1
      while end < wanted.count, follows(wanted[end].reference, wanted[end - 1].reference, since: first) { end += 1 }
      let last = wanted[end - 1].reference
      let bytes: [UInt8]
      do throws(StoreError) {
        bytes = try state.store.bytes(info(first), Int64(first.offset)..<Int64(last.offset + last.count))
      } catch {
        switch error.code {
        case .notFound: return .gone(key(first))
        case .changed: return .damaged
        default: throw error
        }
      }
      for (index, reference) in wanted[next..<end] {
        let start = reference.offset - first.offset
        let message = bytes[start..<start + reference.count]
        guard message.withRawBytes({ reference.isOf($0) }) else { return .damaged }
        whole[index] = message
      }
      next = end
    }
    return .whole(whole)
  }

  enum Resolved {
    case whole([ArraySlice<UInt8>])
    case damaged
    /// The file's key.
    case gone(String)
  }

  /// Bytes that are read at once at most.
  private static let readMax = 16 << 20

  private func follows(_ reference: RowReference, _ before: RowReference, since first: RowReference) -> Bool {
    reference.file == before.file && reference.attempt == before.attempt && reference.fileBytes == before.fileBytes
      && reference.offset == before.offset + before.count
      && reference.offset + reference.count - first.offset <= RowFiles.readMax
  }

  private func isReference(_ frame: ArraySlice<UInt8>) -> Bool {
    frame.withRawBytes { (try? RowFrame($0))?.isReference == true }
  }

  /// Whether the file that a message refers to is there.
  func isThere(_ reference: RowReference) throws(StoreError) -> Bool {
    do throws(StoreError) {
      return try state.store.head(key(reference)).size == Int64(reference.fileBytes)
    } catch {
      if error.code == .notFound { return false }
      throw error
    }
  }

  /// Removes those that are as old as `old`, microseconds, or `most` of them; gives them. Throws what went wrong first, after
  /// trying the others, where there is a store.
  func sweep(upTo old: Int64, most: Int = .max) throws(StoreError) -> [ObjectInfo] {
    var gone: [ObjectInfo] = []
    do throws(StoreError) {
      try state.store.list(prefix: prefix) { page in
        gone += page.filter { $0.modifiedMicroseconds <= old && !$0.key.hasSuffix("/") }.prefix(most - gone.count)
        return gone.count < most
      }
    } catch {
      if error.code != .notFound { throw error }
    }
    var failure: StoreError?
    for info in gone {
      do throws(StoreError) {
        try state.store.delete(info.key)
      } catch {
        if error.code == .unavailable { throw error }
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    return gone
  }

  /// Removes the first files of an attempt that will never be committed, as far as that can be done.
  func remove(_ attempt: AttemptID, files: Int) {
    for file in 0..<files { try? state.store.delete(key(attempt, file)) }
  }
}

/// Whether rows go to files: a store that took one not is let be for a while. Thread-safe.
final class RowFiling: Sendable {
  private let notBefore = Locked(Int64.min)

  static let pause: Int64 = 60_000_000

  func isOn(_ now: Int64) -> Bool { notBefore.withLock { $0 <= now } }
  func pause(_ now: Int64) { notBefore.withLock { $0 = now + RowFiling.pause } }
}
