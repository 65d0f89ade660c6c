import Definition

/// Definitions that several tests start from.
enum Samples {
  /// ARCHITECTURE.md §7, word for word.
  static let customer360 = #"""
    dataset: customer360
    key: customer_id                                  # or a list

    sources:
      attributes:
        objects: "s3://lake/attributes/"              # or "data/attributes/*.csv"
        format: {csv: {header: true}}
        keep: latest                                  # newest row per key
        columns: {customer_id: string, signup_date: date, country: string, plan: string,
                  company_size: int, is_trial: bool, churned: int}
      usage:                                          # an UNLOAD: many gzip parts, no header
        objects: "s3://lake/usage/"
        format: {csv: {delimiter: pipe, header: false, names: [customer_id, event_ts, feature, cnt, duration_s]}}
        keep: events                                  # every row, aggregated
        time: event_ts
        columns: {customer_id: string, event_ts: timestamp, feature: string, cnt: int, duration_s: double}
      billing:                                        # nested JSON lines
        objects: "s3://lake/billing/"
        format: json
        keep: latest
        time: updated_at
        columns:
          customer_id:  {path: customer.id, type: string}
          region:       {path: customer.region, type: string}
          status:       {path: subscription.status, type: string}
          plan_price:   {path: subscription.plan.price, type: double}
          items:        {path: "subscription.items", type: count}
          items_amount: {path: "subscription.items[].amount", type: double, reduce: sum}
          updated_at:   timestamp
      clicks:                                         # a stream
        records: app.clicks
        format: json
        keep: events
        time: ts
        columns: {customer_id: {path: $key, type: string}, ts: timestamp, page: string}

    features:
      attributes: [signup_date, country, plan, company_size, is_trial]   # a list takes columns as they are
      billing:                                                           # a mapping names them
        region: region
        billing_status: status
        plan_price: plan_price
        items_amount: items_amount
      usage:
        usage_rows: count()
        usage_cnt: sum(cnt)
        usage_dur_mean: mean(duration_s)
        usage_last: max(event_ts)
        usage_30d: count() over 30d                   # the 30 days before the as-of time (or the label's time)
        usage_payroll: "sum(cnt) where feature = 'payroll'"
      clicks:
        clicks_7d: count() over 7d

    rows: {from: attributes, label: churned}          # one row per key of this source; or {from: redemptions, at: redeemed_at, label: redeemed}
    split: {train: 0.8, eval: 0.2, salt: v1}
    snapshot: {to: "s3://lake/snapshots/customer360", format: parquet, every: 1h, delay: 5m}
    # a snapshot lies at TO/snapshot=<id>/{train,eval}/part-*.parquet beside manifest.json; TO/latest.json names the newest

    events: {topic: s3.events}                        # or {sqs: "https://sqs…"}, or {list: 30s} for stores that send none
    broker: {kafka: {brokers: "localhost:9092"}}      # leave out for the embedded one
    store:  {endpoint: "http://localhost:9000", region: us-east-1, path_style: true}   # credentials come from the usual AWS places
    """#

  /// A small good definition with one line a part, so that tests can put a mistake into a line of their choice.
  static let lines: [String] = [
    "dataset: shop",
    "key: id",
    "sources:",
    "  people:",
    "    objects: data/people/",
    "    format: json",
    "    keep: latest",
    "    time: seen",
    "    columns:",
    "      id: string",
    "      seen: timestamp",
    "      plan: string",
    "      price: \"decimal(10,2)\"",
    "      trial: bool",
    "      bought: int",
    "  visits:",
    "    objects: data/visits/",
    "    format: {csv: {header: false, names: [id, at, page, spent, days]}}",
    "    keep: events",
    "    time: at",
    "    columns:",
    "      id: string",
    "      at: timestamp",
    "      page: string",
    "      spent: double",
    "      days: int",
    "features:",
    "  people: [plan]",
    "  visits:",
    "    visits: count()",
    "rows: {from: people, label: bought}",
    "split: {train: 0.8, eval: 0.2, salt: v1}",
    "snapshot: {to: out}",
  ]

  /// `lines` with some replaced (numbers from 1).
  static func edited(_ edits: [Int: String]) -> String {
    lines.enumerated().map { edits[$0.offset + 1] ?? $0.element }.joined(separator: "\n") + "\n"
  }
}

/// What a text gives, in the shape that tests compare.
struct Outcome {
  var definition: Definition?
  /// `line:column: message; hint`
  var problems: [String]
  var warnings: [String]
  var raw: [Problem]
  var variables: [String: String]

  init(_ text: String, environment: [String: String] = [:], withoutRuntime: Bool = false) {
    func short(_ problem: Problem) -> String { String(problem.description.dropFirst("d.yaml:".count)) }
    switch DefinitionReader.read(
      text: text, file: "d.yaml", environment: environment, withoutRuntime: withoutRuntime)
    {
    case .success(let reading):
      definition = reading.definition
      problems = []
      raw = []
      warnings = reading.warnings.map(short)
      variables = reading.variables
    case .failure(let failure):
      definition = nil
      raw = failure.problems
      problems = failure.problems.map(short)
      warnings = failure.warnings.map(short)
      variables = [:]
    }
  }
}
