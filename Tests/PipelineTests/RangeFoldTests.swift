import TestKit
import Testing

@testable import Pipeline

/// The ledger's rule for record partitions.
@Suite struct RangeFoldTests {
  private let range = RangeIdentity(source: "s", topic: "t", partition: 0)

  @Test("two workers, holes, deaths and retention, every interleaving: nothing lost, doubled or stuck")
  func everything() {
    var worlds = 0
    for holes in [[], [2], [0], [5], [1, 2, 4]] as [Set<Int64>] {
      for truncation in [nil, 3, 6] as [Int64?] {
        let wrong = RangeWorld.explore(.real, holes: holes, truncation: truncation, worlds: &worlds)
        #expect(wrong == nil, "holes \(holes.sorted()), retention \(truncation ?? 0)")
      }
    }
    #expect(worlds > 1000, "\(worlds) worlds")
  }

  @Test("the exploration finds what other rules do")
  func canaries() {
    var worlds = 0
    #expect(RangeWorld.explore(.beginsAtRecord, holes: [2], worlds: &worlds)?.hasPrefix("stuck") == true)
    #expect(RangeWorld.explore(.doesNotSeek, holes: [], worlds: &worlds)?.hasPrefix("stuck") == true)
  }

  private func commit(_ from: Int64, _ to: Int64, schema: String = "c", generation: Int = 1) -> LedgerEntry {
    .commit(
      Commit(
        generation: generation, attempt: AttemptID(high: 0, low: 1), inputs: [],
        ranges: [
          CommittedRange(range: range, from: from, to: to, rowsRead: 2, rowsRejected: 1, reasons: ["json": 1])
        ], schema: schema, shards: []))
  }

  @Test func rules() {
    var fold = LedgerFold()
    #expect(fold.judge(.opened(range, offset: 5, schema: "c", generation: 1)) != .accepted, "nothing is defined")
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 1))
    #expect(fold.judge(commit(5, 7)) == .inputs([false]), "it is not open")
    #expect(fold.judge(.skipped(range, from: 0, to: 5, reason: "")) != .accepted)
    #expect(fold.judge(.opened(range, offset: 5, schema: "c", generation: 1)) == .accepted)
    #expect(fold.judge(.opened(range, offset: 9, schema: "c", generation: 1)) != .accepted, "it is open")
    for (from, to) in [(4, 7), (6, 7), (5, 5), (5, 4)] as [(Int64, Int64)] {
      #expect(fold.judge(commit(from, to)) == .inputs([false]), "[\(from), \(to))")
    }
    #expect(fold.judge(commit(5, 7, schema: "d")) == .inputs([false]), "other columns")
    #expect(fold.judge(commit(5, 7)) == .inputs([true]))
    #expect(fold.judge(commit(5, 7)) == .inputs([false]), "once")
    #expect(fold.judge(.skipped(range, from: 5, to: 9, reason: "")) != .accepted, "not at the end")
    #expect(fold.judge(.skipped(range, from: 7, to: 7, reason: "")) != .accepted)
    #expect(fold.judge(.skipped(range, from: 7, to: 9, reason: "retention")) == .accepted)
    #expect(fold.judge(commit(9, 10)) == .inputs([true]))
    let held = fold.ranges[range]
    #expect(held?.begin == 5 && held?.end == 10 && held?.rowsRead == 4 && held?.rowsRejected == 2)
    #expect(held?.reasons == ["json": 2])
    #expect(held?.skipped == [LedgerFold.Skipped(from: 7, to: 9, reason: "retention")])
  }

  @Test(
    "other columns: the partition is read anew, and a worker of the older definition cannot bring the old ones back")
  func newColumns() {
    var fold = LedgerFold()
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 1))
    _ = fold.judge(.opened(range, offset: 0, schema: "c", generation: 1))
    _ = fold.judge(commit(0, 10))
    _ = fold.judge(.defined(generation: 2, semanticHash: "i", shards: 1))
    #expect(fold.judge(commit(10, 12)) == .inputs([false]), "the older generation")
    #expect(fold.judge(commit(10, 12, schema: "d", generation: 2)) == .inputs([false]), "not opened anew")
    #expect(fold.judge(.opened(range, offset: 3, schema: "d", generation: 2)) == .accepted)
    #expect(fold.ranges[range] == LedgerFold.AcceptedRange(begin: 3, end: 3, schema: "d", opened: 6))
    #expect(fold.judge(.opened(range, offset: 0, schema: "c", generation: 1)) != .accepted)
    #expect(fold.judge(commit(3, 12, schema: "d", generation: 2)) == .inputs([true]))
  }

  // MARK: Objects and cuts

  private let object = ObjectIdentity(source: "s", bucket: "b", key: "k")

  private func look(_ version: String?, base: Int?, rows: UInt64 = 1) -> LedgerEntry {
    .commit(
      Commit(
        generation: 1, attempt: AttemptID(high: 0, low: 1),
        inputs: [
          CommittedInput(
            object: object, version: version, base: base, rowsRead: rows, rowsApplied: rows, rowsRejected: 0)
        ], schema: "c", shards: []))
  }

  @Test("what is set aside is known until the object's next entry")
  func setAside() {
    var fold = LedgerFold()
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 1))
    #expect(fold.judge(.setAside(object, version: "v1", reason: "bad", schema: "c")) == .accepted)
    #expect(fold.failed[object] == LedgerFold.FailedObject(version: "v1", reason: "bad", schema: "c"))
    #expect(fold.objects[object] == nil)
    #expect(fold.judge(look("v2", base: nil)) == .inputs([true]))
    #expect(fold.failed.isEmpty)
    #expect(fold.judge(.setAside(object, version: "v2", reason: "bad", schema: "c")) != .accepted, "it was of use")
    #expect(
      fold.judge(.setAside(object, version: "v2", reason: "bad", schema: "d")) == .accepted, "by other columns not")
    #expect(fold.objects[object]?.version == "v2", "the older version's rows stay")
  }

  @Test("`on_remove: keep` goes on counting what was there")
  func content() {
    var fold = LedgerFold()
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 1))
    _ = fold.judge(look(nil, base: nil))
    #expect(fold.objects[object]?.content == nil)
    _ = fold.judge(look("v1", base: 1, rows: 7))
    #expect(fold.objects[object]?.content == 2)
    _ = fold.judge(look(nil, base: 2, rows: 0))
    _ = fold.judge(look(nil, base: 3, rows: 0))
    let held = fold.objects[object]
    #expect(held?.content == 2 && held?.version == nil && held?.rowsRead == 7 && held?.position == 4)
  }

  @Test("a cut counts from its time on, and holds what was accepted there whatever follows")
  func cuts() {
    var fold = LedgerFold()
    #expect(fold.judge(.cut(id: "a", asOf: 0), appendedAt: 5) != .accepted, "nothing is defined")
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 1), appendedAt: 3)
    _ = fold.judge(look("v1", base: nil))
    #expect(fold.judge(.cut(id: "a", asOf: 0, notBefore: 10), appendedAt: 9) != .accepted)
    #expect(!fold.hasCut("a"))
    #expect(fold.judge(.cut(id: "a", asOf: 0, notBefore: 10), appendedAt: 10) == .accepted)
    _ = fold.judge(look("v2", base: 2))
    _ = fold.judge(.setAside(object, version: "v3", reason: "", schema: "c"))
    let cut = fold.cuts["a"]
    #expect(cut?.objects[object]?.version == "v1" && cut?.position == 4 && cut?.failed.isEmpty == true)
    #expect(cut?.appendedAt == 10 && fold.definedAt == 3)
    _ = fold.judge(.published(cut: "a"))
    #expect(fold.published == [LedgerFold.PublishedCut(id: "a", cutAt: 10, position: 4)] && fold.hasCut("a"))
  }

  @Test func history() {
    var fold = LedgerFold()
    for (generation, hash) in ["a", "b", "a", "c"].enumerated() {
      _ = fold.judge(.defined(generation: generation + 1, semanticHash: hash, shards: 1))
    }
    #expect(fold.history == ["a", "b", "a", "c"])
    #expect(fold.olderGeneration(of: "a") == 3 && fold.olderGeneration(of: "b") == 2)
    #expect(fold.olderGeneration(of: "c") == nil && fold.olderGeneration(of: "x") == nil)
  }

  @Test("two ledgers that differ in an entry, its place or their number have other chains", arguments: 0..<20)
  func chain(seed: Int) {
    var random = SeededGenerator(seed: seed)
    func chain(_ hashes: [UInt64]) -> LedgerChain {
      var fold = LedgerFold()
      for hash in hashes { _ = fold.judge(.published(cut: "none"), hash: hash) }
      return fold.chain
    }
    let hashes = (0..<random.int(2...9)).map { _ in random.chance(4) ? 0 : random.next() }
    let whole = chain(hashes)
    #expect(chain(hashes) == whole && LedgerChain(whole.description) == whole)
    for index in hashes.indices {
      var other = hashes
      other[index] ^= 1 << UInt64(random.int(0...63))
      #expect(chain(other) != whole)
      other = hashes
      other.remove(at: index)
      #expect(chain(other) != whole)
      if index > 0 && hashes[index] != hashes[index - 1] {
        other = hashes
        other.swapAt(index, index - 1)
        #expect(chain(other) != whole)
      }
    }
    #expect(chain(hashes + [0]) != whole)
  }

  @Test("positions are the offsets of the topic, which may have holes")
  func positions() {
    var fold = LedgerFold()
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 1), at: 0)
    _ = fold.judge(look("v1", base: nil), at: 7)
    #expect(fold.objects[object]?.position == 7 && fold.position == 8)
    #expect(fold.judge(look("v2", base: 7), at: 8) == .inputs([true]))
  }
}
