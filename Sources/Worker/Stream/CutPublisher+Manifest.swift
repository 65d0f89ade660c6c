internal import Definition
internal import Pipeline

extension CutPublisher {
  var fingerprint: String { cut.fingerprint.hex(fields: plan.fields) }

  var splits: [String: Int] {
    var splits: [String: Int] = [:]
    for name in SplitRule(plan.definition.split).names { splits[name] = 0 }
    for report in cut.reports { splits.merge(report.splits, uniquingKeysWith: +) }
    return splits
  }

  var checks: [Manifest.CheckRecord] {
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
      for report in cut.reports { joined.merge(report.sourceRows ?? [:], uniquingKeysWith: &+) }
      checks.append(
        Manifest.CheckRecord(
          name: "rows_joined", passed: applied.filter { $0.value > 0 } == joined.filter { $0.value > 0 },
          detail: "\(joined.values.reduce(0, &+)) rows in shards, \(applied.values.reduce(0, +)) in the ledger"))
    }
    return checks
  }

  func manifest() -> Manifest {
    Manifest(
      dataset: facts.dataset, semanticHash: facts.semanticHash, snapshot: facts.snapshot,
      asOf: TimeText.iso(facts.asOf), cut: facts.cutPosition, cutMicroseconds: facts.cutMicroseconds,
      fingerprint: fingerprint, rows: splits.values.reduce(0, +), splits: splits, schema: plan.schema,
      profile: profile.summaries, inputs: facts.inputs, ranges: facts.ranges.isEmpty ? nil : facts.ranges,
      missing: facts.missing, parts: written, rejected: facts.rejected, checks: checks, definition: facts.record,
      shards: facts.shards, tributary: programVersion)
  }
}
