import Foundation
import Testing

@testable import Pipeline

/// Whatever way a source's columns change, all of it is committed again: nothing that was accepted before counts.
@Suite struct SourceSchemasTests {
  private let object = ObjectIdentity(source: "s", bucket: "b", key: "k")
  private let range = RangeIdentity(source: "r", topic: "t", partition: 0)

  private func look(_ version: String?, base: Int?, generation: Int, schema: String) -> Commit {
    Commit(
      generation: generation, attempt: AttemptID(high: 0, low: 1),
      inputs: [
        CommittedInput(object: object, version: version, base: base, rowsRead: 1, rowsApplied: 1, rowsRejected: 0)
      ], schema: schema, shards: [])
  }

  private func records(_ from: Int64, _ to: Int64, generation: Int, schema: String) -> Commit {
    Commit(
      generation: generation, attempt: AttemptID(high: 0, low: 1), inputs: [],
      ranges: [CommittedRange(range: range, from: from, to: to, rowsRead: 2, rowsRejected: 0)], schema: schema,
      shards: [])
  }

  private func define(_ fold: inout LedgerFold, _ generation: Int, _ schemas: [String: String]?) -> LedgerFold.Verdict {
    fold.judge(.defined(generation: generation, semanticHash: "h\(generation)", shards: 1, schemas: schemas))
  }

  /// Positions 1 to 3: the object, the partition, its first records.
  private func begun(_ schemas: [String: String]? = ["s": "a", "r": "a"]) -> LedgerFold {
    var fold = LedgerFold()
    _ = define(&fold, 1, schemas)
    _ = fold.judge(.commit(look("v1", base: nil, generation: 1, schema: "a")))
    _ = fold.judge(.opened(range, offset: 0, schema: "a", generation: 1))
    _ = fold.judge(.commit(records(0, 10, generation: 1, schema: "a")))
    return fold
  }

  private func isObjectCurrent(_ fold: LedgerFold, _ schema: String = "a") -> Bool {
    fold.objects[object].map { fold.schemas.isCurrent($0, of: "s", schema: schema) } ?? false
  }

  private func isRangeCurrent(_ fold: LedgerFold, _ schema: String = "a") -> Bool {
    fold.ranges[range].map { fold.schemas.isCurrent($0, of: "r", schema: schema) } ?? false
  }

  @Test("a definition that changes nothing of a source leaves what was accepted of it")
  func unchanged() {
    var fold = begun()
    #expect(isObjectCurrent(fold) && isRangeCurrent(fold))
    #expect(define(&fold, 2, ["s": "a", "r": "a", "new": "x"]) == .accepted)
    #expect(define(&fold, 3, ["r": "b", "s": "a"]) == .accepted)
    #expect(isObjectCurrent(fold) && !isRangeCurrent(fold) && !isRangeCurrent(fold, "b"))
    #expect(fold.schemas.since("s") == 0 && fold.schemas.since("r") == 5 && fold.schemas.since("new") == .max)
    #expect(define(&fold, 3, ["s": "c"]) != .accepted, "not newer")
    #expect(isObjectCurrent(fold), "what was refused changes nothing")
  }

  @Test("columns that change back are not what was read by them before: everything is committed again")
  func backAgain() {
    var fold = begun()
    _ = define(&fold, 2, ["s": "b", "r": "b"])
    #expect(!isObjectCurrent(fold, "a") && !isObjectCurrent(fold, "b"))
    _ = define(&fold, 3, ["s": "a", "r": "a"])
    #expect(!isObjectCurrent(fold) && !isRangeCurrent(fold))
    // As if nothing were open.
    #expect(fold.judge(.commit(records(10, 12, generation: 3, schema: "a"))) == .inputs([false]))
    #expect(
      fold.judge(.opened(range, offset: 4, schema: "a", generation: 2)) != .accepted,
      "a worker of the definition between")
    #expect(fold.judge(.opened(range, offset: 4, schema: "a", generation: 3)) == .accepted)
    #expect(fold.judge(.opened(range, offset: 0, schema: "a", generation: 3)) != .accepted, "once")
    #expect(fold.judge(.commit(records(4, 12, generation: 3, schema: "a"))) == .inputs([true]))
    #expect(fold.ranges[range]?.rowsRead == 2 && isRangeCurrent(fold))
    // The same version again.
    #expect(fold.judge(.commit(look("v1", base: 1, generation: 2, schema: "b"))) == .inputs([false]))
    #expect(fold.judge(.commit(look("v1", base: 1, generation: 3, schema: "a"))) == .inputs([true]))
    #expect(isObjectCurrent(fold))
  }

  @Test("a source that leaves the definition and comes back as it was is read again")
  func leaves() {
    var fold = begun()
    _ = define(&fold, 2, ["r": "a"])
    #expect(!isObjectCurrent(fold) && isRangeCurrent(fold))
    _ = define(&fold, 3, ["r": "a", "s": "a"])
    #expect(!isObjectCurrent(fold) && isRangeCurrent(fold))
    #expect(fold.schemas.since("s") == 5)
  }

  @Test("what `on_remove: keep` goes on counting counts since it was found, not since it was removed")
  func removed() {
    var fold = begun()
    _ = define(&fold, 2, ["s": "b", "r": "a"])
    _ = define(&fold, 3, ["s": "a", "r": "a"])
    _ = fold.judge(.commit(look(nil, base: 1, generation: 3, schema: "a")))
    #expect(fold.objects[object]?.position == 6 && fold.objects[object]?.content == 1)
    #expect(!isObjectCurrent(fold), "shards have let go of its rows")
  }

  @Test("a version that was of use before the columns changed may be set aside by the same columns now")
  func setAside() {
    var fold = begun()
    let entry = LedgerEntry.setAside(object, version: "v1", reason: "403", schema: "a")
    #expect(fold.judge(entry) != .accepted)
    _ = define(&fold, 2, ["s": "b", "r": "a"])
    _ = define(&fold, 3, ["s": "a", "r": "a"])
    #expect(fold.judge(entry) == .accepted)
  }

  @Test("stale rows are missed by nobody, and giving them up gives up nothing")
  func missing() {
    var fold = begun()
    _ = fold.judge(.cut(id: "older", asOf: 0))
    let (held, read) = (look("v1", base: nil, generation: 1, schema: "a"), records(0, 10, generation: 1, schema: "a"))
    #expect(fold.needed(held, [true], at: 1, keepsRemoved: true) == [true])
    #expect(fold.needed(read, [true], at: 3, keepsRemoved: false) == [true])
    _ = define(&fold, 2, ["s": "b", "r": "b"])
    _ = define(&fold, 3, ["s": "a", "r": "a"])
    #expect(fold.needed(held, [true], at: 1, keepsRemoved: true) == [false])
    #expect(fold.needed(read, [true], at: 3, keepsRemoved: false) == [false])
    #expect(fold.judge(.lost(Loss(position: 1, reason: "", objects: [object]))) == .inputs([false]))
    #expect(fold.judge(.lost(Loss(position: 3, reason: "", objects: [], ranges: read.ranges))) == .inputs([false]))
    #expect(fold.objects[object]?.version == "v1" && fold.lost.isEmpty && fold.ranges[range]?.skipped.isEmpty == true)
  }

  @Test("a cut keeps the columns of its time")
  func cut() {
    var fold = begun()
    _ = fold.judge(.cut(id: "one", asOf: 0))
    _ = define(&fold, 2, ["s": "b", "r": "a"])
    guard let cut = fold.cuts["one"], let held = cut.objects[object] else {
      Issue.record("no cut")
      return
    }
    #expect(cut.schemas.isCurrent(held, of: "s", schema: "a") && !isObjectCurrent(fold))
  }

  @Test("definitions of older programs say no columns: then those of a commit decide, until one says them")
  func older() {
    var fold = begun(nil)
    #expect(!fold.schemas.isKnown && isObjectCurrent(fold) && !isObjectCurrent(fold, "b"))
    _ = define(&fold, 2, nil)
    #expect(isObjectCurrent(fold) && isRangeCurrent(fold))
    #expect(define(&fold, 3, ["s": "b", "r": "a"]) == .accepted)
    #expect(!isObjectCurrent(fold, "b") && isRangeCurrent(fold))
    _ = define(&fold, 4, ["s": "a", "r": "a"])
    #expect(!isObjectCurrent(fold), "from here on all changes are known")
    #expect(define(&fold, 5, nil) != .accepted, "nobody would know what changed")
    #expect(fold.generation == 4)
  }

  @Test("a saved fold remembers since when; one without is as those of older programs")
  func saved() throws {
    for schemas in [["s": "a", "r": "a"], nil] {
      var fold = begun(schemas)
      if schemas != nil {
        _ = define(&fold, 2, ["s": "b", "r": "a"])
        _ = define(&fold, 3, ["s": "a", "r": "a"])
      }
      let data = try JSONEncoder().encode(fold)
      var read = try JSONDecoder().decode(LedgerFold.self, from: data)
      #expect(read.schemas == fold.schemas)
      #expect(isObjectCurrent(read) == (schemas == nil) && isRangeCurrent(read))
      #expect(define(&read, 4, ["s": "a", "r": "c"]) == .accepted)
      #expect(read.schemas.since("s") == fold.schemas.since("s"))
      #expect(String(decoding: data, as: UTF8.self).contains("\"version\":\(schemas == nil ? 1 : 3)"))
    }
  }
}
