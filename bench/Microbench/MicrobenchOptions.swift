import Glibc

/// What the command line says.
struct MicrobenchOptions {
  var definition = ""
  /// A directory that gen.py made.
  var data = ""
  var rounds = 5
  var megabytes = 16
  /// Part of the names of the stages that are measured.
  var only = ""
  var json: String?

  static let usage = """
    usage: tributary-microbench DEFINITION DATA [--rounds 5] [--megabytes 16] [--only PART] [--json FILE]
    """

  static func parse(_ arguments: [String]) -> MicrobenchOptions {
    var options = MicrobenchOptions()
    var positionals: [String] = []
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard name.hasPrefix("--") else {
        positionals.append(name)
        continue
      }
      guard let value = rest.popFirst() else { refuse("\(name) needs a value") }
      switch name {
      case "--rounds": options.rounds = number(name, value)
      case "--megabytes": options.megabytes = number(name, value)
      case "--only": options.only = value
      case "--json": options.json = value
      default: refuse("unknown option \(name)")
      }
    }
    guard positionals.count == 2 else { refuse("a definition and a directory are needed") }
    options.definition = positionals[0]
    options.data = positionals[1]
    return options
  }

  private static func number(_ name: String, _ value: String) -> Int {
    guard let number = Int(value), number > 0 else { refuse("\(name) takes a number above 0, not '\(value)'") }
    return number
  }

  private static func refuse(_ message: String) -> Never {
    print("\(message)\n\(usage)")
    exit(2)
  }
}
