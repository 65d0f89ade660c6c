import Dispatch
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Workers and publishers of a cut that die anywhere, come back, and get in each other's way (I6).
@Suite(.serialized) struct CutCrashTests {
  static func cut(id: String = "one", micros: Int64 = 1_000_000) throws -> StreamCut {
    try StreamCut(
      Lake(seed: 41, shards: 3, visits: 120, files: 1), id: id, micros: micros, format: CutPublishTests.csv,
      partTarget: 700)
  }

  @Test("a publisher dies before any one operation; a second one completes what it left")
  func crashes() throws {
    let cut = try Self.cut()
    let clean = MemoryObjects()
    let reports = try cut.reports(cut.place(clean))
    let before = Dictionary(uniqueKeysWithValues: clean.keys.map { ($0, clean[$0] ?? []) })
    let counter = BatchFaultTests.Faults(failAt: -1)
    let wanted = try cut.publisher(reports, cut.place(clean, hook: counter.hook)).publish().manifest
    let total = counter.count.withLock { $0 }
    #expect(total > 30)
    for failAt in 1...total {
      let objects = MemoryObjects()
      for (key, bytes) in before { objects.set(key, bytes) }
      let faults = BatchFaultTests.Faults(failAt: failAt)
      let first = try cut.publisher(reports, cut.place(objects, hook: faults.hook))
      do { _ = try first.publish() } catch { #expect("\(error)".contains("planted fault")) }
      let place: Comment = "died before operation \(failAt): \(faults.failed.withLock { $0 } ?? "")"
      let published = Published(objects: objects)
      let between = try published.manifest("one")
      #expect(between == nil || between == wanted, place)
      // The same publisher goes on where it stood (the fault was a moment's), or another begins anew.
      let second = failAt % 2 == 0 ? first : try cut.publisher(reports, cut.place(objects))
      #expect(try second.publish().manifest == wanted, place)
      #expect(try published.problems("one") == [], place)
      #expect(try published.latest()?.fingerprint == wanted.fingerprint, place)
      let third = try cut.publisher(reports, cut.place(objects)).publish()
      #expect(third.alreadyPublished && third.manifest == wanted, place)
    }
  }

  @Test("a publisher of parts in memory fails at any one operation, and goes on or begins anew")
  func crashesWithHeldParts() throws {
    let cut = try Self.cut()
    // One shard is in memory, one in the store for want of room, one was reported by a process that is gone.
    func begin(_ place: StorePlace) throws -> CutPublisher {
      let held = try cut.held([0], PartRoom(1 << 20), place).merging(cut.held([1], PartRoom(0), place)) { first, _ in
        first
      }
      return try cut.publisher([try cut.shard(2, place).write { false }], held: held, place)
    }
    let clean = MemoryObjects()
    let first = try begin(cut.place(clean))
    let before = Dictionary(uniqueKeysWithValues: clean.keys.map { ($0, clean[$0] ?? []) })
    _ = first
    let counter = BatchFaultTests.Faults(failAt: -1)
    let counted = MemoryObjects()
    for (key, bytes) in before { counted.set(key, bytes) }
    let wanted = try begin(cut.place(counted, hook: counter.hook)).publish().manifest
    let total = counter.count.withLock { $0 }
    #expect(total > 20)
    for failAt in 1...total {
      let objects = MemoryObjects()
      let faults = BatchFaultTests.Faults(failAt: failAt)
      let place: Comment = "failed at operation \(failAt)"
      var publisher: CutPublisher?
      do {
        publisher = try begin(cut.place(objects, hook: faults.hook))
        _ = try publisher?.publish()
      } catch { #expect("\(error)".contains("planted fault"), place) }
      let published = Published(objects: objects)
      let between = try published.manifest("one")
      #expect(between == nil || between == wanted, place)
      // The same process tries again, or another begins with nothing in memory.
      let again: CutPublisher
      if let publisher, failAt % 2 == 0 { again = publisher } else { again = try begin(cut.place(objects)) }
      #expect(try again.publish().manifest == wanted, place)
      #expect(try published.problems("one") == [], place)
    }
  }

  @Test("a worker dies before any one operation; another writes the same")
  func workerCrashes() throws {
    let cut = try Self.cut()
    let clean = MemoryObjects()
    let counter = BatchFaultTests.Faults(failAt: -1)
    let wanted = try cut.shard(1, cut.place(clean, hook: counter.hook)).write { false }
    for failAt in 1...counter.count.withLock({ $0 }) {
      let objects = MemoryObjects()
      let faults = BatchFaultTests.Faults(failAt: failAt)
      #expect(throws: StoreError.self) {
        try cut.shard(1, cut.place(objects, hook: faults.hook)).write { false }
      }
      #expect(try cut.shard(1, cut.place(objects)).write { false } == wanted)
      #expect(objects.keys.allSatisfy { objects[$0] == clean[$0] })
    }
  }

  @Test("one publisher stops anywhere, another runs past it: one snapshot, whole, and both succeed")
  func interleaved() throws {
    let cut = try Self.cut()
    let clean = MemoryObjects()
    let reports = try cut.reports(cut.place(clean))
    let before = Dictionary(uniqueKeysWithValues: clean.keys.map { ($0, clean[$0] ?? []) })
    let counter = PublishTests.Pause(at: -1)
    let wanted = try cut.publisher(reports, cut.place(clean, hook: counter.hook)).publish().manifest
    for at in 1...counter.operations {
      let objects = MemoryObjects()
      for (key, bytes) in before { objects.set(key, bytes) }
      let pause = PublishTests.Pause(at: at)
      let ended = DispatchSemaphore(value: 0)
      let result = Guarded<Result<Manifest, any Error>?>(nil)
      DispatchQueue.global().async {
        let outcome = Result {
          try cut.publisher(reports, cut.place(objects, hook: pause.hook)).publish().manifest
        }
        result.withLock { $0 = outcome }
        ended.signal()
      }
      try #require(pause.reached.wait(timeout: .now() + 30) == .success)
      let second = try cut.publisher(reports, cut.place(objects)).publish()
      let parts = second.manifest.parts.map { objects["out/snapshot=one/\($0.key)"] }
      pause.goOn.signal()
      try #require(ended.wait(timeout: .now() + 30) == .success)
      let place: Comment = "the first stopped before operation \(at)"
      #expect(try result.withLock { try $0?.get() } == wanted, place)
      #expect(second.manifest == wanted, place)
      let published = Published(objects: objects)
      #expect(try published.manifest("one") == wanted, place)
      #expect(try published.problems("one") == [], place)
      #expect(parts == wanted.parts.map { objects["out/snapshot=one/\($0.key)"] }, place)
    }
  }

  struct Replaced: Sendable {
    var held: [Int]
    var threads: Int
    /// And then retention takes the snapshot.
    var isRemoved: Bool
  }

  @Test(
    "one with parts in memory is replaced within a step, and hears of it then: nothing of it stays",
    arguments: [
      Replaced(held: [0, 1, 2], threads: 1, isRemoved: false), Replaced(held: [0], threads: 3, isRemoved: false),
      Replaced(held: [0, 2], threads: 2, isRemoved: true),
    ])
  func replaced(by: Replaced) throws {
    let cut = try Self.cut()
    let newer = try Self.cut(id: "two", micros: 2_000_000)
    let clean = MemoryObjects()
    let reports = try cut.reports(cut.place(clean))
    let before = Dictionary(uniqueKeysWithValues: clean.keys.map { ($0, clean[$0] ?? []) })
    func first(_ place: StorePlace) throws -> CutPublisher {
      try cut.publisher(
        reports.filter { !by.held.contains($0.shard) }, held: cut.held(by.held, PartRoom(1 << 20), place), place,
        threads: by.threads)
    }
    let counter = PublishTests.Pause(at: -1)
    _ = try first(cut.place(clean, hook: counter.hook)).publish()
    #expect(counter.operations > 10)
    for at in 1...counter.operations {
      let objects = MemoryObjects()
      for (key, bytes) in before { objects.set(key, bytes) }
      let gate = Gate(at: at)
      let one = try first(cut.place(objects, hook: gate.hook))
      let isReplaced = Guarded(false)
      let ended = DispatchSemaphore(value: 0)
      let running = Unchecked(value: one)
      DispatchQueue.global().async {
        while (try? running.value.step()) == false, !isReplaced.withLock({ $0 }) {}
        ended.signal()
      }
      try #require(gate.reached.wait(timeout: .now() + 30) == .success)
      let second = try cut.publisher(reports, cut.place(objects)).publish()
      if by.isRemoved {
        let place = cut.place(objects)
        _ = try newer.publisher(try newer.reports(place), place).publish()
        let retention = SnapshotRetention(
          place: place, dataset: cut.facts.dataset, rule: RetentionRule(keepLast: 1, keepFor: nil))
        #expect(try retention.remove("one", now: 0) == .removed)
      }
      isReplaced.withLock { $0 = true }
      gate.goOn.signal()
      try #require(ended.wait(timeout: .now() + 30) == .success)
      let published = Published(objects: objects)
      let place: Comment = "it stopped before operation \(at)"
      if by.isRemoved {
        let left = objects.keys.filter { $0.hasPrefix("out/snapshot=one/") && !$0.contains("/_shards/") }
        #expect(left == ["out/snapshot=one/manifest.json"], place)
      } else {
        #expect(try published.manifest("one")?.fingerprint == second.manifest.fingerprint, place)
        #expect(try published.problems("one") == [], place)
      }
    }
  }

  /// Lets no operation through, of any thread, from one on until it is told to.
  private final class Gate: Sendable {
    private let count = Guarded(0)
    private let at: Int
    let reached = DispatchSemaphore(value: 0)
    let goOn = DispatchSemaphore(value: 0)

    init(at: Int) { self.at = at }

    var hook: MemoryStore.Hook {
      { (_, key) throws(StoreError) in
        let number = self.count.withLock { count in
          count += 1
          return count
        }
        if number < self.at { return }
        self.reached.signal()
        self.goOn.wait()
        self.goOn.signal()
      }
    }
  }

  /// A publisher that one other thread steps, while this one waits.
  private struct Unchecked: @unchecked Sendable {
    let value: CutPublisher
  }

  @Test("steps of several publishers in any order, some of them dying", arguments: 0..<40)
  func steps(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    var cuts = [try Self.cut()]
    // A later cut of the same rows, whose pointer must win.
    cuts.append(try Self.cut(id: "two", micros: 2_000_000))
    let objects = MemoryObjects()
    let place = cuts[0].place(objects)
    let reports = try cuts.map { try $0.reports(place) }
    var running: [(Int, CutPublisher)] = []
    var done: Set<Int> = []
    for _ in 0..<10_000 where done.count < 2 || !running.isEmpty {
      if running.count < 3, done.count < 2 || random.chance(30) {
        let which = random.int(0...1)
        running.append((which, try cuts[which].publisher(reports[which], place)))
      }
      guard !running.isEmpty else { continue }
      let number = random.int(0...running.count - 1)
      let (which, publisher) = running[number]
      if random.chance(25) {
        running.remove(at: number)
      } else if try publisher.step() {
        done.insert(which)
        running.remove(at: number)
      }
      let published = Published(objects: objects)
      for id in ["one", "two"] {
        guard let manifest = try published.manifest(id) else { continue }
        #expect(manifest.parts.allSatisfy { objects["out/snapshot=\(id)/\($0.key)"]?.count == $0.bytes })
      }
    }
    #expect(done.count == 2 && running.isEmpty, "seed \(seed)")
    let published = Published(objects: objects)
    #expect(try published.problems("one") == [] && published.problems("two") == [], "seed \(seed)")
    #expect(try published.latest()?.snapshot == "two", "seed \(seed)")
  }

  @Test("a snapshot with other rows under the same id is not adopted, and a foreign place is refused")
  func taken() throws {
    let cut = try Self.cut()
    let objects = MemoryObjects()
    let place = cut.place(objects)
    _ = try cut.publisher(try cut.reports(place), place).publish()
    let keys = objects.keys
    let other = try StreamCut(Lake(seed: 42, shards: 3, visits: 120, files: 1), format: CutPublishTests.csv)
    let reports = try other.reports(place)
    #expect { try other.publisher(reports, place).publish() } throws: { ($0 as? PublishError)?.code == .otherRows }
    #expect(keys.allSatisfy { objects[$0] != nil })
    var foreign = try StreamCut(
      Lake(seed: 42, shards: 3, visits: 120, files: 1, dataset: "x"), id: "three", format: CutPublishTests.csv)
    foreign.facts.dataset = "x"
    let theirs = try foreign.reports(place)
    #expect { try foreign.publisher(theirs, place).publish() } throws: { ($0 as? PublishError)?.code == .otherDataset }
  }
}
