import Columns
import Definition
import Pipeline
import TestKit

extension FuzzTarget {
  /// Damaged definitions: a definition that can be planned and run over no rows, or at least one problem with a place in
  /// the file.
  static let definition = FuzzTarget(name: "definition") { fuzzCase in
    var lines = DefinitionText.sample.split(separator: "\n", omittingEmptySubsequences: false).map { Array($0.utf8) }
    for _ in 0..<fuzzCase.random.pick([0, 0, 1, 3]) {
      let at = fuzzCase.random.int(0...lines.count - 1)
      switch fuzzCase.random.int(0...4) {
      case 0 where lines.count > 1: lines.remove(at: at)
      case 1: lines.insert(fuzzCase.random.pick(lines), at: at)
      case 2: lines.swapAt(at, fuzzCase.random.int(0...lines.count - 1))
      case 3: lines[at].insert(contentsOf: [0x20, 0x20], at: 0)
      default: lines[at] = fuzzCase.random.pick(DefinitionText.lines)
      }
    }
    var bytes = Array(lines.joined(separator: [0x0a]))
    DefinitionText.mutation.apply(&bytes, times: fuzzCase.random.pick([0, 1, 2, 8]), &fuzzCase.random)
    fuzzCase.give(bytes)
    let text = String(decoding: bytes, as: UTF8.self)
    switch DefinitionReader.read(text: text, file: "f.yaml", environment: ["HOME": "x", "EMPTY": ""]) {
    case .failure(let problems):
      try require(!problems.problems.isEmpty, "refused without a problem")
      let count = text.unicodeScalars.filter {
        $0 == "\n" || $0 == "\r" || $0 == "\u{85}" || $0.value == 0x2028 || $0.value == 0x2029
      }.count
      for problem in problems.problems {
        try require(problem.line >= 1 && problem.line <= count + 1 && problem.column >= 1, "\(problem) lies outside")
        try require(!problem.message.isEmpty, "a problem without words")
      }
    case .success(let reading):
      let definition = reading.definition
      try require(definition.canonical == definition.canonical, "two canonical texts")
      do {
        let plan = try DatasetPlan(definition, asOf: definition.asOf ?? 0)
        let state = ShardState(shard: 0, plan: plan)
        let rows = SnapshotRows(state, rule: SplitRule(definition.split), by: nil)
        try require(rows.keys.allSatisfy(\.isEmpty), "rows out of nothing")
      } catch is PlanError {
        // Streams and labels in time are refused with words.
      }
    }
  }
}

private enum DefinitionText {
  static let mutation = Mutation([
    ":", ": ", "- ", "{", "}", "[", "]", "#", " # ", "\"", "'", "|", ">", "&a", "*a", "<<", "!!", "%", "@", "`", "\t",
    "  ", "\n",
    "~", "null", "yes", "count()", "sum(cnt)", " where ", " and ", " or ", " not ", " in (", ")", " is null",
    " over 30d",
    " default 0", "'x'", "decimal(10,2)", "${HOME}", "${NONE:-x}", "${", "s3://", "$object", "1e9", "0.5%",
    "2026-01-01",
    "\u{feff}", "\u{0}", "\u{85}", "é",
  ])

  static let lines: [[UInt8]] = [
    "key: [id, plan]", "max_row: 1MiB", "max_rejects: 0.1%", "shards: 4097", "  usage:", "    format: json", "x: y",
    "as_of: now", "---", "...", "- a", "    columns: {}", "sources: []", "split: {train: 1}", "key: id",
  ].map { Array($0.utf8) }

  static let sample = """
    dataset: customer360
    key: id
    shards: 4
    sources:
      people:
        objects: "in/people/*.csv"
        format: {csv: {header: true, null_values: ["", "NA"], delimiter: pipe}}
        keep: latest
        columns: {id: string, plan: string, since: {type: timestamp, format: "%d/%m/%Y", zone: UTC}, size: int, left: int}
      usage:
        objects: "s3://lake/usage/"
        format: {csv: {delimiter: pipe, header: false, names: [id, at, feature, cnt, cost]}}
        keep: events
        time: at
        include: ["*.gz"]
        columns: {id: string, at: timestamp, feature: string, cnt: int, cost: "decimal(12,2)"}
      billing:
        objects: in/billing
        format: json
        keep: latest
        time: updated
        columns:
          id: {path: customer.id, type: string}
          items: {path: "subscription.items", type: count}
          amount: {path: "subscription.items[].amount", type: double, reduce: sum, on_error: set_null}
          region: {path: customer.region, type: string, default: eu}
          updated: {type: timestamp, unit: ms}
          file: {path: $object, type: string}
    features:
      people: [plan, since, size]
      billing: {amount: amount, items: "items default 0"}
      usage:
        rows: count()
        cnt: sum(cnt)
        cost: mean(cost)
        sd: stddev(cost)
        kinds: count_distinct(feature)
        recent: "sum(cnt) where feature in ('a', 'b') and not (cnt > 5 or cost is null) over 30d"
        last: last(feature) default 'none'
    rows: {from: people, label: left}
    split: {train: 0.8, eval: 0.2, salt: v1}
    snapshot: {to: out, format: {csv: {label_first: true}}, every: 1h, delay: 5m}
    max_rejects: 1%
    as_of: 2026-01-01T00:00:00Z
    """
}
