import Definition
import Testing

/// What a source of records may say of its records.
@Suite struct RecordSourceTests {
  private func outcome(format: String = "json", columns: String) -> Outcome {
    Outcome(
      """
      dataset: d
      key: id
      sources:
        clicks:
          records: app.clicks
          format: \(format)
          keep: latest
          columns: {\(columns)}
      features: {clicks: [n]}
      rows: {from: clicks}
      split: {train: 1}
      snapshot: {to: out, format: csv}
      """)
  }

  @Test func keyTimestampAndHeaders() throws {
    let columns =
      "id: {path: $key, type: string}, at: {path: $timestamp, type: timestamp}, ms: {path: $timestamp, type: int}, "
      + "n: {path: $headers.trace, type: int}"
    let found = outcome(columns: columns)
    #expect(found.problems == [])
    let source = try #require(found.definition?.sources.first)
    #expect(source.columns.map(\.location) == [.recordKey, .recordTimestamp, .recordTimestamp, .header("trace")])
    #expect(source.takesTombstones(key: ["id"]) && !source.takesTombstones(key: ["id", "n"]))
  }

  @Test func whatARecordDoesNotHave() {
    let csv = outcome(format: "{csv: {header: true, skip_lines: 2}}", columns: "id: string, n: int")
    #expect(
      csv.problems == [
        "6:13: source 'clicks' reads records, and a record has no header line; "
          + "write format: {csv: {header: false, names: [a, b, c]}}",
        "6:13: source 'clicks' reads records, and a record has no lines to skip; leave out skip_lines",
      ])
    let time = outcome(columns: "id: string, n: {path: $timestamp, type: date}")
    #expect(time.problems == ["8:55: $timestamp is a timestamp (or an int: milliseconds since 1970), not a date"])
  }
}
