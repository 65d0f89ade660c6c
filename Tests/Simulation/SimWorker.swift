import Definition
import Digests
import Glibc
import Logging
import Pipeline
import Platform
import TestKit

@testable import Worker

/// A worker's loops, each as a thread of the real one would run it: one step at a time, in any order, between and within
/// those of others.
enum SimLoop: Int, CaseIterable {
  case ledger, ingest, objects, records, join, shards, cuts, control

  /// How many threads run it.
  var threads: Int { self == .objects || self == .shards ? 2 : 1 }
}

/// Segments at hand of one worker: they outlive its crashes, or not.
final class SimFiles: SegmentFiles, @unchecked Sendable {
  // Sendable: of its world, in which one thread is at a time.
  private var files: [String: SegmentBytes] = [:]

  func load(_ name: String) throws(StoreError) -> SegmentBytes? { files[name] }
  func save(_ name: String, _ pieces: [ArraySlice<UInt8>]) throws(StoreError) {
    files[name] = SegmentBytes(copying: Array(pieces.joined()))
  }
  func remove(_ name: String) { files[name] = nil }
  func names() -> [String] { files.keys.sorted() }

  /// A crash, or another machine: any of them may be gone or damaged.
  func lose(_ random: inout SeededGenerator) {
    switch random.int(0...3) {
    case 0: files = [:]
    case 1: for name in names() where random.chance(2) { files[name] = nil }
    case 2:
      for name in names() where random.chance(4) {
        var bytes = files[name].map { Array($0.bytes) } ?? []
        if !bytes.isEmpty { bytes[random.int(0...bytes.count - 1)] ^= 1 }
        files[name] = SegmentBytes(copying: bytes)
      }
    default: break
    }
  }
}

/// A clock that is wrong by a constant.
struct SkewedClock: WallClock {
  let clock: VirtualClock
  let microseconds: Int64
  func now() -> Int64 { clock.now() + microseconds }
}

/// One worker of the simulation: its present life, if it has one, and what its machine keeps.
final class SimWorker {
  let number: Int
  let world: SimWorld
  let files = SimFiles()
  private(set) var life: SimIncarnation
  private(set) var parts: StreamParts?
  var sleepsUntil: Int64 = 0
  private var notBefore: [Int64]
  private var active: [Int]
  private var lives = 0
  private let skew: Int64
  /// Of the present life, or the last one.
  private(set) var revision: SimRevision?
  private let options: StreamOptions
  /// What a living worker ended with: no retry mends it.
  var endings: [String] = []

  init(_ number: Int, _ world: SimWorld, options: StreamOptions, skew: Int64) {
    self.number = number
    self.world = world
    self.skew = skew
    var options = options
    options.member = "w\(number)"
    self.options = options
    notBefore = SimLoop.allCases.map { _ in 0 }
    active = SimLoop.allCases.map { _ in 0 }
    life = SimIncarnation(worker: number, number: 0)
    life.isDead = true
  }

  var emitsFeatures: Bool { options.emitsFeatures }
  var isRunning: Bool { parts != nil }
  var isBusy: Bool { active.contains { $0 > 0 } }

  func start(_ revision: SimRevision) throws {
    self.revision = revision
    lives += 1
    life = SimIncarnation(worker: number, number: lives)
    world.trace.add("start \(life.name) with definition \(revision.dataset.revision)")
    notBefore = SimLoop.allCases.map { _ in 0 }
    active = SimLoop.allCases.map { _ in 0 }
    let world = world
    let attempts = AttemptSource { (world.random.next(), world.random.next()) }
    let name = life.name
    let write: @Sendable ([UInt8]) -> Void = { line in
      let text = String(decoding: line.prefix(400), as: UTF8.self).split(separator: "\n").first ?? ""
      world.trace.add("  LOG \(name) \(text)")
    }
    let log = Log(level: .warning, form: .text, clock: { 0 }, write: write)
    do {
      let context = try StreamContext(
        revision.definition, semanticHash: revision.semanticHash,
        record: .init(text: revision.text, variables: [:], directory: ""),
        broker: SimBroker(world, life), stores: SimDirectory(store: SimStore(world, life)),
        clock: SkewedClock(clock: world.clock, microseconds: skew), attempts: attempts, options: options, log: log)
      parts = try StreamParts(context, files: files)
    } catch {
      throw SimError("\(life.name) does not start: \(error)")
    }
  }

  /// Its process is gone; what it was doing it does no more.
  func crash() {
    life.isDead = true
    if isBusy { return }
    bury()
  }

  private func bury() {
    guard parts != nil else { return }
    world.trace.add("buried \(life.name)")
    parts = nil
    if world.random.chance(2) { files.lose(&world.random) }
    sleepsUntil = world.now + Int64(world.random.pick([0, 500, 3000, 20_000])) * 1000
  }

  /// One step of one loop; false if it did nothing, or cannot run now.
  func step(_ loop: SimLoop) -> Bool {
    let index = loop.rawValue
    guard let parts, !life.isDead, active[index] < loop.threads, notBefore[index] <= world.now else { return false }
    // A part that cannot be written waits for whoever works on its shard, who is further down this very stack.
    if loop == .cuts && active[SimLoop.shards.rawValue] > 0 { return false }
    active[index] += 1
    world.trace.add("\(life.name) \(loop)")
    var moved = false
    do {
      moved = try run(loop, parts)
    } catch let error as BrokerError where error.isTransient || error.code == .full {
      wait(index)
    } catch let error as BrokerError where error.code == .closed {
    } catch let error as StoreError where error.code != .protocolViolation {
      wait(index)
    } catch {
      if !life.isDead {
        world.trace.add("  \(life.name) ENDS in \(loop): \(error)")
        // Its definition is an older one: somebody has to start it with the newer.
        if loop != .ledger || !isRedefined { endings.append("\(life.name) ended in \(loop): \(error)") }
        life.isDead = true
      }
    }
    active[index] -= 1
    // An object is looked at, read and sent in several steps: a slow store or broker draws them apart.
    if moved, loop == .objects, world.faults.hold > 0, world.random.chance(world.faults.hold) {
      notBefore[index] = world.now + Int64(world.random.pick([500, 3000, 30_000])) * 1000
    }
    if life.isDead && !isBusy { bury() }
    return moved
  }

  /// Whether another definition than its own is in force.
  private var isRedefined: Bool {
    parts?.context.ledger.read { $0.semanticHash != nil && $0.semanticHash != revision?.semanticHash } ?? false
  }

  private func wait(_ index: Int) { notBefore[index] = world.now + 1_000_000 }

  private func run(_ loop: SimLoop, _ parts: StreamParts) throws -> Bool {
    switch loop {
    case .ledger:
      try parts.define()
      let moved = try parts.context.ledger.step(milliseconds: 0)
      try parts.checkDefinition()
      return moved
    case .ingest: return try parts.ingest.step(milliseconds: 0)
    case .objects: return try parts.objects.step()
    case .records: return try parts.records.step()
    case .join: return try parts.join.poll(milliseconds: 0)
    case .shards: return try parts.join.work()
    case .cuts: return try parts.cuts.step()
    case .control: return try parts.control.step(milliseconds: 0)
    }
  }
}
