import FoundationEssentials
import Pipeline
import Testing

@testable import Console

@Suite struct ManifestReportTests {
  static let manifest = Manifest(
    dataset: "people", semanticHash: "h", snapshot: "one", asOf: "2026-01-01T00:00:00Z", cut: 3,
    cutMicroseconds: 0,
    fingerprint: "f1",
    rows: 500, splits: ["train": 403, "eval": 97],
    schema: [
      .init(name: "id", type: "string", role: "key"), .init(name: "n", type: "int", role: "feature"),
    ],
    profile: profile,
    inputs: [
      input("a", key: "in/a.csv"), input("a", key: "in/b.csv", rejected: 2),
      input("b", key: "c", bucket: "lake"),
    ], missing: [],
    parts: [.init(key: "train/part-00000.parquet", split: "train", rows: 403, bytes: 4130, sha256: "ab")],
    rejected: .init(rows: 2, parts: ["rejected/part-00000.jsonl"], reasons: ["n: not an int": 2]),
    checks: [
      .init(name: "rows_accounted", passed: true, detail: "d"), .init(name: "odd", passed: false, detail: ""),
    ],
    definition: .init(text: "", variables: [:], directory: ""), shards: 16, tributary: "0.1.0")

  static func input(
    _ source: String, key: String, bucket: String = "", rejected: UInt64 = 0, sha256: String? = "s"
  ) -> Manifest.InputRecord {
    .init(
      source: source, bucket: bucket, key: key, version: nil, etag: nil, size: 1000, modified: "",
      modifiedMicroseconds: 0, sha256: sha256, rowsRead: 10, rowsApplied: 10 - rejected,
      rowsRejected: rejected)
  }

  private static let profile: [String: ColumnSummary] = {
    let text = """
      {"id": {"name": "id", "type": "string", "count": 500, "nulls": 0, "distinct": 498, "distinctIsExact": false,
              "min": "p\\u001b0", "max": "p99"},
       "n": {"name": "n", "type": "int", "count": 400, "nulls": 100, "distinct": 400, "distinctIsExact": true,
             "min": -7, "max": 3493, "mean": 1746.5, "stddev": 1011.8, "quantiles": {"p50": 1743}}}
      """
    return (try? JSONDecoder().decode([String: ColumnSummary].self, from: Data(text.utf8))) ?? [:]
  }()

  @Test func plain() {
    #expect(
      ManifestReport(Self.manifest, location: "out/manifest.json").render(.plain) == """
        people one

          as of        2026-01-01T00:00:00Z
          fingerprint  f1
          manifest     out/manifest.json
          made by      tributary 0.1.0
          rows         500
            train      403  80.6%
            eval        97  19.4%

        Inputs
        source  objects  bytes  rows read  applied  rejected  after as-of
        ------  -------  -----  ---------  -------  --------  -----------
        a             2   2 kB         20       18         2            0
        b             1   1 kB         10       10         0            0
                    2 rejected: n: not an int

        Parts
        part                      rows    bytes  sha256
        ------------------------  ----  -------  ------
        train/part-00000.parquet   403  4.13 kB  ab

        Columns
        column  type    role     nulls  distinct       min  ~median     mean    max   stddev
        ------  ------  -------  -----  --------  --------  -------  -------  -----  -------
        id      string  key         0%      ~498  p\\u{1b}0                      p99
        n       int     feature    20%       400        -7    1,743  1,746.5  3,493  1,011.8

        Checks
          ok     rows_accounted: d
          failed odd

        """)
  }

  @Test func rangesAndMissingInputs() {
    var manifest = Self.manifest
    manifest.ranges = [
      .init(
        source: "clicks", topic: "app.clicks", partition: 0, from: 0, to: 1_204_332, rowsRead: 1_204_330,
        rowsApplied: 1_204_300, rowsRejected: 30),
      .init(
        source: "clicks", topic: "app.clicks", partition: 11, from: 7, to: 9, rowsRead: 2, rowsApplied: 2,
        rowsRejected: 0),
    ]
    manifest.missing = [.init(source: "a", key: "in/c.csv", state: "lost", reason: "gone before it was read")]
    let shown = """

      Records
      source  topic       partition  from         to  rows read    applied  rejected
      ------  ----------  ---------  ----  ---------  ---------  ---------  --------
      clicks  app.clicks          0     0  1,204,332  1,204,330  1,204,300        30
      clicks  app.clicks         11     7          9          2          2         0

      Not in this snapshot
      source  missing input  state  reason
      ------  -------------  -----  -----------------------
      a       in/c.csv       lost   gone before it was read

      Parts

      """
    #expect(ManifestReport(manifest, location: "m").render(.plain).contains(shown))
    // A snapshot of topics alone.
    manifest.inputs = []
    manifest.rejected = .init()
    let text = ManifestReport(manifest, location: "m").render(.plain)
    #expect(!text.contains("Inputs") && text.contains("\n\nRecords\n"))
  }

  @Test func rangesAreOptional() throws {
    var manifest = Self.manifest
    let plain = try JSONEncoder().encode(manifest)
    #expect(!String(decoding: plain, as: UTF8.self).contains("ranges"))
    #expect(try JSONDecoder().decode(Manifest.self, from: plain) == manifest)
    manifest.ranges = [SnapshotDifferenceTests.range(1, to: 5)]
    #expect(try JSONDecoder().decode(Manifest.self, from: JSONEncoder().encode(manifest)) == manifest)
    let tombstone = Tombstone(of: manifest, removed: "2026-02-01T00:00:00Z")
    let found = try JSONDecoder().decode(ManifestDocument.self, from: JSONEncoder().encode(tombstone))
    #expect(found == .tombstone(tombstone))
    #expect(try JSONDecoder().decode(ManifestDocument.self, from: plain) != .tombstone(tombstone))
  }

  @Test func onATerminalNothingIsWiderThanIt() {
    for width in [60, 80, 200] {
      let style = TerminalStyle(isInteractive: true, width: width, isUnicode: true, hasColor: false)
      let text = ManifestReport(Self.manifest, location: "out/manifest.json").render(style)
      #expect(text.contains("████████████████████░░░░") || text.contains("███████████████████░░░░░"))
      #expect(text.split(separator: "\n").allSatisfy { DisplayText.width(String($0)) <= width })
      #expect(!text.contains("\u{1b}"))
    }
  }

  @Test func rebuiltAlike() {
    let same = RebuildComparison(published: Self.manifest, rebuilt: Self.manifest)
    #expect(same.isEqual)
    #expect(same.differences.isEmpty)
    #expect(
      same.render(.plain) == "people one rebuilds to the same 500 rows from 3 inputs: fingerprint f1\n")
  }

  @Test func whatCameOutOfSegmentsIsNamed() {
    var manifest = Self.manifest
    manifest.ranges = [SnapshotDifferenceTests.range(1, to: 5), SnapshotDifferenceTests.range(2, to: 5)]
    let few = RebuildComparison(published: manifest, rebuilt: manifest, retained: ["input a is gone"])
    #expect(
      few.render(.plain) == """
        people one rebuilds to the same 500 rows from 5 inputs: fingerprint f1
        the rows of 1 input came out of retained segments:
          input a is gone

        """)
    let many = RebuildComparison(published: manifest, rebuilt: manifest, retained: (0..<12).map { "input \($0)" })
    #expect(many.render(.plain).hasSuffix("  input 9\n  and 2 more\n"))
    #expect(many.json(location: nil).text.contains("\"input 11\""))
  }

  @Test func eachRangeThatDiffersIsNamed() {
    var old = Self.manifest
    old.ranges = [SnapshotDifferenceTests.range(1, to: 5), SnapshotDifferenceTests.range(2, to: 5)]
    var new = old
    new.fingerprint = "f2"
    new.ranges = [SnapshotDifferenceTests.range(1, to: 5)]
    new.ranges?[0].rowsApplied += 1
    let lines = RebuildComparison(published: old, rebuilt: new).differences
    #expect(lines.count == 3)
    #expect(lines[0].contains("[1], offsets ") && lines[0].contains("gave "))
    #expect(lines[1].contains("[2], offsets ") && lines[1].hasSuffix(": was not read again"))
  }

  @Test func eachInputThatDiffersIsNamed() {
    var other = Self.manifest
    other.fingerprint = "f2"
    other.rows = 501
    other.inputs = [
      Self.input("a", key: "in/a.csv", sha256: "t"), Self.input("b", key: "c", bucket: "lake", rejected: 1),
      Self.input("b", key: "d", bucket: "lake"),
    ]
    other.tributary = "0.2.0"
    let comparison = RebuildComparison(published: Self.manifest, rebuilt: other)
    #expect(!comparison.isEqual)
    #expect(
      comparison.differences == [
        "a: in/a.csv: its content has changed", "a: in/b.csv: was not read again",
        "b: s3://lake/c: gave 10 rows and 0 rejects, gives 9 and 1",
        "b: s3://lake/d: was not an input before",
        "rows: were 500, are 501", "fingerprint: was f1, is f2", "made by tributary 0.1.0; this is 0.2.0",
      ])
  }

  @Test func aDifferenceWithoutACauseIsSaidToBeOne() {
    var other = Self.manifest
    other.fingerprint = "f2"
    let comparison = RebuildComparison(published: Self.manifest, rebuilt: other)
    #expect(comparison.differences.first == "no input differs, so the program does")
  }

  @Test func places() {
    #expect(PlaceText.join("a", "b") == "a/b")
    #expect(PlaceText.join("s3://b/", "c") == "s3://b/c")
    #expect(PlaceText.parent("a/b/c") == "a/b")
    #expect(PlaceText.parent("/c") == "/")
    #expect(PlaceText.parent("c") == "")
    #expect(PlaceText.resolve("x", from: "d") == "d/x")
    for path in ["/x", "s3://b/x"] { #expect(PlaceText.resolve(path, from: "d") == path) }
    #expect(PlaceText.resolve("x", from: "") == "x")
    #expect(
      PlaceText.manifestCandidates("out") == [
        .manifest("out/manifest.json"), .pointer("out/latest.json"), .manifest("out"),
      ])
    #expect(PlaceText.manifestCandidates("s3://b/o/latest.json") == [.pointer("s3://b/o/latest.json")])
    #expect(PlaceText.manifestCandidates("m.json") == [.manifest("m.json")])
  }
}
