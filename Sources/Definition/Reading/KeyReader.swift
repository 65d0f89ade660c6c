internal import Columns

/// Reads `key:` and checks it against the sources.
struct KeyReader {
  let nodes: NodeReader
  private var log: ProblemLog { nodes.log }

  init(nodes: NodeReader) { self.nodes = nodes }

  /// The names with their nodes.
  func key(_ node: YAMLNode) -> [(text: String, node: YAMLNode)]? {
    guard let names = nodes.texts(node, "the name of a column, or a list of names") else { return nil }
    if names.isEmpty {
      log.report(node, at: node.keyMark, "key: expected at least one column")
      return nil
    }
    var seen: Set<String> = []
    for (name, item) in names {
      if !seen.insert(name).inserted {
        log.report(item, "the key names \(quoted(name)) twice")
      }
      if name.contains(",") {
        log.report(
          item, "\(quoted(name)) is read as one name",
          hint: "write a key of several columns as a list: [a, b]")
        return nil
      }
    }
    return seen.count == names.count ? names : nil
  }

  /// Every source has the key's columns, of types whose text is the same everywhere.
  func check(_ key: [(text: String, node: YAMLNode)], _ sources: [SourceDraft]) {
    for (name, _) in key {
      var first: (source: String, type: ColumnType)?
      for source in sources where source.knowsColumns {
        guard let column = source.columns[name] else {
          log.report(
            at: source.node.keyMark ?? source.node.mark, path: source.node.path,
            "source '\(source.name)' has no column \(quoted(name)), which is the key",
            hint: log.nearest(
              name, among: source.columnNames,
              otherwise:
                "add it to columns; a column of another name is taken with {from: OTHER, type: string}"))
          continue
        }
        guard let type = column.type else { continue }
        check(name, type, column, source)
        if let first, first.type != type {
          log.warn(
            column.node,
            "key \(quoted(name)) is \(type.withArticle) in source '\(source.name)' and \(first.type.withArticle) in '\(first.source)'",
            hint: "keys compare as text: 7 and 007 differ as strings and are one int")
        }
        first = first ?? (source.name, type)
      }
    }
  }

  private func check(_ name: String, _ type: ColumnType, _ column: ColumnDraft, _ source: SourceDraft) {
    let reason: String
    switch type {
    case .string, .int, .bool, .date:
      if column.column?.onError == .setNull {
        log.warn(column.node, "on_error: set_null on the key: rows without a key are rejected all the same")
      }
      return
    case .double: reason = "1, 1.0 and 1e0 would have to be one key"
    case .timestamp: reason = "one instant has many spellings"
    case .decimal: reason = "1.5 and 1.50 would have to be one key"
    }
    log.report(
      column.node,
      "key \(quoted(name)) is a \(type) in source '\(source.name)'; keys are string, int, bool or date",
      hint: "keys compare as text, and \(reason); take it as a string")
  }
}
