/// A command line that cannot be understood (exit code 2).
public struct UsageError: Error, Sendable, Hashable {
  /// The command whose help shows what is right; nil: the program's.
  public var command: String?
  public var message: String
  /// What to write instead, or "".
  public var hint: String

  public init(command: String? = nil, _ message: String, hint: String = "") {
    self.command = command
    self.message = message
    self.hint = hint
  }

  /// `batch: unknown option '--shard'; did you mean '--shards'?`
  public var text: String {
    (command.map { $0 + ": " } ?? "") + message + (hint.isEmpty ? "" : "; " + hint)
  }

  /// Where to read more.
  public var seeAlso: String { "Try 'tributary \(command.map { $0 + " " } ?? "")--help'." }
}
