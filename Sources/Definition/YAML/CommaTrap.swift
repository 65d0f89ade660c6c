/// Finds values that YAML cut at a comma: `{price: decimal(10,2)}` is `{price: "decimal(10", "2)": nothing}` to it.
///
/// Each is reported once and put together again, so that nothing else is said about the pieces.
enum CommaTrap {
  /// Pieces that one value is put together from at most: looking on would cost time, not help.
  static let pieceLimit = 32

  static func repair(_ node: YAMLNode, log: ProblemLog) -> YAMLNode {
    var node = node
    switch node.content {
    case .mapping(let entries):
      var kept: [YAMLEntry] = []
      var index = 0
      while index < entries.count {
        var entry = entries[index]
        index += 1
        let pieces = entries[index...].lazy.map { $0.value.isEmpty && !$0.keyIsQuoted ? $0.key : nil }
        index += join(&entry.value, with: pieces, log)
        entry.value = repair(entry.value, log: log)
        kept.append(entry)
      }
      node.content = .mapping(kept)
    case .sequence(let items):
      var kept: [YAMLNode] = []
      var index = 0
      while index < items.count {
        var item = items[index]
        index += 1
        let pieces = items[index...].lazy.map { $0.scalar?.style == .plain ? $0.text : nil }
        index += join(&item, with: pieces, log)
        kept.append(repair(item, log: log))
      }
      node.content = .sequence(kept)
    case .scalar, .refused: break
    }
    return node
  }

  /// Joins a value whose parenthesis is open with the pieces that close it; gives how many those are.
  private static func join(_ value: inout YAMLNode, with pieces: some Sequence<String?>, _ log: ProblemLog)
    -> Int
  {
    guard let scalar = value.scalar, scalar.style == .plain, balance(scalar.text) > 0 else { return 0 }
    var open = balance(scalar.text)
    var text = scalar.text
    var taken = 0
    for piece in pieces.prefix(pieceLimit) {
      guard let piece else { return 0 }
      taken += 1
      text += "," + piece
      open += balance(piece)
      if open <= 0 { break }
    }
    guard open == 0, taken > 0 else { return 0 }
    log.report(
      value, "YAML cut \(quoted(text)) at its comma", hint: "put the value in quotes: \"\(text)\"")
    let origins = ScalarOrigins(
      raw: scalar.origins.raw, start: scalar.origins.start, unexpanded: nil, expansion: nil)
    value.content = .scalar(YAMLScalar(text: text, style: .plain, origins: origins))
    return taken
  }

  /// Opening less closing parentheses.
  private static func balance(_ text: String) -> Int {
    text.utf8.reduce(0) { $0 + ($1 == UInt8(ascii: "(") ? 1 : $1 == UInt8(ascii: ")") ? -1 : 0) }
  }
}
