/// Warns of values that a `#` probably cut short: `where: page = #home` ends before the `#`.
///
/// One space before and none behind the `#` is how a text looks; a comment mostly has a space behind it.
enum CommentTrap {
  static func warn(_ node: YAMLNode, log: ProblemLog) {
    switch node.content {
    case .mapping(let entries): for entry in entries { warn(entry.value, log: log) }
    case .sequence(let items): for item in items { warn(item, log: log) }
    case .scalar(let scalar):
      guard scalar.style == .plain, !scalar.text.isEmpty else { return }
      let rest = Array(log.source.rest(from: node.end).prefix(3))
      guard rest.count == 3, rest[0] == " ", rest[1] == "#", rest[2] != " ", rest[2] != "#", rest[2] != "-"
      else { return }
      if log.hasProblem(at: node.path) { return }
      let comment = String(log.source.rest(from: node.end).dropFirst())
      log.warn(
        node,
        "\(quoted(comment)) was read as a comment behind \(quoted(scalar.text))",
        hint: "put the whole value in quotes if it belongs to it; a space behind the # silences this")
    case .refused: break
    }
  }
}
