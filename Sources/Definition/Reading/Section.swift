/// A mapping of the definition whose keys are known: what is not among them was reported already.
struct Section {
  let node: YAMLNode
  /// How messages call it: `source 'usage'`.
  let what: String
  private let members: [String: YAMLNode]
  /// Keys that are not here but probably meant by an unknown one, which was reported.
  let misspelt: Set<String>

  init(node: YAMLNode, what: String, members: [String: YAMLNode], misspelt: Set<String>) {
    self.node = node
    self.what = what
    self.members = members
    self.misspelt = misspelt
  }

  subscript(key: String) -> YAMLNode? { members[key] }

  /// Where to say that something is missing: at the section's own key.
  var place: Mark { node.keyMark ?? node.mark }
}

/// Reads single values from nodes, and says what was expected where one does not fit.
struct NodeReader {
  let log: ProblemLog

  /// A mapping with some of `keys`; nil (and a problem) if it is anything else.
  func section(_ node: YAMLNode, _ what: String, keys: [String], example: String) -> Section? {
    guard let entries = entries(node, what, example: example) else { return nil }
    var members: [String: YAMLNode] = [:]
    var misspelt: Set<String> = []
    for entry in entries {
      if keys.contains(entry.key) {
        members[entry.key] = entry.value
      } else if let near = unknown(entry, in: what, keys: keys) {
        misspelt.insert(near)
      }
    }
    return Section(node: node, what: what, members: members, misspelt: misspelt)
  }

  /// The entries of a mapping with names of the user's choice.
  func entries(_ node: YAMLNode, _ what: String, example: String) -> [YAMLEntry]? {
    switch node.content {
    case .mapping(let entries):
      return entries
    case .refused:
      return nil
    default:
      log.report(node, "\(what): expected a mapping, found \(node.described)", hint: "write \(example)")
      return nil
    }
  }

  /// Reports an unknown key; gives the known one that is near.
  private func unknown(_ entry: YAMLEntry, in what: String, keys: [String]) -> String? {
    let near = log.isFull ? nil : NearestName.find(entry.key, among: keys)
    var hint = near.map { "did you mean \(quoted($0))?" } ?? ""
    if hint.isEmpty && !log.isFull { hint = KnownKeys.elsewhere(entry.key) ?? "" }
    if hint.isEmpty && entry.key.contains("${") { hint = "variables are expanded in values, not in keys" }
    if hint.isEmpty {
      hint = keys.isEmpty ? "\(what) takes no options" : "known here: \(keys.joined(separator: ", "))"
    }
    log.report(
      at: entry.keyMark, path: entry.value.path, "unknown key \(quoted(entry.key)) in \(what)", hint: hint)
    return near
  }

  /// Says that a section lacks a key.
  func missing(_ key: String, in section: Section, hint: String) {
    if section.misspelt.contains(key) { return }
    log.report(
      at: section.place, path: section.node.path, "\(section.what) has no '\(key)'", hint: hint)
  }

  /// A scalar's text, not empty.
  func text(_ node: YAMLNode?, _ expected: String, allowEmpty: Bool = false) -> String? {
    guard let node, !node.isRefused else { return nil }
    guard let text = node.text, !node.isEmpty, allowEmpty || !text.isEmpty else {
      log.report(node, "expected \(expected), found \(node.described)")
      return nil
    }
    return text
  }

  func bool(_ node: YAMLNode?) -> Bool? {
    guard let node, let text = text(node, "true or false") else { return nil }
    switch text {
    case "true": return true
    case "false": return false
    default:
      log.report(node, "expected true or false, found \(quoted(text))")
      return nil
    }
  }

  func integer(_ node: YAMLNode?, _ expected: String, in range: ClosedRange<Int>) -> Int? {
    guard let node, let text = text(node, expected) else { return nil }
    guard let value = Int(text), range.contains(value), !text.hasPrefix("+") else {
      log.report(node, "expected \(expected), found \(quoted(text))")
      return nil
    }
    return value
  }

  /// One of some words.
  func choice<Value>(_ node: YAMLNode?, _ expected: String, _ choices: KeyValuePairs<String, Value>) -> Value? {
    guard let node, let text = text(node, expected) else { return nil }
    if let found = choices.first(where: { $0.key == text }) { return found.value }
    log.report(
      node, "expected \(expected), found \(quoted(text))", hint: log.nearest(text, among: choices.map(\.key)))
    return nil
  }

  /// A text that a small parser understands.
  func parsed<Value>(
    _ node: YAMLNode?, _ expected: String, _ parse: (String) throws(TextFault) -> Value
  ) -> Value? {
    guard let node, let text = text(node, expected) else { return nil }
    do {
      return try parse(text)
    } catch {
      log.report(node, error)
      return nil
    }
  }

  /// Holds a key of the user's choice against a rule for names.
  func checkName(of entry: YAMLEntry, _ rule: (String) throws(TextFault) -> String) {
    do {
      _ = try rule(entry.key)
    } catch {
      log.report(at: entry.keyMark, path: entry.value.path, error.message, hint: error.hint)
    }
  }

  /// A scalar, or a list of scalars; each with its node.
  func texts(_ node: YAMLNode?, _ expected: String, allowEmpty: Bool = false) -> [(
    text: String, node: YAMLNode
  )]? {
    guard let node else { return nil }
    let items: [YAMLNode]
    switch node.content {
    case .refused: return nil
    case .sequence(let list): items = list
    default: items = [node]
    }
    let read = items.compactMap { item in
      text(item, expected, allowEmpty: allowEmpty).map { (text: $0, node: item) }
    }
    return read.count == items.count ? read : nil
  }
}
