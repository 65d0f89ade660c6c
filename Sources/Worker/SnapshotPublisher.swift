internal import Columns
internal import Definition
internal import Digests
internal import FoundationEssentials
internal import Pipeline
internal import Platform

/// Writes a snapshot's files and makes it visible: parts, rejected rows, then the manifest (put if absent), then
/// `latest.json` (moved forward only).
///
/// Nothing is visible before the manifest, and nothing that it names changes afterwards (I6), although any number of
/// publishers may be at work on one id: files carry a tag that only runs with equal bytes share, the first manifest
/// counts, and files are removed only when a manifest is there and does not name them. Any step may be repeated: a
/// manifest that is there already is adopted if it has the same fingerprint.
///
/// Removing leftovers *before* the manifest, so that no reader ever lists them, was the rule first: it removed the parts
/// of another publisher who was a moment faster, and its manifest (`PublishTests.interleaved`).
struct SnapshotPublisher {
  let plan: DatasetPlan
  let options: BatchOptions
  /// nil in a dry run.
  private let target: StorePlace?
  private let keyCasts: [Cast]
  private let shape: OutputShape
  /// A manifest with this id that was there before.
  private let existing: Manifest?

  private var folder: String { "snapshot=\(options.id)" }

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
    self.target = target
    if target.bucket.isEmpty {
      // Whether anything can be written there shows before everything is read, not after.
      try target.store.writer(target.key(".writable")).abort()
    }
    if let latest: LatestPointer = try SmallObject.decode(target, target.key("latest.json")),
      latest.dataset != plan.definition.dataset
    {
      throw BatchError([
        "\(plan.definition.snapshot.to) holds snapshots of the dataset '\(latest.dataset)', not of '\(plan.definition.dataset)'; give 'snapshot.to' a place of its own"
      ])
    }
    existing = try SmallObject.decode(target, target.key("snapshot=\(options.id)/manifest.json"))
    if let existing, existing.dataset != plan.definition.dataset {
      throw BatchError([
        "\(plan.definition.snapshot.to) holds a snapshot '\(options.id)' of the dataset '\(existing.dataset)'; give 'snapshot.to' a place of its own"
      ])
    }
  }

  func publish(
    _ engine: IngestEngine, record: Manifest.DefinitionRecord, semanticHash: String,
    isCancelled: @escaping @Sendable () -> Bool
  ) throws -> BatchOutcome {
    let tag = tag(engine, semanticHash: semanticHash)
    let writer = SnapshotWriter(
      plan: plan, states: engine.states, threads: options.threads, target: existing == nil ? target : nil,
      folder: folder, tag: tag, keyCasts: keyCasts)
    let written = try writer.write(isCancelled: isCancelled)
    var manifest = manifest(engine, written, record: record, semanticHash: semanticHash)
    guard let target else { return outcome(manifest, location: "", already: false) }
    let location = place(target, folder)
    if let existing {
      try adopt(existing, manifest.fingerprint)
      try checkParts(target, existing)
      try settle(target, existing)
      return outcome(existing, location: location, already: true)
    }
    manifest.rejected.parts = try writeRejects(engine, target, tag: tag)
    if isCancelled() { throw BatchError.cancelled }
    if let failed = manifest.checks.first(where: { !$0.passed }) {
      throw BatchError(["the check '\(failed.name)' failed: \(failed.detail); nothing was published"])
    }
    let key = target.key("\(folder)/manifest.json")
    do {
      _ = try target.store.put(key, try SmallObject.encode(manifest), condition: .ifAbsent)
    } catch let error as StoreError where error.code == .exists {
      guard let other: Manifest = try SmallObject.decode(target, key) else { throw error }
      try sweep(target, keeping: other)
      try adopt(other, manifest.fingerprint)
      try settle(target, other)
      return outcome(other, location: location, already: true)
    }
    try settle(target, manifest)
    return outcome(manifest, location: location, already: false)
  }

  private func outcome(_ manifest: Manifest, location: String, already: Bool) -> BatchOutcome {
    let read = manifest.inputs.reduce(0) { $0 + $1.rowsRead }
    return BatchOutcome(
      manifest: manifest, location: location, rowsRead: read, rowsRejected: manifest.rejected.rows,
      tooManyRejects: plan.definition.maxRejects.isExceeded(by: manifest.rejected.rows, of: read),
      alreadyPublished: already)
  }

  /// What follows the manifest, and is made up for by whoever finds it: leftovers go, `latest.json` moves.
  private func settle(_ target: StorePlace, _ manifest: Manifest) throws {
    try sweep(target, keeping: manifest)
    try moveLatest(target, manifest)
  }

  /// A short hash of everything that the files' bytes depend on.
  private func tag(_ engine: IngestEngine, semanticHash: String) -> String {
    var lines = [semanticHash, options.programVersion, "\(plan.asOf) \(plan.shards)", "\(plan.definition.snapshot)"]
    for (input, counts) in engine.results {
      let version = input.info.version ?? input.info.etag ?? ""
      let identity = "\(input.source) \(input.info.size) \(input.modified) \(version) \(counts.sha256 ?? "")"
      lines.append("\(identity) \(input.location)")
    }
    return String(Digests.SHA256.hexDigest(of: lines.joined(separator: "\n")).prefix(12))
  }

  private func place(_ target: StorePlace, _ relative: String) -> String {
    let key = target.key(relative)
    return target.bucket.isEmpty ? key : "s3://\(target.bucket)/\(key)"
  }

  private func adopt(_ manifest: Manifest, _ fingerprint: String) throws {
    guard manifest.fingerprint == fingerprint else {
      throw BatchError([
        "the snapshot '\(options.id)' was published already with other rows (fingerprint \(manifest.fingerprint), now \(fingerprint)); a published snapshot never changes: use another --id"
      ])
    }
  }

  /// Whether a snapshot that was published before is still there as its manifest says.
  private func checkParts(_ target: StorePlace, _ manifest: Manifest) throws {
    for part in manifest.parts {
      let info = try SmallObject.head(target, target.key("\(folder)/\(part.key)"))
      guard info?.size == Int64(part.bytes) else {
        let state = info.map { "has \($0.size) bytes, not \(part.bytes)" } ?? "is missing"
        throw BatchError([
          "the snapshot '\(options.id)' was published before, but its part \(part.key) \(state): it was damaged since; restore it, or publish under another --id"
        ])
      }
    }
  }

  private func writeRejects(_ engine: IngestEngine, _ target: StorePlace, tag: String) throws -> [String] {
    if engine.rejectReasons.isEmpty { return [] }
    let key = "rejected/part-00000-\(tag).jsonl"
    let object = try target.store.writer(target.key("\(folder)/\(key)"))
    do {
      try engine.rejects { bytes throws(StoreError) in try object.write(bytes) }
      try object.finish()
    } catch {
      object.abort()
      throw error
    }
    return [key]
  }

  /// Removes what other runs with this id left: a reader that lists the folder must see the manifest's parts only.
  /// The manifest is published, so whoever is still writing here will find it and give up.
  private func sweep(_ target: StorePlace, keeping manifest: Manifest) throws {
    let prefix = target.key(folder) + "/"
    let named = Set((manifest.parts.map(\.key) + manifest.rejected.parts + ["manifest.json"]).map { prefix + $0 })
    var stale: [String] = []
    try target.store.list(prefix: prefix) { page in
      stale.append(contentsOf: page.map(\.key).filter { !named.contains($0) && !$0.hasSuffix("/") })
      return true
    }
    for key in stale { try target.store.delete(key) }
  }

  private func moveLatest(_ target: StorePlace, _ manifest: Manifest) throws {
    let key = target.key("latest.json")
    let pointer = LatestPointer(
      dataset: manifest.dataset, snapshot: manifest.snapshot, manifest: "\(folder)/manifest.json",
      fingerprint: manifest.fingerprint, asOf: manifest.asOf,
      cutMicroseconds: manifest.cutMicroseconds)
    let bytes = try SmallObject.encode(pointer)
    // Two publishers may race; each loses at most as often as the other wins.
    for _ in 0..<20 {
      do {
        guard let info = try SmallObject.head(target, key) else {
          _ = try target.store.put(key, bytes, condition: .ifAbsent)
          return
        }
        if let held: LatestPointer = try SmallObject.decode(target, key),
          held.cutMicroseconds >= manifest.cutMicroseconds
        {
          return
        }
        let condition = info.etag.map { PutCondition.ifMatch(etag: $0) } ?? .always
        _ = try target.store.put(key, bytes, condition: condition)
        return
      } catch let error as StoreError where error.code == .exists || error.code == .changed {
        continue
      }
    }
    throw BatchError([
      "the snapshot was published, but latest.json could not be moved: other publishers keep changing it"
    ])
  }

  private func manifest(
    _ engine: IngestEngine, _ written: SnapshotWriter.Result, record: Manifest.DefinitionRecord,
    semanticHash: String
  ) -> Manifest {
    let inputs = engine.results.map { input, counts in
      Manifest.InputRecord(
        source: plan.sources[input.source].source.name, bucket: input.info.bucket, key: input.info.key,
        version: input.info.version, etag: input.info.etag, size: input.info.size,
        modified: TimeText.iso(input.modified), modifiedMicroseconds: input.modified, sha256: counts.sha256,
        rowsRead: counts.read, rowsApplied: counts.read - counts.rejected, rowsRejected: counts.rejected,
        rowsAfterAsOf: plan.sources[input.source].asOf == nil ? nil : counts.afterAsOf)
    }
    let rows = written.splits.values.reduce(0, +)
    let reasons = engine.rejectReasons
    var ledger = engine.ledger
    let cut = ledger.position
    _ = ledger.judge(.cut(id: options.id, asOf: plan.asOf))
    let partRows = written.parts.reduce(0) { $0 + $1.rows }
    var checks = [
      Manifest.CheckRecord(
        name: "rows_accounted",
        passed: inputs.reduce(0) { $0 + $1.rowsRejected } == reasons.values.reduce(0, +),
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
      schema: plan.output.map {
        let role = if case .key = $0.value { "key" } else { $0.isLabel ? "label" : "feature" }
        return Manifest.SchemaField(name: $0.name, type: $0.type.description, role: role)
      }, profile: written.profile.summaries, inputs: inputs, missing: [], parts: written.parts,
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

/// Times as the manifest writes them.
enum TimeText {
  static func iso(_ microseconds: Int64) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ValueText.capacity) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      let length = Calendar.formatTimestamp(microseconds, into: base)
      return String(decoding: UnsafeBufferPointer(start: base, count: length), as: UTF8.self)
    }
  }
}

/// Control documents: small JSON objects read and written whole.
enum SmallObject {
  static let bytesMax: Int64 = 1 << 30

  static func head(_ place: StorePlace, _ key: String) throws(StoreError) -> ObjectInfo? {
    do {
      return try place.store.head(key)
    } catch {
      if error.code == .notFound { return nil }
      throw error
    }
  }

  /// The document at `key`, or nil where there is none.
  static func decode<T: Decodable>(_ place: StorePlace, _ key: String) throws -> T? {
    guard let info = try head(place, key) else { return nil }
    let location = place.bucket.isEmpty ? key : "s3://\(place.bucket)/\(key)"
    guard info.size < bytesMax else {
      throw BatchError(["\(location) is \(info.size) bytes large: that is no document of ours"])
    }
    let reader = try place.store.open(info)
    let chunk = Chunk(capacity: Int(info.size) + 1)
    while chunk.count < chunk.memory.count {
      let n = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: chunk.memory[chunk.count...]))
      if n == 0 { break }
      chunk.count += n
    }
    do {
      return try JSONDecoder().decode(T.self, from: Data(chunk.bytes))
    } catch {
      throw BatchError([
        "\(location) is not a document of Tributary's, or is damaged; move it away or use another place"
      ])
    }
  }

  static func encode<T: Encodable>(_ value: T) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value)) + [0x0a]
  }
}
