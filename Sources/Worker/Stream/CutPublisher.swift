internal import Definition
internal import Digests
internal import Formats
internal import Pipeline
internal import Platform

/// Makes a snapshot of a cut visible once all shards have reported: looks, verifies, joins, puts the manifest, settles.
///
/// ```
/// looking ─▶ verifying (a shard a step) ─▶ checking ─▶ joining (a file a step) ─▶ putting ─▶ settling ─▶ done
///    └──────── the manifest is there already, with the same rows ─────────────────────────────▲
/// ```
/// A step object: the caller calls ``step()`` until it says true, and does what else it has to do in between (a step is
/// one document or one file). It has no threads and keeps nothing that a new one could not find out again: any step may
/// be repeated, by this publisher or another, before and after a crash. Two at once write the same files, for everything
/// about them follows from the reports; the first manifest counts and the other adopts it. The slower may find that the
/// shards' parts are swept already; then the manifest is there too. One thread at a time.
final class CutPublisher {
  let plan: DatasetPlan
  let facts: CutFacts
  let programVersion: String
  private let target: PublishTarget
  private let cut: CutReports
  private let output: OutputShape
  private var phase = Phase.looking
  private var profile: TableProfile
  private var parts: [ShardReport.Part] = []
  private var files: [JoinedFile] = []
  private var written: [Manifest.PartRecord] = []

  private enum Phase {
    case looking
    case verifying(next: Int)
    case checking
    case joining(next: Int)
    case putting
    case settling(Manifest, wasThere: Bool)
    case done(Outcome)
  }

  struct Outcome: Sendable {
    var manifest: Manifest
    /// `s3://bucket/prefix/snapshot=…` or a path.
    var location: String
    /// The same snapshot was there before.
    var alreadyPublished: Bool
  }

  /// Throws where the reports are not those of the cut (``PublishError/Code/reports``). `place` is where `snapshot.to`
  /// of the definition lies; the plan's as-of time is the cut's.
  init(
    plan: DatasetPlan, facts: CutFacts, reports: [ShardReport], place: StorePlace, programVersion: String
  ) throws {
    precondition(plan.asOf == facts.asOf, "the plan is of another cut")
    self.plan = plan
    self.facts = facts
    self.programVersion = programVersion
    cut = try CutReports(reports, of: facts)
    output = try OutputShape(plan)
    profile = TableProfile(fields: plan.fields)
    target = PublishTarget(
      place: place, dataset: facts.dataset, id: facts.snapshot, named: plan.definition.snapshot.to,
      advice: "cut again under another id")
  }

  /// What came of it; nil before ``step()`` has said true.
  var outcome: Outcome? { if case .done(let outcome) = phase { outcome } else { nil } }

  /// All steps. Blocks.
  func publish() throws -> Outcome {
    while true {
      if let outcome { return outcome }
      _ = try step()
    }
  }

  /// Does the next step; true once nothing is left to do. After an error the same step may be tried again.
  func step() throws -> Bool {
    switch phase {
    case .looking:
      try look()
    case .verifying(let next):
      try unlessPublished { try verify(shard: next) }
    case .checking:
      try check()
      files = JoinedFile.plan(
        parts, splits: SplitRule(plan.definition.split).names, target: plan.definition.snapshot.partTarget)
      phase = .joining(next: 0)
    case .joining(let next):
      try unlessPublished { try join(file: next) }
    case .putting:
      let manifest = manifest()
      let isFirst = try target.put(manifest)
      phase = .settling(isFirst ? manifest : try target.taken(by: manifest), wasThere: !isFirst)
    case .settling(let manifest, let wasThere):
      try target.settle(manifest)
      phase = .done(Outcome(manifest: manifest, location: target.location, alreadyPublished: wasThere))
    case .done: break
    }
    if case .done = phase { return true }
    return false
  }

  // MARK: Looking

  private func look() throws {
    try target.refuseOtherDatasets()
    if try !adopted() { phase = .verifying(next: 0) }
  }

  /// Goes on behind the manifest if it is there.
  private func adopted() throws -> Bool {
    guard let manifest = try target.existing() else { return false }
    try target.adopt(manifest, fingerprint: fingerprint)
    try target.checkParts(manifest)
    phase = .settling(manifest, wasThere: true)
    return true
  }

  /// What fails while another publisher is done and has swept the parts has not failed.
  private func unlessPublished(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch {
      if try !adopted() { throw error }
    }
  }

  // MARK: Verifying

  /// Reads a shard's summary, and asks whether its parts are there.
  private func verify(shard: Int) throws {
    let report = cut.reports[shard]
    let summary = try summary(report)
    let listed = report.parts + summary.moreParts
    var rows: [String: Int] = [:]
    for name in SplitRule(plan.definition.split).names { rows[name] = 0 }
    let isOurs = listed.allSatisfy {
      // Nothing but the work folder is ever read, whatever a report says.
      rows[$0.split] != nil && $0.rows >= 0 && $0.key.hasPrefix("\(ShardPartWriter.workFolder)/")
        && !$0.key.split(separator: "/").contains("..")
    }
    for part in listed { rows[part.split, default: 0] += part.rows }
    guard isOurs, listed.count == report.partCount, summary.fingerprint.hexState == report.fingerprint,
      rows == report.splits, UInt64(rows.values.reduce(0, +)) == summary.fingerprint.rows,
      summary.profile.fields == plan.fields
    else {
      throw PublishError(
        .reports, "the report of shard \(report.shard) by \(report.writer) contradicts its state object")
    }
    for part in listed {
      let info = try SmallObject.head(target.place, target.key(part.key))
      guard info?.size == Int64(part.bytes) else {
        let state = info.map { "has \($0.size) bytes, not \(part.bytes)" } ?? "is missing"
        throw PublishError(.damaged, "shard \(report.shard)'s part \(part.key) \(state); it has to be written again")
      }
    }
    // Nothing above changes anything, so an error leaves the step as it was.
    profile.merge(summary.profile)
    parts += listed
    phase = shard + 1 < facts.shards ? .verifying(next: shard + 1) : .checking
  }

  private func summary(_ report: ShardReport) throws -> ShardSummary {
    let key = target.key(report.state.key)
    guard let bytes = try SmallObject.bytes(target.place, key) else {
      throw PublishError(.damaged, "shard \(report.shard)'s \(report.state.key) is missing; it has to be written again")
    }
    do {
      guard Digests.SHA256.hex(Digests.SHA256.digest(bytes)) == report.state.sha256 else {
        throw StateError("it has other bytes than its worker wrote")
      }
      return try ShardSummary(decoding: bytes)
    } catch let error as StateError {
      throw PublishError(.damaged, "shard \(report.shard)'s \(report.state.key): \(error)")
    }
  }

  private func check() throws(PublishError) {
    guard let failed = checks.first(where: { !$0.passed }) else { return }
    throw PublishError(.check, "the check '\(failed.name)' failed: \(failed.detail); nothing was published")
  }

  // MARK: Joining

  private func join(file number: Int) throws {
    let file = files[number]
    let inSplit = files[..<number].count { $0.split == file.split }
    let key = PartNaming.snapshot(tag: tag).key(
      split: file.split, number: inSplit, fileExtension: output.encoder.fileExtension)
    let record = try PartJoin(target: target, encoder: output.encoder).write(file, key: key)
    written.append(record)
    phase = number + 1 < files.count ? .joining(next: number + 1) : .putting
  }

  /// A short hash of everything that the joined files' bytes depend on.
  private var tag: String {
    var lines = [facts.semanticHash, programVersion, "\(plan.definition.snapshot)"]
    for part in parts { lines.append("\(part.split) \(part.sha256) \(part.rows) \(part.bytes)") }
    return String(Digests.SHA256.hexDigest(of: lines.joined(separator: "\n")).prefix(12))
  }
}

// MARK: The manifest

extension CutPublisher {
  private var fingerprint: String { cut.fingerprint.hex(fields: plan.fields) }

  private var splits: [String: Int] {
    var splits: [String: Int] = [:]
    for name in SplitRule(plan.definition.split).names { splits[name] = 0 }
    for report in cut.reports { splits.merge(report.splits, uniquingKeysWith: +) }
    return splits
  }

  private var checks: [Manifest.CheckRecord] {
    let counts =
      facts.inputs.map { ($0.source, $0.rowsRead, $0.rowsApplied, $0.rowsRejected) }
      + facts.ranges.map { ($0.source, $0.rowsRead, $0.rowsApplied, $0.rowsRejected) }
    let rejected = counts.reduce(0) { $0 + $1.3 }
    let partRows = parts.reduce(0) { $0 + $1.rows }
    var checks = [
      Manifest.CheckRecord(
        name: "shards_reported", passed: cut.reports.map(\.shard) == Array(0..<facts.shards),
        detail: "each of \(facts.shards) shards once, all of the same ledger"),
      Manifest.CheckRecord(
        name: "rows_accounted",
        passed: counts.allSatisfy { $0.1 == $0.2 + $0.3 } && rejected == facts.rejected.rows
          && facts.rejected.reasons.values.reduce(0, +) == facts.rejected.rows,
        detail: "rows read = rows applied + rows rejected, of every input"),
      Manifest.CheckRecord(
        name: "rows_written",
        passed: UInt64(partRows) == cut.fingerprint.rows && partRows == splits.values.reduce(0, +),
        detail: "\(partRows) rows in parts, \(cut.fingerprint.rows) in the cut"),
    ]
    if cut.reports.allSatisfy({ $0.sourceRows != nil }) {
      var applied: [String: UInt64] = [:]
      for count in counts { applied[count.0, default: 0] += count.2 }
      var joined: [String: UInt64] = [:]
      for report in cut.reports { joined.merge(report.sourceRows ?? [:], uniquingKeysWith: +) }
      checks.append(
        Manifest.CheckRecord(
          name: "rows_joined", passed: applied.filter { $0.value > 0 } == joined.filter { $0.value > 0 },
          detail: "\(joined.values.reduce(0, +)) rows in shards, \(applied.values.reduce(0, +)) in the ledger"))
    }
    return checks
  }

  private func manifest() -> Manifest {
    Manifest(
      dataset: facts.dataset, semanticHash: facts.semanticHash, snapshot: facts.snapshot,
      asOf: TimeText.iso(facts.asOf), cut: facts.cutPosition, cutMicroseconds: facts.cutMicroseconds,
      fingerprint: fingerprint, rows: splits.values.reduce(0, +), splits: splits, schema: plan.schema,
      profile: profile.summaries, inputs: facts.inputs, ranges: facts.ranges.isEmpty ? nil : facts.ranges,
      missing: facts.missing, parts: written, rejected: facts.rejected, checks: checks, definition: facts.record,
      shards: facts.shards, tributary: programVersion)
  }
}
