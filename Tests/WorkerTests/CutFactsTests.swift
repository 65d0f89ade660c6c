import Platform
import TestKit
import Testing

@testable import Pipeline
@testable import Worker

/// What a manifest says of a cut follows from the ledger's fold alone.
@Suite struct CutFactsTests {
  private static func object(_ key: String, _ source: String = "people") -> ObjectIdentity {
    ObjectIdentity(source: source, bucket: "lake", key: key)
  }

  private static func cut(
    objects: [ObjectIdentity: LedgerFold.Accepted] = [:], ranges: [RangeIdentity: LedgerFold.AcceptedRange] = [:],
    failed: [ObjectIdentity: LedgerFold.FailedObject] = [:]
  ) -> LedgerFold.CutState {
    var fold = LedgerFold()
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 2))
    _ = fold.judge(.cut(id: "one", asOf: 5), appendedAt: 9)
    // There is one: it was accepted a line above.
    var cut = fold.cuts["one"]!
    cut.objects = objects
    cut.ranges = ranges
    cut.failed = failed
    return cut
  }

  private static func accepted(
    _ version: String?, schema: String, content: Int? = nil, read: UInt64 = 3, rejected: UInt64 = 1
  ) -> LedgerFold.Accepted {
    var accepted = LedgerFold.Accepted(
      position: 4, version: version, schema: schema, rowsRead: read, rowsRejected: rejected,
      facts: ObjectFacts(size: 10, modified: 7, etag: version, reasons: rejected == 0 ? nil : ["bad": rejected]))
    if let content { accepted.content = content }
    return accepted
  }

  @Test("inputs stand in the order of sources and names; what is gone counts only where it is kept")
  func inputs() throws {
    let context = try StreamWorld().context {
      $0.replacing("objects: \"s3://lake/visits/\"", with: "objects: \"s3://lake/visits/\"\n    on_remove: keep")
    }
    let (people, visits) = (context.plan.sources[0].schemaHash, context.plan.sources[1].schemaHash)
    let facts = CutFacts(
      Self.cut(objects: [
        Self.object("visits/kept", "visits"): Self.accepted(nil, schema: visits, content: 2),
        Self.object("visits/never", "visits"): Self.accepted(nil, schema: visits),
        Self.object("people/b"): Self.accepted("v2", schema: people),
        Self.object("people/a"): Self.accepted("v1", schema: people, rejected: 0),
        Self.object("people/gone"): Self.accepted(nil, schema: people, content: 2),
        Self.object("other/x", "forgotten"): Self.accepted("v1", schema: "s"),
      ]), context)
    #expect(facts.inputs.map(\.key) == ["people/a", "people/b", "visits/kept"])
    #expect(facts.inputs.allSatisfy { $0.rowsRead == $0.rowsApplied + $0.rowsRejected })
    #expect(facts.rejected.rows == 2 && facts.rejected.reasons == ["bad": 2])
    #expect(facts.missing.isEmpty)
    #expect(facts.cutPosition == 1 && facts.cutMicroseconds == 9 && facts.asOf == 5 && facts.generation == 1)
  }

  @Test("what a snapshot goes without is named: other columns, versions that cannot be used, records that are lost")
  func missing() throws {
    let context = try StreamWorld().context {
      $0.replacing("objects: \"s3://lake/visits/\"", with: "objects: \"s3://lake/visits/\"\n    on_remove: keep")
    }
    let (people, clicks) = (context.plan.sources[0].schemaHash, context.plan.sources[2].schemaHash)
    func range(_ partition: Int) -> RangeIdentity {
      RangeIdentity(source: "clicks", topic: "app.clicks", partition: partition)
    }
    var torn = LedgerFold.AcceptedRange(begin: 3, end: 20, schema: clicks, rowsRead: 9, rowsRejected: 2)
    torn.reasons = ["bad": 2]
    torn.skipped = [LedgerFold.Skipped(from: 5, to: 8, reason: "retention")]
    let facts = CutFacts(
      Self.cut(
        objects: [
          Self.object("people/a"): Self.accepted("v1", schema: people),
          Self.object("people/old"): Self.accepted("v1", schema: "before"),
          Self.object("people/gone"): Self.accepted(nil, schema: "before", content: 2),
          Self.object("visits/gone", "visits"): Self.accepted(nil, schema: "before", content: 2),
        ], ranges: [range(1): torn, range(0): LedgerFold.AcceptedRange(begin: 0, end: 4, schema: "before")],
        failed: [Self.object("people/bad"): .init(version: "v", reason: "no header", schema: people)]), context)
    #expect(facts.inputs.map(\.key) == ["people/a"])
    #expect(facts.ranges.map(\.partition) == [1])
    #expect(facts.ranges[0].from == 3 && facts.ranges[0].to == 20 && facts.ranges[0].rowsApplied == 7)
    #expect(
      facts.missing.map { "\($0.source) \($0.key) \($0.state) \($0.reason.prefix(9))" } == [
        "people s3://lake/people/old pending the sourc", "visits s3://lake/visits/gone lost the sourc",
        "people s3://lake/people/bad failed no header",
        "clicks app.clicks[0] pending the sourc", "clicks app.clicks[1] 5 to 8 lost retention",
      ])
    #expect(facts.rejected.rows == 3 && facts.rejected.reasons == ["bad": 3])
  }
}
