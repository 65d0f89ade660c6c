internal import FoundationEssentials
internal import Pipeline
internal import Platform

/// Removes what one shard's checkpoints no longer need from the object store.
///
/// Needs neither broker nor worker, so `tributary gc` does the same as a worker does now and then.
struct ShardSweep: Sendable {
  /// The dataset's folder of state.
  let state: StorePlace
  let shard: Int

  struct Outcome: Sendable {
    /// Keys that were deleted.
    var deleted: [ObjectInfo] = []
    /// Segments that the checkpoints that stay name, and the cuts that were pending in them.
    var segments: Set<String> = []
    var cuts: Set<String> = []
  }

  /// Shards of which there is anything.
  static func shards(_ state: StorePlace) throws(StoreError) -> [Int] {
    let prefix = state.key("shards/")
    var found: Set<Int> = []
    for info in try SmallObject.list(state, prefix) {
      let folder = info.key.dropFirst(prefix.count).prefix { $0 != "/" }
      if let shard = Int(folder), String(shard) == folder { found.insert(shard) }
    }
    return found.sorted()
  }

  /// Deletes checkpoints that were superseded at `old` (microseconds), and segments as old that no other checkpoint names.
  ///
  /// The age is what makes this safe beside owners: one that recovered from an older checkpoint has written its own by
  /// then, or reads the highest again.
  func run(upTo old: Int64) throws -> Outcome {
    var outcome = Outcome()
    let segmentPrefix = state.key("shards/\(shard)/segments/")
    let checkpoints = try SmallObject.list(state, state.key("shards/\(shard)/checkpoints/")).sorted { $0.key < $1.key }
    // What superseded a checkpoint must itself be old enough, and the newest always stays.
    var kept: [ObjectInfo] = []
    for (index, info) in checkpoints.enumerated() {
      let next = index + 1 < checkpoints.count ? checkpoints[index + 1] : nil
      if let next, next.modifiedMicroseconds <= old {
        try state.store.delete(info.key)
        outcome.deleted.append(info)
      } else {
        kept.append(info)
      }
    }
    // Segments are listed before the checkpoints are read: one that is uploaded meanwhile is not in the list.
    let segments = try SmallObject.list(state, segmentPrefix)
    for info in kept {
      guard let bytes = try SmallObject.bytes(state, info.key) else { continue }
      guard let checkpoint = try? JSONDecoder().decode(Checkpoint.self, from: Data(bytes)),
        checkpoint.version == Checkpoint.currentVersion
      else {
        throw StreamError("checkpoint \(info.key) cannot be read; it is damaged, or of a newer program")
      }
      outcome.segments.formUnion(checkpoint.names)
      outcome.cuts.formUnion(checkpoint.cuts.map(\.id))
    }
    for info in segments where info.modifiedMicroseconds <= old {
      if outcome.segments.contains(String(info.key.dropFirst(segmentPrefix.count))) { continue }
      try state.store.delete(info.key)
      outcome.deleted.append(info)
    }
    return outcome
  }
}
