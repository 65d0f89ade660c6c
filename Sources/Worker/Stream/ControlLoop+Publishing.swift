internal import FoundationEssentials
internal import Logging
internal import Metrics
internal import Pipeline
internal import Platform

/// Publishing: the shards' reports of a pending cut become a snapshot, which is announced.
extension ControlLoop {
  func take(_ block: RecordBlock) {
    let decoder = JSONDecoder()
    for index in 0..<block.count {
      guard let bytes = block.value(index) else { continue }
      guard let report = try? decoder.decode(ShardReport.self, from: Data(bytes)) else {
        context.log.warning(
          "a report cannot be read; it is passed over",
          ["partition": .init("\(block.at)"), "offset": .init(block.entries[index].offset)])
        continue
      }
      // Of cuts that ended there is nothing more to do; those that we have not folded yet may still come.
      if context.ledger.read({ $0.hasCut(report.cut) && $0.cuts[report.cut] == nil }) { continue }
      reports[report.cut, default: []].append(report)
    }
  }

  /// Forgets what belongs to cuts that have ended. Reports may have been read before the ledger was.
  private func forgetEnded() {
    let known = Set(reports.keys).union(publishers.keys).union(failedUntil.keys).union(failures.keys)
      .union(context.held.ids)
    if known.isEmpty { return }
    let ended = context.ledger.readAtHead { fold in known.filter { fold.hasCut($0) && fold.cuts[$0] == nil } } ?? []
    for id in ended {
      reports.removeValue(forKey: id)
      publishers.removeValue(forKey: id)
      failedUntil.removeValue(forKey: id)
      failures.removeValue(forKey: id)
      context.held.end(id)
    }
  }

  func publish() throws -> Bool {
    forgetEnded()
    let now = context.clock.now()
    let pending = context.ledger.read { Array($0.cuts.values) }.sorted { $0.position < $1.position }
    let complete = Set(pending.filter(isComplete).map(\.id))
    for id in complete { context.held.touch(id, now: now) }
    for cut in pending where (failedUntil[cut.id] ?? 0) <= now {
      if cut.generation != context.ledger.generation {
        let entry = LedgerEntry.abandoned(cut: cut.id, reason: "the definition changed before it was written")
        _ = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
        failedUntil[cut.id] = now + 5_000_000
        return true
      }
      guard complete.contains(cut.id) else { continue }
      do {
        try publish(cut, now)
        return true
      } catch {
        failedUntil[cut.id] = now + 2_000_000
        publishers.removeValue(forKey: cut.id)
        try failed(cut, error)
        return true
      }
    }
    return false
  }

  /// The parts of a cut that are there. Of whoever had a shard before, or has it now, there may be reports, too, of parts that
  /// are held: theirs are not needed.
  private func parts(_ cut: LedgerFold.CutState) -> (reported: [ShardReport], held: [Int: HeldParts.OfShard]) {
    let held = context.held.shards(of: cut.id)
    return ((reports[cut.id] ?? []).filter { $0.cutPosition == cut.position && held[$0.shard] == nil }, held)
  }

  /// Whether all parts are there, or were when it began to be published.
  private func isComplete(_ cut: LedgerFold.CutState) -> Bool {
    if publishers[cut.id] != nil { return true }
    let parts = parts(cut)
    return Set(parts.reported.map(\.shard)).union(parts.held.keys).count == context.plan.shards
  }

  private func publish(_ cut: LedgerFold.CutState, _ now: Int64) throws {
    let publisher: CutPublisher
    if let begun = publishers[cut.id] {
      publisher = begun
    } else {
      let parts = parts(cut)
      for report in reports[cut.id] ?? [] where report.cutPosition == cut.position {
        guard let held = parts.held[report.shard]?.report else { continue }
        guard report.fingerprint == held.fingerprint && report.splits == held.splits else {
          throw PublishError(
            .reports, "shard \(report.shard) was reported with different rows by \(report.writer) and \(held.writer)")
        }
      }
      publisher = try CutPublisher(
        plan: DatasetPlan(context.definition, asOf: cut.asOf, carriesAll: true), facts: CutFacts(cut, context),
        reports: parts.reported, held: parts.held, place: target, programVersion: context.options.programVersion,
        threads: context.options.threads)
    }
    publishers[cut.id] = publisher
    guard try publisher.step(), let outcome = publisher.outcome else { return }
    _ = try LedgerWriter.append(.published(cut: cut.id), to: context.broker, context.topics.ledger)
    try announce(outcome)
    publishers.removeValue(forKey: cut.id)
    reports.removeValue(forKey: cut.id)
    context.held.end(cut.id)
    // Until our own entry is folded the cut looks pending.
    failedUntil[cut.id] = now + 5_000_000
    let manifest = outcome.manifest
    context.metrics.snapshotsPublished.increment()
    context.metrics.snapshotSeconds.observe(Double(max(0, context.clock.now() - cut.appendedAt)) / 1e6)
    context.metrics.snapshotLastTimestampSeconds.set(context.clock.now() / 1_000_000)
    shared.withLock {
      $0.published += 1
      $0.lastPublished = (cut.id, context.clock.now(), manifest.fingerprint, manifest.rows)
      $0.problem = nil
    }
    context.log.info(
      "snapshot published",
      [
        "snapshot": .init(cut.id), "rows": .init(manifest.rows), "fingerprint": .init(manifest.fingerprint),
        "at": .init(outcome.location),
      ])
  }

  private func failed(_ cut: LedgerFold.CutState, _ error: any Error) throws {
    guard
      error is BrokerError || error is StoreError || error is PublishError || error is BatchError
        || error is StreamError
    else { throw error }
    context.log.error("a snapshot could not be published", ["snapshot": .init(cut.id), "error": .init("\(error)")])
    shared.withLock { $0.problem = "\(error)" }
    guard let error = error as? PublishError else { return }
    switch error.code {
    case .check, .otherRows, .otherDataset, .removed:
      let entry = LedgerEntry.abandoned(cut: cut.id, reason: error.description)
      _ = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
    case .reports, .damaged:
      // A report of another ledger is never believed, and nobody writes parts a second time: after some tries the cut ends,
      // or its segments would be kept for ever.
      failures[cut.id, default: 0] += 1
      if failures[cut.id, default: 0] < ControlLoop.triesMax { break }
      let entry = LedgerEntry.abandoned(cut: cut.id, reason: error.description)
      _ = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
    case .busy: break
    }
  }

  /// Tries with reports that do not agree.
  static let triesMax = 3

  private struct Announcement: Encodable {
    var dataset: String
    var snapshot: String
    var manifest: String
    var rows: Int
    var fingerprint: String
    var asOf: String
    enum CodingKeys: String, CodingKey {
      case dataset, snapshot, manifest, rows, fingerprint
      case asOf = "as_of"
    }
  }

  private func announce(_ outcome: CutPublisher.Outcome) throws {
    let manifest = outcome.manifest
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let bytes = try encoder.encode(
      Announcement(
        dataset: manifest.dataset, snapshot: manifest.snapshot, manifest: "\(outcome.location)/manifest.json",
        rows: manifest.rows, fingerprint: manifest.fingerprint, asOf: manifest.asOf))
    _ = try context.broker.append([
      OutgoingMessage(
        topic: context.topics.snapshots, partition: 0, key: Array(manifest.snapshot.utf8), value: Array(bytes))
    ])
  }
}
