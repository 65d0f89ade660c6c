/// Reads a source's `format:`.
struct FormatReader {
  let nodes: NodeReader
  private var log: ProblemLog { nodes.log }

  init(nodes: NodeReader) { self.nodes = nodes }

  private static let example = "format: json, format: csv or format: {csv: {delimiter: pipe, header: true}}"

  func format(_ node: YAMLNode) -> Format? {
    switch node.content {
    case .refused: return nil
    case .scalar:
      guard let name = nodes.text(node, "csv or json") else { return nil }
      return named(name, node, options: nil)
    case .sequence:
      log.report(node, "expected a format, found a list", hint: "write \(FormatReader.example)")
      return nil
    case .mapping(let entries):
      guard entries.count == 1, let entry = entries.first else {
        log.report(
          node, "expected one format, found \(entries.count) keys",
          hint: entries.contains { KnownKeys.csv.contains($0.key) }
            ? "put them under csv: {csv: {…}}" : "write \(FormatReader.example)")
        return nil
      }
      return named(entry.key, entry.value, at: entry.keyMark, options: entry.value)
    }
  }

  private func named(_ name: String, _ node: YAMLNode, at mark: Mark? = nil, options: YAMLNode?) -> Format? {
    switch name {
    case "json":
      if let options, !options.isEmpty {
        guard nodes.section(options, "json", keys: [], example: "format: json") != nil else { return nil }
      }
      return .json
    case "csv":
      guard let options, !options.isEmpty else { return .csv(CSVOptions()) }
      return csv(options).map { .csv($0) }
    default:
      let synonyms = [
        "jsonl": "json", "ndjson": "json", "jsonlines": "json", "tsv": "{csv: {delimiter: tab}}",
        "psv": "{csv: {delimiter: pipe}}",
      ]
      log.report(
        node, at: mark ?? node.mark, "\(quoted(name)) is not a format of sources; expected csv or json",
        hint: synonyms[name.lowercased()].map { "write \($0)" } ?? log.nearest(name, among: ["csv", "json"]))
      return nil
    }
  }

  private func csv(_ node: YAMLNode) -> CSVOptions? {
    guard
      let section = nodes.section(node, "csv", keys: KnownKeys.csv, example: "format: {csv: {header: true}}")
    else { return nil }
    var options = CSVOptions()
    let header = nodes.bool(section["header"])
    if let node = section["names"] { options.names = names(node) }
    if let header {
      options.header = header
      if !header && section["names"] == nil {
        nodes.missing("names", in: section, hint: "without a header the columns need names: names: [a, b, c]")
      }
    } else if section["names"] != nil && section["header"] == nil {
      // Guessing would either read the header as a row or lose the first row of every object.
      nodes.missing(
        "header", in: section,
        hint: "with names, say header: false (the first line is data) or header: true (it is replaced)")
    }
    if let node = section["delimiter"], let byte = ByteText(nodes: nodes).byte(node, "delimiter") {
      options.delimiter = byte
    }
    if let node = section["quote"], let quote = ByteText(nodes: nodes).byteOrNone(node, "quote") {
      options.quote = quote
      options.escape = quote
    }
    if let node = section["escape"], let escape = ByteText(nodes: nodes).byteOrNone(node, "escape") {
      options.escape = escape
    }
    if let quote = options.quote, quote == options.delimiter {
      log.report(
        section["quote"] ?? section["delimiter"] ?? node, "quote and delimiter are the same character")
    }
    if let list = nodes.texts(
      section["null_values"], "a spelling of null, the empty one as \"\"", allowEmpty: true)
    {
      options.nullValues = list.map(\.text)
    }
    if let lines = nodes.integer(section["skip_lines"], "a number of lines", in: 0...1_000_000) {
      options.skipLines = lines
    }
    return options
  }

  private func names(_ node: YAMLNode) -> [String]? {
    guard let list = nodes.texts(node, "a column's name") else { return nil }
    var seen: Set<String> = []
    var names: [String] = []
    for (text, item) in list {
      guard nodes.parsed(item, "a column's name", NameText.column) != nil else { continue }
      if seen.insert(text).inserted {
        names.append(text)
      } else {
        log.report(item, "the name \(quoted(text)) stands here a second time")
      }
    }
    if list.isEmpty { log.report(node, "expected the columns' names, found an empty list") }
    return names
  }
}

/// Reads a single byte of CSV's syntax: a name such as `pipe`, or one ASCII character.
struct ByteText {
  let nodes: NodeReader

  private static let named: KeyValuePairs<String, UInt8> = [
    "comma": UInt8(ascii: ","), "tab": UInt8(ascii: "\t"), "pipe": UInt8(ascii: "|"),
    "semicolon": UInt8(ascii: ";"), "space": UInt8(ascii: " "),
  ]

  func byte(_ node: YAMLNode, _ what: String) -> UInt8? {
    if node.isRefused { return nil }
    let expected = "expected comma, tab, pipe, semicolon, space or one character"
    guard let scalar = node.scalar, !scalar.text.isEmpty, !scalar.isBlock else {
      let trap = nodes.log.trap(node)
      let isBlock = node.scalar?.isBlock ?? false
      nodes.log.report(
        node, "\(expected), found \(node.described)",
        hint: isBlock
          ? "an unquoted | or > begins a block of text in YAML; write pipe, or \"|\" in quotes"
          : trap.isEmpty ? "a character that means something to YAML stands in quotes: \",\"" : trap)
      return nil
    }
    if let found = ByteText.named.first(where: { $0.key == scalar.text }) { return found.value }
    let scalars = Array(scalar.text.unicodeScalars)
    if scalars.count == 1, scalars[0].isASCII, scalars[0] != "\n", scalars[0] != "\r", scalars[0].value != 0 {
      return UInt8(scalars[0].value)
    }
    nodes.log.report(
      node, "\(what): \(expected), found \(quoted(scalar.text))",
      hint: scalar.text == "\\t"
        ? "write tab" : nodes.log.nearest(scalar.text, among: ByteText.named.map(\.key)))
    return nil
  }

  /// The outer optional is nil after a problem; the inner one for `none`.
  func byteOrNone(_ node: YAMLNode, _ what: String) -> UInt8?? {
    if node.text == "none" { return .some(nil) }
    return byte(node, what).map { .some($0) }
  }
}
