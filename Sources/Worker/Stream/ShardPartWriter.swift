internal import Columns
internal import Definition
internal import Digests
internal import FoundationEssentials
internal import Pipeline
internal import Platform

/// Writes one shard's share of a cut: its rows as parts, their profile beside them, and the report for the publisher.
///
/// The files lie in a work folder of the snapshot that readers pass over (its name begins with `_`):
/// ```
/// snapshot=<id>/_shards/00003-<tag>/train-00000.parquet …
///                                   state.bin
/// ```
/// The tag is a function of everything that the bytes depend on, so a worker that repeats another's work writes the same
/// files, and one that sees other contents writes beside it. Nothing is put under a condition: whoever is last writes
/// what was there. ``write(isCancelled:)`` may be repeated at any time.
struct ShardPartWriter: Sendable {
  /// Of the cut: its as-of time.
  let plan: DatasetPlan
  let cut: Cut
  let shard: Int
  let state: ShardState
  let target: StorePlace
  /// Tells this shard's contents from any others at this position of the ledger (the checkpoint's hash, say).
  let contents: String
  let sourceRows: [String: UInt64]?
  /// Who writes, for people.
  let writer: String
  let programVersion: String
  let threads: Int
  /// What `state`'s last part was made of, and this one will be; see ``SnapshotWriter/kept``.
  var kept: SnapshotWriter.Kept?

  /// The cut as all shards know it.
  struct Cut: Sendable, Hashable {
    var id: String
    /// In the ledger.
    var position: Int
    var generation: Int
    var semanticHash: String
    /// The hash chain over the ledger up to the cut.
    var chain: String
  }

  /// Everything in this folder of a snapshot is on its way to another place.
  static let workFolder = "_shards"

  /// The shard's folder below the snapshot's.
  var folder: String { "\(ShardPartWriter.workFolder)/\(PartNaming.digits(shard))-\(tag)" }

  /// A short hash of everything that the files' bytes depend on.
  var tag: String {
    let lines = [
      cut.semanticHash, programVersion, "\(plan.shards) \(cut.position) \(plan.asOf)", cut.chain, contents,
      "\(plan.definition.snapshot)",
    ]
    return String(Digests.SHA256.hexDigest(of: lines.joined(separator: "\n")).prefix(16))
  }

  /// Writes everything and gives the report. `isCancelled` is asked before each table.
  func write(isCancelled: @escaping @Sendable () -> Bool) throws -> ShardReport {
    let (written, summary) = try parts(in: nil, isCancelled: isCancelled)
    return report(written, try summary.put(target, cut: cut.id, key: stateKey))
  }

  /// The same for a publisher in this process: what there is room for stays in memory, and so does the summary.
  func hold(in room: PartRoom, isCancelled: @escaping @Sendable () -> Bool) throws -> HeldParts.OfShard {
    let (written, summary) = try parts(in: room, isCancelled: isCancelled)
    let state = ShardReport.StateRecord(key: stateKey, bytes: 0, sha256: "")
    return HeldParts.OfShard(
      report: report(written, state), summary: summary, parts: written.held,
      room: HeldRoom(room, summary.profile.bytes))
  }

  private var stateKey: String { "\(folder)/state.bin" }

  private func parts(
    in room: PartRoom?, isCancelled: @escaping @Sendable () -> Bool
  ) throws -> (SnapshotWriter.Result, ShardSummary) {
    let keyCasts = try plan.definition.key.indices.map { try Cast(type: plan.output[$0].type) }
    let written = try SnapshotWriter(
      plan: plan, states: [state], threads: threads, target: target, folder: PublishTarget.folder(cut.id),
      naming: .shard(folder: folder), keyCasts: keyCasts, kept: kept, room: room
    ).write(isCancelled: isCancelled)
    let listed = min(written.parts.count, ShardReport.partsListedMax)
    let summary = ShardSummary(
      fingerprint: written.fingerprint, profile: written.profile, moreParts: Array(written.parts[listed...]))
    return (written, summary)
  }

  private func report(_ written: SnapshotWriter.Result, _ state: ShardReport.StateRecord) -> ShardReport {
    ShardReport(
      dataset: plan.definition.dataset, cut: cut.id, cutPosition: cut.position, asOf: plan.asOf,
      generation: cut.generation, shard: shard, shards: plan.shards, chain: cut.chain,
      parts: Array(written.parts.prefix(ShardReport.partsListedMax)), partCount: written.parts.count,
      splits: written.splits, fingerprint: written.fingerprint.hexState, state: state, sourceRows: sourceRows,
      writer: writer)
  }
}

extension ShardSummary {
  fileprivate func put(_ target: StorePlace, cut: String, key: String) throws -> ShardReport.StateRecord {
    let bytes = encode()
    _ = try target.store.put(target.key("\(PublishTarget.folder(cut))/\(key)"), bytes, condition: .always)
    return ShardReport.StateRecord(
      key: key, bytes: bytes.count, sha256: Digests.SHA256.hex(Digests.SHA256.digest(bytes)))
  }
}

extension HeldParts.OfShard {
  /// Writes what was held, as ``ShardPartWriter/write(isCancelled:)`` would have, and gives the report. `isCancelled` is
  /// asked before each file. May be repeated.
  func write(to target: StorePlace, isCancelled: () -> Bool) throws -> ShardReport {
    var (report, summary) = (report, summary)
    for index in report.parts.indices { try write(&report.parts[index], to: target, isCancelled) }
    for index in summary.moreParts.indices { try write(&summary.moreParts[index], to: target, isCancelled) }
    report.state = try summary.put(target, cut: report.cut, key: report.state.key)
    return report
  }

  private func write(_ part: inout ShardReport.Part, to target: StorePlace, _ isCancelled: () -> Bool) throws {
    guard let held = parts[part.key] else { return }
    if isCancelled() { throw StreamError("the worker stops") }
    let object = try target.store.writer(target.key("\(PublishTarget.folder(report.cut))/\(part.key)"))
    let hash = Digests.SHA256()
    do {
      for piece in held.pieces {
        try piece.withUnsafeBytes { bytes in
          hash.update(bytes)
          try object.write(bytes)
        }
      }
      try object.finish()
    } catch {
      object.abort()
      throw error
    }
    part.sha256 = hash.finishHex()
  }
}

extension ShardReport {
  /// A report as a message: one JSON object.
  func message() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self))
  }

  /// Reads a message of ``message()``.
  init(message: [UInt8]) throws(PublishError) {
    do {
      self = try JSONDecoder().decode(ShardReport.self, from: Data(message))
    } catch {
      throw PublishError(.reports, "a shard's report cannot be read: \(error)")
    }
    guard version <= ShardReport.currentVersion else {
      throw PublishError(
        .reports, "a shard's report has form \(version); this program knows forms up to \(ShardReport.currentVersion)")
    }
  }
}
