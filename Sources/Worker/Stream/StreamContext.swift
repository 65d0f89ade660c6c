internal import Columns
internal import Definition
internal import Formats
internal import Logging
internal import Metrics
internal import Pipeline
internal import Platform

/// What all parts of a streaming worker share: the definition made ready, its generation, and the world outside.
struct StreamContext: Sendable {
  let definition: Definition
  let semanticHash: String
  /// For the manifests.
  let record: Manifest.DefinitionRecord
  /// Row batches of this plan carry whole rows; its as-of time is not used.
  let plan: DatasetPlan
  let decoding: [DecodingPlan]
  let topics: DatasetTopics
  let broker: any Broker
  let stores: any StoreDirectory
  let clock: any WallClock
  let attempts: AttemptSource
  let options: StreamOptions
  /// Where checkpoints, segments and unfinished parts lie: a hidden folder beside the snapshots.
  let state: StorePlace
  let ledger: LedgerView
  let folds: SavedFolds
  let sent = SentBatches()
  let own = OwnRows()
  let filing = RowFiling()
  let held: HeldParts
  /// Numbers of the keys of the states that snapshots are made from.
  let keys: KeyLeases
  let arriving = ArrivingRecords()
  let log: Log
  let metrics: WorkerMetrics

  init(
    _ definition: Definition, semanticHash: String, record: Manifest.DefinitionRecord, broker: any Broker,
    stores: any StoreDirectory, clock: any WallClock, attempts: AttemptSource, options: StreamOptions,
    log: Log
  ) throws {
    self.definition = definition
    self.semanticHash = semanticHash
    self.record = record
    let plan = try DatasetPlan(definition, asOf: .max, carriesAll: true)
    self.plan = plan
    let zones = ZoneFiles.system
    decoding = try plan.sources.map {
      try DecodingPlan($0, maxRowBytes: definition.maxRowBytes, zones: zones.rules)
    }
    topics = DatasetTopics(definition.dataset)
    self.broker = broker
    self.stores = stores
    self.clock = clock
    self.attempts = attempts
    self.options = options
    held = HeldParts(bytesMax: options.heldBytes)
    keys = KeyLeases(shards: plan.shards, placesMax: options.hasThreads ? 1 << 24 : 1 << 12)
    let target = try stores.open(definition.snapshot.to)
    state = StorePlace(store: target.store, bucket: target.bucket, path: target.key(StreamContext.stateFolder))
    let folds = SavedFolds(state: state, shards: plan.shards)
    self.folds = folds
    ledger = LedgerView(
      broker: broker, topic: topics.ledger, sabotage: options.sabotage, saved: { try folds.load() })
    self.log = log
    metrics = WorkerMetrics(version: options.programVersion)
  }

  /// Of the place where snapshots are published; readers pass over it.
  static let stateFolder = "_tributary"

  /// The index of a source by name; nil for one that the definition no longer has.
  func source(_ name: String) -> Int? { definition.sources.firstIndex { $0.name == name } }

  /// How far a partition was read by our columns, since they are in force; nil: not at all.
  func acceptedEnd(_ range: RangeIdentity) -> Int64? {
    guard let source = source(range.source) else { return nil }
    let schema = plan.sources[source].schemaHash
    return ledger.read { fold in
      fold.ranges[range].flatMap { fold.schemas.isCurrent($0, of: range.source, schema: schema) ? $0.end : nil }
    }
  }

  /// Where notifications arrive, whoever brings them there.
  var eventsTopic: String { definition.eventsTopic }

  /// Each source's carried types by its schema hash: a segment of another schema cannot be read with this definition.
  func types(source: Int) -> [ColumnType] { plan.sources[source].carriedTypes }
}

/// What a worker is told from outside; see `tributary run --help`.
struct StreamOptions: Sendable {
  /// The worker's static name in the groups.
  var member: String
  var programVersion: String
  var threads: Int
  /// Row batches that are appended to `rows` in one call, bytes.
  var appendBytes = 2 << 20
  /// Row batches of objects that are appended in one call, bytes. Where so many of them or more are for shards that take
  /// their rows from us, they go to a file (``RowFiles``).
  var rowFileBytes = 7 << 20
  var rowFileLeast = 1 << 20
  /// How long such files are kept, microseconds: as long as `rows` keeps what tells of them, and an hour for what it
  /// removes late.
  static let rowFilesKept: Int64 = (3 * 24 + 1) * 3_600_000_000
  /// Rows of staged attempts that are kept in memory a process, bytes; the rest is read again.
  var stagingBytes = 256 << 20
  /// Time between micro-batches of records, microseconds.
  var commitEvery: Int64 = 200_000
  /// Time between checkpoints of a shard, microseconds.
  var checkpointEvery: Int64 = 10_000_000
  /// Bytes of new rows in memory after which a shard writes a checkpoint sooner.
  var checkpointBytes = 64 << 20
  /// What snapshots were made from, kept for the next ones, a process, bytes.
  var keptBytes = 1 << 30
  /// Parts of snapshots that wait for a publisher in this process in memory, bytes; 0: all go to the store.
  var heldBytes = 0
  /// Time between listings of the stores, microseconds.
  var listEvery: Int64 = 900_000_000
  /// Listings take the place of notifications; else they repair what notifications missed.
  var listsForEvents = false
  /// Ledger entries between saved folds.
  var foldEvery = 10_000
  /// How often reading an object is tried before it is set aside.
  var triesMax = 5
  /// Whether other threads do the work that one waits for (not in simulation, which has one).
  var hasThreads = true
  /// Whether changed rows go to the `features` topic.
  var emitsFeatures = true
  /// Whether topics of records that are missing are made: where nobody else can reach the broker.
  var createsRecordTopics = false
  /// nil but in tests of the simulation.
  var sabotage: StreamSabotage?
}

/// Gives attempts their names: 128 random bits; from a seed in simulation.
final class AttemptSource: Sendable {
  private let next: @Sendable () -> (UInt64, UInt64)
  init(_ next: @escaping @Sendable () -> (UInt64, UInt64)) { self.next = next }

  static var random: AttemptSource {
    AttemptSource { (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max)) }
  }

  func make() -> AttemptID {
    let (high, low) = next()
    return AttemptID(high: high, low: low)
  }
}
