import Pipeline
import Testing

@testable import Console

@Suite struct SnapshotDifferenceTests {
  private static let old: Manifest = {
    var manifest = ManifestReportTests.manifest
    manifest.ranges = [range(0, to: 100), range(1, to: 50)]
    return manifest
  }()

  static func range(_ partition: Int, to: Int64) -> Manifest.RangeRecord {
    Manifest.RangeRecord(
      source: "clicks", topic: "app.clicks", partition: partition, from: 0, to: to, rowsRead: UInt64(to),
      rowsApplied: UInt64(to), rowsRejected: 0)
  }

  private static let new: Manifest = {
    var manifest = old
    manifest.snapshot = "two"
    manifest.asOf = "2026-01-02T00:00:00Z"
    manifest.fingerprint = "f2"
    manifest.semanticHash = "h2"
    manifest.rows = 1500
    manifest.splits = ["train": 1203, "eval": 90, "test": 207]
    manifest.inputs = [
      ManifestReportTests.input("a", key: "in/a.csv", sha256: "t"),
      ManifestReportTests.input("a", key: "in/b.csv", rejected: 2),
      ManifestReportTests.input("b", key: "d\u{1b}", bucket: "lake"),
    ]
    manifest.ranges = [range(0, to: 250), range(1, to: 50), range(2, to: 7)]
    manifest.missing = [.init(source: "a", key: "in/c.csv", state: "failed", reason: "not a gzip file")]
    manifest.schema = [
      .init(name: "id", type: "int", role: "key"), .init(name: "n", type: "int", role: "feature"),
      .init(name: "m", type: "double", role: "feature"),
    ]
    manifest.profile["n"]?.nulls = 1100
    manifest.profile["n"]?.mean = 12.25
    manifest.profile["n"]?.distinct = 398
    return manifest
  }()

  @Test func text() {
    #expect(
      SnapshotDifference(Self.old, Self.new).render(.plain) == """
        people one -> two

          as of       2026-01-01T00:00:00Z -> 2026-01-02T00:00:00Z
          rows        other ones (fingerprints differ)
          definition  changed

        Rows
        rows   before  after  change
        -----  ------  -----  ------
        all       500  1,500  +1,000
        train     403  1,203    +800
        test             207    +207
        eval       97     90      -7

        Inputs: 2 added, 1 removed, 2 changed
        change   source  input              what
        -------  ------  -----------------  ---------------------------------------------
        removed  b       s3://lake/c        10 rows
        changed  a       in/a.csv           other content, 10 rows
        added    b       s3://lake/d\\u{1b}  10 rows
        changed  clicks  app.clicks[0]      offsets 0 to 100 -> 0 to 250, 100 -> 250 rows
        added    clicks  app.clicks[2]      offsets 0 to 7, 7 rows

        Missing inputs: 1 added
        change  source  input     what
        ------  ------  --------  -----------------------
        added   a       in/c.csv  failed: not a gzip file

        Columns
        change   column  type           role
        -------  ------  -------------  -------
        changed  id      string -> int  key
        added    m       double         feature

        What columns hold
        column         nulls    distinct              mean
        ------  ------------  ----------  ----------------
        n       20% -> 73.3%  400 -> 398  1,746.5 -> 12.25

        """)
  }

  @Test func theSame() {
    let same = SnapshotDifference(Self.old, Self.old)
    #expect(same.isEqual)
    #expect(
      same.render(.plain) == """
        people one

          as of  2026-01-01T00:00:00Z
          rows   the same (fingerprint f1)

        Rows
        rows   before  after  change
        -----  ------  -----  ------
        all       500    500       0
        train     403    403       0
        eval       97     97       0

        """)
    var reordered = Self.old
    reordered.schema.reverse()
    #expect(SnapshotDifference(Self.old, reordered).render(.plain).contains("the same ones in another order"))
  }

  @Test func json() {
    let text = SnapshotDifference(Self.old, Self.new).json(before: "a.json", after: "b.json").text
    for part in [
      "\"equal\": false", "\"definition_changed\": true", "\"manifest\": \"b.json\"", "\"change\": \"removed\"",
      "\"input\": \"app.clicks[2]\"", "\"nulls\": 1100", "\"mean\": 12.25", "\"before\": null",
    ] { #expect(text.contains(part), "\(part) in \(text)") }
  }

  @Test("a difference is turned round when its sides are") func symmetric() {
    let forth = SnapshotDifference(Self.old, Self.new)
    let back = SnapshotDifference(Self.new, Self.old)
    func count(_ changes: [SnapshotDifference.Change], _ kind: SnapshotDifference.Change.Kind) -> Int {
      changes.count { $0.kind == kind }
    }
    #expect(count(forth.inputs, .added) == count(back.inputs, .removed))
    #expect(count(forth.inputs, .removed) == count(back.inputs, .added))
    #expect(count(forth.inputs, .changed) == count(back.inputs, .changed))
    #expect(Set(forth.columns.map(\.name)) == Set(back.columns.map(\.name)))
    #expect(forth.profiles.map(\.name) == back.profiles.map(\.name))
  }

  @Test func onATerminalNothingIsWiderThanIt() {
    for width in [60, 80, 200] {
      let style = TerminalStyle(isInteractive: true, width: width, isUnicode: true, hasColor: false)
      let text = SnapshotDifference(Self.old, Self.new).render(style)
      #expect(text.split(separator: "\n").allSatisfy { DisplayText.width(String($0)) <= width })
      #expect(!text.contains("\u{1b}"))
    }
  }
}
