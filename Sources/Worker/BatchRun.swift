internal import Columns
public import Definition
internal import Formats
public import Pipeline
public import Platform

/// One bounded run: lists the sources, reads every object and record, joins by key and publishes a snapshot.
///
/// The same operators as streaming, with the broker's place taken by memory: attempts are staged, committed to a
/// ledger, applied to shard states, cut, written and published.
public final class BatchRun: Sendable {
  private let definition: Definition
  private let record: Manifest.DefinitionRecord
  private let semanticHash: String
  private let options: BatchOptions
  private let stores: any StoreDirectory
  private let topics: TopicAccess
  private let state = Locked(State())

  private struct State {
    var phase = BatchProgress.Phase.listing
    var engine: IngestEngine?
    var objectsTotal = 0
    var bytesTotal: Int64 = 0
    var isCancelled = false
  }

  /// Threads that read objects: few for a local disk, where they compete with parsing, many where latency rules.
  static let fetchersLocal = 2
  static let fetchersRemote = 16

  /// `record` goes into the manifest; `semanticHash` is the SHA-256 of the definition's canonical text. Who opened the
  /// broker closes it, after the run.
  public init(
    _ definition: Definition, record: Manifest.DefinitionRecord, semanticHash: String, options: BatchOptions,
    stores: any StoreDirectory, topics: TopicAccess = .none("no broker was opened")
  ) {
    self.definition = definition
    self.record = record
    self.semanticHash = semanticHash
    self.options = options
    self.stores = stores
    self.topics = topics
  }

  /// How far it is. Any thread.
  public var progress: BatchProgress {
    let now = state.withLock { $0 }
    let counters = now.engine?.progress ?? IngestEngine.Counters()
    return BatchProgress(
      phase: now.phase, objects: counters.objects, objectsTotal: now.objectsTotal, bytes: counters.bytes,
      bytesTotal: now.bytesTotal, rows: counters.rows, rowsRejected: counters.rejected)
  }

  /// Ends the run soon; `run` throws and nothing is published. Any thread.
  public func cancel() {
    let engine = state.withLock { state in
      state.isCancelled = true
      return state.engine
    }
    engine?.cancel()
  }

  /// Runs to the end; blocks.
  public func run() throws(BatchError) -> BatchOutcome {
    do {
      return try runAll()
    } catch let error as BatchError {
      throw error
    } catch {
      throw BatchError(["\(error)"])
    }
  }

  private func runAll() throws -> BatchOutcome {
    var rebuild = options.rebuilds.map { RebuildRun($0, definition, options, stores: stores) }
    // Segments hold whole rows.
    let plan = try DatasetPlan(
      definition, asOf: definition.asOf ?? options.now, carriesAll: rebuild?.retained != nil)
    let publisher = try SnapshotPublisher(plan: plan, options: options, stores: stores)
    while true {
      let listing = try rebuild?.list(topics) ?? InputListing(definition, stores: stores, topics: topics)
      let engine = try engine(plan, listing, retained: rebuild?.retained)
      do {
        let isRemote = isRemote(listing)
        try engine.run(
          fetchers: isRemote ? BatchRun.fetchersRemote : BatchRun.fetchersLocal, isRemote: isRemote)
        try rebuild?.check(engine)
      } catch {
        // What was gone only when it was read comes out of segments, from the beginning.
        guard !state.withLock({ $0.isCancelled }), try rebuild?.takeUp(engine) == true else { throw error }
        continue
      }
      state.withLock { $0.phase = .writing }
      var outcome = try publisher.publish(
        engine, record: record, semanticHash: semanticHash,
        isCancelled: { [state] in state.withLock { $0.isCancelled } })
      outcome.retained = rebuild?.reasons ?? []
      state.withLock { $0.phase = .done }
      return outcome
    }
  }

  private func engine(_ plan: DatasetPlan, _ listing: InputListing, retained: RetainedRows?) throws -> IngestEngine {
    let zones = ZoneFiles.system
    let decoding = try plan.sources.map {
      try DecodingPlan($0, maxRowBytes: definition.maxRowBytes, zones: zones.rules)
    }
    let engine = IngestEngine(
      plan: plan, decoding: decoding, tables: listing.tables, groups: listing.attempts, options: options,
      semanticHash: semanticHash, broker: topics.broker, retained: retained)
    let isCancelled = state.withLock { state in
      state.engine = engine
      state.phase = .reading
      state.objectsTotal = listing.count
      state.bytesTotal = listing.inputs.reduce(0) { $0 + $1.info.size }
      return state.isCancelled
    }
    if isCancelled { engine.cancel() }
    return engine
  }

  private func isRemote(_ listing: InputListing) -> Bool {
    !listing.ranges.isEmpty || listing.inputs.contains { !$0.info.bucket.isEmpty }
  }
}
