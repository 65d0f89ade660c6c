import Columns
import Definition
import Testing

/// What a definition with everything in it becomes.
@Suite struct ModelTests {
  static let text = """
    dataset: all.of_it-1
    key: [store, customer]
    sources:
      people:
        objects: "s3://lake/people/"
        include: "*.csv"
        exclude: [a*, "b*"]
        on_remove: keep
        settle: 1m30s
        format:
          csv: {header: true, delimiter: ";", quote: "'", escape: "\\\\", null_values: ["", NA, no], skip_lines: 2}
        keep: latest
        columns:
          store: int
          customer: {type: string, from: Customer Id}
          joined: {type: date, format: "%d.%m.%Y", on_error: set_null}
          seen: {type: timestamp, format: "%d.%m.%Y %H:%M", zone: Europe/Paris, default: 2026-01-01T12:00:00Z}
          local: {type: timestamp, zone: Europe/Paris}
          ticks: {type: timestamp, unit: ns}
          credit: {type: "decimal(12, 3)", default: "-1.5"}
          row: {path: $row, type: int}
          file: {path: $object, type: string}
          written: {path: $modified, type: timestamp}
          label: bool
      log:
        records: app.log
        on_gap: skip
        format: {json: }
        keep: events
        time: ts
        columns:
          store: {path: $headers.store, type: int}
          customer: {path: $key, type: string}
          ts: {path: $timestamp, type: timestamp}
          total: {path: 'a[0]."b.c"[].d', type: double, reduce: max}
          things: {path: things, type: count}
          other: {from: x.y, type: string, default: ""}
    features:
      people: {credit: credit}
      log:
        things: sum(things) over 2d
    rows: {from: people, label: label}
    split: {train: 60%, eval: 0.3, test: 0.1, by: joined}
    snapshot:
      to: "s3://lake/out"
      format: {csv: {header: false, label_first: true, without_key: true, delimiter: tab}}
      part_target: 1GiB
      cron: "0 3 * * *"
      zone: UTC
      delay: 5m
      complete: listing
      keep_last: 7
      keep_for: 2w
    store: {endpoint: "https://s3.example.com", region: eu-1, path_style: true, profile: p, encryption: "aws:kms", kms_key: k}
    as_of: 2026-11-21T03:00:00+01:00
    max_rejects: 0.5%
    max_row: 2MiB
    shards: 3
    events: {sqs: "https://sqs.example.com/q", reconcile: 5m}
    broker: {kafka: {brokers: [a:1, b:2], acks: all}}
    """

  @Test func everything() throws {
    let outcome = Outcome(ModelTests.text)
    #expect(outcome.problems == [])
    let definition = try #require(outcome.definition)
    #expect(definition.dataset == "all.of_it-1")
    #expect(definition.key == ["store", "customer"])
    #expect(definition.rows == Rows(source: "people", label: "label"))
    #expect(
      definition.split
        == Split(
          shares: [
            .init(name: "train", share: 0.6), .init(name: "eval", share: 0.3),
            .init(name: "test", share: 0.1),
          ], by: "joined"))
    #expect(
      definition.snapshot
        == SnapshotTarget(
          to: "s3://lake/out",
          format: .csv(CSVOutputOptions(header: false, labelFirst: true, withoutKey: true, delimiter: 9)),
          partTarget: 1 << 30, cron: "0 3 * * *", cronZone: "UTC", delay: 300_000_000, keepLast: 7,
          keepFor: 1_209_600_000_000, listsBeforeCut: true))
    #expect(
      definition.store
        == StoreOptions(
          endpoint: "https://s3.example.com", region: "eu-1", pathStyle: true, profile: "p",
          encryption: "aws:kms", kmsKey: "k"))
    #expect(definition.asOf == 1_795_226_400_000_000)
    #expect(definition.maxRejects == .share(0.005))
    #expect(definition.maxRowBytes == 2 << 20)
    #expect(definition.shards == 3)
    #expect(definition.events == .sqs("https://sqs.example.com/q"))
    #expect(definition.reconcileEvery == 300_000_000)
    #expect(definition.broker == .kafka(brokers: "a:1,b:2", properties: ["acks": "all"]))
    #expect(
      definition.features == [
        Feature(
          name: "credit", source: "people", value: .column("credit"), type: .decimal(precision: 12, scale: 3)),
        Feature(
          name: "things", source: "log",
          value: .aggregate(Aggregate(function: .sum, column: "things", over: 172_800_000_000)), type: .int),
      ])
  }

  @Test func objects() throws {
    let source = try #require(Outcome(ModelTests.text).definition?.source("people"))
    #expect(source.input == .objects("s3://lake/people/"))
    #expect(source.include == ["*.csv"])
    #expect(source.exclude == ["a*", "b*"])
    #expect(source.onRemove == .keep)
    #expect(source.settle == 90_000_000)
    #expect(source.time == nil)
    #expect(
      source.format
        == .csv(
          CSVOptions(
            delimiter: UInt8(ascii: ";"), quote: UInt8(ascii: "'"), escape: UInt8(ascii: "\\"),
            nullValues: ["", "NA", "no"],
            skipLines: 2)))
    let seen = TimeFormat.pattern("%d.%m.%Y %H:%M", zone: "Europe/Paris")
    #expect(
      source.columns == [
        SourceColumn(name: "store", location: .named("store"), type: .int),
        SourceColumn(name: "customer", location: .named("Customer Id"), type: .string),
        SourceColumn(
          name: "joined", location: .named("joined"), type: .date, time: .pattern("%d.%m.%Y", zone: nil),
          onError: .setNull),
        SourceColumn(
          name: "seen", location: .named("seen"), type: .timestamp, time: seen,
          defaultText: "2026-01-01T12:00:00Z",
          defaultValue: .timestamp(1_767_268_800_000_000)),
        SourceColumn(
          name: "local", location: .named("local"), type: .timestamp, time: .iso8601In(zone: "Europe/Paris")),
        SourceColumn(name: "ticks", location: .named("ticks"), type: .timestamp, time: .epoch(.ns)),
        SourceColumn(
          name: "credit", location: .named("credit"), type: .decimal(precision: 12, scale: 3),
          defaultText: "-1.5",
          defaultValue: .decimal(-1500)),
        SourceColumn(name: "row", location: .row, type: .int),
        SourceColumn(name: "file", location: .object, type: .string),
        SourceColumn(name: "written", location: .modified, type: .timestamp),
        SourceColumn(name: "label", location: .named("label"), type: .bool),
      ])
  }

  @Test func records() throws {
    let source = try #require(Outcome(ModelTests.text).definition?.source("log"))
    #expect(source.input == .records(topic: "app.log"))
    #expect(source.onGap == .skip)
    #expect(source.format == .json)
    #expect(source.time == "ts")
    #expect(
      source.columns == [
        SourceColumn(name: "store", location: .header("store"), type: .int),
        SourceColumn(name: "customer", location: .recordKey, type: .string),
        SourceColumn(name: "ts", location: .recordTimestamp, type: .timestamp),
        SourceColumn(
          name: "total",
          location: .path(
            JSONPath(steps: [.member("a"), .index(0), .member("b.c"), .elements, .member("d")])),
          type: .double, reduce: .max),
        SourceColumn(
          name: "things", location: .path(JSONPath(steps: [.member("things")])), type: .int, reduce: .count),
        // `from` is one member's name, dots and all; `path` leads down.
        SourceColumn(
          name: "other", location: .path(JSONPath(steps: [.member("x.y")])), type: .string, defaultText: "",
          defaultValue: .string("")),
      ])
  }

  @Test func defaults() throws {
    let definition = try #require(Outcome(Samples.edited([:])).definition)
    #expect(definition.snapshot == SnapshotTarget(to: "out", format: .parquet(ParquetOptions())))
    #expect(definition.snapshot.partTarget == 128 << 20)
    #expect(definition.store == StoreOptions())
    #expect(definition.maxRejects == .rows(0))
    #expect(definition.maxRowBytes == 900 * 1024)
    #expect(definition.shards == 16)
    #expect(definition.asOf == nil)
    #expect(definition.events == nil)
    #expect(definition.reconcileEvery == 900_000_000)
    #expect(definition.broker == nil)
    let people = try #require(definition.source("people"))
    #expect(people.settle == 2_000_000)
    #expect(people.onRemove == .remove)
    #expect(people.onGap == .stop)
    #expect(people.include == [])
    let csv = CSVOptions(header: false, names: ["id", "at", "page", "spent", "days"])
    #expect(definition.source("visits")?.format == .csv(csv))
  }

  /// YAML would make other things of these: a boolean, a number, a null.
  @Test func scalarsAreText() throws {
    let outcome = Outcome(
      Samples.edited([
        12: "      plan: {type: string, default: no}", 32: "split: {yes: 0.5, 1: 0.5, salt: 007}",
        24: "      page: {type: string, default: null}",
      ]))
    let definition = try #require(outcome.definition)
    #expect(definition.source("people")?.column("plan")?.defaultValue == .string("no"))
    #expect(definition.source("visits")?.column("page")?.defaultValue == .string("null"))
    #expect(definition.split.shares.map(\.name) == ["yes", "1"])
    #expect(definition.split.salt == "007")
  }

  @Test func quoteNone() throws {
    let format = "    format: {csv: {header: false, quote: none, names: [id, at, page, spent, days]}}"
    let definition = try #require(Outcome(Samples.edited([18: format])).definition)
    #expect(
      definition.source("visits")?.format
        == .csv(
          CSVOptions(header: false, names: ["id", "at", "page", "spent", "days"], quote: nil, escape: nil)))
  }
}
