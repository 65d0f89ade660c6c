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
    try ledger()
    var snapshots = SimSnapshots(play)
    try snapshots.all()
    try ended()
    try snapshots.final()
    try latest()
    try SimFeatures(play).check()
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
    }
    let owned = (0..<play.dataset.shards).map { owners[$0] ?? 0 }
    if owned != Array(repeating: 1, count: play.dataset.shards) { throw SimError("shards have \(owned) owners") }
    try recordsStop()
  }

  /// Where records are gone that were not read, a source that does not skip stops and says so; nothing else stops.
  private func recordsStop() throws {
    var torn = 0
    for source in play.dataset.sources {
      guard case .records(let topic, _) = source.kind else { continue }
      torn += play.inputs.records.keys.count { $0.topic == topic && play.isTorn(source, $0) }
    }
    let reasons = play.workers.flatMap { $0.parts?.records.stoppedReasons ?? [] }
    if reasons.count != torn { throw SimError("I3: \(torn) partitions have gaps, and told are \(reasons)") }
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
        guard mine == theirs, fold.ranges == play.observer.read({ $0.ranges }) else {
          throw SimError("I2: \(worker.life.name) has another fold")
        }
      }
    }
  }

  /// What the ledger's rule must have brought about, whatever code judged it.
  private func ledger() throws {
    var generation: Int?
    for judged in play.observer.entries(from: 0, most: .max) {
      let isAccepted = judged.verdict == .accepted
      switch judged.entry {
      case .defined(let next, _, _, _) where isAccepted:
        if next <= generation ?? 0 { throw SimError("I1: generation \(next) follows \(generation ?? 0)") }
        generation = next
      case .commit(let commit):
        guard case .inputs(let verdicts) = judged.verdict, verdicts.contains(true) else { continue }
        if commit.generation != generation {
          throw SimError("I1: a commit of generation \(commit.generation) counts in \(generation ?? 0)")
        }
      case .opened(let range, let offset, _, _) where isAccepted:
        let gone = world.forgotten[TopicPartition(range.topic, range.partition)] ?? 0
        if offset > gone {
          throw SimError("I3: \(range.topic) begins at \(offset), and nothing is gone from \(gone) on")
        }
      case .skipped(let range, _, let to, _) where isAccepted:
        let gone = world.forgotten[TopicPartition(range.topic, range.partition)] ?? 0
        if to > gone { throw SimError("I3: records to \(to) are skipped, and nothing is gone from \(gone) on") }
        if !play.revisions.contains(where: { $0.dataset.source(range.source)?.skipsGaps == true }) {
          throw SimError("I3: records of \(range.source) are skipped, which is to stop")
        }
      default: continue
      }
    }
  }

  /// Every accepted cut has ended, and was published, unless the definition changed meanwhile.
  private func ended() throws {
    let published = Set(play.observer.read { fold in fold.published.map(\.id) })
    var generation = 0
    var cuts: [String: Int] = [:]
    var abandoned: Set<String> = []
    for judged in play.observer.entries(from: 0, most: .max) where judged.verdict == .accepted {
      switch judged.entry {
      case .defined(let next, _, _, _): generation = next
      case .cut(let id, _, _): cuts[id] = generation
      case .abandoned(let id, let reason):
        guard let was = cuts[id], was < generation else {
          throw SimError("I6: the cut '\(id)' was abandoned: \(reason)")
        }
        abandoned.insert(id)
      default: continue
      }
    }
    for id in published where world.lake.manifests["out/snapshot=\(id)/manifest.json"] == nil {
      throw SimError("I6: '\(id)' is published and has no manifest")
    }
    for key in world.lake.manifests.keys.sorted() {
      let id = String(key.dropFirst("out/snapshot=".count).dropLast("/manifest.json".count))
      // Its publisher may have been at it when another one with the newer definition gave it up.
      if !published.contains(id) && !abandoned.contains(id) { throw SimError("I6: '\(id)' has a manifest and no end") }
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
}
