internal import FoundationEssentials
internal import Pipeline
internal import Platform

/// The segments in a dataset's state folder, without any worker: which there are, and their bytes.
struct RetainedSegments: Sendable {
  let state: StorePlace
  let dataset: String
  let shards: Int
  /// Several sources ask for the same.
  private let known = Locked<[Age: [Segment]]>([:])

  init(state: StorePlace, dataset: String, shards: Int) {
    self.state = state
    self.dataset = dataset
    self.shards = shards
  }

  struct Segment: Sendable {
    var shard: Int
    var name: String
    var header: SegmentHeader
  }

  /// Which of a shard's checkpoints are looked at: the newest holds all that counts now, the others what was dropped of late.
  enum Age: CaseIterable, Sendable { case newest, older }

  /// Whether there is anything.
  static func isThere(_ state: StorePlace) throws(StoreError) -> Bool { !(try ShardSweep.shards(state).isEmpty) }

  /// The segments that checkpoints name, those of pending cuts among them; a segment is named once a shard.
  func segments(_ age: Age) throws -> [Segment] {
    try known.withLock { known in
      if let held = known[age] { return held }
      let found = try find(age)
      known[age] = found
      return found
    }
  }

  private func find(_ age: Age) throws -> [Segment] {
    var found: [Segment] = []
    for shard in 0..<shards {
      let keys = try SmallObject.list(state, state.key("shards/\(shard)/checkpoints/")).map(\.key).sorted()
      var seen: Set<String> = []
      for key in age == .newest ? keys.suffix(1) : keys.dropLast().reversed()[...] {
        // It may be swept meanwhile, where a worker runs.
        guard let bytes = try SmallObject.bytes(state, key) else { continue }
        for name in try names(key, bytes).sorted() where seen.insert(name).inserted {
          if let header = try header(shard, name) { found.append(Segment(shard: shard, name: name, header: header)) }
        }
      }
    }
    return found
  }

  private func names(_ key: String, _ bytes: [UInt8]) throws -> Set<String> {
    guard let checkpoint = try? JSONDecoder().decode(Checkpoint.self, from: Data(bytes)),
      checkpoint.version == Checkpoint.currentVersion
    else { throw StreamError("checkpoint \(key) cannot be read; it is damaged, or of a newer program") }
    guard checkpoint.dataset == dataset, checkpoint.shards == shards else {
      throw StreamError(
        "checkpoint \(key) is of one of \(checkpoint.shards) shards of '\(checkpoint.dataset)', not of \(shards) of '\(dataset)'"
      )
    }
    return checkpoint.names
  }

  private func header(_ shard: Int, _ name: String) throws -> SegmentHeader? {
    try bytes(shard, name).map { try $0.withRawBytes { try SegmentCodec.header(name, $0) } }
  }

  /// A segment's bytes, verified; nil if it is gone.
  func bytes(_ shard: Int, _ name: String) throws -> [UInt8]? {
    let key = state.key("shards/\(shard)/segments/\(name)")
    guard let info = try SmallObject.head(state, key) else { return nil }
    let bytes: [UInt8]
    do {
      bytes = try SmallObject.whole(state, info)
    } catch {
      if error.code == .notFound { return nil }
      throw error
    }
    guard bytes.withRawBytes({ SegmentCodec.matches(name, $0) }) else {
      throw StreamError("segment \(key) is damaged: its hash does not match its name; restore it")
    }
    return bytes
  }
}
