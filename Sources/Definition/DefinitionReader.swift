/// Reads a definition file (docs/definition.md) from YAML and checks it whole.
public enum DefinitionReader {
  /// Bytes of a definition file. Ten thousand columns take a tenth of it.
  public static let sizeLimit = 4 << 20

  /// What came of a good definition.
  public struct Reading: Sendable {
    public var definition: Definition
    /// Things that are allowed but look like mistakes.
    public var warnings: [Problem]
    /// The environment variables that shaped the definition outside `broker` and `events`, with their values: with
    /// them the same text can be read again elsewhere. Those that were not set (and had a default) are not here.
    public var variables: [String: String]
  }

  /// Reads `text`; every mistake is reported, only an error of YAML's own syntax hides what comes behind it.
  ///
  /// - Parameters:
  ///   - file: its name in messages.
  ///   - environment: what `${NAME}` refers to.
  ///   - withoutRuntime: leaves `broker` and `events` unread, for a rebuild, which has no variables for them.
  ///   - zones: the time zones there are.
  public static func read(
    text: String, file: String, environment: [String: String] = [:], withoutRuntime: Bool = false,
    zones: ZoneNames = .system
  ) -> Result<Reading, DefinitionProblems> {
    guard text.utf8.count <= sizeLimit else {
      let problem = Problem(
        file: file, line: 1, column: 1, path: "",
        message: "the file has \(text.utf8.count) bytes; a definition has at most \(sizeLimit)",
        hint: "is this the right file?")
      return .failure(DefinitionProblems(problems: [problem], warnings: []))
    }
    let plain = text.unicodeScalars.first == "\u{feff}" ? String(text.unicodeScalars.dropFirst()) : text
    let log = ProblemLog(file: file, source: SourceText(plain))
    guard let tree = YAMLDocument.read(plain, log: log) else { return .failure(log.sorted()) }
    var variables = Variables(environment: environment, log: log)
    let whole = CommaTrap.repair(tree, log: log)
    let root = variables.expand(withoutRuntime ? whole.without(Variables.unrecorded) : whole)
    let definition = DocumentReader(nodes: NodeReader(log: log), zones: zones).definition(root)
    CommentTrap.warn(root, log: log)
    guard log.isEmpty, let definition else { return .failure(log.sorted()) }
    return .success(
      Reading(definition: definition, warnings: log.sorted().warnings, variables: variables.used))
  }
}
