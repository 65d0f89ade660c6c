import Definition
import Testing

@Suite struct CanonicalTests {
  private func canonical(_ text: String) -> String? { Outcome(text).definition?.canonical }

  /// Changes that do not change what a snapshot holds.
  @Test func leavesOutWhatDoesNotMatter() throws {
    let base = try #require(canonical(Samples.edited([:])))
    let same: [[Int: String]] = [
      [33: "snapshot: {to: elsewhere, every: 1h, delay: 5m, keep_last: 3}"],
      [
        33: "snapshot: {to: out}\nbroker: {kafka: {brokers: b:9092}}\nevents: {list: 30s}\nstore: {region: x}"
      ],
      [33: "snapshot: {to: out}\nevents: {topic: s3.events, reconcile: 1m}"],
      [33: "snapshot: {to: out}\nshards: 3\nmax_rejects: 5%\nas_of: 2026-01-01"],
      [5: "    objects: data/people/\n    settle: 10s"],
      [30: "    visits:   \"COUNT( * )\"   # the same"],
      [12: "      price: \"decimal(10, 2)\"", 13: "      plan: {type: string, from: plan}"],
    ]
    for edits in same { #expect(canonical(Samples.edited(edits)) == base, "\(edits)") }
  }

  /// The order of sources does not matter, that of features does.
  @Test func order() throws {
    let lines = Samples.lines
    let turned = lines[0..<3] + lines[15..<26] + lines[3..<15] + lines[26...]
    #expect(canonical(turned.joined(separator: "\n")) == canonical(Samples.edited([:])))
    let first = canonical(Samples.edited([28: "  people: [plan, price]"]))
    let second = canonical(Samples.edited([28: "  people: [price, plan]"]))
    #expect(first != nil && second != nil && first != second)
  }

  /// Every change that matters gives a text of its own.
  @Test func namesWhatMatters() {
    let edits: [[Int: String]] = [
      [:], [1: "dataset: shop2"], [2: "key: [id]", 12: "      plan: bool"], [5: "    objects: data/people"],
      [7: "    keep: latest\n    include: \"*.json\""], [7: "    keep: latest\n    exclude: \"*.json\""],
      [7: "    keep: latest\n    on_remove: keep"], [8: "    # no time"],
      [11: "      seen: {type: timestamp, zone: Europe/Paris}"],
      [11: "      seen: {type: timestamp, unit: ms}"],
      [11: "      seen: {type: timestamp, format: \"%F\"}"],
      [11: "      seen: {type: timestamp, format: \"%F\", zone: Europe/Paris}"], [11: "      seen: date"],
      [12: "      plan: {path: a.plan, type: string}"], [12: "      plan: {from: a.plan, type: string}"],
      [12: "      plan: {path: \"plan[0]\", type: string}"],
      [12: "      plan: {path: \"plan[]\", type: string, reduce: first}"],
      [12: "      plan: {path: \"plan[]\", type: string, reduce: last}"], [12: "      plan: {type: count}"],
      [12: "      plan: {type: string, default: x}"], [12: "      plan: {type: string, default: \"x\\\"\"}"],
      [12: "      plan: {type: string, on_error: set_null}"],
      [12: "      plan: {path: $object, type: string}"],
      [18: "    format: {csv: {header: true, names: [id, at, page, spent, days]}}"],
      [18: "    format: {csv: {header: true}}"],
      [18: "    format: {csv: {header: false, names: [id, at, page, spent, days], delimiter: tab}}"],
      [18: "    format: {csv: {header: false, names: [id, at, page, spent, days], quote: none}}"],
      [18: "    format: {csv: {header: false, names: [id, at, page, spent, days], escape: none}}"],
      [18: "    format: {csv: {header: false, names: [id, at, page, spent, days], null_values: [NA]}}"],
      [18: "    format: {csv: {header: false, names: [id, at, page, spent, days], skip_lines: 1}}"],
      [18: "    format: {csv: {header: false, names: [id, at, page, days, spent]}}"],
      [28: "  people: {plan2: plan}"], [28: "  people: {plan: price}"],
      [28: "  people: {plan: plan default 'x'}"],
      [30: "    visits: count() over 1d"], [30: "    visits: count() over 2d"],
      [30: "    visits: count(page)"],
      [30: "    visits: count() where page = 'a'"], [30: "    visits: count() where page != 'a'"],
      [30: "    visits: count() where page = 'b'"], [30: "    visits: count() where not page = 'a'"],
      [30: "    visits: count() where page in ('a')"], [30: "    visits: count() where page in ('a', 'b')"],
      [30: "    visits: count() where page in ('a'' ''b')"], [30: "    visits: count() where page is null"],
      [30: "    visits: count() where page = 'a' or days = 1 and days = 2"],
      [30: "    visits: count() where (page = 'a' or days = 1) and days = 2"], [31: "rows: {from: people}"],
      [31: "rows: {from: visits}"], [31: "rows: {from: people, label: trial}"],
      [32: "split: {train: 0.8, eval: 0.2, salt: v2}"],
      [32: "split: {train: 0.7, eval: 0.3, salt: v1}"], [32: "split: {eval: 0.2, train: 0.8, salt: v1}"],
      [32: "split: {train: 0.8, eval: 0.2, salt: v1, by: plan}"], [33: "snapshot: {to: out, format: csv}"],
      [33: "snapshot: {to: out, format: json}"], [33: "snapshot: {to: out, format: {csv: {header: false}}}"],
      [33: "snapshot: {to: out, format: {parquet: {compression: snappy}}}"],
      [33: "snapshot: {to: out, format: {parquet: {row_group_rows: 10}}}"],
      [33: "snapshot: {to: out, part_target: 1MiB}"],
      [33: "snapshot: {to: out}\nmax_row: 1KiB"],
    ]
    var seen: [String: [Int: String]] = [:]
    for edit in edits {
      guard let text = canonical(Samples.edited(edit)) else {
        Issue.record("not a definition: \(edit) \(Outcome(Samples.edited(edit)).problems)")
        continue
      }
      if let other = seen[text] { Issue.record("\(edit) is the same as \(other)") }
      seen[text] = edit
    }
  }

  /// The text itself is a promise: manifests name its hash.
  @Test func goldenText() {
    #expect(
      canonical(Samples.edited([30: "    visits: count() where page = 'a' over 1d"])) == #"""
        tributary definition 1
        dataset "shop"
        key "id"
        source "people" objects "data/people/" json keep latest time "seen" include [ ] exclude [ ] on_remove remove
        column "people" "bought" path ( "bought" ) int iso8601 - on_error reject default - reduce -
        column "people" "id" path ( "id" ) string iso8601 - on_error reject default - reduce -
        column "people" "plan" path ( "plan" ) string iso8601 - on_error reject default - reduce -
        column "people" "price" path ( "price" ) decimal(10,2) iso8601 - on_error reject default - reduce -
        column "people" "seen" path ( "seen" ) timestamp iso8601 - on_error reject default - reduce -
        column "people" "trial" path ( "trial" ) bool iso8601 - on_error reject default - reduce -
        source "visits" objects "data/visits/" csv header false names [ "id" "at" "page" "spent" "days" ] delimiter 44 quote 34 escape 34 null_values [ "" ] skip_lines 0 keep events time "at" include [ ] exclude [ ] on_remove remove
        column "visits" "at" named "at" timestamp iso8601 - on_error reject default - reduce -
        column "visits" "days" named "days" int iso8601 - on_error reject default - reduce -
        column "visits" "id" named "id" string iso8601 - on_error reject default - reduce -
        column "visits" "page" named "page" string iso8601 - on_error reject default - reduce -
        column "visits" "spent" named "spent" double iso8601 - on_error reject default - reduce -
        feature "plan" "people" string column "plan" default -
        feature "visits" "visits" int aggregate count - where (= "page" "a") over 86400000000 default -
        rows "people" label "bought" at -
        split "train" 0.8 "eval" 0.2 salt "v1" by -
        snapshot parquet zstd row_group_rows 1048576 part_target 134217728
        max_row 921600

        """#)
  }
}
