/// Reads `features:` against the sources.
struct FeatureReader {
  let nodes: NodeReader
  let sources: [SourceDraft]
  private let byName: [String: SourceDraft]
  private var log: ProblemLog { nodes.log }

  private static let example = "features: {SOURCE: [COLUMN, …]} or features: {SOURCE: {NAME: sum(COLUMN)}}"

  init(nodes: NodeReader, sources: [SourceDraft]) {
    self.nodes = nodes
    self.sources = sources
    byName = Dictionary(sources.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// A feature's name in the snapshot and where it was given, even if the feature itself is wrong.
  struct Output {
    var name: String
    var mark: Mark
    var path: String
    var source: String
    /// nil: wrong, and reported.
    var feature: Feature?
  }

  func features(_ node: YAMLNode) -> [Output] {
    guard let entries = nodes.entries(node, "features", example: FeatureReader.example) else { return [] }
    var outputs: [Output] = []
    for entry in entries {
      guard let source = byName[entry.key] else {
        if entry.value.isRefused { continue }
        log.report(
          at: entry.keyMark, path: entry.value.path, "features of an unknown source \(quoted(entry.key))",
          hint: log.nearest(
            entry.key, among: sources.map(\.name),
            otherwise: "sources: \(sources.map(\.name).joined(separator: ", "))"))
        continue
      }
      outputs += features(entry.value, of: source)
    }
    return outputs
  }

  private func features(_ node: YAMLNode, of source: SourceDraft) -> [Output] {
    switch node.content {
    case .refused: return []
    case .sequence, .scalar:
      return (nodes.texts(node, "the name of a column") ?? []).map { listed($0.text, $0.node, source) }
    case .mapping(let entries):
      return entries.map { entry in
        nodes.checkName(of: entry, NameText.column)
        return Output(
          name: entry.key, mark: entry.keyMark, path: entry.value.path, source: source.name,
          feature: expression(entry.value, named: entry.key, source))
      }
    }
  }

  /// A column taken as it is, under its own name.
  private func listed(_ name: String, _ node: YAMLNode, _ source: SourceDraft) -> Output {
    var output = Output(name: name, mark: node.mark, path: node.path, source: source.name)
    if source.keep == .events {
      log.report(
        node, "source '\(source.name)' keeps every row, so its features need names and aggregates",
        hint: "write features: {\(source.name): {NAME: \(name.contains("(") ? name : "last(\(name))")}}")
    } else if source.columns[name] == nil, name.contains("(") {
      log.report(
        node, "a list takes columns as they are, found \(quoted(name))",
        hint: "write a mapping to name an expression: {NAME: \(name)}")
    } else {
      output.feature = column(name, as: name, node, source)
    }
    return output
  }

  private func expression(_ node: YAMLNode, named name: String, _ source: SourceDraft) -> Feature? {
    guard let text = nodes.text(node, "a column or an aggregate such as sum(x)") else { return nil }
    // A column's name need not be a word of the expression's language.
    if source.keep == .latest, source.columns[text] != nil { return column(text, as: name, node, source) }
    do {
      let syntax = try ExpressionParser.parse(text)
      return FeatureTyping(log: log, source: source, node: node).feature(named: name, syntax)
    } catch {
      log.report(node, error)
      return nil
    }
  }

  private func column(_ column: String, as name: String, _ node: YAMLNode, _ source: SourceDraft) -> Feature? {
    let syntax = NameSyntax(text: column, offset: 0)
    return FeatureTyping(log: log, source: source, node: node).plain(
      name, syntax, ExpressionSyntax(head: .column(syntax)))
  }
}
