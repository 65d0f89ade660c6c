import Definition
import Formats
import Pipeline
import Platform
import TestKit

@testable import Worker

/// A cut of a lake as join workers and the publisher of a stream see it: states of shards, facts, and what writes them.
///
/// The states come of the batch's engine, which folds the same batches.
struct StreamCut {
  var plan: DatasetPlan
  var facts: CutFacts
  var states: [ShardState]
  var programVersion = "test"
  /// Rows of the rejected kind that the manifest counts.
  static let chain = "c0ffee"

  init(
    _ lake: Lake, id: String = "one", position: Int = 7, micros: Int64 = 1_000_000,
    format: SnapshotTarget.Format? = nil,
    partTarget: Int = 2000
  ) throws {
    let objects = MemoryObjects()
    lake.fill(objects)
    var definition = try lake.definition()
    if let format { definition.snapshot.format = format }
    definition.snapshot.partTarget = partTarget
    let plan = try DatasetPlan(definition, asOf: definition.asOf ?? 0)
    let decoding = try plan.sources.map {
      try DecodingPlan($0, maxRowBytes: definition.maxRowBytes, zones: ZoneFiles.system.rules)
    }
    let listing = try InputListing(definition, stores: lake.stores(objects), topics: .none(""))
    let engine = IngestEngine(
      plan: plan, decoding: decoding, tables: listing.tables, groups: listing.attempts,
      options: lake.options(), semanticHash: "hash")
    try withDeadline(seconds: 60, "the engine") { try engine.run(fetchers: 2, isRemote: false) }
    self.plan = plan
    states = engine.states
    facts = CutFacts(
      dataset: definition.dataset, semanticHash: "hash", snapshot: id, cutPosition: position, cutMicroseconds: micros,
      asOf: plan.asOf, generation: 1, shards: plan.shards, chain: Self.chain,
      inputs: engine.results.compactMap { input, counts in
        guard case .object(let file) = input else { return nil }
        return Manifest.InputRecord(
          source: plan.sources[file.source].source.name, bucket: "", key: file.info.key, version: nil, etag: nil,
          size: file.info.size, modified: "", modifiedMicroseconds: 0, sha256: nil, rowsRead: counts.read,
          rowsApplied: counts.read - counts.rejected, rowsRejected: counts.rejected)
      },
      ranges: [
        Manifest.RangeRecord(
          source: "clicks", topic: "app.clicks", partition: 0, from: 3, to: 9, rowsRead: 5, rowsApplied: 5,
          rowsRejected: 0)
      ], missing: [],
      rejected: Manifest.RejectedRecord(
        rows: engine.rejectReasons.values.reduce(0, +), parts: [], reasons: engine.rejectReasons),
      record: Manifest.DefinitionRecord(text: "", variables: [:], directory: ""))
  }

  func place(_ objects: MemoryObjects, hook: @escaping MemoryStore.Hook = { _, _ in }) -> StorePlace {
    StorePlace(store: MemoryStore(objects, readMax: 333, hook: hook), bucket: "", path: "out")
  }

  func shard(_ shard: Int, _ place: StorePlace, threads: Int = 1, writer: String = "w") -> ShardPartWriter {
    ShardPartWriter(
      plan: plan,
      cut: .init(
        id: facts.snapshot, position: facts.cutPosition, generation: facts.generation,
        semanticHash: facts.semanticHash, chain: facts.chain),
      shard: shard, state: states[shard], target: place, contents: "state \(shard)", sourceRows: nil, writer: writer,
      programVersion: programVersion, threads: threads)
  }

  /// Writes all shards.
  func reports(_ place: StorePlace, threads: Int = 1) throws -> [ShardReport] {
    try states.indices.map { try shard($0, place, threads: threads).write { false } }
  }

  /// Has shards' parts stay in memory, as far as there is room.
  func held(_ shards: [Int], _ room: PartRoom, _ place: StorePlace, threads: Int = 1) throws
    -> [Int: HeldParts.OfShard]
  {
    var held: [Int: HeldParts.OfShard] = [:]
    for number in shards { held[number] = try shard(number, place, threads: threads).hold(in: room) { false } }
    return held
  }

  func publisher(
    _ reports: [ShardReport], held: [Int: HeldParts.OfShard] = [:], _ place: StorePlace, threads: Int = 1
  ) throws -> CutPublisher {
    try CutPublisher(
      plan: plan, facts: facts, reports: reports, held: held, place: place, programVersion: programVersion,
      threads: threads)
  }
}
