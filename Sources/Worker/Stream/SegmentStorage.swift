internal import Columns
internal import Definition
internal import FoundationEssentials
internal import Pipeline
internal import Platform

/// One shard's segments and checkpoints: at hand (local files) and for ever (the object store).
struct SegmentStorage: Sendable {
  let context: StreamContext
  let files: any SegmentFiles
  let shard: Int

  private func key(_ relative: String) -> String { context.state.key("shards/\(shard)/\(relative)") }
  private var checkpointPrefix: String { key("checkpoints/") }
  private var segmentPrefix: String { key("segments/") }

  // MARK: Segments

  /// The local name: shards share a directory.
  static func localName(_ name: String, shard: Int) -> String { "\(shard)-\(name)" }
  private func local(_ name: String) -> String { Self.localName(name, shard: shard) }

  func saveLocally(_ name: String, _ pieces: [ArraySlice<UInt8>]) throws(StoreError) {
    try files.save(local(name), pieces)
  }

  /// Puts a segment that is at hand into the store. Harmless if it is there.
  func upload(_ name: String) throws {
    guard let held = try files.load(local(name)) else {
      throw Missing(description: "segment \(name) of shard \(shard) is not in the local directory any more")
    }
    // What the store takes is the only copy from then on, or the one that all others are fetched from.
    guard SegmentCodec.matches(name, held.bytes) else {
      throw Missing(description: "segment \(name) of shard \(shard) is damaged in the local directory")
    }
    if let path = files.path(local(name)), try adopt(segmentPrefix + name, path) { return }
    _ = try context.state.store.put(segmentPrefix + name, Array(held.bytes), condition: .always)
  }

  /// False: the bytes have to be written.
  private func adopt(_ key: String, _ path: String) throws(StoreError) -> Bool {
    do throws(StoreError) {
      return try context.state.store.adopt(key, file: path)
    } catch {
      if error.code == .notFound { return false }
      throw error
    }
  }

  /// Names of the segments that are in the store.
  func uploadedNames() throws(StoreError) -> Set<String> {
    Set(try list(segmentPrefix).map { String($0.key.dropFirst(segmentPrefix.count)) })
  }

  /// A segment's bytes, fetched if they are not at hand. Verified when they are fetched and when a worker begins.
  func bytes(_ name: String, verify: Bool) throws -> SegmentBytes {
    if let held = try files.load(local(name)) {
      if !verify || SegmentCodec.matches(name, held.bytes) { return held }
      files.remove(local(name))
    }
    let fetched: [UInt8]
    do {
      fetched = try fetch(segmentPrefix + name)
    } catch let error as StoreError where error.code == .notFound {
      throw Missing(description: "segment \(name) of shard \(shard) is neither in the local directory nor in the store")
    }
    guard fetched.withRawBytes({ SegmentCodec.matches(name, $0) }) else {
      throw Damage(
        description:
          "segment \(name) of shard \(shard) is damaged in the store: its hash does not match its name; restore it"
      )
    }
    try files.save(local(name), fetched)
    return try files.load(local(name)) ?? SegmentBytes(copying: fetched)
  }

  func removeLocally(except names: Set<String>) {
    let mine = "\(shard)-"
    for file in files.names() where file.hasPrefix(mine) && !names.contains(String(file.dropFirst(mine.count))) {
      files.remove(file)
    }
  }

  // MARK: Checkpoints

  /// What the store holds is not what was put there.
  struct Damage: Error, CustomStringConvertible { var description: String }

  /// A segment that was never uploaded is gone, or damaged: only recovering brings its rows back.
  struct Missing: Error, CustomStringConvertible { var description: String }

  /// The shard's checkpoints, the highest first.
  func checkpointKeys() throws(StoreError) -> [String] {
    try SmallObject.list(context.state, checkpointPrefix).map(\.key).sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }.reversed()
  }

  func checkpoint(_ key: String) throws -> Checkpoint {
    let bytes = try fetch(key)
    let checkpoint: Checkpoint
    do {
      checkpoint = try JSONDecoder().decode(Checkpoint.self, from: Data(bytes))
    } catch {
      throw Damage(description: "checkpoint \(key) is damaged: it cannot be read")
    }
    guard checkpoint.version == Checkpoint.currentVersion else {
      throw StreamError("checkpoint \(key) has version \(checkpoint.version); use the newer program")
    }
    guard checkpoint.dataset == context.definition.dataset, checkpoint.shard == shard,
      checkpoint.shards == context.plan.shards
    else {
      throw StreamError(
        "checkpoint \(key) is of shard \(checkpoint.shard) of \(checkpoint.shards) of '\(checkpoint.dataset)'; give this dataset a place of its own"
      )
    }
    return checkpoint
  }

  /// Named by position, then content: two owners that believe in themselves do not overwrite each other.
  func write(_ checkpoint: Checkpoint) throws -> Int {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let bytes = Array(try encoder.encode(checkpoint))
    let hash = bytes.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { Hashing.hash64($0, buffer.count) } ?? 0
    }
    let position = String(checkpoint.position)
    let name = String(repeating: "0", count: max(0, 12 - position.count)) + position
    _ = try context.state.store.put(
      checkpointPrefix + "\(name)-\(String(hash, radix: 16)).json", bytes, condition: .always)
    return bytes.count
  }

  private func list(_ prefix: String) throws(StoreError) -> [ObjectInfo] {
    try SmallObject.list(context.state, prefix)
  }

  private func fetch(_ key: String) throws -> [UInt8] {
    try SmallObject.whole(context.state, try context.state.store.head(key))
  }

  // MARK: Sweeping

  /// What no checkpoint needs any more, and has not for `grace` microseconds.
  func sweep(grace: Int64) throws -> ShardSweep.Outcome {
    try ShardSweep(state: context.state, shard: shard).run(upTo: context.clock.now() - grace)
  }
}
