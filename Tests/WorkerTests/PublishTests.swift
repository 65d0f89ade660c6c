import Dispatch
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// I6 with several publishers at one target: a snapshot that is visible is whole, and never changes.
@Suite(.serialized) struct PublishTests {
  /// Lets a run stop before its n-th operation on the target, until it is let go.
  final class Pause: Sendable {
    private let count = Guarded(0)
    private let at: Int
    let reached = DispatchSemaphore(value: 0)
    let goOn = DispatchSemaphore(value: 0)

    init(at: Int) { self.at = at }

    var operations: Int { count.withLock { $0 } }

    var hook: MemoryStore.Hook {
      { (_, key) throws(StoreError) in
        guard key.hasPrefix("out/") else { return }
        let number = self.count.withLock { count in
          count += 1
          return count
        }
        if number == self.at {
          self.reached.signal()
          self.goOn.wait()
        }
      }
    }
  }

  /// How the second publisher's run differs from the first's.
  enum Other: CaseIterable { case same, otherShards, otherRows }

  @Test(
    "one publisher stops anywhere, another runs past it: one snapshot, whole, and nothing beside it",
    arguments: Other.allCases)
  func interleaved(other: Other) throws {
    let lake = Lake(seed: 21, visits: 200, files: 2)
    var second = lake
    if other == .otherShards { second.shards = 7 }
    let total: Int = try {
      let objects = MemoryObjects()
      lake.fill(objects)
      let counting = Pause(at: -1)
      _ = try lake.outcome(lake.options(), lake.stores(objects, hook: counting.hook))
      return counting.operations
    }()
    #expect(total > 10)
    for at in 1...total {
      let objects = MemoryObjects()
      lake.fill(objects)
      let pause = Pause(at: at)
      let first = try lake.run(lake.options(), lake.stores(objects, hook: pause.hook))
      let box = Box()
      let ended = DispatchSemaphore(value: 0)
      DispatchQueue.global().async {
        let result = Result { try first.run() }
        box.set(result)
        ended.signal()
      }
      try #require(pause.reached.wait(timeout: .now() + 30) == .success)
      // The first one has read its rows.
      if other == .otherRows { objects.set("visits/part-0.jsonl", Array("{\"customer\":{\"id\":\"c-1\"}}\n".utf8)) }
      let outcome = try? second.outcome(lake.options(), lake.stores(objects))
      let published = Published(objects: objects)
      // What was visible in between stays.
      let between = try published.manifest("one")
      let parts = between?.parts.map { objects["out/snapshot=one/\($0.key)"] }
      pause.goOn.signal()
      try #require(ended.wait(timeout: .now() + 30) == .success)
      let place: Comment = "the first stopped before operation \(at) of \(total)"
      let manifest = try #require(try published.manifest("one"), place)
      #expect(try published.problems("one") == [], place)
      #expect(try published.latest()?.fingerprint == manifest.fingerprint, place)
      if let between {
        #expect(manifest == between, place)
        #expect(parts == between.parts.map { objects["out/snapshot=one/\($0.key)"] }, place)
      }
      let finished = [outcome, box.success].compactMap { $0?.manifest }
      #expect(finished.contains(manifest) && finished.allSatisfy { $0.fingerprint == manifest.fingerprint }, place)
      if other != .otherRows { #expect(finished.count == 2, place) }
    }
  }

  final class Box: Sendable {
    private let result = Guarded<Result<BatchOutcome, any Error>?>(nil)
    func set(_ value: Result<BatchOutcome, any Error>) { result.withLock { $0 = value } }
    var success: BatchOutcome? { result.withLock { try? $0?.get() } }
  }

  @Test("latest.json only moves forward, and follows a run that is repeated")
  func latest() throws {
    let lake = Lake(seed: 22, visits: 50, files: 1)
    let objects = MemoryObjects()
    lake.fill(objects)
    let published = Published(objects: objects)
    for (id, now, newest) in [("b", 20, "b"), ("a", 10, "b"), ("c", 30, "c"), ("b", 40, "c"), ("a", 50, "c")] {
      _ = try lake.outcome(lake.options(id: id, now: Int64(now)), lake.stores(objects))
      #expect(try published.latest()?.snapshot == newest, "after \(id) at \(now)")
    }
  }

  @Test("many publishers of many snapshots at once", arguments: 0..<4)
  func many(seed: Int) throws {
    let lake = Lake(seed: 23, visits: 60, files: 2)
    let objects = MemoryObjects()
    lake.fill(objects)
    let group = DispatchGroup()
    for publisher in 0..<8 {
      DispatchQueue.global().async(group: group) {
        let run = try? lake.run(
          lake.options(id: "s\(publisher % 4)", now: Int64(publisher % 4), threads: 1), lake.stores(objects))
        _ = try? run?.run()
      }
    }
    #expect(group.wait(timeout: .now() + 60) == .success)
    let published = Published(objects: objects)
    for id in ["s0", "s1", "s2", "s3"] {
      #expect(try published.manifest(id) != nil)
      #expect(try published.problems(id) == [])
    }
    #expect(try published.latest()?.snapshot == "s3")
  }

  @Test("a place of another dataset is refused, whichever of its documents is there")
  func anotherDataset() throws {
    let lake = Lake(seed: 24, visits: 50, files: 1)
    var other = lake
    other.dataset = "other"
    let objects = MemoryObjects()
    lake.fill(objects)
    _ = try lake.outcome(lake.options(), lake.stores(objects))
    let before = objects.keys
    #expect(throws: BatchError.self) { try other.outcome(lake.options(id: "two"), lake.stores(objects)) }
    objects.remove("out/latest.json")
    #expect(throws: BatchError.self) { try other.outcome(lake.options(), lake.stores(objects)) }
    objects.set("out/latest.json", Array("no document".utf8))
    #expect(throws: BatchError.self) { try lake.outcome(lake.options(id: "two"), lake.stores(objects)) }
    #expect(objects.keys == before)
  }

  @Test("what an earlier run left unpublished is gone when the snapshot is there")
  func stale() throws {
    let lake = Lake(seed: 25, visits: 50, files: 1)
    let objects = MemoryObjects()
    lake.fill(objects)
    for name in ["train/part-00000.csv", "train/part-00099-ab.csv", "old/part-0.parquet", "rejected/part-7.jsonl"] {
      objects.set("out/snapshot=one/\(name)", [1, 2, 3])
    }
    objects.set("out/snapshot=one-and-another/train/part-0.csv", [1])
    _ = try lake.outcome(lake.options(), lake.stores(objects))
    #expect(try Published(objects: objects).problems("one") == [])
    #expect(objects["out/snapshot=one-and-another/train/part-0.csv"] != nil)
  }
}
