/// Collects what is wrong with one definition. Lives for one ``DefinitionReader`` call, on one thread.
final class ProblemLog {
  let file: String
  let source: SourceText
  private(set) var problems: [Problem] = []
  private(set) var warnings: [Problem] = []
  private var unshown = 0
  /// Searching near names costs (unknown × known) comparisons: with 10,000 columns only the first few are worth it.
  private var comparisonsLeft = 300_000

  /// Problems kept; the rest are only counted.
  static let limit = 1000

  init(file: String, source: SourceText) {
    self.file = file
    self.source = source
  }

  var isEmpty: Bool { problems.isEmpty }
  /// Further problems are only counted: no need to look for hints.
  var isFull: Bool { problems.count >= ProblemLog.limit }

  func hasProblem(at path: String) -> Bool { problems.contains { $0.path == path } }

  func report(at mark: Mark, path: String, _ message: String, hint: String = "") {
    guard !isFull else {
      unshown += 1
      return
    }
    problems.append(problem(mark, path, message, hint))
  }

  /// A problem with a node: at its first character, or at `mark` within it.
  func report(_ node: YAMLNode, at mark: Mark? = nil, _ message: String, hint: String = "") {
    report(at: mark ?? place(of: node), path: node.path, message, hint: hint.isEmpty ? trap(node) : hint)
  }

  /// A problem at a character of a node's text.
  func report(_ node: YAMLNode, offset: Int, _ message: String, hint: String = "") {
    // Finding the place takes time in proportion to the text: not for problems that are not shown.
    guard let scalar = node.scalar, !isFull else {
      return report(node, message, hint: hint)
    }
    report(node, at: scalar.origins.mark(of: offset, in: scalar.text), message, hint: hint)
  }

  func report(_ node: YAMLNode, _ fault: TextFault) {
    report(node, offset: fault.offset, fault.message, hint: fault.hint)
  }

  func warn(_ node: YAMLNode, _ message: String, hint: String = "") {
    warn(at: place(of: node), path: node.path, message, hint: hint)
  }

  func warn(at mark: Mark, path: String, _ message: String, hint: String = "") {
    guard warnings.count < ProblemLog.limit else { return }
    warnings.append(problem(mark, path, message, hint))
  }

  /// `did you mean 'x'?`, or `otherwise`.
  func nearest(_ name: String, among known: some Collection<String>, otherwise: String = "") -> String {
    guard comparisonsLeft > 0, !isFull else { return otherwise }
    comparisonsLeft -= known.count
    guard let near = NearestName.find(name, among: known) else { return otherwise }
    return "did you mean \(quoted(near))?"
  }

  /// Everything, in the file's order.
  func sorted() -> DefinitionProblems {
    var all = inOrder(problems)
    if unshown > 0, let last = all.last {
      all.append(
        Problem(
          file: file, line: last.line, column: last.column, path: "",
          message: "\(unshown) more problems are not shown", hint: "correct these first"))
    }
    return DefinitionProblems(problems: all, warnings: inOrder(warnings))
  }

  private func inOrder(_ list: [Problem]) -> [Problem] {
    list.enumerated().sorted {
      ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
    }.map(\.element)
  }

  private func problem(_ mark: Mark, _ path: String, _ message: String, _ hint: String) -> Problem {
    let place = source.clamp(mark)
    return Problem(
      file: file, line: place.line, column: place.column, path: path, message: message, hint: hint)
  }

  /// An empty value has no character of its own: its key is the place.
  private func place(of node: YAMLNode) -> Mark { node.isEmpty ? node.keyMark ?? node.mark : node.mark }

  /// What YAML may have done to the text behind the user's back.
  func trap(_ node: YAMLNode) -> String {
    guard let scalar = node.scalar else { return "" }
    switch scalar.style {
    case .plain:
      guard let comment = source.comment(after: node.end) else { return "" }
      return "\(quoted(comment)) was read as a comment; put the whole value in quotes if it belongs to it"
    case .literal where scalar.text.isEmpty:
      return "an unquoted | begins a block of text in YAML; write it in quotes"
    case .folded where scalar.text.isEmpty:
      return "an unquoted > begins a block of text in YAML; write it in quotes"
    default: return ""
    }
  }
}

/// What is wrong with a piece of text, and where in it.
struct TextFault: Error, Equatable {
  /// In Unicode scalars from the text's start.
  var offset: Int
  var message: String
  var hint: String

  init(_ message: String, at offset: Int = 0, hint: String = "") {
    self.offset = offset
    self.message = message
    self.hint = hint
  }
}
