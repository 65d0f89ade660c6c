import Foundation
import Testing

@testable import Pipeline

/// Rows that the topic of rows has lost: supplied again, or given up.
@Suite struct LostRowsTests {
  private let object = ObjectIdentity(source: "s", bucket: "b", key: "k")
  private let other = ObjectIdentity(source: "s", bucket: "b", key: "other")
  private let clicks = RangeIdentity(source: "r", topic: "t", partition: 3)

  private func look(_ object: ObjectIdentity, _ version: String?, base: Int?, rows: UInt64 = 1) -> Commit {
    Commit(
      generation: 1, attempt: AttemptID(high: 0, low: 1),
      inputs: [
        CommittedInput(
          object: object, version: version, base: base, rowsRead: rows, rowsApplied: rows, rowsRejected: 0)
      ], schema: "c", shards: [])
  }

  private func range(_ from: Int64, _ to: Int64, rejected: UInt64 = 0) -> CommittedRange {
    CommittedRange(
      range: clicks, from: from, to: to, rowsRead: UInt64(to - from), rowsRejected: rejected,
      reasons: rejected == 0 ? nil : ["type": rejected])
  }

  private func records(_ ranges: [CommittedRange], schema: String = "c") -> Commit {
    Commit(generation: 1, attempt: AttemptID(high: 0, low: 2), inputs: [], ranges: ranges, schema: schema, shards: [])
  }

  private func begun() -> LedgerFold {
    var fold = LedgerFold()
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 2))
    return fold
  }

  // MARK: Objects

  @Test("what is given up is not there from then on, and cuts that hold it end")
  func object_() {
    var fold = begun()
    _ = fold.judge(.commit(look(object, "v1", base: nil)))
    _ = fold.judge(.cut(id: "holds", asOf: 0))
    #expect(fold.needed(look(object, "v1", base: nil), [true], at: 1, keepsRemoved: false) == [true])
    #expect(fold.needed(look(object, "v1", base: nil), [false], at: 1, keepsRemoved: false) == [false])
    let loss = Loss(position: 1, reason: "why", objects: [object, other])
    #expect(fold.judge(.lost(loss)) == .inputs([true, false]))
    #expect(fold.objects[object]?.version == nil && fold.objects[object]?.content == nil)
    #expect(fold.objects[object]?.position == 3)
    #expect(fold.lost == [object: .init(position: 1, reason: "why", isGone: false)])
    #expect(fold.cuts.isEmpty && fold.hasCut("holds"))
    #expect(fold.judge(.published(cut: "holds")) != .accepted)
    #expect(fold.needed(look(object, "v1", base: nil), [true], at: 1, keepsRemoved: true) == [false])
    #expect(fold.judge(.lost(loss)) == .inputs([false, false]), "said twice")
    _ = fold.judge(.cut(id: "later", asOf: 0))
    #expect(fold.cuts["later"]?.lost.count == 1)
    // Whoever looked before is refused; whoever looks now brings it back.
    #expect(fold.judge(.commit(look(object, "v2", base: 1))) == .inputs([false]))
    #expect(fold.judge(.commit(look(object, "v1", base: 3))) == .inputs([true]))
    #expect(fold.lost.isEmpty && fold.cuts["later"]?.lost.count == 1)
    #expect(fold.judge(.lost(loss)) == .inputs([false, false]), "it speaks of other rows")
    #expect(fold.cuts["later"] != nil && fold.objects[object]?.version == "v1")
  }

  @Test("rows that were replaced are needed by cuts alone")
  func replaced() {
    var fold = begun()
    let first = look(object, "v1", base: nil)
    _ = fold.judge(.commit(first))
    _ = fold.judge(.cut(id: "a", asOf: 0))
    _ = fold.judge(.commit(look(object, "v2", base: 1)))
    _ = fold.judge(.cut(id: "b", asOf: 0))
    #expect(fold.needed(first, [true], at: 1, keepsRemoved: false) == [true])
    var ended = fold
    _ = ended.judge(.published(cut: "a"))
    #expect(ended.needed(first, [true], at: 1, keepsRemoved: false) == [false])
    // Given up, the newer version stays.
    #expect(fold.judge(.lost(Loss(position: 1, reason: "", objects: [object]))) == .inputs([false]))
    #expect(fold.objects[object]?.version == "v2" && fold.lost.isEmpty && Array(fold.cuts.keys) == ["b"])
  }

  @Test("of a removed object only sources that keep its rows miss any")
  func removed() {
    var fold = begun()
    let first = look(object, "v1", base: nil)
    _ = fold.judge(.commit(first))
    _ = fold.judge(.commit(look(object, nil, base: 1)))
    #expect(fold.needed(first, [true], at: 1, keepsRemoved: false) == [false])
    #expect(fold.needed(first, [true], at: 1, keepsRemoved: true) == [true])
    #expect(fold.judge(.lost(Loss(position: 1, reason: "", objects: [object]))) == .inputs([true]))
    #expect(fold.lost[object]?.isGone == true && fold.objects[object]?.content == nil)
    // And one that was lost first and removed then.
    var later = begun()
    _ = later.judge(.commit(first))
    _ = later.judge(.lost(Loss(position: 1, reason: "", objects: [object])))
    _ = later.judge(.commit(look(object, nil, base: 2)))
    #expect(later.lost[object]?.isGone == true && later.objects[object]?.content == nil)
  }

  // MARK: Records

  @Test("offsets that are given up count as skipped, and their rows are taken back")
  func ranges() {
    var fold = begun()
    _ = fold.judge(.opened(clicks, offset: 10, schema: "c", generation: 1))
    _ = fold.judge(.commit(records([range(10, 20, rejected: 2)])))
    _ = fold.judge(.cut(id: "a", asOf: 0))
    _ = fold.judge(.commit(records([range(20, 50, rejected: 1)])))
    _ = fold.judge(.cut(id: "b", asOf: 0))
    let lost = range(20, 50, rejected: 1)
    #expect(fold.needed(records([lost]), [true], at: 4, keepsRemoved: false) == [true])
    #expect(fold.judge(.lost(Loss(position: 4, reason: "why", objects: [], ranges: [lost]))) == .inputs([true]))
    #expect(fold.ranges[clicks]?.skipped == [.init(from: 20, to: 50, reason: "why")])
    #expect(fold.ranges[clicks]?.rowsRead == 10 && fold.ranges[clicks]?.rowsRejected == 2)
    #expect(fold.ranges[clicks]?.reasons == ["type": 2] && fold.ranges[clicks]?.end == 50)
    #expect(Array(fold.cuts.keys) == ["a"], "the cut before it does not hold it")
    #expect(fold.needed(records([lost]), [true], at: 4, keepsRemoved: false) == [false])
    #expect(fold.judge(.lost(Loss(position: 4, reason: "", objects: [], ranges: [lost]))) == .inputs([false]))
    #expect(fold.judge(.commit(records([range(50, 60)]))) == .inputs([true]), "what follows goes on")
  }

  @Test("read anew by other columns, the same offsets are other rows")
  func readAnew() {
    var fold = begun()
    _ = fold.judge(.opened(clicks, offset: 0, schema: "c", generation: 1))
    let first = range(0, 20)
    _ = fold.judge(.commit(records([first])))
    _ = fold.judge(.cut(id: "a", asOf: 0))
    _ = fold.judge(.opened(clicks, offset: 0, schema: "d", generation: 1))
    _ = fold.judge(.commit(records([range(0, 30)], schema: "d")))
    #expect(fold.needed(records([first]), [true], at: 2, keepsRemoved: false) == [true], "the cut holds it")
    #expect(fold.judge(.lost(Loss(position: 2, reason: "", objects: [], ranges: [first]))) == .inputs([false]))
    #expect(fold.cuts.isEmpty && fold.ranges[clicks]?.skipped.isEmpty == true && fold.ranges[clicks]?.rowsRead == 30)
    #expect(fold.needed(records([first]), [true], at: 2, keepsRemoved: false) == [false])
  }

  // MARK: Supplied

  @Test("rows are supplied of an earlier entry, and taken only where they are the same")
  func supplied() {
    var fold = begun()
    _ = fold.judge(.commit(look(object, "v1", base: nil)))
    let was = ShardReceipt(rows: 3, checksum: 9, first: 1, end: 2)
    let now = ShardReceipt(rows: 3, checksum: 9, first: 7, end: 9)
    var supply = Supply(position: 1, attempt: AttemptID(high: 1, low: 1), shards: [ShardReceipt(), now])
    #expect(fold.judge(.supplied(supply)) == .accepted)
    #expect(fold.objects[object]?.position == 1, "nothing changes")
    #expect(supply.receipt(replacing: was, shard: 1) == now)
    #expect(supply.receipt(replacing: was, shard: 0) == nil && supply.receipt(replacing: was, shard: 2) == nil)
    supply.shards[1].checksum = 8
    #expect(supply.receipt(replacing: was, shard: 1) == nil)
    supply.shards[1] = ShardReceipt(rows: 2, checksum: 9, first: 7, end: 9)
    #expect(supply.receipt(replacing: was, shard: 1) == nil)
    supply.position = 3
    #expect(fold.judge(.supplied(supply)) != .accepted, "of itself")
    supply = Supply(position: 1, attempt: AttemptID(high: 1, low: 1), shards: [now])
    #expect(fold.judge(.supplied(supply)) != .accepted, "for another number of shards")
  }

  // MARK: At rest

  @Test("a saved fold knows what is lost, and says so by its version")
  func saved() throws {
    var fold = begun()
    _ = fold.judge(.opened(clicks, offset: 0, schema: "c", generation: 1))
    _ = fold.judge(.commit(look(object, "v1", base: nil)))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    #expect(String(decoding: try encoder.encode(fold), as: UTF8.self).contains(#""version":1"#))
    _ = fold.judge(.lost(Loss(position: 2, reason: "why", objects: [object])))
    let bytes = try encoder.encode(fold)
    #expect(String(decoding: bytes, as: UTF8.self).contains(#""version":2"#))
    let read = try JSONDecoder().decode(LedgerFold.self, from: bytes)
    #expect(read.lost == fold.lost && read.ranges == fold.ranges && read.objects == fold.objects)
    // Of a program that did not know when a partition was opened.
    let old = String(decoding: bytes, as: UTF8.self).replacing(#""opened":1,"#, with: "")
    #expect(old.utf8.count < bytes.count)
    #expect(try JSONDecoder().decode(LedgerFold.self, from: Data(old.utf8)).ranges[clicks]?.opened == nil)
  }
}
