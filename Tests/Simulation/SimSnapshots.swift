import Foundation
import Pipeline
import Platform

@testable import Worker

/// Whether snapshots are what they say: against the rows that were put (``SimReference``) and against `batch`
/// (``SimBatch``).
struct SimSnapshots {
  let play: SimPlay
  private var world: SimWorld { play.world }
  /// The split of each key under a salt, as the snapshots so far have it.
  private var splits: [String: String] = [:]

  init(_ play: SimPlay) { self.play = play }

  mutating func all() throws {
    var wrong: [String] = []
    for (key, bytes) in world.lake.manifests.sorted(by: { $0.key < $1.key }) {
      let manifest = try JSONDecoder().decode(Manifest.self, from: Data(bytes))
      do {
        try check(manifest, folder: String(key.dropLast("manifest.json".count)))
      } catch {
        wrong.append("\(error) (cut at \(manifest.cut))")
      }
    }
    if !wrong.isEmpty { throw SimError(wrong.joined(separator: "; ")) }
  }

  private func revision(of manifest: Manifest) throws -> SimRevision {
    guard let found = play.revisions.first(where: { $0.semanticHash == manifest.semanticHash }) else {
      throw SimError("I1: snapshot \(manifest.snapshot) is of a definition that never was")
    }
    return found
  }

  /// Every snapshot is a pure function of what its manifest names.
  private mutating func check(_ manifest: Manifest, folder: String) throws {
    let what = "snapshot \(manifest.snapshot)"
    let revision = try revision(of: manifest)
    let asOf = SimSnapshots.micros(manifest.asOf)
    var reference = SimReference(revision.dataset)
    let batch = SimBatch(revision)
    var seen: Set<ObjectIdentity> = []
    for input in manifest.inputs {
      guard seen.insert(ObjectIdentity(source: input.source, bucket: input.bucket, key: input.key)).inserted else {
        throw SimError("I7: \(what) names \(input.key) twice")
      }
      guard let content = play.inputs.content(input.key, etag: input.etag ?? ""), let rows = content.rows else {
        throw SimError("I2: \(what) names \(input.key) \(input.etag ?? ""), which nobody could have read")
      }
      guard
        let version = world.lake.history[input.key]?.first(where: {
          $0.etag == input.etag && $0.modified == input.modifiedMicroseconds && $0.version == input.version
        })
      else { throw SimError("I2: \(what) names a version of \(input.key) that never was") }
      let counts = reference.add(
        source: input.source, key: input.key, modified: input.modifiedMicroseconds, rows)
      try same(
        counts, SimReference.Counts(read: input.rowsRead, rejected: input.rowsRejected), "\(what), rows of \(input.key)"
      )
      guard input.rowsRead == input.rowsApplied + input.rowsRejected else {
        throw SimError("I3: \(what): rows of \(input.key) are lost")
      }
      batch.add(source: input.source, key: input.key, version)
    }
    for source in revision.dataset.sources where source.isRecords {
      var partitions: [Int: [SimInputs.Record]] = [:]
      for range in manifest.ranges ?? [] where range.source == source.name {
        let records = try records(range, manifest)
        let counts = reference.add(
          source: range.source, TopicPartition(range.topic, range.partition), records)
        try same(
          counts, SimReference.Counts(read: range.rowsRead, rejected: range.rowsRejected),
          "\(what), records of \(range.source) \(range.topic)[\(range.partition)] \(range.from)..<\(range.to)")
        partitions[range.partition] = records
      }
      batch.add(source, partitions, asOf: asOf)
    }
    let wanted = reference.snapshot(asOf: asOf)
    if manifest.rows != wanted.count { throw SimError("I1: \(what) has \(manifest.rows) rows, not \(wanted.count)") }
    if let found = try rows(manifest, folder, revision.dataset), found != wanted {
      let keys = Set(found.keys).union(wanted.keys).sorted().filter { found[$0] != wanted[$0] }
      throw SimError(
        "I1: \(what) is not what its inputs make (\(keys.count) keys): \(keys[0]) is \(found[keys[0]] ?? []) and must be \(wanted[keys[0]] ?? []) (\(revision.dataset.columns))"
      )
    }
    try batch.compare(manifest, asOf: asOf)
  }

  /// The records of a range, less those that the manifest says are lost.
  private func records(_ range: Manifest.RangeRecord, _ manifest: Manifest) throws -> [SimInputs.Record] {
    let at = TopicPartition(range.topic, range.partition)
    let lost = world.forgotten[at] ?? 0
    if range.from > lost {
      throw SimError(
        "I3: snapshot \(manifest.snapshot) begins \(at) at \(range.from), and nothing is gone from \(lost) on")
    }
    var records = (play.inputs.records[at] ?? []).filter { $0.offset >= range.from && $0.offset < range.to }
    let name = "\(range.topic)[\(range.partition)] "
    for missing in manifest.missing
    where missing.source == range.source && missing.state == "lost" && missing.key.hasPrefix(name) {
      let bounds = missing.key.dropFirst(name.count).split(separator: " ").compactMap { Int64($0) }
      guard bounds.count == 2 else { throw SimError("\(missing.key) cannot be understood") }
      if bounds[1] > lost { throw SimError("I3: \(missing.key) is told as lost, and nothing is gone from \(lost) on") }
      records.removeAll { $0.offset >= bounds[0] && $0.offset < bounds[1] }
    }
    return records
  }

  /// The rows of all parts by key; nil where retention has removed them.
  private mutating func rows(_ manifest: Manifest, _ folder: String, _ dataset: SimDataset) throws -> [String:
    [String]]?
  {
    guard world.lake.current[folder + "manifest.json"]?.bytes == world.lake.manifests[folder + "manifest.json"] else {
      return nil
    }
    var found: [String: [String]] = [:]
    for part in manifest.parts {
      guard let held = world.lake.current[folder + part.key] else {
        throw SimError("I6: \(folder)\(part.key) is missing")
      }
      let lines = String(decoding: held.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
      guard lines.count == part.rows + 1 else {
        throw SimError("I6: \(part.key) has \(lines.count - 1) rows, not \(part.rows)")
      }
      let header = lines[0].split(separator: ",").map(String.init)
      guard header == ["id"] + dataset.columns else { throw SimError("I1: \(part.key) has \(header)") }
      for line in lines.dropFirst() {
        let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard found.updateValue(Array(fields.dropFirst()), forKey: fields[0]) == nil else {
          throw SimError("I1: \(manifest.snapshot) has two rows of \(fields[0])")
        }
        if let before = splits.updateValue(part.split, forKey: "\(dataset.salt) \(fields[0])"), before != part.split {
          throw SimError("I4: \(fields[0]) moved from \(before) to \(part.split)")
        }
      }
    }
    return found
  }

  private func same(_ wanted: SimReference.Counts, _ found: SimReference.Counts, _ what: String) throws {
    if wanted != found {
      throw SimError(
        "I3: \(what): \(found.read) were read and \(found.rejected) rejected, not \(wanted.read) and \(wanted.rejected)"
      )
    }
  }

  /// What a snapshot's inputs make.
  func reference(_ manifest: Manifest) throws -> SimReference {
    var reference = SimReference(try revision(of: manifest).dataset)
    for input in manifest.inputs {
      guard let rows = play.inputs.content(input.key, etag: input.etag ?? "")?.rows else { continue }
      _ = reference.add(source: input.source, key: input.key, modified: input.modifiedMicroseconds, rows)
    }
    for range in manifest.ranges ?? [] {
      let at = TopicPartition(range.topic, range.partition)
      _ = reference.add(source: range.source, at, try records(range, manifest))
    }
    return reference
  }

  // MARK: The last one

  /// The last snapshot is the truth: what the store and the topics hold.
  func final() throws {
    guard let bytes = world.lake.manifests["out/snapshot=\(SimPlay.finalCut)/manifest.json"] else {
      throw SimError("I6: the last snapshot is not there")
    }
    let manifest = try JSONDecoder().decode(Manifest.self, from: Data(bytes))
    if SimSnapshots.micros(manifest.asOf) != play.finalAsOf {
      throw SimError("I1: the last snapshot is as of \(manifest.asOf)")
    }
    if manifest.semanticHash != play.revision.semanticHash {
      throw SimError("I1: the last snapshot is of an older definition")
    }
    var named: [ObjectIdentity: Manifest.InputRecord] = [:]
    for input in manifest.inputs {
      named[ObjectIdentity(source: input.source, bucket: input.bucket, key: input.key)] = input
    }
    for source in play.dataset.sources {
      switch source.kind {
      case .objects(let prefix, _):
        for key in world.lake.history.keys.sorted() where key.hasPrefix(prefix) {
          let input = named[ObjectIdentity(source: source.name, bucket: SimLake.bucket, key: key)]
          try object(key, source, input, manifest)
        }
      case .records(let topic, _):
        for (at, records) in play.inputs.records.sorted(by: { $0.key < $1.key }) where at.topic == topic {
          guard let last = records.last, !play.isTorn(source, at) else { continue }
          let range = manifest.ranges?.first {
            $0.source == source.name && $0.topic == topic && $0.partition == at.partition
          }
          guard let range, range.to > last.offset else {
            throw SimError("I3: the last snapshot lacks records of \(source.name) \(at)")
          }
        }
      }
    }
  }

  private func object(
    _ key: String, _ source: SimDataset.SimSource, _ input: Manifest.InputRecord?, _ manifest: Manifest
  ) throws {
    guard let held = world.lake.current[key] else {
      if input != nil && !source.keeps { throw SimError("I7: the last snapshot holds \(key), which is gone") }
      return
    }
    if play.inputs.content(key, etag: held.etag)?.rows == nil {
      guard manifest.missing.contains(where: { $0.source == source.name && $0.key.hasSuffix(key) }) else {
        throw SimError("I3: the last snapshot does not say that \(key) cannot be read")
      }
      return
    }
    // Equal bytes of the same second may be any of their versions.
    guard let input, input.etag == held.etag, input.modifiedMicroseconds == held.modified else {
      throw SimError(
        "I7: the last snapshot holds \(source.name) \(key) \(input.map { "\($0.etag ?? "") \($0.modified)" } ?? "not"), and the store \(held.etag) \(SimRow.iso(held.modified))"
      )
    }
  }

  /// Of `2026-01-01T00:00:00[.ffffff]Z`.
  static func micros(_ text: String) -> Int64 {
    let numbers = text.split(whereSeparator: { !$0.isNumber })
    let n = numbers.prefix(6).compactMap { Int64($0) }
    guard n.count == 6 else { return .min }
    let year = n[1] <= 2 ? n[0] - 1 : n[0]
    let era = year / 400
    let yoe = year - era * 400
    let doy = (153 * (n[1] + (n[1] > 2 ? -3 : 9)) + 2) / 5 + n[2] - 1
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy
    let seconds = (era * 146_097 + doe - 719_468) * 86_400 + n[3] * 3600 + n[4] * 60 + n[5]
    let fraction = numbers.count > 6 ? String(numbers[6]) : ""
    let padded = fraction + String(repeating: "0", count: max(0, 6 - fraction.count))
    return seconds * 1_000_000 + (Int64(padded.prefix(6)) ?? 0)
  }
}
