internal import Columns
public import Definition
internal import Formats
public import Pipeline
public import Platform

/// One bounded run: lists the sources, reads every object, joins by key and publishes a snapshot.
///
/// The same operators as streaming, with the broker's place taken by memory: attempts are staged, committed to a
/// ledger, applied to shard states, cut, written and published.
public final class BatchRun: Sendable {
  private let definition: Definition
  private let record: Manifest.DefinitionRecord
  private let semanticHash: String
  private let options: BatchOptions
  private let stores: any StoreDirectory
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

  /// `record` goes into the manifest; `semanticHash` is the SHA-256 of the definition's canonical text.
  public init(
    _ definition: Definition, record: Manifest.DefinitionRecord, semanticHash: String, options: BatchOptions,
    stores: any StoreDirectory
  ) {
    self.definition = definition
    self.record = record
    self.semanticHash = semanticHash
    self.options = options
    self.stores = stores
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
    let plan = try DatasetPlan(definition, asOf: definition.asOf ?? options.now)
    let zones = ZoneFiles.system
    let decoding = try plan.sources.map {
      try DecodingPlan($0, maxRowBytes: definition.maxRowBytes, zones: zones.rules)
    }
    let publisher = try SnapshotPublisher(plan: plan, options: options, stores: stores)
    let listing =
      if let records = options.inputs {
        try InputListing(definition, records: records, stores: stores)
      } else {
        try InputListing(definition, stores: stores)
      }

    let engine = IngestEngine(
      plan: plan, decoding: decoding, tables: listing.tables, groups: AttemptGrouping.groups(listing.inputs),
      options: options, semanticHash: semanticHash)
    let isCancelled = state.withLock { state in
      state.engine = engine
      state.phase = .reading
      state.objectsTotal = listing.inputs.count
      state.bytesTotal = listing.inputs.reduce(0) { $0 + $1.info.size }
      return state.isCancelled
    }
    if isCancelled { engine.cancel() }
    let isRemote = listing.inputs.contains { !$0.info.bucket.isEmpty }
    try engine.run(fetchers: isRemote ? BatchRun.fetchersRemote : BatchRun.fetchersLocal)
    try checkExpectations(engine)

    state.withLock { $0.phase = .writing }
    let outcome = try publisher.publish(
      engine, record: record, semanticHash: semanticHash,
      isCancelled: { [state] in state.withLock { $0.isCancelled } })
    state.withLock { $0.phase = .done }
    return outcome
  }

  /// `rebuild`: every input must be what the manifest says it was.
  private func checkExpectations(_ engine: IngestEngine) throws(BatchError) {
    var problems: [String] = []
    for (input, counts) in engine.results {
      guard let expected = input.expected else { continue }
      if let was = expected.sha256, let now = counts.sha256, was != now {
        problems.append("input \(input.location) changed: its content had SHA-256 \(was) and has \(now)")
      } else if expected.rowsRead != counts.read || expected.rowsRejected != counts.rejected {
        problems.append(
          "input \(input.location) changed: \(expected.rowsRead) rows were read and \(expected.rowsRejected) rejected, now \(counts.read) and \(counts.rejected)"
        )
      }
    }
    if !problems.isEmpty { throw BatchError(problems) }
  }
}
