internal import Columns

/// Reads `sources:`.
struct SourceReader {
  let nodes: NodeReader
  let zones: ZoneNames
  private var log: ProblemLog { nodes.log }

  /// Faults name a column by 16 bits.
  static let columnLimit = 60_000

  init(nodes: NodeReader, zones: ZoneNames) {
    self.nodes = nodes
    self.zones = zones
  }

  /// In the file's order; nil if there is nothing to refer to.
  func sources(_ node: YAMLNode) -> [SourceDraft]? {
    guard
      let entries = nodes.entries(
        node, "sources", example: "sources: {NAME: {objects: …, format: …, keep: …, columns: …}}")
    else { return nil }
    if entries.isEmpty { log.report(node, at: node.keyMark, "sources: a dataset needs at least one source") }
    return entries.map { source($0) }
  }

  private func source(_ entry: YAMLEntry) -> SourceDraft {
    var draft = SourceDraft(name: entry.key, node: entry.value)
    let before = log.problems.count
    nodes.checkName(of: entry) { name throws(TextFault) in try NameText.identifier(name, "source's name") }
    guard
      let section = nodes.section(
        entry.value, "source \(quoted(entry.key))", keys: KnownKeys.source,
        example: "{objects: …, format: …, keep: …, columns: …}")
    else { return draft }
    let input = input(section)
    draft.isRecords = section["records"] != nil && section["objects"] == nil
    let format = format(section)
    checkRecord(format, section)
    draft.keep = keep(section)
    columns(section, format, &draft)
    draft.time = time(section, draft)
    let options = options(section, draft)
    guard let input, let format, let keep = draft.keep, log.problems.count == before else { return draft }
    var source = Source(
      name: entry.key, input: input, format: format, keep: keep, time: draft.time,
      columns: draft.columnNames.compactMap { draft.columns[$0]?.column })
    options(&source)
    draft.source = source
    return draft
  }

  private func input(_ section: Section) -> Source.Input? {
    switch (section["objects"], section["records"]) {
    case (let objects?, nil):
      return nodes.parsed(objects, "a path, a glob or s3://bucket/prefix", LocationText.parse).map {
        .objects($0)
      }
    case (nil, let records?):
      return nodes.parsed(records, "a topic", NameText.topic).map { .records(topic: $0) }
    case (_?, let records?):
      log.report(
        records, at: records.keyMark, "\(section.what) has both 'objects' and 'records'",
        hint: "make two sources of it")
    case (nil, nil):
      nodes.missing(
        "objects", in: section, hint: "add objects: a path, a glob or s3://bucket/prefix (or records: TOPIC)")
    }
    return nil
  }

  private func format(_ section: Section) -> Format? {
    guard let node = section["format"] else {
      nodes.missing("format", in: section, hint: "add format: json, or format: {csv: {header: true}}")
      return nil
    }
    return FormatReader(nodes: nodes).format(node)
  }

  /// A record is one row: no line of it could be a header, or be left out.
  private func checkRecord(_ format: Format?, _ section: Section) {
    guard section["records"] != nil, section["objects"] == nil, case .csv(let csv) = format else { return }
    let node = section["format"] ?? section.node
    if csv.header {
      log.report(
        node, "\(section.what) reads records, and a record has no header line",
        hint: "write format: {csv: {header: false, names: [a, b, c]}}")
    }
    if csv.skipLines > 0 {
      log.report(
        node, "\(section.what) reads records, and a record has no lines to skip", hint: "leave out skip_lines")
    }
  }

  private func keep(_ section: Section) -> Source.Keep? {
    guard let node = section["keep"] else {
      nodes.missing(
        "keep", in: section,
        hint: "add keep: latest (the newest row of a key) or keep: events (all rows, aggregated)")
      return nil
    }
    return nodes.choice(node, "latest or events", ["latest": Source.Keep.latest, "events": .events])
  }

  private func columns(_ section: Section, _ format: Format?, _ draft: inout SourceDraft) {
    guard let node = section["columns"] else {
      nodes.missing("columns", in: section, hint: "add columns: {NAME: TYPE, …}")
      return
    }
    if case .sequence = node.content {
      log.report(
        node, "columns: expected names with types, found a list", hint: "write columns: {NAME: TYPE, …}")
      return
    }
    guard let entries = nodes.entries(node, "columns", example: "columns: {NAME: TYPE, …}") else { return }
    guard entries.count <= SourceReader.columnLimit else {
      log.report(node, at: node.keyMark, "more than \(SourceReader.columnLimit) columns")
      return
    }
    if entries.isEmpty {
      log.report(node, at: node.keyMark, "columns: a source needs at least its key's columns")
    }
    let reader = ColumnReader(nodes: nodes, zones: zones, format: format, isRecords: draft.isRecords)
    for entry in entries {
      draft.columns[entry.key] = reader.column(entry)
      draft.columnNames.append(entry.key)
    }
    draft.knowsColumns = !entries.isEmpty
  }

  private func time(_ section: Section, _ draft: SourceDraft) -> String? {
    guard let node = section["time"], let name = nodes.text(node, "the name of a column") else { return nil }
    guard let column = draft.columns[name] else {
      if draft.knowsColumns {
        log.report(
          node, "time: \(section.what) has no column \(quoted(name))",
          hint: log.nearest(name, among: draft.columnNames, otherwise: "add it to columns"))
      }
      return name
    }
    if let type = column.type, type != .timestamp, type != .date {
      log.report(
        node, "time: column \(quoted(name)) is \(type.withArticle); expected a timestamp or date",
        hint: "write \(name): timestamp in columns")
    }
    return name
  }

  /// Reads the options that only some sources take; the result sets them.
  private func options(_ section: Section, _ draft: SourceDraft) -> (inout Source) -> Void {
    for key in ["include", "exclude", "on_remove", "settle"] {
      guard let node = section[key], draft.isRecords else { continue }
      log.report(
        node, at: node.keyMark, "'\(key)' is for sources of objects, and \(section.what) reads records")
    }
    if let node = section["on_gap"], !draft.isRecords, section["objects"] != nil {
      log.report(
        node, at: node.keyMark, "'on_gap' is for sources of records, and \(section.what) reads objects")
    }
    let include = nodes.texts(section["include"], "a glob such as \"*.csv\"")?.map(\.text)
    let exclude = nodes.texts(section["exclude"], "a glob such as \"*.tmp\"")?.map(\.text)
    let onRemove = nodes.choice(
      section["on_remove"], "remove or keep", ["remove": Source.OnRemove.remove, "keep": .keep])
    let settle = nodes.parsed(section["settle"], DurationText.expected, DurationText.parse)
    let onGap = nodes.choice(section["on_gap"], "stop or skip", ["stop": Source.OnGap.stop, "skip": .skip])
    return { source in
      if let include { source.include = include }
      if let exclude { source.exclude = exclude }
      if let onRemove { source.onRemove = onRemove }
      if let settle { source.settle = settle }
      if let onGap { source.onGap = onGap }
    }
  }
}
