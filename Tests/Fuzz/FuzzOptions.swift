import Glibc

/// What the command line says.
struct FuzzOptions {
  var seconds = 60.0
  var cases = Int.max
  var seed: UInt64 = UInt64(time(nil))
  /// One target's name.
  var only: String?
  /// One case's number.
  var onlyCase: Int?

  static func parse(_ arguments: [String]) -> FuzzOptions {
    var options = FuzzOptions()
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { refuse("\(name) needs a value") }
      switch name {
      case "--seconds": options.seconds = Double(value) ?? refuse("--seconds takes a number, not '\(value)'")
      case "--cases": options.cases = Int(value) ?? refuse("--cases takes a number, not '\(value)'")
      case "--seed": options.seed = UInt64(value) ?? refuse("--seed takes a number, not '\(value)'")
      case "--case": options.onlyCase = Int(value) ?? refuse("--case takes a number, not '\(value)'")
      case "--only": options.only = value
      default: refuse("unknown option \(name)")
      }
    }
    return options
  }

  private static func refuse(_ message: String) -> Never {
    print("\(message)\nusage: tributary-fuzz [--seconds 60] [--cases N] [--seed N] [--only TARGET] [--case N]")
    exit(2)
  }

  private static func refuse<T>(_ message: String) -> T { refuse(message) as Never }
}
