public import Definition

/// The problems of a definition, for people and for machines.
public struct ProblemReport: Sendable {
  private let problems: [Problem]
  private let warnings: [Problem]
  /// The definition's lines, for excerpts.
  private let lines: [String]

  /// `text` is the whole definition.
  public init(problems: [Problem], warnings: [Problem], text: String) {
    self.problems = problems
    self.warnings = warnings
    // The line ends that YAML knows.
    lines = text.split(omittingEmptySubsequences: false) { "\n\r\r\n\u{85}\u{2028}\u{2029}".contains($0) }
      .map(String.init)
  }

  /// All in the file's order: one line each, and on a terminal the place in the file with a caret below it.
  public func render(_ style: TerminalStyle) -> String {
    let all = problems.map { ($0, false) } + warnings.map { ($0, true) }
    return all.sorted { ($0.0.line, $0.0.column) < ($1.0.line, $1.0.column) }
      .map { render($0.0, isWarning: $0.1, style) }
      .joined(separator: style.isInteractive ? "\n" : "")
  }

  private func render(_ problem: Problem, isWarning: Bool, _ style: TerminalStyle) -> String {
    let place = "\(DisplayText.printable(problem.file)):\(problem.line):\(problem.column): "
    let severity = style.paint(isWarning ? "warning: " : "error: ", isWarning ? .yellow : .red)
    let message = DisplayText.printable(problem.message)
    let hint = DisplayText.printable(problem.hint)
    guard style.isInteractive else {
      return place + severity + message + (hint.isEmpty ? "" : "; " + hint) + "\n"
    }
    var text = style.paint(place, .bold) + severity + message + "\n" + excerpt(problem, style)
    if !hint.isEmpty { text += "      = \(hint)\n" }
    return text
  }

  /// The line, its number, and a caret; a long line is cut around the caret.
  private func excerpt(_ problem: Problem, _ style: TerminalStyle) -> String {
    guard problem.line >= 1, problem.line <= lines.count else { return "" }
    let scalars = Array(lines[problem.line - 1].unicodeScalars)
    let at = min(max(problem.column - 1, 0), scalars.count)
    let gutter = DisplayText.pad(String(problem.line), 5, isRight: true)
    let room = max(20, style.width - 10)
    let start = at > room * 2 / 3 ? at - room / 2 : 0
    let before = shown(scalars[start..<at])
    let after = DisplayText.fit(
      shown(scalars[at...].prefix(room)), max(0, room - DisplayText.width(before)), isUnicode: style.isUnicode
    )
    let bar = style.paint(style.isUnicode ? "│" : "|", .dim)
    let caret = String(repeating: " ", count: DisplayText.width(before)) + style.paint("^", .red)
    return "\(style.paint(gutter, .dim)) \(bar) \(before)\(after)\n      \(bar) \(caret)\n"
  }

  private func shown(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars.lazy.map { $0 == "\t" ? " " : $0 })
    return DisplayText.printable(String(text))
  }

  /// `3 problems`, `1 problem and 2 warnings`
  public var count: String {
    let parts = [(problems.count, "problem"), (warnings.count, "warning")].filter { $0.0 > 0 }
    return parts.map { NumberText.counted($0.0, $0.1) }.joined(separator: " and ")
  }

  /// `[{"line": …}, …]`
  public static func json(_ problems: [Problem]) -> JSONValue {
    .array(
      problems.map { problem in
        .object([
          ("line", .int(Int64(problem.line))), ("column", .int(Int64(problem.column))),
          ("path", .string(problem.path)), ("message", .string(problem.message)),
          ("hint", .string(problem.hint)),
        ])
      })
  }
}
