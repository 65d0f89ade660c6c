internal import Definition
internal import Logging
internal import Pipeline
internal import Platform
internal import Status

/// A worker's loops, put together but not run: by threads in ``StreamNode``, one step at a time in simulation.
final class StreamParts: Sendable {
  let context: StreamContext
  let objects: ObjectIngest
  let records: RecordIngest
  let ingest: IngestLoop
  let join: JoinLoop
  let cuts: CutLoop
  let supply: RowSupply
  let control: ControlLoop
  private let defining = Locked(Defining())

  /// Partitions of a topic of records that is made here.
  static let recordPartitions = 4

  private struct Defining {
    var topicsMade = false
    /// Our definition was appended at this offset.
    var offset: Int64?
    var isOurs = false
  }

  init(_ context: StreamContext, files: any SegmentFiles) throws {
    self.context = context
    objects = ObjectIngest(context)
    records = RecordIngest(context)
    ingest = try IngestLoop(context, objects: objects, records: records)
    join = JoinLoop(context, files: files)
    cuts = CutLoop(context, join: join, files: files)
    supply = RowSupply(context, join: join)
    control = try ControlLoop(context)
  }

  // MARK: The definition

  /// Makes the topics, and says in the ledger what this dataset is, if it does not say so yet.
  func define() throws {
    var now = defining.withLock { $0 }
    if now.isOurs { return }
    if !now.topicsMade {
      var specs = context.topics.specs(shards: context.plan.shards)
      if context.eventsTopic != DatasetTopics.events { specs.removeAll { $0.name == DatasetTopics.events } }
      if context.options.createsRecordTopics {
        specs += context.definition.foreignTopics.map { TopicSpec(name: $0, partitions: StreamParts.recordPartitions) }
      }
      try context.broker.create(specs)
      try checkShards()
      now.topicsMade = true
    }
    defer { defining.withLock { $0 = now } }
    guard context.ledger.isAtHead else { return }
    let (hash, generation, shards, older) = context.ledger.read {
      ($0.semanticHash, $0.generation, $0.shards, $0.olderGeneration(of: context.semanticHash))
    }
    if let shards, shards != context.plan.shards {
      throw StreamError(
        "the dataset '\(context.definition.dataset)' has \(shards) shards, which never change, and the definition says \(context.plan.shards); write shards: \(shards)"
      )
    }
    if hash == context.semanticHash {
      now.isOurs = true
      return
    }
    if let older, let generation {
      throw StreamError(
        "this definition is generation \(older) of '\(context.definition.dataset)', which is at generation \(generation) now; start this worker with the newer definition (to go back to an old one, change it in some way that matters, its salt or a feature's name)"
      )
    }
    if let offset = now.offset, context.ledger.verdict(at: offset) == nil { return }
    now.offset = try LedgerWriter.append(
      .defined(
        generation: (generation ?? 0) + 1, semanticHash: context.semanticHash, shards: context.plan.shards,
        schemas: Dictionary(
          context.plan.sources.map { ($0.source.name, $0.schemaHash) }, uniquingKeysWith: { first, _ in first })),
      to: context.broker, context.topics.ledger)
  }

  var areTopicsMade: Bool { defining.withLock { $0.topicsMade } }

  private func checkShards() throws {
    let described = try context.broker.describe([context.topics.rows])
    if let found = described[context.topics.rows]?.partitions, found != context.plan.shards {
      throw StreamError(
        "the topic \(context.topics.rows) has \(found) partitions and the definition says \(context.plan.shards) shards; a dataset keeps its shard count: write shards: \(found)"
      )
    }
  }

  /// Once the definition in force is ours, another one ends this worker: it would parse by old rules.
  func checkDefinition() throws {
    guard defining.withLock({ $0.isOurs }), context.ledger.isAtHead else { return }
    let (hash, generation) = context.ledger.read { ($0.semanticHash, $0.generation) }
    if hash != context.semanticHash {
      throw StreamError(
        "'\(context.definition.dataset)' was redefined by another worker (generation \(generation ?? 0)); this worker's commits would be refused: start it with the new definition"
      )
    }
  }

  // MARK: Status

  /// How far behind the partitions are that are ours; asks the broker, and notices topics that are shorter than what was
  /// read of them.
  func lag() -> [NodeStatus.Lag] {
    var lag: [NodeStatus.Lag] = []
    let owned = ingest.totals.owned
    let furthest = records.furthest()
    guard !owned.isEmpty, let bounds = try? context.broker.bounds(owned),
      let committed = try? context.broker.committed(group: ingest.group, owned)
    else { return [] }
    for at in owned {
      guard let held = bounds[at] else { continue }
      let end = held.end
      // The consumer may read on where a source that is behind was, and not notice.
      if let furthest = furthest[at], furthest.end > end { records.gap(at, held) }
      let done = committed[at] ?? bounds[at]?.first ?? 0
      lag.append(NodeStatus.Lag(topic: at.topic, partition: at.partition, records: max(0, end - done)))
    }
    return lag
  }

  func status(
    _ options: NodeOptions, phase: NodeStatus.State, started: Int64, isReachable: Bool, lag: [NodeStatus.Lag]
  ) -> NodeStatus {
    let (position, generation, accepted, failed, pending, published) = context.ledger.read { fold in
      (
        fold.position, fold.generation, fold.objects.count + fold.ranges.count, fold.failed, fold.cuts.keys.sorted(),
        fold.published.last
      )
    }
    let totals = totals
    let control = control.status
    var snapshots = NodeStatus.Snapshots()
    snapshots.lastID = published?.id
    snapshots.lastFingerprint = control.lastPublished?.fingerprint
    snapshots.lastAt = published.map { TimeText.iso($0.cutAt) }
    snapshots.pending = pending
    snapshots.nextSlot = control.nextSlot.map { Schedule.id(of: $0) }
    return NodeStatus(
      tributary: options.programVersion, dataset: context.definition.dataset, worker: options.name, state: phase,
      started: TimeText.iso(started), broker: NodeStatus.Broker(kind: options.brokerKind, isReachable: isReachable),
      ledgerPosition: Int64(position) - 1, generation: generation ?? 0,
      shards: join.shards.map {
        NodeStatus.Shard(
          shard: $0.shard, state: NodeStatus.Shard.State(rawValue: $0.state) ?? .recovering, reason: $0.reason,
          ledgerPosition: Int64($0.position) - 1, rows: Int64($0.rows), segments: $0.segments,
          stagedBytes: Int64($0.stagedBytes))
      },
      inputs: NodeStatus.Inputs(
        accepted: Int64(accepted), inFlight: objects.openCount, waiting: 0,
        failed: failed.sorted { $0.key.location < $1.key.location }.map {
          NodeStatus.Failed(
            source: $0.key.source, location: $0.key.location, reason: $0.value.reason,
            attempts: context.options.triesMax)
        }), lag: lag, snapshots: snapshots, deadLetters: Int64(totals.deadLetters), repaired: Int64(totals.repaired),
      rowsApplied: Int64(totals.rowsApplied), rowsRejected: Int64(totals.rowsRejected), missing: missingStatus)
  }

  var totals: NodeTotals {
    let objects = objects.totals
    let records = records.totals
    let shards = join.shards
    var totals = NodeTotals()
    totals.rowsRead = objects.rowsRead + records.recordsRead
    totals.rowsRejected = objects.rowsRejected + records.recordsRejected
    totals.rowsApplied = shards.reduce(0) { $0 + $1.rowsApplied }
    totals.bytesRead = UInt64(max(0, objects.bytesRead))
    totals.inputsAccepted = objects.objectsAccepted + records.commits
    totals.inputsRefused = objects.objectsRefused + records.refused
    totals.inputsInFlight = self.objects.openCount
    totals.deadLetters = objects.deadLetters + Int(clamping: records.recordsRejected)
    totals.repaired = objects.repaired
    totals.notifications = ingest.totals.notifications
    totals.checkpoints = shards.reduce(0) { $0 + $1.checkpoints.count }
    totals.checkpointBytes = shards.reduce(0) { $0 + $1.checkpoints.bytes }
    totals.snapshotsPublished = control.status.published
    totals.snapshotLast = control.status.lastPublished?.at
    totals.ledgerPosition = context.ledger.position
    totals.shards = shards.map { ($0.shard, $0.position, $0.rows) }
    totals.stagedBytes = shards.reduce(0) { $0 + $1.stagedBytes }
    return totals
  }
}

/// Sums since the worker's start.
public struct NodeTotals: Sendable {
  public var rowsRead: UInt64 = 0
  public var rowsApplied: UInt64 = 0
  public var rowsRejected: UInt64 = 0
  public var bytesRead: UInt64 = 0
  public var inputsAccepted = 0
  public var inputsRefused = 0
  public var inputsInFlight = 0
  public var deadLetters = 0
  public var repaired = 0
  public var notifications: [String: Int] = [:]
  public var checkpoints = 0
  public var checkpointBytes = 0
  public var snapshotsPublished = 0
  /// Microseconds.
  public var snapshotLast: Int64?
  public var ledgerPosition = 0
  public var shards: [(shard: Int, position: Int, rows: Int)] = []
  public var stagedBytes = 0
}
