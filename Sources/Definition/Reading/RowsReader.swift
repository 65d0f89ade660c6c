internal import Columns

/// Reads `rows:` and `split:`.
struct RowsReader {
  let nodes: NodeReader
  let sources: [SourceDraft]
  private var log: ProblemLog { nodes.log }

  init(nodes: NodeReader, sources: [SourceDraft]) {
    self.nodes = nodes
    self.sources = sources
  }

  /// What was written, with the nodes that later checks point at.
  struct Draft {
    var rows: Rows
    var source: SourceDraft
    var labelNode: YAMLNode?
  }

  func rows(_ node: YAMLNode) -> Draft? {
    guard
      let section = nodes.section(
        node, "rows", keys: KnownKeys.rows, example: "rows: {from: SOURCE, label: COLUMN}")
    else { return nil }
    if let at = section["at"], !at.isRefused {
      log.report(
        at, at: at.keyMark, "'at' (rows as of each label's own time) is not supported yet",
        hint: "leave it out: all rows are then as of one time, which as_of sets")
    }
    guard let fromNode = section["from"] else {
      nodes.missing("from", in: section, hint: "add from: the source that gives one row a key")
      return nil
    }
    guard let from = nodes.text(fromNode, "the name of a source") else { return nil }
    guard let source = sources.first(where: { $0.name == from }) else {
      log.report(
        fromNode, "rows from an unknown source \(quoted(from))",
        hint: log.nearest(
          from, among: sources.map(\.name),
          otherwise: "sources: \(sources.map(\.name).joined(separator: ", "))"))
      return nil
    }
    var draft = Draft(rows: Rows(source: from), source: source)
    if let node = section["label"] {
      guard let label = nodes.text(node, "the name of a column") else { return draft }
      draft.rows.label = label
      draft.labelNode = node
      if source.knowsColumns && source.columns[label] == nil {
        log.report(
          node, "label: source '\(from)' has no column \(quoted(label))",
          hint: log.nearest(label, among: source.columnNames, otherwise: "add it to the source's columns"))
      } else if source.keep == .events {
        log.report(
          node, "label: source '\(from)' keeps every row, and a label is one value a key",
          hint: "take rows from a source with keep: latest")
      }
    }
    return draft
  }

  func split(_ node: YAMLNode, rows: Draft?) -> Split? {
    guard
      let entries = nodes.entries(node, "split", example: "split: {train: 0.8, eval: 0.2, salt: v1}")
    else { return nil }
    var split = Split(shares: [])
    var good = true
    var sum = 0.0
    for entry in entries {
      switch entry.key {
      case "salt":
        if let salt = nodes.text(entry.value, "any text", allowEmpty: true) { split.salt = salt }
      case "by":
        split.by = by(entry.value, rows)
      default:
        nodes.checkName(of: entry) { name throws(TextFault) in
          try NameText.identifier(name, "name of a split")
        }
        guard let share = share(entry.value) else {
          good = false
          continue
        }
        sum += share
        split.shares.append(Split.Share(name: entry.key, share: share))
      }
    }
    if good && split.shares.isEmpty {
      log.report(node, at: node.keyMark, "split names no part", hint: "write split: {train: 0.8, eval: 0.2}")
    } else if good && abs(sum - 1) > 1e-9 {
      log.report(
        node, at: node.keyMark, "the shares of split sum to \((sum * 1e10).rounded() / 1e10), expected 1",
        hint: "for example train: 0.8, eval: 0.2")
    }
    return good ? split : nil
  }

  /// `0.8` or `80%`.
  private func share(_ node: YAMLNode) -> Double? {
    guard let text = nodes.text(node, "a share such as 0.8") else { return nil }
    let isPercent = text.hasSuffix("%")
    let number = isPercent ? String(text.dropLast()) : text
    guard LiteralText.isNumber(number, fraction: true), let value = Double(number) else {
      log.report(node, "expected a share such as 0.8, found \(quoted(text))")
      return nil
    }
    let share = isPercent ? value / 100 : value
    guard share > 0, share <= 1 else {
      log.report(
        node, "a share is more than 0 and at most 1, found \(quoted(text))",
        hint: share > 1 ? "write 80% or 0.8" : "")
      return nil
    }
    return share
  }

  private func by(_ node: YAMLNode, _ rows: Draft?) -> String? {
    guard let name = nodes.text(node, "the name of a column") else { return nil }
    guard let source = rows?.source else { return name }
    if source.knowsColumns && source.columns[name] == nil {
      log.report(
        node, "split by: the rows' source '\(source.name)' has no column \(quoted(name))",
        hint: log.nearest(name, among: source.columnNames, otherwise: "add it to the source's columns"))
    } else if source.keep == .events {
      log.report(
        node,
        "split by: source '\(source.name)' keeps every row, so a key has many values of \(quoted(name))",
        hint: "leave out 'by', or take rows from a source with keep: latest")
    }
    return name
  }
}
