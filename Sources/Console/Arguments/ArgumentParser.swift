public import Definition

/// What a command line asks for.
public enum Request: Sendable {
  case run(ParsedArguments)
  /// `--help`, of the program or of one command.
  case help(CommandSyntax?)
  /// Nothing was asked for: the list of commands, as an error.
  case nothing
  case version
}

/// A command with its values, each of them checked.
public struct ParsedArguments: Sendable {
  public enum Value: Sendable, Hashable {
    case flag
    case text(String)
    case count(Int)
    /// Microseconds since 1970-01-01T00:00:00Z.
    case time(Int64)
    /// Microseconds.
    case duration(Int64)
    case rejects(RejectLimit)
  }

  public var command: String
  public var positionals: [String] = []
  /// By the option's name; of a repeated option the last counts.
  public var values: [String: Value] = [:]

  public func flag(_ name: String) -> Bool { values[name] == .flag }

  public func text(_ name: String) -> String? {
    if case .text(let text) = values[name] { text } else { nil }
  }

  public func count(_ name: String) -> Int? {
    if case .count(let count) = values[name] { count } else { nil }
  }

  public func time(_ name: String) -> Int64? {
    if case .time(let time) = values[name] { time } else { nil }
  }

  public func duration(_ name: String) -> Int64? {
    if case .duration(let duration) = values[name] { duration } else { nil }
  }

  public func rejects(_ name: String) -> RejectLimit? {
    if case .rejects(let limit) = values[name] { limit } else { nil }
  }
}

/// Reads command lines: `--x v`, `--x=v`, flags, positionals in any place, `--`, `-h` and `--help`.
public struct ArgumentParser: Sendable {
  private let commands: [CommandSyntax]

  public init(_ commands: [CommandSyntax]) { self.commands = commands }

  /// `arguments` without the program's own name.
  public func parse(_ arguments: [String]) throws(UsageError) -> Request {
    guard let first = arguments.first else { return .nothing }
    switch first {
    case "-h", "--help": return .help(nil)
    case "--version": return .version
    case "help":
      return .help(try arguments.dropFirst().first.map { name throws(UsageError) in try command(name) })
    default: break
    }
    if first.hasPrefix("-") {
      throw UsageError(
        "unknown option '\(first)'",
        hint: nearest(first, among: ["--help", "--version"]) ?? "a command comes first")
    }
    return try parse(command(first), arguments.dropFirst())
  }

  private func command(_ name: String) throws(UsageError) -> CommandSyntax {
    if let command = commands.first(where: { $0.name == name }) { return command }
    let names = commands.map(\.name)
    throw UsageError(
      "unknown command '\(name)'",
      hint: nearest(name, among: names) ?? "the commands are \(names.joined(separator: ", "))")
  }

  private func parse(_ command: CommandSyntax, _ arguments: ArraySlice<String>) throws(UsageError) -> Request {
    var parsed = ParsedArguments(command: command.name)
    var rest = arguments
    var onlyPositionals = false
    // Help counts wherever it stands, also behind a mistake: somebody who asks should not be told off.
    if arguments.prefix(while: { $0 != "--" }).contains(where: { $0 == "-h" || $0 == "--help" }) {
      return .help(command)
    }
    while let argument = rest.popFirst() {
      if onlyPositionals || argument == "-" || !argument.hasPrefix("-") {
        parsed.positionals.append(argument)
      } else if argument == "--" {
        onlyPositionals = true
      } else {
        try option(argument, &rest, command, &parsed)
      }
    }
    guard parsed.positionals.count >= command.positionals.count else {
      let missing = command.positionals[parsed.positionals.count]
      throw UsageError(command: command.name, "\(missing) is missing", hint: "usage: " + Help.usage(command))
    }
    guard parsed.positionals.count == command.positionals.count || command.rest != nil else {
      let extra = parsed.positionals[command.positionals.count]
      throw UsageError(
        command: command.name, "'\(extra)' is one argument too many", hint: "usage: " + Help.usage(command))
    }
    for (index, positional) in parsed.positionals.enumerated() where positional.isEmpty {
      let name = index < command.positionals.count ? command.positionals[index] : command.rest ?? ""
      throw UsageError(command: command.name, "\(name) is empty")
    }
    return .run(parsed)
  }

  private func option(
    _ argument: String, _ rest: inout ArraySlice<String>, _ command: CommandSyntax,
    _ parsed: inout ParsedArguments
  ) throws(UsageError) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let written = String(parts[0])
    guard let option = command.options.first(where: { "--" + $0.name == written }) else {
      let known = command.options.map { "--" + $0.name } + ["--help"]
      throw UsageError(
        command: command.name, "unknown option '\(written)'", hint: nearest(written, among: known) ?? "")
    }
    guard let placeholder = option.placeholder else {
      guard parts.count == 1 else {
        throw UsageError(command: command.name, "\(written) takes no value")
      }
      parsed.values[option.name] = .flag
      return
    }
    let value: String
    if parts.count == 2 {
      value = String(parts[1])
    } else if let next = rest.first, !next.hasPrefix("--") {
      value = next
      rest.removeFirst()
    } else {
      throw UsageError(
        command: command.name, "\(written) needs a value", hint: "write \(written) \(placeholder)")
    }
    do throws(ValueFault) {
      parsed.values[option.name] = try OptionValue.parse(value, option.kind)
    } catch {
      throw UsageError(
        command: command.name, "\(written): \(error.message)", hint: error.hint)
    }
  }

  private func nearest(_ name: String, among known: [String]) -> String? {
    NearestName.find(name, among: known).map { "did you mean '\($0)'?" }
  }
}
