/// One mistake in a definition, or one thing to be warned about.
public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file's name as the caller gave it.
  public var file: String
  /// From 1.
  public var line: Int
  /// From 1, in characters (Unicode scalars).
  public var column: Int
  /// Where in the document: `sources.usage.columns.cnt`; "" at the top.
  public var path: String
  /// What was found, and what was expected.
  public var message: String
  /// What the user can do: the nearest known name, or how to write it; may be "".
  public var hint: String

  public init(file: String, line: Int, column: Int, path: String, message: String, hint: String = "") {
    self.file = file
    self.line = line
    self.column = column
    self.path = path
    self.message = message
    self.hint = hint
  }

  /// `file.yaml:12:7: unknown key 'colums' in source 'usage'; did you mean 'columns'?`
  public var description: String {
    "\(file):\(line):\(column): \(message)" + (hint.isEmpty ? "" : "; \(hint)")
  }
}

/// Everything that is wrong with a definition, in the file's order; at least one problem.
public struct DefinitionProblems: Error, Sendable, CustomStringConvertible {
  public var problems: [Problem]
  public var warnings: [Problem]

  /// One problem a line.
  public var description: String { problems.map(\.description).joined(separator: "\n") }
}
