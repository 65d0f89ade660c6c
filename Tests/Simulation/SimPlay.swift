import Definition
import Pipeline
import Platform
import TestKit

@testable import Worker

/// The scheduler of one seed.
final class SimPlay {
  let world: SimWorld
  let options: Simulation.Options
  let kind: SimKind
  let inputs: SimInputs
  /// The definitions so far; the last one is to be in force.
  private(set) var revisions: [SimRevision]
  private(set) var workers: [SimWorker] = []
  /// Reads the ledger as a worker does, without faults.
  let observer: LedgerView
  var chaos = SimFaults()
  private var jumps: [Int64] = [1, 20, 200]
  private var cuts = 0
  var finalAsOf: Int64 = 0

  init(_ world: SimWorld, _ options: Simulation.Options) throws {
    self.world = world
    self.options = options
    var random = world.random.fork()
    let kind = SimKind(&random, level: options.level)
    self.kind = kind
    var dataset = SimDataset(&random, level: options.level)
    world.lake.isVersioned = options.level > 0 && random.chance(3)
    world.lake.violate = { [unowned world] in world.violate($0) }
    if kind.isTrusting { dataset.listsBeforeCut = false }
    world.isListable = !kind.isTrusting
    revisions = [try SimRevision(dataset)]
    inputs = try SimInputs(world, dataset, kind)
    let sabotage = options.sabotage.flatMap { StreamSabotage(rawValue: $0) }
    observer = LedgerView(broker: world.broker, topic: "sim.ledger", sabotage: sabotage)
    var stream = SimPlay.streamOptions(&random, sabotage)
    let count = options.level == 0 ? 1 : random.int((kind.isRace ? 2 : 1)...4)
    // Whoever publishes may keep its parts to itself, as far as there is room.
    stream.heldBytes = world.seed % 3 == 0 ? 0 : world.seed % 3 == 1 ? 40_000 : 1 << 20
    for number in 0..<count {
      let skew = options.level >= 2 && random.chance(4) ? Int64(random.int(-90_000...90_000)) * 1000 : 0
      workers.append(SimWorker(number, world, options: stream, skew: skew))
    }
    if options.level >= 2 {
      chaos.crash = random.pick([0, 200, 1000])
      chaos.unavailable = random.pick([0, 30, 300])
      chaos.slow = random.pick([0, 50])
      chaos.interleave = random.pick([0, 4, 20])
      chaos.duplicate = random.pick([0, 10, 60])
      chaos.hold = kind.isRace ? 3 : random.pick([0, 0, 20])
      jumps = random.pick([[1, 20, 200], [1, 20, 200, 3000], [1, 20, 200, 3000, 11_000], [20, 200, 900_000]])
    }
    world.meanwhile = { [unowned self] who in self.meanwhile(who) }
  }

  private static func streamOptions(_ random: inout SeededGenerator, _ sabotage: StreamSabotage?) -> StreamOptions {
    var stream = StreamOptions(member: "", programVersion: "sim", threads: 1)
    stream.hasThreads = false
    stream.sabotage = sabotage
    stream.emitsFeatures = random.chance(2)
    stream.commitEvery = random.pick([0, 200_000, 2_000_000])
    stream.checkpointEvery = random.pick([500_000, 3_000_000, 15_000_000])
    stream.checkpointBytes = random.pick([1 << 20, 64 << 20])
    stream.appendBytes = random.pick([1, 300, 2 << 20])
    stream.rowFileBytes = random.pick([1, 300, 8 << 20])
    stream.rowFileLeast = random.pick([1, 300, .max])
    stream.listEvery = random.pick([5_000_000, 60_000_000, 900_000_000])
    stream.foldEvery = random.pick([10, 10_000])
    stream.triesMax = 3
    return stream
  }

  func close() {
    world.meanwhile = nil
    world.lake.violate = { _ in }
  }

  // There is one from the beginning, and none is taken away.
  var revision: SimRevision { revisions[revisions.count - 1] }
  var dataset: SimDataset { revision.dataset }

  // MARK: The play

  func run() throws {
    world.trace.add("seed \(world.seed)")
    world.trace.add(dataset.text())
    for worker in workers { try worker.start(revision) }
    world.faults = chaos
    let steps = options.level == 0 ? 200 : world.random.int(150...700)
    for _ in 0..<steps {
      try act()
      try stopIfViolated()
    }
    if kind.isRace { try race() }
    if kind.isWavering { try waver() }
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

  func stopIfViolated() throws {
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
    case 23 where options.level >= 2 && world.random.chance(3): try forgetRows()
    case 24 where kind.forgetsRecords: try forgetRecords()
    case 25 where kind.isRedefined && world.random.chance(2): try redefine()
    default: try stepSomeone()
    }
  }

  /// A last run for the same objects: some have looked when others already know better.
  private func race() throws {
    for _ in 0..<6 {
      try inputs.race()
      for _ in 0..<world.random.int(2...20) {
        let worker = world.random.pick(workers)
        if worker.isRunning { _ = worker.step(world.random.pick([.ledger, .ingest, .objects, .objects])) }
      }
      try stopIfViolated()
    }
  }

  /// Columns change, and change back before anybody has read by them, but not before shards have gone on.
  private func waver() throws {
    for _ in 0..<200 { try act() }
    try redefine()
    for _ in 0..<world.random.int(50...300) {
      if world.random.chance(10) { world.advance(milliseconds: world.random.pick([200, 3000])) }
      try stepSomeone([.ledger, .ledger, .join, .shards])
      try stopIfViolated()
    }
    try redefine(back: true)
  }

  private func stepSomeone(_ loops: [SimLoop] = SimLoop.allCases) throws {
    let worker = world.random.pick(workers)
    if !worker.isRunning {
      if worker.sleepsUntil <= world.now { try start(worker) }
      return
    }
    if worker.sleepsUntil > world.now { return }
    _ = worker.step(world.random.pick(loops))
  }

  /// Now and then with a definition that is not the newest: somebody forgot that machine.
  private func start(_ worker: SimWorker) throws {
    let older = revisions.count > 1 && world.random.chance(6)
    try worker.start(older ? revisions[world.random.int(0...revisions.count - 2)] : revision)
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

  /// Two workers that believe to be the publisher are asked, if there are.
  private func askForCut() throws {
    let id = "asked-\(world.random.int(0...cuts))"
    cuts += 1
    let asOf = world.now + world.random.pick([-3600, -30, 0, 30, 86_400]) * 1_000_000
    let lists = !kind.isTrusting && world.random.chance(2)
    for worker in workers {
      guard let control = worker.parts?.control, control.status.isOwner else { continue }
      world.trace.add("ask \(worker.life.name) for \(id)")
      control.request(ControlLoop.CutRequest(id: id, asOf: asOf, notBefore: .min, listsFirst: lists))
    }
  }

  /// The definition changes, and some workers are started again with it; the others find out by themselves.
  private func redefine(back: Bool = false) throws {
    guard revisions.count < 6, try observe(), observer.read({ $0.semanticHash }) == revision.semanticHash else {
      return
    }
    // Where nobody may list, nobody finds what is to be read again.
    var dataset = dataset.changed(&world.random, columnsToo: !kind.isTrusting, isWavering: kind.isWavering)
    if back && revisions.count > 1 { dataset.takeColumns(of: revisions[revisions.count - 2].dataset) }
    let next = try SimRevision(dataset)
    revisions.append(next)
    world.trace.add("--- the definition is changed\n\(next.text)")
    for (index, worker) in workers.enumerated() where index == 0 || world.random.chance(2) { worker.crash() }
  }

  // MARK: Retention

  /// Retention of `rows`: what no checkpoint, no live shard and no attempt under way needs any more.
  private func forgetRows() throws {
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
      try forgetRowFiles(settled)
    }
  }

  /// Files that no message in `rows` tells of any more, nor will: their attempts are over.
  private func forgetRowFiles(_ settled: Set<String>) throws {
    let prefix = "out/_tributary/rows/"
    var told: Set<String> = []
    for shard in 0..<dataset.shards {
      let at = TopicPartition("sim.rows", shard)
      guard let first = try world.broker.bounds([at])[at]?.first else { continue }
      let reader = try world.broker.reader(at, from: first)
      while let block = try reader.poll(milliseconds: 0, maxBytes: 1 << 20) {
        for index in 0..<block.count {
          guard let reference = block.value(index)?.withUnsafeBytes({ RowReference($0) }) else { continue }
          told.insert("\(prefix)\(reference.attempt)-\(reference.file)")
        }
      }
    }
    for key in world.lake.keys where key.hasPrefix(prefix) && !told.contains(key) {
      guard let attempt = key.dropFirst(prefix.count).split(separator: "-").first.map(String.init),
        settled.contains(attempt) || world.senders[attempt]?.isDead == true
      else { continue }
      world.trace.add("  \(key) is forgotten")
      world.lake.delete(key)
    }
  }

  /// Retention of records, read or not.
  private func forgetRecords() throws {
    guard !inputs.records.isEmpty else { return }
    let at = world.random.pick(inputs.records.keys.sorted())
    guard let bounds = try world.broker.bounds([at])[at], bounds.end > bounds.first else { return }
    let to = Int64(world.random.int(Int(bounds.first) + 1...Int(bounds.end)))
    world.trace.add("  records \(at) before \(to) are forgotten")
    try world.broker.truncate(at, before: to)
    world.forgotten[at] = to
  }

  /// Whether what a source has to read next is gone, and it has to stop there.
  func isTorn(_ source: SimDataset.SimSource, _ at: TopicPartition) -> Bool {
    guard !source.skipsGaps, let gone = world.forgotten[at] else { return false }
    let range = RangeIdentity(source: source.name, topic: at.topic, partition: at.partition)
    return observer.acceptedEnd(range).map { $0 < gone } ?? false
  }

  // MARK: The ledger

  /// Reads the ledger to its end; false if there is none yet.
  func observe() throws -> Bool {
    guard try world.broker.describe(["sim.ledger"])["sim.ledger"] != nil else { return false }
    while try observer.step(milliseconds: 0) {}
    return true
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
}

/// What a world is about.
struct SimKind {
  /// Nobody may list the sources, and no notification is lost.
  var isTrusting = false
  /// Few objects, which many workers read while they change: only the ledger's rule keeps the newer one.
  var isRace = false
  /// The definition changes now and then.
  var isRedefined = false
  /// Columns change, and soon change back.
  var isWavering = false
  /// Retention takes records, read or not.
  var forgetsRecords = false

  init(_ random: inout SeededGenerator, level: Int) {
    guard level >= 2 else { return }
    isRace = random.chance(5)
    isTrusting = isRace || random.chance(5)
    isRedefined = random.chance(3)
    isWavering = isRedefined && !isTrusting && random.chance(2)
    forgetsRecords = random.chance(4)
  }
}
