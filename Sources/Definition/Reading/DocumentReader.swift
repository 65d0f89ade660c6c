internal import Columns

/// Reads the document's top level and holds the parts against each other.
struct DocumentReader {
  let nodes: NodeReader
  let zones: ZoneNames
  private var log: ProblemLog { nodes.log }

  init(nodes: NodeReader, zones: ZoneNames) {
    self.nodes = nodes
    self.zones = zones
  }

  /// nil if anything was reported.
  func definition(_ root: YAMLNode) -> Definition? {
    guard
      let section = nodes.section(
        root, "the definition", keys: KnownKeys.definition, example: "dataset: NAME and the other keys")
    else { return nil }
    let dataset = nodes.parsed(
      required("dataset", section, "add dataset: a name for the data set"), "the data set's name",
      NameText.dataset)
    let key = required("key", section, "add key: the column that joins the sources").flatMap {
      KeyReader(nodes: nodes).key($0)
    }
    let sources = required("sources", section, "add sources: {NAME: {objects: …}}").flatMap {
      SourceReader(nodes: nodes, zones: zones).sources($0)
    }
    let features = features(section, sources)
    let rowsNode = required("rows", section, "add rows: {from: SOURCE, label: COLUMN}")
    let rows = sources.flatMap { sources in
      rowsNode.flatMap { RowsReader(nodes: nodes, sources: sources).rows($0) }
    }
    let split = required("split", section, "add split: {train: 0.8, eval: 0.2, salt: v1}").flatMap {
      RowsReader(nodes: nodes, sources: sources ?? []).split($0, rows: rows)
    }
    let snapshot = required("snapshot", section, "add snapshot: {to: PLACE, format: parquet}").flatMap {
      SnapshotReader(nodes: nodes, zones: zones).snapshot($0)
    }
    if let key, let sources { KeyReader(nodes: nodes).check(key, sources) }
    OutputNames(log: log).check(key: key?.map(\.text) ?? [], features: features, rows: rows)
    var definition = Definition(
      dataset: dataset ?? "", key: key?.map(\.text) ?? [], sources: sources?.compactMap(\.source) ?? [],
      features: features.compactMap(\.feature), rows: rows?.rows ?? Rows(source: ""),
      split: split ?? Split(shares: []), snapshot: snapshot ?? SnapshotTarget(to: "", format: .json))
    options(section, &definition)
    return log.isEmpty ? definition : nil
  }

  private func required(_ key: String, _ section: Section, _ hint: String) -> YAMLNode? {
    if let node = section[key] { return node }
    nodes.missing(key, in: section, hint: hint)
    return nil
  }

  private func features(_ section: Section, _ sources: [SourceDraft]?) -> [FeatureReader.Output] {
    guard let node = required("features", section, "add features: {SOURCE: [COLUMN, …]}"), let sources else {
      return []
    }
    return FeatureReader(nodes: nodes, sources: sources).features(node)
  }

  private func options(_ section: Section, _ definition: inout Definition) {
    let runtime = RuntimeReader(nodes: nodes)
    if let store = section["store"].flatMap({ runtime.store($0) }) { definition.store = store }
    definition.asOf = nodes.parsed(
      section["as_of"], "a time such as 2026-11-21T03:00:00Z", CivilTime.timestamp)
    if let limit = section["max_rejects"].flatMap({ runtime.maxRejects($0) }) {
      definition.maxRejects = limit
    }
    let maxRow = nodes.parsed(section["max_row"], SizeText.expected) { text throws(TextFault) in
      try SizeText.parse(text, in: 1...(256 << 20))
    }
    if let maxRow { definition.maxRowBytes = maxRow }
    if let shards = nodes.integer(section["shards"], "a number of shards from 1 to 4096", in: 1...4096) {
      definition.shards = shards
    }
    if let node = section["events"] {
      let events = runtime.events(node)
      definition.events = events.options
      if let every = events.reconcileEvery { definition.reconcileEvery = every }
    }
    if let broker = section["broker"].flatMap({ runtime.broker($0) }) { definition.broker = broker }
  }
}

extension YAMLNode {
  /// The mapping without some of its keys.
  func without(_ keys: Set<String>) -> YAMLNode {
    guard case .mapping(let entries) = content else { return self }
    var node = self
    node.content = .mapping(entries.filter { !keys.contains($0.key) })
    return node
  }
}
