import Definition
import Notifications
import Platform
import TestKit
import Testing

@testable import Worker

struct SourceListerTests {
  /// A ledger's fold as far as the lister sees it.
  private struct Fold {
    var versions: [String: String] = [:]

    func differences(_ lister: inout SourceLister, now: Int64) -> (hints: [ObjectHint], problems: [Int: StoreError]) {
      lister.differences(
        now: now, accepted: { source, bucket, key in versions["\(source) \(bucket) \(key)"] },
        acceptedKeys: { source in
          versions.keys.filter { $0.hasPrefix("\(source) ") }.map {
            String($0.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)[2])
          }
        })
    }

    /// Accepts what is there.
    mutating func accept(_ hints: [ObjectHint], _ source: Int, _ objects: MemoryObjects) throws {
      for hint in hints {
        let info = try? MemoryStore(objects, bucket: hint.bucket).head(hint.key)
        versions["\(source) \(hint.bucket) \(hint.key)"] = info.map { ObjectVersion.text(of: $0) }
      }
    }
  }

  private func lake(_ bucket: String) -> Lake { Lake(seed: 1, bucket: bucket) }

  private func names(_ hints: [ObjectHint]) -> [String] {
    hints.map { ($0.kind == .removed ? "-" : "+") + $0.key }
  }

  @Test func newChangedAndGone() throws {
    let lake = lake("b")
    let objects = MemoryObjects()
    for key in ["customers/a.csv", "customers/b.csv", "customers/_c.csv", "elsewhere/d.csv", "visits/v.jsonl"] {
      objects.set(key, [1], modified: 5)
    }
    var lister = SourceLister(try lake.definition(), stores: lake.stores(objects))
    var fold = Fold()
    let first = fold.differences(&lister, now: 0)
    #expect(names(first.hints) == ["+customers/a.csv", "+customers/b.csv", "+visits/v.jsonl"])
    #expect(first.hints[0].bucket == "b" && first.hints[0].size == 1 && first.problems.isEmpty)
    try fold.accept(Array(first.hints[0...1]), 0, objects)
    try fold.accept([first.hints[2]], 1, objects)
    #expect(fold.differences(&lister, now: 1).hints.isEmpty)

    objects.set("customers/a.csv", [1], modified: 6)
    objects.remove("customers/b.csv")
    objects.set("customers/e.csv", [1])
    let second = fold.differences(&lister, now: 2).hints
    #expect(names(second) == ["+customers/a.csv", "-customers/b.csv", "+customers/e.csv"])
    // It says so until the ledger has it.
    #expect(fold.differences(&lister, now: 3).hints == second)
    try fold.accept(second, 0, objects)
    #expect(fold.differences(&lister, now: 4).hints.isEmpty)
  }

  @Test func filesMustStandStill() throws {
    let lake = lake("")
    let objects = MemoryObjects()
    var definition = try lake.definition()
    definition.sources[0].settle = 2_000_000
    definition.sources[1].settle = 0
    var lister = SourceLister(definition, stores: lake.stores(objects))
    var fold = Fold()
    objects.set("customers/a.csv", [1], modified: 1)
    objects.set("visits/v.jsonl", [1], modified: 1)
    #expect(names(fold.differences(&lister, now: 10_000_000).hints) == ["+visits/v.jsonl"])
    objects.set("customers/a.csv", [1, 2], modified: 1)
    #expect(names(fold.differences(&lister, now: 12_000_000).hints) == ["+visits/v.jsonl"])
    objects.set("customers/a.csv", [1, 2], modified: 2)
    #expect(names(fold.differences(&lister, now: 14_000_000).hints) == ["+visits/v.jsonl"])
    #expect(names(fold.differences(&lister, now: 15_999_999).hints) == ["+visits/v.jsonl"])
    let settled = fold.differences(&lister, now: 16_000_000).hints
    #expect(names(settled) == ["+customers/a.csv", "+visits/v.jsonl"])
    try fold.accept([settled[0]], 0, objects)
    try fold.accept([settled[1]], 1, objects)
    #expect(fold.differences(&lister, now: 17_000_000).hints.isEmpty)

    // A change has to settle anew, also after the clock was put back; a file that is gone is gone at once.
    objects.set("customers/a.csv", [7], modified: 9)
    #expect(fold.differences(&lister, now: 20_000_000).hints.isEmpty)
    #expect(fold.differences(&lister, now: 11_000_000).hints.isEmpty)
    #expect(fold.differences(&lister, now: 12_999_999).hints.isEmpty)
    #expect(names(fold.differences(&lister, now: 13_000_000).hints) == ["+customers/a.csv"])
    objects.remove("customers/a.csv")
    #expect(names(fold.differences(&lister, now: 13_000_001).hints) == ["-customers/a.csv"])
    // Seen again, it begins again.
    objects.set("customers/a.csv", [7], modified: 9)
    #expect(fold.differences(&lister, now: 13_000_002).hints.isEmpty)
  }

  @Test func oneSourcesErrorDoesNotHideTheOthers() throws {
    let lake = lake("b")
    let objects = MemoryObjects()
    objects.set("visits/v.jsonl", [1])
    let refuses = Guarded(true)
    let stores = lake.stores(objects) { operation, key throws(StoreError) in
      guard operation == .list, key.hasPrefix("customers"), refuses.withLock({ $0 }) else { return }
      throw StoreError(.forbidden, operation: "LIST", location: key, message: "no")
    }
    var lister = SourceLister(try lake.definition(), stores: stores)
    var fold = Fold()
    fold.versions["0 b customers/gone.csv"] = "x/1"
    let found = fold.differences(&lister, now: 0)
    #expect(names(found.hints) == ["+visits/v.jsonl"])
    #expect(found.problems.mapValues(\.code) == [0: .forbidden])
    refuses.withLock { $0 = false }
    #expect(names(fold.differences(&lister, now: 1).hints) == ["-customers/gone.csv", "+visits/v.jsonl"])
  }

  @Test func acceptedKeysOfOtherPlacesAreNoDifference() throws {
    let lake = lake("b")
    var lister = SourceLister(try lake.definition(), stores: lake.stores(MemoryObjects()))
    var fold = Fold()
    fold.versions["0 b formerly/here.csv"] = "x/1"
    #expect(fold.differences(&lister, now: 0).hints.isEmpty)
  }

  /// A listing does not tell version ids; each version is asked for once.
  @Test func versionsAreAskedForOnce() throws {
    let lake = lake("b")
    let objects = MemoryObjects()
    objects.set("customers/a.csv", [1], modified: 5)
    let heads = Guarded(0)
    let stores = VersionedStores(base: lake.stores(objects), heads: heads)
    var lister = SourceLister(try lake.definition(), stores: stores)
    var fold = Fold()
    #expect(names(fold.differences(&lister, now: 0).hints) == ["+customers/a.csv"])
    #expect(heads.withLock { $0 } == 0)
    let store = try stores.open("s3://b/customers/").store
    fold.versions["0 b customers/a.csv"] = ObjectVersion.text(of: try store.head("customers/a.csv"))
    #expect(fold.versions.values.first?.hasPrefix("v-") == true)
    for now in 1...3 { #expect(fold.differences(&lister, now: Int64(now)).hints.isEmpty) }
    #expect(heads.withLock { $0 } == 2)
    objects.set("customers/a.csv", [1], modified: 5)
    let hints = fold.differences(&lister, now: 4).hints
    #expect(names(hints) == ["+customers/a.csv"] && hints[0].version?.hasPrefix("v-") == true)
    #expect(fold.differences(&lister, now: 5).hints == hints)
    // Asked again while it differs: the same bytes put once more within a second would list the same.
    #expect(heads.withLock { $0 } == 4)
  }

  @Test func textsOfVersions() {
    var info = ObjectInfo(bucket: "b", key: "k", size: 3, modifiedMicroseconds: 7, etag: "tag", version: "id")
    #expect(ObjectVersion.text(of: info) == "id")
    info.version = nil
    #expect(ObjectVersion.text(of: info) == "tag/7")
    info.bucket = ""
    #expect(ObjectVersion.text(of: info) == "3/7")
    info.etag = nil
    #expect(ObjectVersion.text(of: info) == "3/7")
  }
}

/// A bucket with versions: HEAD tells the id, a listing does not.
private struct VersionedStores: StoreDirectory {
  let base: MemoryDirectory
  let heads: Guarded<Int>

  func open(_ location: String) throws(StoreError) -> StorePlace {
    var place = try base.open(location)
    place.store = VersionedStore(base: place.store, heads: heads)
    return place
  }

  func objects(at place: StorePlace) throws(StoreError) -> [ObjectInfo] { try base.objects(at: place) }
}

private struct VersionedStore: ObjectStore {
  let base: any ObjectStore
  let heads: Guarded<Int>

  func list(prefix: String, page: ([ObjectInfo]) throws -> Bool) throws(StoreError) {
    try base.list(prefix: prefix, page: page)
  }

  func head(_ key: String) throws(StoreError) -> ObjectInfo {
    heads.withLock { $0 += 1 }
    var info = try base.head(key)
    info.version = info.etag.map { "v-\($0)" }
    return info
  }

  func open(_ info: ObjectInfo) throws(StoreError) -> any ObjectReader { try base.open(info) }
  func put(_ key: String, _ bytes: [UInt8], condition: PutCondition) throws(StoreError) -> String? {
    try base.put(key, bytes, condition: condition)
  }
  func writer(_ key: String) throws(StoreError) -> any ObjectWriter { try base.writer(key) }
  func delete(_ key: String) throws(StoreError) { try base.delete(key) }
}
