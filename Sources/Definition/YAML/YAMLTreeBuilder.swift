/// Makes the tree from the parser's events, one after another, with its own stack: nesting costs no call depth.
struct YAMLTreeBuilder {
  enum Kind { case sequence, mapping }

  private(set) var root: YAMLNode?
  /// A problem was reported after which the tree makes no sense.
  private(set) var failed = false
  /// The scalar value or key that was read last.
  private(set) var lastScalar: YAMLNode?
  private let log: ProblemLog
  private var open: [Frame] = []
  private var nodes = 0

  private struct Frame {
    var kind: Kind
    var mark: Mark
    var path: String
    /// The key this collection is the value of.
    var keyMark: Mark?
    var items: [YAMLNode] = []
    var entries: [YAMLEntry] = []
    /// The key that waits for its value.
    var key: (name: String, mark: Mark, isQuoted: Bool)?
    var seen: [String: Mark] = [:]
  }

  init(log: ProblemLog) { self.log = log }

  mutating func beginDocument(at mark: Mark) {
    guard root != nil else { return }
    log.report(
      at: mark, path: "", "a second YAML document begins here; a file holds one definition",
      hint: "remove the '---' or move what follows into its own file")
    failed = true
  }

  /// Refuses anchors and tags; the node itself is read as if they were not there.
  mutating func note(anchor: String?, tag: String?, at mark: Mark) {
    if let anchor {
      log.report(
        at: mark, path: path, "'&\(anchor)' is a YAML anchor; definitions have none",
        hint: "put the value in quotes if it begins with &")
    }
    if let tag {
      let shown = tag.hasPrefix("tag:yaml.org,2002:") ? "!!" + tag.dropFirst(18) : tag
      log.report(
        at: mark, path: path, "\(quoted(shown)) is a YAML tag; definitions have none",
        hint: "put the value in quotes if it begins with !")
    }
  }

  mutating func alias(_ name: String, _ start: Mark, _ end: Mark) {
    log.report(
      at: start, path: path, "'*\(name)' is a YAML alias; definitions have none",
      hint: "put the value in quotes if it begins with *, or write it out")
    if let last = open.last, last.kind == .mapping, last.key == nil {
      failed = true
      return
    }
    add(YAMLNode(content: .refused, mark: start, end: end, keyMark: keyMark, path: path))
  }

  mutating func scalar(_ text: String, style: YAMLScalar.Style, _ start: Mark, _ end: Mark) {
    let origins = ScalarOrigins(raw: log.source.slice(from: start, to: end), start: start)
    let node = YAMLNode(
      content: .scalar(YAMLScalar(text: text, style: style, origins: origins)), mark: start, end: end,
      keyMark: keyMark, path: path)
    lastScalar = node
    if let top = open.indices.last, open[top].kind == .mapping, open[top].key == nil {
      open[top].key = (text, start, style != .plain)
    } else {
      add(node)
    }
  }

  mutating func begin(_ kind: Kind, _ start: Mark) {
    if let last = open.last, last.kind == .mapping, last.key == nil {
      log.report(
        at: start, path: last.path, "a key must be plain text, here a list or mapping begins",
        hint: "put a value that begins with { or [ in quotes; ${NAME} needs them inside { }")
      failed = true
      return
    }
    guard open.count < YAMLDocument.depthLimit else {
      log.report(
        at: start, path: path, "nested deeper than \(YAMLDocument.depthLimit) levels",
        hint: "a definition needs about six")
      failed = true
      return
    }
    open.append(Frame(kind: kind, mark: start, path: path, keyMark: keyMark))
  }

  mutating func finish(_ end: Mark) {
    guard let frame = open.popLast() else { return }
    let content: YAMLNode.Content =
      frame.kind == .sequence ? .sequence(frame.items) : .mapping(frame.entries)
    add(YAMLNode(content: content, mark: frame.mark, end: end, keyMark: frame.keyMark, path: frame.path))
  }

  /// The path of the node that comes next.
  private var path: String {
    guard let top = open.last else { return "" }
    switch top.kind {
    case .sequence: return "\(top.path)[\(top.items.count)]"
    case .mapping:
      guard let key = top.key else { return top.path }
      return top.path.isEmpty ? key.name : "\(top.path).\(key.name)"
    }
  }

  private var keyMark: Mark? { open.last?.key?.mark }

  private mutating func add(_ node: YAMLNode) {
    nodes += 1
    guard nodes <= YAMLDocument.nodeLimit else {
      log.report(
        at: node.mark, path: node.path, "more than \(YAMLDocument.nodeLimit) values in one definition",
        hint: "is this the right file?")
      failed = true
      return
    }
    guard let top = open.indices.last else {
      root = node
      return
    }
    guard let key = open[top].key else {
      open[top].items.append(node)
      return
    }
    open[top].key = nil
    if key.name == "<<" && !key.isQuoted {
      log.report(
        at: key.mark, path: node.path, "'<<' is a YAML merge key; definitions have none",
        hint: "write the keys out")
      return
    }
    if let first = open[top].seen[key.name] {
      log.report(
        at: key.mark, path: node.path,
        "key \(quoted(key.name)) stands here a second time (first in line \(first.line))",
        hint: "remove one of the two")
      return
    }
    open[top].seen[key.name] = key.mark
    open[top].entries.append(
      YAMLEntry(key: key.name, keyMark: key.mark, keyIsQuoted: key.isQuoted, value: node))
  }
}
