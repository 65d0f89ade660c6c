internal import Definition
internal import Digests
internal import Formats
internal import Pipeline
internal import Platform

/// Makes a snapshot of a cut visible once all shards have reported: looks, verifies, joins, puts the manifest, settles.
///
/// ```
/// looking ─▶ verifying (a shard a step) ─▶ checking ─▶ joining (a file a thread) ─▶ putting ─▶ settling ─▶ done
///    └──────── the manifest is there already, with the same rows ─────────────────────────────▲
/// ```
/// A step object: the caller calls ``step()`` until it says true, and does what else it has to do in between (a step is
/// one document or one file). It has no threads and keeps nothing that a new one could not find out again, once parts
/// that were held for it are written: any step may be repeated, by this publisher or another, before and after a crash.
/// Two at once write the same files, for everything about them follows from the reports, or files of other names; the first
/// manifest counts and the other adopts it. The slower may find that the shards' parts are swept already; then the manifest
/// is there too. One thread at a time.
final class CutPublisher {
  let plan: DatasetPlan
  let facts: CutFacts
  let programVersion: String
  private let target: PublishTarget
  let cut: CutReports
  private let output: OutputShape
  private var phase = Phase.looking
  private(set) var profile: TableProfile
  private(set) var parts: [ShardReport.Part] = []
  private var files: [JoinedFile] = []
  private var tag = ""
  private(set) var written: [Manifest.PartRecord] = []
  /// Shards whose summary, and parts, are in memory.
  private let held: [Int: HeldParts.OfShard]
  /// What lies in the work folder, by key: one listing in the place of a HEAD a part.
  private var inWorkFolder: [String: ObjectInfo] = [:]
  private let threads: Int

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
    /// More rows were rejected than `max_rejects` allows; the snapshot is published all the same.
    var tooManyRejects: Bool
  }

  /// Throws where the reports are not those of the cut (``PublishError/Code/reports``). `place` is where `snapshot.to`
  /// of the definition lies; the plan's as-of time is the cut's. Of shards that are `held` no report is given.
  init(
    plan: DatasetPlan, facts: CutFacts, reports: [ShardReport], held: [Int: HeldParts.OfShard] = [:], place: StorePlace,
    programVersion: String, threads: Int = 1
  ) throws {
    precondition(plan.asOf == facts.asOf, "the plan is of another cut")
    self.plan = plan
    self.facts = facts
    self.programVersion = programVersion
    self.threads = threads
    self.held = held
    cut = try CutReports(reports + held.values.map(\.report), of: facts)
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
      tag = contentsTag
      files = JoinedFile.plan(
        parts, splits: SplitRule(plan.definition.split).names, target: plan.definition.snapshot.partTarget)
      phase = .joining(next: 0)
    case .joining(let next):
      try joinOrAdopt(files: next..<min(next + threads, files.count))
    case .putting:
      let manifest = manifest()
      let isFirst = try target.put(manifest)
      phase = .settling(isFirst ? manifest : try target.taken(by: manifest), wasThere: !isFirst)
    case .settling(let manifest, let wasThere):
      try target.settle(manifest)
      phase = .done(outcome(manifest, wasThere: wasThere))
    case .done: break
    }
    if case .done = phase { return true }
    return false
  }

  private func outcome(_ manifest: Manifest, wasThere: Bool) -> Outcome {
    let read = manifest.inputs.reduce(0) { $0 + $1.rowsRead } + (manifest.ranges ?? []).reduce(0) { $0 + $1.rowsRead }
    return Outcome(
      manifest: manifest, location: target.location, alreadyPublished: wasThere,
      tooManyRejects: plan.definition.maxRejects.isExceeded(by: manifest.rejected.rows, of: read))
  }

  // MARK: Looking

  private func look() throws {
    try target.refuseOtherDatasets()
    if try adopted() { return }
    let isAllHeld = cut.reports.allSatisfy { report in held[report.shard]?.parts.count == report.partCount }
    if !isAllHeld {
      let work = try SmallObject.list(target.place, target.key("\(ShardPartWriter.workFolder)/"))
      inWorkFolder = Dictionary(work.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    }
    phase = .verifying(next: 0)
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
    let held = held[shard]
    let summary = try held?.summary ?? summary(report)
    let listed = report.parts + summary.moreParts
    var rows: [String: Int] = [:]
    for name in SplitRule(plan.definition.split).names { rows[name] = 0 }
    // Below, no sum overflows.
    let countsMax = 0...1 << 48
    let isOurs = listed.allSatisfy {
      rows[$0.split] != nil && countsMax.contains($0.rows) && countsMax.contains($0.bytes) && isWork($0.key)
    }
    guard isOurs else { throw contradicts(report) }
    for part in listed { rows[part.split, default: 0] += part.rows }
    guard listed.count == report.partCount, summary.fingerprint.hexState == report.fingerprint,
      rows == report.splits, UInt64(rows.values.reduce(0, +)) == summary.fingerprint.rows,
      summary.profile.fields == plan.fields
    else { throw contradicts(report) }
    for part in listed where held?.parts[part.key] == nil {
      let key = target.key(part.key)
      if inWorkFolder[key]?.size == Int64(part.bytes) { continue }
      let info = try SmallObject.head(target.place, key)
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

  private func contradicts(_ report: ShardReport) -> PublishError {
    PublishError(.reports, "the report of shard \(report.shard) by \(report.writer) contradicts its state object")
  }

  /// Nothing but the work folder is ever read, whatever a report says.
  private func isWork(_ key: String) -> Bool {
    key.hasPrefix("\(ShardPartWriter.workFolder)/") && !key.split(separator: "/").contains("..")
  }

  private func summary(_ report: ShardReport) throws -> ShardSummary {
    guard isWork(report.state.key) else { throw contradicts(report) }
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

  private func join(files numbers: Range<Int>) throws {
    let jobs = numbers.map { number in
      let file = files[number]
      let inSplit = files[..<number].count { $0.split == file.split }
      let key = PartNaming.snapshot(tag: tag).key(
        split: file.split, number: inSplit, fileExtension: output.encoder.fileExtension)
      return (file: file, key: key)
    }
    let join = PartJoin(
      target: target, encoder: output.encoder, held: held, listed: inWorkFolder, hashesBeside: threads > 1)
    let records = Locked<[Manifest.PartRecord]>([])
    try ParallelTasks.run(
      count: jobs.count, threads: threads, task: { try join.write(jobs[$0].file, key: jobs[$0].key) },
      consume: { _, record in records.withLock { $0.append(record) } })
    written += records.withLock { $0 }
    phase = numbers.upperBound < files.count ? .joining(next: numbers.upperBound) : .putting
  }

  /// Joins, unless another publisher is done; then what was joined here goes. It is looked for after a failure, and always
  /// where parts are in memory: no other publisher makes files of the same names, so nobody else would take them away if
  /// this one was not stepped again.
  private func joinOrAdopt(files numbers: Range<Int>) throws {
    let joined = Result { try join(files: numbers) }
    if case .success = joined, held.isEmpty { return }
    if let manifest = try target.found(fingerprint: fingerprint) {
      try target.checkParts(manifest)
      phase = .settling(manifest, wasThere: true)
    } else {
      try joined.get()
    }
  }

  /// A short hash of everything that the joined files' bytes depend on. Parts in memory have no hash; the cut's rows, their
  /// sizes and who made them, with the libraries it has, stand for it.
  private var contentsTag: String {
    var lines = [facts.semanticHash, programVersion, "\(plan.definition.snapshot)"]
    if !held.isEmpty { lines += [fingerprint, cut.reports.map(\.writer).joined(separator: " ")] }
    for part in parts { lines.append("\(part.split) \(part.sha256) \(part.rows) \(part.bytes)") }
    return String(Digests.SHA256.hexDigest(of: lines.joined(separator: "\n")).prefix(12))
  }
}
