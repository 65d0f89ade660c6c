import Definition
import Foundation
import Pipeline
import Platform
import TestKit

@testable import Worker

/// One seed is one world: a small random dataset, workers that are stepped in random order, faults, and in the end the
/// question whether everything that was promised holds (ARCHITECTURE.md §3).
public struct Simulation {
  public struct Outcome: Sendable {
    public var seed: UInt64
    /// nil: all invariants hold.
    public var failure: String?
    public var traceHash: UInt64
    /// The last lines of what happened.
    public var tail: [String]
    public var operations: Int
    public var snapshots: Int
  }

  public struct Options: Sendable {
    /// 0: one worker, one source, no faults; 1: all sources, several workers; 2: everything.
    public var level = 2
    public var prints = false
    /// A bug that is planted; nil for none.
    public var sabotage: String?
    public init() {}
  }

  /// Bugs that must be found: each switches one rule off.
  public static let sabotages = StreamSabotage.allCases.map(\.rawValue)

  /// Whether dictionaries have the same order each time, so that a seed plays the same way each time.
  public static var isRepeatable: Bool {
    ProcessInfo.processInfo.environment["SWIFT_DETERMINISTIC_HASHING"] != nil
  }

  /// Plays a seed from its beginning to the last check. The same seed gives the same trace, as long as the process hashes
  /// without a random seed of its own.
  public static func run(seed: UInt64, _ options: Options = Options()) -> Outcome {
    do {
      let world = try SimWorld(seed: seed, prints: options.prints)
      let play = try SimPlay(world, options)
      var failure: String?
      do {
        try play.run()
      } catch {
        failure = "\(error)"
      }
      let first = world.violation ?? failure
      let outcome = Outcome(
        seed: seed, failure: first, traceHash: world.trace.hash, tail: world.trace.tail, operations: world.operations,
        snapshots: world.lake.manifests.count)
      play.close()
      return outcome
    } catch {
      return Outcome(seed: seed, failure: "\(error)", traceHash: 0, tail: [], operations: 0, snapshots: 0)
    }
  }
}

/// The scheduler of one seed.
final class SimPlay {
  let world: SimWorld
  let options: Simulation.Options
  let dataset: SimDataset
  let inputs: SimInputs
  /// Nobody may list the sources, and no notification is lost.
  let isTrusting: Bool
  private(set) var workers: [SimWorker] = []
  /// Reads the ledger as a worker does, without faults.
  let observer: LedgerView
  private var chaos = SimFaults()
  private var jumps: [Int64] = [1, 20, 200]

  init(_ world: SimWorld, _ options: Simulation.Options) throws {
    self.world = world
    self.options = options
    var random = world.random.fork()
    var dataset = SimDataset(&random, level: options.level)
    world.lake.isVersioned = options.level > 0 && random.chance(3)
    world.lake.violate = { [unowned world] in world.violate($0) }
    isTrusting = options.level >= 2 && random.chance(4)
    if isTrusting { dataset.listsBeforeCut = false }
    self.dataset = dataset
    world.isListable = !isTrusting
    inputs = try SimInputs(world, dataset, losesNotifications: !isTrusting)
    observer = LedgerView(
      broker: world.broker, topic: "sim.ledger", ignoresBase: options.sabotage == StreamSabotage.base.rawValue)
    var stream = StreamOptions(member: "", programVersion: "sim", threads: 1)
    stream.hasThreads = false
    stream.sabotage = options.sabotage.flatMap { StreamSabotage(rawValue: $0) }
    stream.emitsFeatures = random.chance(2)
    stream.commitEvery = random.pick([0, 200_000, 2_000_000])
    stream.checkpointEvery = random.pick([500_000, 3_000_000, 15_000_000])
    stream.checkpointBytes = random.pick([1 << 20, 64 << 20])
    stream.appendBytes = random.pick([1, 300, 2 << 20])
    stream.listEvery = random.pick([5_000_000, 60_000_000, 900_000_000])
    stream.triesMax = 3
    let count = options.level == 0 ? 1 : random.int(1...4)
    for number in 0..<count {
      let skew = options.level >= 2 && random.chance(4) ? Int64(random.int(-90_000...90_000)) * 1000 : 0
      workers.append(try SimWorker(number, world, dataset, options: stream, skew: skew))
    }
    if options.level >= 2 {
      chaos.crash = random.pick([0, 200, 1000])
      chaos.unavailable = random.pick([0, 30, 300])
      chaos.slow = random.pick([0, 50])
      chaos.interleave = random.pick([0, 4, 20])
      chaos.duplicate = random.pick([0, 10, 60])
      jumps = random.pick([[1, 20, 200], [1, 20, 200, 3000], [1, 20, 200, 3000, 11_000], [20, 200, 900_000]])
    }
    world.meanwhile = { [unowned self] who in self.meanwhile(who) }
  }

  func close() {
    world.meanwhile = nil
    world.lake.violate = { _ in }
  }

  // MARK: The play

  func run() throws {
    world.trace.add("seed \(world.seed)")
    world.trace.add(dataset.text())
    for worker in workers { try worker.start() }
    world.faults = chaos
    let steps = options.level == 0 ? 200 : world.random.int(150...700)
    for _ in 0..<steps {
      try act()
      try stopIfViolated()
    }
    world.trace.add("--- all faults end")
    world.faults = SimFaults()
    world.storeAwayUntil = 0
    world.brokerAwayUntil = 0
    try inputs.finish()
    try settle()
    do {
      try SimChecks(self).all()
    } catch {
      tellLedger()
      throw error
    }
    try stopIfViolated()
  }

  /// The ledger as everyone judged it, into the trace.
  private func tellLedger() {
    for judged in observer.entries(from: 0, most: .max) {
      var text = "  ledger \(judged.position) "
      switch (judged.entry, judged.verdict) {
      case (.commit(let commit), .inputs(let verdicts)):
        text += "\(commit.source) \(commit.attempt.description.prefix(6))"
        for (input, accepted) in zip(commit.inputs, verdicts) {
          text += " \(input.object.key)=\(input.version ?? "gone")/\(input.base ?? -1)\(accepted ? "" : " refused")"
        }
        for (range, accepted) in zip(commit.ranges, verdicts.dropFirst(commit.inputs.count)) {
          text += " [\(range.range.partition)]\(range.from)..<\(range.to)\(accepted ? "" : " refused")"
        }
        text += " rows \(commit.shards.map(\.rows))"
      default: text += "\(judged.entry) \(judged.verdict)"
      }
      world.trace.add(text)
    }
  }

  private func stopIfViolated() throws {
    if let violation = world.violation { throw SimError(violation) }
    for worker in workers {
      if let ending = worker.endings.first { throw SimError("a worker ended by itself: \(ending)") }
    }
  }

  private func act() throws {
    let pick = world.random.int(0...99)
    switch pick {
    case 0..<8: try inputs.happen()
    case 8..<20: world.advance(milliseconds: world.random.pick(jumps))
    case 20..<22: try askForCut()
    case 22 where options.level >= 2: trouble()
    case 23 where options.level >= 2 && world.random.chance(3): try forget()
    default: try stepSomeone()
    }
  }

  private func stepSomeone() throws {
    let worker = world.random.pick(workers)
    if !worker.isRunning {
      if worker.sleepsUntil <= world.now { try worker.start() }
      return
    }
    if worker.sleepsUntil > world.now { return }
    _ = worker.step(world.random.pick(SimLoop.allCases))
  }

  /// Within an operation of a worker: others go on, and other threads of the same.
  private func meanwhile(_ who: SimIncarnation) {
    for _ in 0..<world.random.int(1...3) {
      if world.random.chance(4) {
        try? inputs.happen()
        continue
      }
      let worker = world.random.pick(workers)
      if worker.isRunning && worker.sleepsUntil <= world.now { _ = worker.step(world.random.pick(SimLoop.allCases)) }
    }
  }

  private func trouble() {
    let worker = world.random.pick(workers)
    switch world.random.int(0...5) {
    case 0: world.storeAwayUntil = world.now + Int64(world.random.int(100...15_000)) * 1000
    case 1: world.brokerAwayUntil = world.now + Int64(world.random.int(100...15_000)) * 1000
    case 2...3:
      // Longer than its session: it goes on as one that does not know.
      worker.sleepsUntil = world.now + Int64(world.random.int(1000...40_000)) * 1000
      world.trace.add("\(worker.life.name) stands still")
    default:
      if chaos.crash > 0 {
        world.trace.add("\(worker.life.name) is killed")
        worker.crash()
      }
    }
  }

  private var cuts = 0

  /// Two workers that believe to be the publisher are asked, if there are.
  private func askForCut() throws {
    let id = "asked-\(world.random.int(0...cuts))"
    cuts += 1
    let asOf = world.now + world.random.pick([-3600, -30, 0, 30, 86_400]) * 1_000_000
    let lists = !isTrusting && world.random.chance(2)
    for worker in workers {
      guard let control = worker.parts?.control, control.status.isOwner else { continue }
      world.trace.add("ask \(worker.life.name) for \(id)")
      control.request(ControlLoop.CutRequest(id: id, asOf: asOf, notBefore: .min, listsFirst: lists))
    }
  }

  /// Retention of `rows`: what no checkpoint, no live shard and no attempt under way needs any more.
  private func forget() throws {
    guard try observe() else { return }
    let shard = world.random.int(0...dataset.shards - 1)
    let at = TopicPartition("sim.rows", shard)
    guard let bounds = try? world.broker.bounds([at])[at] else { return }
    let prefix = "out/_tributary/shards/\(shard)/checkpoints/"
    var from = world.lake.keys.last { $0.hasPrefix(prefix) }.flatMap { Int($0.dropFirst(prefix.count).prefix(12)) } ?? 0
    for worker in workers {
      for held in worker.parts?.join.shards ?? [] where held.shard == shard { from = min(from, held.position) }
    }
    var needed = bounds.end
    var settled: Set<String> = []
    for judged in observer.entries(from: 0, most: .max) {
      guard case .commit(let commit) = judged.entry else { continue }
      settled.insert("\(commit.attempt)")
      if judged.position >= from, shard < commit.shards.count, commit.shards[shard].rows > 0 {
        needed = min(needed, commit.shards[shard].first)
      }
    }
    let reader = try world.broker.reader(at, from: bounds.first)
    while let block = try reader.poll(milliseconds: 0, maxBytes: 1 << 20) {
      for index in 0..<block.count where block.entries[index].offset < needed {
        guard let bytes = block.value(index), let frame = bytes.withUnsafeBytes({ try? RowFrame($0) }) else { continue }
        let attempt = "\(frame.attempt)"
        if !settled.contains(attempt), world.senders[attempt]?.isDead == false { needed = block.entries[index].offset }
      }
    }
    if needed > bounds.first {
      world.trace.add("  rows of shard \(shard) before \(needed) are forgotten")
      try world.broker.truncate(at, before: needed)
    }
  }

  /// Reads the ledger to its end; false if there is none yet.
  private func observe() throws -> Bool {
    guard try world.broker.describe(["sim.ledger"])["sim.ledger"] != nil else { return false }
    while try observer.step(milliseconds: 0) {}
    return true
  }

  // MARK: The end

  /// Virtual time that everything may take to come to rest.
  static let settleSeconds: Int64 = 1800
  static let finalCut = "final"

  private func settle() throws {
    let until = world.now + SimPlay.settleSeconds * 1_000_000
    var stage = 0
    var askedAt = Int64.min / 2
    let asOf = world.now + world.random.pick([-1800, 60, 864_000]) * 1_000_000
    finalAsOf = asOf
    for worker in workers { worker.sleepsUntil = 0 }
    while world.now < until {
      var moved = false
      for worker in workers.shuffled(using: &world.random) {
        if !worker.isRunning { try worker.start() }
        for loop in SimLoop.allCases.shuffled(using: &world.random) { moved = worker.step(loop) || moved }
      }
      try stopIfViolated()
      world.advance(milliseconds: moved ? 50 : 700)
      guard try observe() else { continue }
      switch stage {
      case 0:
        guard isCaughtUp, !isTrusting || isNotified else { continue }
        let publishers = workers.filter { $0.parts?.control.status.isOwner == true }
        guard !publishers.isEmpty, world.now - askedAt > 120_000_000 || !observer.read({ $0.hasCut(SimPlay.finalCut) })
        else { continue }
        if observer.read({ $0.hasCut(SimPlay.finalCut) }) {
          stage = 1
        } else if world.now - askedAt > 120_000_000 {
          askedAt = world.now
          for publisher in publishers {
            publisher.parts?.control.request(
              ControlLoop.CutRequest(id: SimPlay.finalCut, asOf: asOf, notBefore: .min, listsFirst: !isTrusting))
          }
        }
      default: break
      }
      if observer.read({ $0.hasCut(SimPlay.finalCut) && $0.cuts.isEmpty }), isQuiet { return }
    }
    throw SimError("it does not settle: \(restless)")
  }

  private(set) var finalAsOf: Int64 = 0

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

  /// All records are in the ledger.
  private var isCaughtUp: Bool {
    for source in dataset.sources {
      guard case .records(let topic, _) = source.kind else { continue }
      for (at, records) in inputs.records where at.topic == topic {
        guard let last = records.last else { continue }
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
      parts.append(
        "\(worker.life.name): ledger \(running.context.ledger.position) of \(observer.position), objects \(running.objects.openCount), publisher \(running.control.status.isOwner) \(running.control.status.problem ?? ""), shards \(running.join.shards.map { "\($0.shard) \($0.state) at \($0.position) \($0.reason ?? "")" }), records \(running.records.stoppedReasons)"
      )
    }
    return parts.joined(separator: "; ")
  }
}
