import Digests
import Foundation
import Pipeline
import Platform
import TestKit

@testable import Worker

/// What must hold once everything has come to rest.
struct SimChecks {
  let play: SimPlay
  private var world: SimWorld { play.world }

  init(_ play: SimPlay) { self.play = play }

  func all() throws {
    try shardsServe()
    try foldsAgree()
    var splits: [String: String] = [:]
    var wrong: [String] = []
    for (key, bytes) in world.lake.manifests.sorted(by: { $0.key < $1.key }) {
      let manifest = try JSONDecoder().decode(Manifest.self, from: Data(bytes))
      do {
        try snapshot(manifest, folder: String(key.dropLast("manifest.json".count)), &splits)
      } catch {
        wrong.append("\(error) (cut at \(manifest.cut))")
      }
    }
    if !wrong.isEmpty { throw SimError(wrong.joined(separator: "; ")) }
    try ended()
    try final()
    try latest()
    try nothingLeft()
  }

  // MARK: Workers

  private func shardsServe() throws {
    var owners: [Int: Int] = [:]
    for worker in play.workers {
      for shard in worker.parts?.join.shards ?? [] {
        owners[shard.shard, default: 0] += 1
        if shard.state != "serving" { throw SimError("shard \(shard.shard) is \(shard.state): \(shard.reason ?? "")") }
      }
      if let reason = worker.parts?.records.stoppedReasons.first { throw SimError("records stopped: \(reason)") }
    }
    let owned = (0..<play.dataset.shards).map { owners[$0] ?? 0 }
    if owned != Array(repeating: 1, count: play.dataset.shards) { throw SimError("shards have \(owned) owners") }
  }

  private func foldsAgree() throws {
    let (position, chain) = play.observer.read { ($0.position, $0.chain) }
    for worker in play.workers {
      guard let ledger = worker.parts?.context.ledger else { continue }
      try ledger.read { fold in
        guard fold.position == position, fold.chain == chain else {
          throw SimError("\(worker.life.name) has another ledger")
        }
        let (mine, theirs) = (fold.objects, play.observer.read { $0.objects })
        guard mine == theirs else { throw SimError("\(worker.life.name) has another fold") }
      }
    }
  }

  // MARK: Snapshots

  /// Every snapshot is a pure function of what its manifest names.
  private func snapshot(_ manifest: Manifest, folder: String, _ splits: inout [String: String]) throws {
    let what = "snapshot \(manifest.snapshot)"
    var reference = SimReference(play.dataset)
    var seen: Set<ObjectIdentity> = []
    for input in manifest.inputs {
      guard seen.insert(ObjectIdentity(source: input.source, bucket: input.bucket, key: input.key)).inserted else {
        throw SimError("\(what) names \(input.key) twice")
      }
      guard let content = play.inputs.content(input.key, etag: input.etag ?? ""), let rows = content.rows else {
        throw SimError("\(what) names \(input.key) \(input.etag ?? ""), which nobody could have read")
      }
      guard
        world.lake.history[input.key]?.contains(where: {
          $0.etag == input.etag && $0.modified == input.modifiedMicroseconds && $0.version == input.version
        }) == true
      else { throw SimError("\(what) names a version of \(input.key) that never was") }
      let counts = reference.add(
        source: input.source, key: input.key, modified: input.modifiedMicroseconds, rows)
      try same(
        counts, SimReference.Counts(read: input.rowsRead, rejected: input.rowsRejected), "\(what), rows of \(input.key)"
      )
      guard input.rowsRead == input.rowsApplied + input.rowsRejected else { throw SimError("\(what): rows are lost") }
    }
    for range in manifest.ranges ?? [] {
      let at = TopicPartition(range.topic, range.partition)
      let records = (play.inputs.records[at] ?? []).filter { $0.offset >= range.from && $0.offset < range.to }
      guard range.from == 0 else { throw SimError("\(what): \(at) begins at \(range.from)") }
      let counts = reference.add(source: range.source, at, records)
      try same(
        counts, SimReference.Counts(read: range.rowsRead, rejected: range.rowsRejected),
        "\(what), records of \(range.source) \(at) \(range.from)..<\(range.to)")
    }
    let asOf = SimChecks.micros(manifest.asOf)
    let wanted = reference.snapshot(asOf: asOf)
    if manifest.rows != wanted.count { throw SimError("\(what) has \(manifest.rows) rows, not \(wanted.count)") }
    guard let found = try rows(manifest, folder, &splits) else { return }
    guard found == wanted else {
      let keys = Set(found.keys).union(wanted.keys).sorted().filter { found[$0] != wanted[$0] }
      let key = keys[0]
      throw SimError(
        "\(what) is not what its inputs make (\(keys.count) keys): \(key) is \(found[key] ?? []) and must be \(wanted[key] ?? []) (\(reference.columns))"
      )
    }
  }

  /// The rows of all parts by key; nil where retention has removed them.
  private func rows(_ manifest: Manifest, _ folder: String, _ splits: inout [String: String]) throws -> [String:
    [String]]?
  {
    guard world.lake.current[folder + "manifest.json"]?.bytes == world.lake.manifests[folder + "manifest.json"] else {
      return nil
    }
    var found: [String: [String]] = [:]
    for part in manifest.parts {
      guard let held = world.lake.current[folder + part.key] else { throw SimError("\(folder)\(part.key) is missing") }
      let lines = String(decoding: held.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
      guard lines.count == part.rows + 1 else {
        throw SimError("\(part.key) has \(lines.count - 1) rows, not \(part.rows)")
      }
      let header = lines[0].split(separator: ",").map(String.init)
      guard header == ["id"] + SimReference(play.dataset).columns else { throw SimError("\(part.key) has \(header)") }
      for line in lines.dropFirst() {
        let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard found.updateValue(Array(fields.dropFirst()), forKey: fields[0]) == nil else {
          throw SimError("\(manifest.snapshot) has two rows of \(fields[0])")
        }
        if let before = splits.updateValue(part.split, forKey: fields[0]), before != part.split {
          throw SimError("\(fields[0]) moved from \(before) to \(part.split)")
        }
      }
    }
    return found
  }

  /// Every accepted cut has ended, and was published: nothing of a stream ends a cut otherwise.
  private func ended() throws {
    let published = play.observer.read { fold in fold.published.map(\.id) }
    for judged in play.observer.entries(from: 0, most: .max) {
      if case .abandoned(let id, let reason) = judged.entry, judged.verdict == .accepted {
        throw SimError("the cut '\(id)' was abandoned: \(reason)")
      }
    }
    for id in published where world.lake.manifests["out/snapshot=\(id)/manifest.json"] == nil {
      throw SimError("'\(id)' is published and has no manifest")
    }
    if world.lake.manifests.count != published.count {
      throw SimError("\(world.lake.manifests.count) manifests, \(published.count) published cuts")
    }
  }

  /// The last snapshot is the truth: what the store and the topics hold.
  private func final() throws {
    guard let bytes = world.lake.manifests["out/snapshot=\(SimPlay.finalCut)/manifest.json"] else {
      throw SimError("the last snapshot is not there")
    }
    let manifest = try JSONDecoder().decode(Manifest.self, from: Data(bytes))
    if SimChecks.micros(manifest.asOf) != play.finalAsOf {
      throw SimError("the last snapshot is as of \(manifest.asOf)")
    }
    var named: [ObjectIdentity: Manifest.InputRecord] = [:]
    for input in manifest.inputs {
      named[ObjectIdentity(source: input.source, bucket: input.bucket, key: input.key)] = input
    }
    for source in play.dataset.sources {
      switch source.kind {
      case .objects(let prefix, _):
        for (key, _) in world.lake.history.sorted(by: { $0.key < $1.key }) where key.hasPrefix(prefix) {
          let input = named[ObjectIdentity(source: source.name, bucket: SimLake.bucket, key: key)]
          guard let held = world.lake.current[key] else {
            if input != nil && !source.keeps { throw SimError("the last snapshot holds \(key), which is gone") }
            continue
          }
          if play.inputs.content(key, etag: held.etag)?.rows == nil {
            guard manifest.missing.contains(where: { $0.source == source.name && $0.key.hasSuffix(key) }) else {
              throw SimError("the last snapshot does not say that \(key) cannot be read")
            }
            continue
          }
          // Equal bytes of the same second may be any of their versions.
          guard let input, input.etag == held.etag, input.modifiedMicroseconds == held.modified
          else {
            throw SimError(
              "the last snapshot holds \(source.name) \(key) \(input.map { "\($0.etag ?? "") \($0.modified)" } ?? "not"), and the store \(held.etag) \(SimRow.iso(held.modified))"
            )
          }
        }
      case .records(let topic, _):
        for (at, records) in play.inputs.records where at.topic == topic {
          guard let last = records.last else { continue }
          let range = manifest.ranges?.first {
            $0.source == source.name && $0.topic == topic && $0.partition == at.partition
          }
          guard let range, range.to > last.offset else { throw SimError("the last snapshot lacks records of \(at)") }
        }
      }
    }
  }

  private func latest() throws {
    guard let bytes = world.lake.current["out/latest.json"]?.bytes else { throw SimError("there is no latest.json") }
    let pointer = try JSONDecoder().decode(LatestPointer.self, from: Data(bytes))
    let newest = play.observer.read { fold in fold.published.map(\.cutAt).max() }
    if pointer.cutMicroseconds != newest {
      throw SimError("latest.json names \(pointer.snapshot), which is not the newest")
    }
  }

  // MARK: The store

  /// With all workers stopped, a sweep leaves what checkpoints and manifests name, and nothing else.
  private func nothingLeft() throws {
    guard let context = play.workers.first?.parts?.context else { return }
    // Whatever its worker's clock says, all of it is old.
    for shard in 0..<play.dataset.shards {
      let storage = SegmentStorage(context: context, files: SimFiles(), shard: shard)
      _ = try storage.sweep(grace: -600_000_000)
      let prefix = "out/_tributary/shards/\(shard)/"
      let left = world.lake.keys.filter { $0.hasPrefix(prefix) }
      let checkpoints = left.filter { $0.hasPrefix(prefix + "checkpoints/") }
      guard checkpoints.count <= 1 else {
        throw SimError("\(checkpoints.count) checkpoints of shard \(shard) are left")
      }
      var named = Set(checkpoints)
      for key in checkpoints {
        let checkpoint = try JSONDecoder().decode(Checkpoint.self, from: Data(world.lake.current[key]?.bytes ?? []))
        named.formUnion(checkpoint.names.map { prefix + "segments/" + $0 })
      }
      if Set(left) != named {
        throw SimError(
          "shard \(shard): left and not named \(Set(left).subtracting(named).sorted()), named and not there \(named.subtracting(left).sorted())"
        )
      }
    }
    for key in world.lake.manifests.keys.sorted() {
      let folder = String(key.dropLast("manifest.json".count))
      guard let bytes = world.lake.manifests[key], world.lake.current[key]?.bytes == bytes else { continue }
      let manifest = try JSONDecoder().decode(Manifest.self, from: Data(bytes))
      let named = Set(manifest.parts.map { folder + $0.key } + [key])
      // What a worker left that was late; readers pass over it.
      let stray = world.lake.keys.filter {
        $0.hasPrefix(folder) && !named.contains($0) && !$0.hasPrefix(folder + ShardPartWriter.workFolder)
      }
      if !stray.isEmpty { throw SimError("no manifest names \(stray)") }
    }
  }

  private func same(_ wanted: SimReference.Counts, _ found: SimReference.Counts, _ what: String) throws {
    if wanted != found {
      throw SimError(
        "\(what): \(found.read) were read and \(found.rejected) rejected, not \(wanted.read) and \(wanted.rejected)")
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
