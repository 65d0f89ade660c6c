/// Expands `${NAME}` and `${NAME:-default}` in a document's values; `$${` stands for `${` itself.
struct Variables {
  let environment: [String: String]
  let log: ProblemLog
  /// What was taken from the environment outside the sections that only `run` uses.
  private(set) var used: [String: String] = [:]

  /// Sections whose variables do not shape a snapshot.
  static let unrecorded: Set<String> = ["broker", "events"]

  init(environment: [String: String], log: ProblemLog) {
    self.environment = environment
    self.log = log
  }

  mutating func expand(_ root: YAMLNode) -> YAMLNode {
    guard case .mapping(var entries) = root.content else { return expand(root, record: true) }
    for index in entries.indices {
      entries[index].value = expand(
        entries[index].value, record: !Variables.unrecorded.contains(entries[index].key))
    }
    var root = root
    root.content = .mapping(entries)
    return root
  }

  private mutating func expand(_ node: YAMLNode, record: Bool) -> YAMLNode {
    var node = node
    switch node.content {
    case .mapping(var entries):
      for index in entries.indices { entries[index].value = expand(entries[index].value, record: record) }
      node.content = .mapping(entries)
    case .sequence(var items):
      for index in items.indices { items[index] = expand(items[index], record: record) }
      node.content = .sequence(items)
    case .scalar(let scalar):
      guard scalar.text.contains("${") else { break }
      if let expanded = expand(scalar, in: node, record: record) {
        node.content = .scalar(expanded)
      } else {
        node.content = .refused
      }
    case .refused: break
    }
    return node
  }

  /// nil after a problem.
  private mutating func expand(_ scalar: YAMLScalar, in node: YAMLNode, record: Bool) -> YAMLScalar? {
    let text = Array(scalar.text.unicodeScalars)
    var out: [Unicode.Scalar] = []
    var origin: [Int] = []
    var index = 0
    var faults = 0
    // One value with many unset variables is told of the first few.
    while index < text.count && faults < 10 {
      let isOpening = text[index] == "$" && index + 1 < text.count && text[index + 1] == "{"
      if text[index] == "$" && index + 2 < text.count && text[index + 1] == "$" && text[index + 2] == "{" {
        out += ["$", "{"]
        origin += [index, index + 2]
        index += 3
      } else if isOpening {
        guard let close = text[index...].firstIndex(of: "}") else {
          log.report(
            node, offset: index, "'${' is never closed", hint: "write ${NAME}, or $${ for the text '${'")
          return nil
        }
        let inner = String(text[(index + 2)..<close])
        if let value = value(of: inner, in: node, offset: index, record: record) {
          out += Array(value.unicodeScalars)
          origin += Array(repeating: index, count: value.unicodeScalars.count)
        } else {
          faults += 1
        }
        index = close + 1
      } else {
        out.append(text[index])
        origin.append(index)
        index += 1
      }
    }
    guard faults == 0 else { return nil }
    var expanded = scalar
    expanded.text = String(out)
    expanded.origins.unexpanded = scalar.text
    expanded.origins.expansion = origin
    // An expanded value was written, so it is not "nothing" even if the variable is empty.
    if expanded.text.isEmpty { expanded.style = .doubleQuoted }
    return expanded
  }

  private mutating func value(of inner: String, in node: YAMLNode, offset: Int, record: Bool) -> String? {
    let name = String(inner.prefix { $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) })
    let rest = inner.dropFirst(name.count)
    guard let first = name.first, !first.isNumber, rest.isEmpty || rest.hasPrefix(":-") else {
      log.report(
        node, offset: offset, "\(quoted("${" + inner + "}")) is not a variable",
        hint: "write ${NAME} or ${NAME:-default}, or $${ for the text '${'")
      return nil
    }
    let found = environment[name]
    if record, let found { used[name] = found }
    if rest.isEmpty {
      guard let found else {
        log.report(
          node, offset: offset, "the environment variable \(name) is not set",
          hint: "set it, or give a default: ${\(name):-…}")
        return nil
      }
      return found
    }
    if let found, !found.isEmpty { return found }
    return String(rest.dropFirst(2))
  }
}
