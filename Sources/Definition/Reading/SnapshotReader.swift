/// Reads `snapshot:`.
struct SnapshotReader {
  let nodes: NodeReader
  let zones: ZoneNames
  private var log: ProblemLog { nodes.log }

  init(nodes: NodeReader, zones: ZoneNames) {
    self.nodes = nodes
    self.zones = zones
  }

  func snapshot(_ node: YAMLNode) -> SnapshotTarget? {
    guard
      let section = nodes.section(
        node, "snapshot", keys: KnownKeys.snapshot, example: "snapshot: {to: PLACE, format: parquet}")
    else { return nil }
    var target = SnapshotTarget(to: "", format: .parquet(ParquetOptions()))
    if let node = section["to"] {
      if let to = nodes.parsed(node, "a directory or s3://bucket/prefix", LocationText.parseTarget) {
        target.to = to
      }
    } else {
      nodes.missing("to", in: section, hint: "add to: a directory or s3://bucket/prefix")
    }
    if let node = section["format"], let format = format(node) { target.format = format }
    let size = nodes.parsed(section["part_target"], SizeText.expected) { text throws(TextFault) in
      try SizeText.parse(text, in: 1024...(1 << 40))
    }
    if let size { target.partTarget = size }
    schedule(section, &target)
    target.keepLast = nodes.integer(
      section["keep_last"], "a number of snapshots, at least 1", in: 1...1_000_000)
    target.keepFor = nodes.parsed(section["keep_for"], DurationText.expected, DurationText.parsePositive)
    target.listsBeforeCut = nodes.choice(section["complete"], "listing", ["listing": true]) ?? false
    return target
  }

  private func schedule(_ section: Section, _ target: inout SnapshotTarget) {
    target.every = nodes.parsed(section["every"], DurationText.expected, DurationText.parsePositive)
    target.cron = nodes.parsed(section["cron"], "a cron expression such as \"0 3 * * *\"", CronText.parse)
    target.cronZone = nodes.parsed(section["zone"], "a time zone such as Europe/Paris", zones.parse)
    if let delay = nodes.parsed(section["delay"], DurationText.expected, DurationText.parse) {
      target.delay = delay
    }
    if let every = section["every"], let length = target.every, length % 1_000_000 != 0 {
      log.report(
        every, at: every.mark, "'every' counts whole seconds, and a snapshot is named by its second",
        hint: "write every: 1s or more")
    }
    if let cron = section["cron"], section["every"] != nil {
      log.report(cron, at: cron.keyMark, "snapshot has both 'every' and 'cron'", hint: "keep one of them")
    }
    if let zone = section["zone"], section["cron"] == nil {
      log.report(zone, at: zone.keyMark, "'zone' says in which zone 'cron' counts, and there is no 'cron'")
    }
    if let delay = section["delay"], section["every"] == nil, section["cron"] == nil {
      log.report(
        delay, at: delay.keyMark, "'delay' waits behind a slot of 'every' or 'cron', and there is neither",
        hint: "add every: 1h, or leave it out")
    }
  }

  private func format(_ node: YAMLNode) -> SnapshotTarget.Format? {
    let example = "format: parquet, format: json or format: {csv: {header: true}}"
    switch node.content {
    case .refused: return nil
    case .scalar:
      guard let name = nodes.text(node, "parquet, csv or json") else { return nil }
      return named(name, node, at: node.mark, options: nil)
    case .mapping(let entries) where entries.count == 1:
      return named(entries[0].key, entries[0].value, at: entries[0].keyMark, options: entries[0].value)
    default:
      log.report(node, "expected one format, found \(node.described)", hint: "write \(example)")
      return nil
    }
  }

  private func named(_ name: String, _ node: YAMLNode, at mark: Mark, options: YAMLNode?) -> SnapshotTarget
    .Format?
  {
    let given = options.flatMap { $0.isEmpty ? nil : $0 }
    switch name {
    case "parquet": return parquet(given).map { .parquet($0) }
    case "csv": return csv(given).map { .csv($0) }
    case "json":
      if let given, nodes.section(given, "json", keys: [], example: "format: json") == nil { return nil }
      return .json
    default:
      log.report(
        node, at: mark, "\(quoted(name)) is not a format of snapshots; expected parquet, csv or json",
        hint: ["jsonl", "ndjson"].contains(name.lowercased())
          ? "did you mean 'json'?" : log.nearest(name, among: ["parquet", "csv", "json"]))
      return nil
    }
  }

  private func parquet(_ node: YAMLNode?) -> ParquetOptions? {
    guard let node else { return ParquetOptions() }
    guard
      let section = nodes.section(
        node, "parquet", keys: KnownKeys.parquet, example: "format: {parquet: {compression: zstd}}")
    else { return nil }
    var options = ParquetOptions()
    let compression = nodes.choice(
      section["compression"], "zstd, snappy or none",
      ["zstd": ParquetOptions.Compression.zstd, "snappy": .snappy, "none": .none])
    if let compression { options.compression = compression }
    if let rows = nodes.integer(
      section["row_group_rows"], "a number of rows from 1 to 100000000", in: 1...100_000_000)
    {
      options.rowGroupRows = rows
    }
    return options
  }

  private func csv(_ node: YAMLNode?) -> CSVOutputOptions? {
    guard let node else { return CSVOutputOptions() }
    guard
      let section = nodes.section(
        node, "csv", keys: KnownKeys.csvOutput, example: "format: {csv: {header: false, label_first: true}}")
    else { return nil }
    var options = CSVOutputOptions()
    if let header = nodes.bool(section["header"]) { options.header = header }
    if let first = nodes.bool(section["label_first"]) { options.labelFirst = first }
    if let without = nodes.bool(section["without_key"]) { options.withoutKey = without }
    if let node = section["delimiter"], let byte = ByteText(nodes: nodes).byte(node, "delimiter") {
      options.delimiter = byte
      if byte == UInt8(ascii: "\"") { log.report(node, "a delimiter cannot be the quote") }
    }
    return options
  }
}
