internal import Columns
internal import Definition
internal import Digests
internal import Pipeline
internal import Platform

/// Writes a snapshot's files and makes it visible: parts, rejected rows, then the manifest (put if absent), then
/// `latest.json` (moved forward only).
///
/// Nothing is visible before the manifest, and nothing that it names changes afterwards (I6), although any number of
/// publishers may be at work on one id: files carry a tag that only runs with equal bytes share, the first manifest
/// counts, and files are removed only when a manifest is there and does not name them. Any step may be repeated: a
/// manifest that is there already is adopted if it has the same fingerprint. What it shares with the publisher of streams
/// is ``PublishTarget``.
struct SnapshotPublisher {
  let plan: DatasetPlan
  let options: BatchOptions
  /// nil in a dry run.
  private let target: PublishTarget?
  private let keyCasts: [Cast]
  private let shape: OutputShape
  /// A manifest with this id that was there before.
  private let existing: Manifest?

  /// Looks at the target: refuses one that holds another dataset.
  init(plan: DatasetPlan, options: BatchOptions, stores: any StoreDirectory) throws {
    self.plan = plan
    self.options = options
    shape = try OutputShape(plan)
    keyCasts = try plan.definition.key.indices.map { try Cast(type: plan.output[$0].type) }
    if options.dryRun {
      target = nil
      existing = nil
      return
    }
    let target = try stores.open(plan.definition.snapshot.to)
    if target.bucket.isEmpty {
      // Whether anything can be written there shows before everything is read, not after.
      try target.store.writer(target.key(".writable")).abort()
    }
    let place = PublishTarget(
      place: target, dataset: plan.definition.dataset, id: options.id, named: plan.definition.snapshot.to,
      advice: "use another --id")
    self.target = place
    try place.refuseOtherDatasets()
    existing = try place.existing()
  }

  func publish(
    _ engine: IngestEngine, record: Manifest.DefinitionRecord, semanticHash: String,
    isCancelled: @escaping @Sendable () -> Bool
  ) throws -> BatchOutcome {
    let tag = tag(engine, semanticHash: semanticHash)
    let writer = SnapshotWriter(
      plan: plan, states: engine.states, threads: options.threads, target: existing == nil ? target?.place : nil,
      folder: PublishTarget.folder(options.id), naming: .snapshot(tag: tag), keyCasts: keyCasts)
    let written = try writer.write(isCancelled: isCancelled)
    var manifest = manifest(engine, written, record: record, semanticHash: semanticHash)
    guard let target else { return outcome(manifest, location: "", already: false) }
    if let existing {
      try target.adopt(existing, fingerprint: manifest.fingerprint)
      try target.checkParts(existing)
      try target.settle(existing)
      return outcome(existing, location: target.location, already: true)
    }
    manifest.rejected.parts = try writeRejects(engine, target, tag: tag)
    if isCancelled() { throw BatchError.cancelled }
    if let failed = manifest.checks.first(where: { !$0.passed }) {
      throw BatchError(["the check '\(failed.name)' failed: \(failed.detail); nothing was published"])
    }
    let (published, already) = try target.publish(manifest)
    return outcome(published, location: target.location, already: already)
  }

  private func outcome(_ manifest: Manifest, location: String, already: Bool) -> BatchOutcome {
    let read =
      manifest.inputs.reduce(0) { $0 + $1.rowsRead } + (manifest.ranges ?? []).reduce(0) { $0 + $1.rowsRead }
    return BatchOutcome(
      manifest: manifest, location: location, rowsRead: read, rowsRejected: manifest.rejected.rows,
      tooManyRejects: plan.definition.maxRejects.isExceeded(by: manifest.rejected.rows, of: read),
      alreadyPublished: already)
  }

  /// A short hash of everything that the files' bytes depend on.
  private func tag(_ engine: IngestEngine, semanticHash: String) -> String {
    var lines = [semanticHash, options.programVersion, "\(plan.asOf) \(plan.shards)", "\(plan.definition.snapshot)"]
    for (input, counts) in engine.results {
      switch input {
      case .object(let file):
        let version = file.info.version ?? file.info.etag ?? ""
        let identity = "\(file.source) \(file.info.size) \(file.modified) \(version) \(counts.sha256 ?? "")"
        lines.append("\(identity) \(file.location)")
      case .range(let range):
        lines.append("\(range.source) \(counts.read) \(counts.rejected) \(input.location)")
      }
    }
    // Their rejected rows are not written again.
    if engine.attempts.contains(where: \.all.isRetained) { lines.append("retained") }
    return String(Digests.SHA256.hexDigest(of: lines.joined(separator: "\n")).prefix(12))
  }

  private func writeRejects(_ engine: IngestEngine, _ target: PublishTarget, tag: String) throws -> [String] {
    if engine.rejectReasons.isEmpty { return [] }
    let key = "rejected/part-00000-\(tag).jsonl"
    let object = try target.place.store.writer(target.key(key))
    do {
      try engine.rejects { bytes throws(StoreError) in try object.write(bytes) }
      try object.finish()
    } catch {
      object.abort()
      throw error
    }
    return [key]
  }

  private func manifest(
    _ engine: IngestEngine, _ written: SnapshotWriter.Result, record: Manifest.DefinitionRecord,
    semanticHash: String
  ) -> Manifest {
    let (inputs, ranges) = records(engine)
    let rows = written.splits.values.reduce(0, +)
    let reasons = engine.rejectReasons
    var ledger = engine.ledger
    let cut = ledger.position
    _ = ledger.judge(.cut(id: options.id, asOf: plan.asOf))
    let partRows = written.parts.reduce(0) { $0 + $1.rows }
    var checks = [
      Manifest.CheckRecord(
        name: "rows_accounted",
        passed: inputs.reduce(0) { $0 + $1.rowsRejected } + ranges.reduce(0) { $0 + $1.rowsRejected }
          == reasons.values.reduce(0, +),
        detail: "rows read = rows applied + rows rejected, of every input")
    ]
    if !written.parts.isEmpty {
      checks.append(
        Manifest.CheckRecord(
          name: "rows_written", passed: partRows == rows, detail: "\(partRows) rows in parts, \(rows) in the cut"))
    }
    return Manifest(
      dataset: plan.definition.dataset, semanticHash: semanticHash, snapshot: options.id,
      asOf: TimeText.iso(plan.asOf), cut: cut, cutMicroseconds: options.now,
      fingerprint: written.fingerprint.hex(fields: plan.fields), rows: rows, splits: written.splits,
      schema: plan.schema,
      profile: written.profile.summaries, inputs: inputs, ranges: ranges.isEmpty ? nil : ranges,
      missing: options.rebuilds?.missing ?? [], parts: written.parts.map(\.record),
      rejected: Manifest.RejectedRecord(rows: reasons.values.reduce(0, +), parts: [], reasons: reasons),
      checks: checks, definition: record, shards: plan.shards, tributary: options.programVersion)
  }
}

extension RejectLimit {
  /// Whether `rejected` of `read` rows are more than the limit allows.
  func isExceeded(by rejected: UInt64, of read: UInt64) -> Bool {
    switch self {
    case .rows(let limit): rejected > UInt64(max(limit, 0))
    case .share(let limit): read > 0 && Double(rejected) > limit * Double(read)
    }
  }
}
