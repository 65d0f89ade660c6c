internal import Definition
internal import Pipeline

extension CutFacts {
  /// What the fold says of an accepted cut. Inputs stand in the order of sources and names, not of arrival.
  init(_ cut: LedgerFold.CutState, _ context: StreamContext) {
    let definition = context.definition
    var inputs: [Manifest.InputRecord] = []
    var missing: [Manifest.MissingInput] = []
    var rejected = Manifest.RejectedRecord()
    func add(_ reasons: [String: UInt64]?, _ rows: UInt64) {
      rejected.rows += rows
      for (reason, count) in reasons ?? [:] { rejected.reasons[reason, default: 0] += count }
    }
    let order = Dictionary(definition.sources.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { a, _ in a })
    func precedes(_ a: ObjectIdentity, _ b: ObjectIdentity) -> Bool {
      let (left, right) = (order[a.source] ?? .max, order[b.source] ?? .max)
      if left != right { return left < right }
      if a.bucket != b.bucket { return a.bucket.utf8.lexicographicallyPrecedes(b.bucket.utf8) }
      return a.key.utf8.lexicographicallyPrecedes(b.key.utf8)
    }
    for (object, held) in cut.objects.sorted(by: { precedes($0.key, $1.key) }) {
      guard let index = order[object.source] else { continue }
      let isKept = definition.sources[index].onRemove == .keep && held.content != nil
      guard held.version != nil || isKept else { continue }
      guard cut.schemas.isCurrent(held, of: object.source, schema: context.plan.sources[index].schemaHash) else {
        // What is gone cannot be read again.
        missing.append(
          held.version == nil
            ? Manifest.MissingInput(
              source: object.source, key: object.location, state: "lost",
              reason: "the source's columns or on_remove changed after it was removed")
            : Manifest.MissingInput(
              source: object.source, key: object.location, state: "pending",
              reason: "the source's columns changed and it was not read again yet"))
        continue
      }
      let facts = held.facts ?? ObjectFacts(size: 0, modified: 0)
      inputs.append(
        Manifest.InputRecord(
          source: object.source, bucket: object.bucket, key: object.key, version: facts.versionID, etag: facts.etag,
          size: facts.size, modified: TimeText.iso(facts.modified), modifiedMicroseconds: facts.modified,
          sha256: facts.sha256, rowsRead: held.rowsRead, rowsApplied: held.rowsRead - held.rowsRejected,
          rowsRejected: held.rowsRejected))
      add(facts.reasons, held.rowsRejected)
    }
    for (object, failed) in cut.failed.sorted(by: { precedes($0.key, $1.key) }) where order[object.source] != nil {
      missing.append(
        Manifest.MissingInput(source: object.source, key: object.location, state: "failed", reason: failed.reason))
    }
    for (object, held) in cut.lost.sorted(by: { precedes($0.key, $1.key) }) {
      // One that the store had no longer is missed only where its rows were to be kept.
      guard let index = order[object.source], !held.isGone || definition.sources[index].onRemove == .keep else {
        continue
      }
      missing.append(
        Manifest.MissingInput(source: object.source, key: object.location, state: "lost", reason: held.reason))
    }
    var ranges: [Manifest.RangeRecord] = []
    for (range, held) in cut.ranges.sorted(by: {
      (order[$0.key.source] ?? .max, $0.key.topic, $0.key.partition)
        < (order[$1.key.source] ?? .max, $1.key.topic, $1.key.partition)
    }) {
      guard let index = order[range.source] else { continue }
      guard cut.schemas.isCurrent(held, of: range.source, schema: context.plan.sources[index].schemaHash) else {
        missing.append(
          Manifest.MissingInput(
            source: range.source, key: "\(range.topic)[\(range.partition)]", state: "pending",
            reason: "the source's columns changed and it was not read again yet"))
        continue
      }
      ranges.append(
        Manifest.RangeRecord(
          source: range.source, topic: range.topic, partition: range.partition, from: held.begin, to: held.end,
          rowsRead: held.rowsRead, rowsApplied: held.rowsRead - held.rowsRejected, rowsRejected: held.rowsRejected,
          skipped: held.skipped.isEmpty
            ? nil
            : held.skipped.map { Manifest.RangeRecord.Skipped(from: $0.from, to: $0.to) }.sorted { $0.from < $1.from }))
      add(held.reasons, held.rowsRejected)
      for gap in held.skipped {
        missing.append(
          Manifest.MissingInput(
            source: range.source, key: "\(range.topic)[\(range.partition)] \(gap.from) to \(gap.to)", state: "lost",
            reason: gap.reason))
      }
    }
    self.init(
      dataset: definition.dataset, semanticHash: context.semanticHash, snapshot: cut.id, cutPosition: cut.position,
      cutMicroseconds: cut.appendedAt, asOf: cut.asOf, generation: cut.generation, shards: context.plan.shards,
      chain: cut.chain.description, inputs: inputs, ranges: ranges, missing: missing, rejected: rejected,
      record: context.record)
  }
}
