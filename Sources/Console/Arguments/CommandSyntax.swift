/// What a command is called with: its name, positionals, options and help.
public struct CommandSyntax: Sendable {
  public var name: String
  /// One line for the list of commands.
  public var summary: String
  /// Names of the positionals, all required, in order: `["DEFINITION"]`.
  public var positionals: [String]
  /// What any number of further positionals are, if it takes such: `INPUT`.
  public var rest: String?
  public var options: [OptionSyntax]
  /// What the options do not say, in lines of at most 78 characters; may be empty.
  public var details: [String]
  /// One command that works, and what it does.
  public var example: (command: String, meaning: String)

  public init(
    name: String, summary: String, positionals: [String], rest: String? = nil, options: [OptionSyntax],
    details: [String],
    example: (command: String, meaning: String)
  ) {
    self.name = name
    self.summary = summary
    self.positionals = positionals
    self.rest = rest
    self.options = options
    self.details = details
    self.example = example
  }
}

/// One `--option` of a command.
public struct OptionSyntax: Sendable, Hashable {
  /// Without the dashes.
  public var name: String
  public var kind: Kind
  public var help: String

  public enum Kind: Sendable, Hashable {
    case flag
    /// Any text that is not empty; the name stands for it in the usage.
    case text(placeholder: String)
    case count(placeholder: String, ClosedRange<Int>)
    /// ISO 8601.
    case time
    /// As definitions write them, or 0.
    case duration
    /// A number of rows or a percentage.
    case rejects
    /// A name that can be part of a path and of a key.
    case identifier
  }

  public init(_ name: String, _ kind: Kind, _ help: String) {
    self.name = name
    self.kind = kind
    self.help = help
  }

  /// What stands for the value in usage and help; nil for a flag.
  public var placeholder: String? {
    switch kind {
    case .flag: nil
    case .text(let placeholder), .count(let placeholder, _): placeholder
    case .time: "TIME"
    case .duration: "DURATION"
    case .rejects: "N|P%"
    case .identifier: "ID"
    }
  }
}
