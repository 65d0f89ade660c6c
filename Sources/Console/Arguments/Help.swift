/// The texts of `--help`.
public enum Help {
  /// The program's own: what it is, its commands.
  public static func program(_ commands: [CommandSyntax]) -> String {
    let width = commands.map(\.name.count).max() ?? 0
    let list = commands.map { "  \(pad($0.name, width))  \($0.summary)\n" }.joined()
    return """
      tributary turns files in object storage and records of topics into training data: joined
      by key, split into train and eval, published as immutable snapshots that rebuild to the
      same rows. 'batch' reads everything once; 'run' follows what comes in.

      usage: tributary COMMAND [options]

      commands:
      \(list)
      'tributary COMMAND --help' shows options and an example; 'tributary --version' the version.

      exit codes: 0 done; 1 failed; 2 wrong use or definition; 3 finished, but more rows were
      rejected than max_rejects allows; 128 + N: ended by signal N ('run' stops with 0).

      """
  }

  public static func command(_ command: CommandSyntax) -> String {
    var text = "\(command.summary)\n\nusage: \(usage(command))\n"
    let options = command.options.map { option in
      ("--" + option.name + (option.placeholder.map { " " + $0 } ?? ""), option.help)
    }
    let rows = options + [("-h, --help", "show this text")]
    let width = rows.map(\.0.count).max() ?? 0
    text += "\noptions:\n"
    for (name, help) in rows {
      text += "  \(pad(name, width))  "
      text += wrap(help, 94 - width).joined(separator: "\n" + String(repeating: " ", count: width + 4)) + "\n"
    }
    if !command.details.isEmpty { text += "\n" + command.details.joined(separator: "\n") + "\n" }
    return text + "\nexample:\n  \(command.example.command)\n  \(command.example.meaning)\n"
  }

  /// `tributary rebuild MANIFEST [options]`
  static func usage(_ command: CommandSyntax) -> String {
    let rest = command.rest.map { ["[\($0)…]"] } ?? []
    return (["tributary", command.name] + command.positionals + rest + ["[options]"]).joined(separator: " ")
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func wrap(_ text: String, _ width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      let last = lines[lines.count - 1]
      if last.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if last.count + 1 + word.count <= width {
        lines[lines.count - 1] += " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
