import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Snapshots that go: which, and in which order their pieces do.
@Suite(.serialized) struct RetentionTests {
  private func snapshots(_ times: [Int64]) -> [RetentionRule.Snapshot] {
    times.map { RetentionRule.Snapshot(id: "s\($0)", cutMicroseconds: $0) }
  }

  @Test("what may go") func rule() {
    let all = snapshots([50, 10, 40, 20, 30])
    func going(_ last: Int?, _ time: Int64?, latest: String? = "s50", pending: Set<String> = []) -> [String] {
      RetentionRule(keepLast: last, keepFor: time).removable(all, latest: latest, pending: pending, now: 60)
    }
    #expect(going(nil, nil) == [])
    #expect(going(2, nil) == ["s10", "s20", "s30"])
    #expect(going(1, nil, pending: ["s20"]) == ["s10", "s30", "s40"])
    #expect(going(9, nil) == [])
    #expect(going(nil, 30) == ["s10", "s20", "s30"])
    #expect(going(nil, 31) == ["s10", "s20"])
    // Both have to let it go.
    #expect(going(4, 30) == ["s10"])
    #expect(going(2, 100) == [])
    // Never the one that is named, nor what is newer; without a name nothing.
    #expect(going(1, nil, latest: "s30") == ["s10", "s20"])
    #expect(going(nil, 0, latest: "s10") == [])
    #expect(going(nil, 0, latest: nil) == [])
    #expect(going(nil, 0, latest: "other") == [])
    let rule = RetentionRule(keepLast: nil, keepFor: 1)
    #expect(
      rule.removable(snapshots([.min, 5, .max]), latest: "s\(Int64.max)", pending: [], now: .max)
        == ["s\(Int64.min)", "s5"])
    #expect(rule.removable(snapshots([.max, .max]), latest: "s\(Int64.max)", pending: [], now: .min) == [])
  }

  private func lake(_ objects: MemoryObjects) throws -> Lake {
    let lake = Lake(seed: 51, visits: 60, files: 1)
    lake.fill(objects)
    for (id, now) in [("a", 10), ("b", 20), ("c", 30)] {
      _ = try lake.outcome(lake.options(id: id, now: Int64(now)), lake.stores(objects))
    }
    return lake
  }

  private func retention(_ objects: MemoryObjects, hook: @escaping MemoryStore.Hook = { _, _ in }) -> SnapshotRetention
  {
    SnapshotRetention(
      place: StorePlace(store: MemoryStore(objects, hook: hook), bucket: "", path: "out"), dataset: "lake",
      rule: RetentionRule(keepLast: 1, keepFor: nil))
  }

  @Test("a snapshot goes, its tombstone stays, and its name is used up")
  func removes() throws {
    let objects = MemoryObjects()
    let lake = try lake(objects)
    let retention = retention(objects)
    let all = ["a", "b", "c"].enumerated().map {
      RetentionRule.Snapshot(id: $0.element, cutMicroseconds: Int64(10 + 10 * $0.offset))
    }
    #expect(try retention.removable(all, pending: ["b"], now: 100) == ["a"])
    #expect(try retention.remove("a", now: 1_000_000) == .removed)
    #expect(try retention.remove("a", now: 2_000_000) == .wasRemoved)
    #expect(try retention.remove("nothing", now: 0) == .unknown)
    #expect(throws: PublishError.self) { try retention.remove("c", now: 0) }
    #expect(objects.keys.filter { $0.hasPrefix("out/snapshot=a/") } == ["out/snapshot=a/manifest.json"])
    #expect(try Published(objects: objects).problems("b") == [])
    do {
      _ = try lake.outcome(lake.options(id: "a", now: 10), lake.stores(objects))
      Issue.record("a removed snapshot was published again")
    } catch let error as BatchError {
      #expect("\(error)".contains("the snapshot 'a' was removed by retention on 1970-01-01T00:00:01Z"), "\(error)")
    }
    let other = SnapshotRetention(place: retention.place, dataset: "other", rule: retention.rule)
    #expect(throws: PublishError.self) { try other.remove("b", now: 0) }
    #expect(try other.removable(all, pending: [], now: 100) == [])
  }

  @Test("a retention dies before any one operation: a snapshot is whole, or its tombstone says that it is gone")
  func crashes() throws {
    let clean = MemoryObjects()
    _ = try lake(clean)
    let before = Dictionary(uniqueKeysWithValues: clean.keys.map { ($0, clean[$0] ?? []) })
    let counter = BatchFaultTests.Faults(failAt: -1)
    _ = try retention(clean, hook: counter.hook).remove("a", now: 0)
    let total = counter.count.withLock { $0 }
    #expect(total > 5)
    for failAt in 1...total {
      let objects = MemoryObjects()
      for (key, bytes) in before { objects.set(key, bytes) }
      let faults = BatchFaultTests.Faults(failAt: failAt)
      #expect(throws: StoreError.self) { try retention(objects, hook: faults.hook).remove("a", now: 0) }
      let place: Comment = "died before operation \(failAt)"
      let published = Published(objects: objects)
      if (try? published.manifest("a")) != nil { #expect(try published.problems("a") == [], place) }
      _ = try retention(objects).remove("a", now: 0)
      #expect(objects.keys == clean.keys, place)
    }
  }

  @Test("a publisher that comes late finds the tombstone, and leaves nothing")
  func late() throws {
    let cut = try CutCrashTests.cut()
    let objects = MemoryObjects()
    let place = cut.place(objects)
    let reports = try cut.reports(place)
    let slow = try cut.publisher(reports, place)
    let newer = try CutCrashTests.cut(id: "two", micros: 2_000_000)
    // Up to its manifest.
    for _ in 0..<100 where !objects.keys.contains(where: { $0.contains("/eval/part") }) { _ = try slow.step() }
    _ = try cut.publisher(reports, place).publish()
    _ = try newer.publisher(try newer.reports(place), place).publish()
    #expect(try retention(objects).remove("one", now: 0) == .removed)
    #expect { try slow.publish() } throws: { ($0 as? PublishError)?.code == .removed }
    #expect { try cut.publisher(reports, place).publish() } throws: { ($0 as? PublishError)?.code == .removed }
    #expect(objects.keys.filter { $0.hasPrefix("out/snapshot=one/") } == ["out/snapshot=one/manifest.json"])
  }
}
