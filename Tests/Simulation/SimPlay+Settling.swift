import Pipeline
import Platform
import TestKit

@testable import Worker

extension SimPlay {
  /// Virtual time that everything may take to come to rest.
  static let settleSeconds: Int64 = 1800
  static let finalCut = "final"

  /// Lets everybody work without faults until a last snapshot is published and nothing is left to do.
  func settle() throws {
    let until = world.now + SimPlay.settleSeconds * 1_000_000
    var askedAt = Int64.min / 2
    var quiet = 0
    let asOf = world.now + world.random.pick([-1800, 60, 864_000]) * 1_000_000
    finalAsOf = asOf
    for worker in workers { worker.sleepsUntil = 0 }
    // If nobody has got the newest definition yet, somebody gets it now; the others find out.
    if try observe(), observer.read({ $0.semanticHash }) != revision.semanticHash { workers[0].crash() }
    while world.now < until {
      var moved = false
      for worker in workers.shuffled(using: &world.random) {
        if !worker.isRunning { try worker.start(revision) }
        for loop in SimLoop.allCases.shuffled(using: &world.random) { moved = worker.step(loop) || moved }
      }
      try stopIfViolated()
      world.advance(milliseconds: moved ? 50 : 700)
      guard try observe() else { continue }
      let isMade = observer.read { $0.hasCut(SimPlay.finalCut) }
      // Rows may be told a step after their entry was folded.
      quiet = isMade && observer.read({ $0.cuts.isEmpty }) && isQuiet ? quiet + 1 : 0
      if quiet > 3 { return }
      guard !isMade, world.now - askedAt > 120_000_000, isDefined, isCaughtUp, !kind.isTrusting || isNotified else {
        continue
      }
      let publishers = workers.filter { $0.parts?.control.status.isOwner == true }
      if !publishers.isEmpty { askedAt = world.now }
      for publisher in publishers {
        publisher.parts?.control.request(
          ControlLoop.CutRequest(id: SimPlay.finalCut, asOf: asOf, notBefore: .min, listsFirst: !kind.isTrusting))
      }
    }
    throw SimError("it does not settle: \(restless)")
  }

  /// The newest definition is in force, and everybody has it.
  private var isDefined: Bool {
    observer.read { $0.semanticHash } == revision.semanticHash
      && workers.allSatisfy { $0.revision?.semanticHash == revision.semanticHash }
  }

  /// All notifications were read and are done with.
  private var isNotified: Bool {
    guard let count = try? world.broker.describe([DatasetTopics.events])[DatasetTopics.events]?.partitions else {
      return false
    }
    let all = (0..<count).map { TopicPartition(DatasetTopics.events, $0) }
    guard let bounds = try? world.broker.bounds(all),
      let done = try? world.broker.committed(group: "sim-ingest", all)
    else { return false }
    return all.allSatisfy { bounds[$0]?.end == 0 || done[$0] == bounds[$0]?.end }
  }

  /// All records are in the ledger, but for those behind a gap at which a source stops.
  private var isCaughtUp: Bool {
    for source in dataset.sources {
      guard case .records(let topic, _) = source.kind else { continue }
      for (at, records) in inputs.records where at.topic == topic {
        guard let last = records.last, !isTorn(source, at) else { continue }
        let range = RangeIdentity(source: source.name, topic: topic, partition: at.partition)
        if (observer.acceptedEnd(range) ?? -1) <= last.offset { return false }
      }
    }
    return true
  }

  /// Everybody has read the whole ledger and has nothing under way.
  private var isQuiet: Bool {
    workers.allSatisfy { worker in
      guard let parts = worker.parts else { return false }
      return parts.context.ledger.position == observer.position && parts.objects.openCount == 0
        && parts.join.shards.allSatisfy { $0.position == observer.position || $0.state == "stopped" }
    }
  }

  private var restless: String {
    var parts: [String] = []
    if !isDefined { parts.append("the newest definition is not in force") }
    if !isCaughtUp { parts.append("records are not accepted") }
    observer.read { fold in
      if !fold.hasCut(SimPlay.finalCut) { parts.append("the last cut was not made") }
      if !fold.cuts.isEmpty { parts.append("cuts are pending: \(fold.cuts.keys.sorted())") }
    }
    for worker in workers {
      guard let running = worker.parts else {
        parts.append("w\(worker.number) is not running")
        continue
      }
      let control = running.control.status
      let shards = running.join.shards.map { "\($0.shard) \($0.state) at \($0.position) \($0.reason ?? "")" }
      parts.append(
        "\(worker.life.name): ledger \(running.context.ledger.position) of \(observer.position), objects \(running.objects.openCount), publisher \(control.isOwner) \(control.problem ?? ""), shards \(shards), records \(running.records.stoppedReasons)"
      )
    }
    return parts.joined(separator: "; ")
  }
}
