import Glibc
import Simulation

/// What the command line says.
struct SimulateOptions: Sendable {
  var seeds: UInt64 = 200
  var from: UInt64 = 0
  var jobs = 2
  var failuresMax = 5
  /// Plays each seed a second time and compares.
  var twice = false
  var isOne = false
  /// Plays with each bug until it is found.
  var playsCanaries = false
  var simulation = Simulation.Options()

  static func parse(_ arguments: [String]) -> SimulateOptions {
    var options = SimulateOptions()
    var rest = arguments[...]
    while let name = rest.popFirst() {
      switch name {
      case "--trace": options.simulation.prints = true
      case "--twice": options.twice = true
      case "--canaries": options.playsCanaries = true
      default:
        guard let value = rest.popFirst() else { refuse("\(name) needs a value") }
        guard let number = UInt64(value) ?? (name == "--bug" ? 0 : nil) else {
          refuse("\(name) takes a number, not '\(value)'")
        }
        switch name {
        case "--seeds": options.seeds = number
        case "--from": options.from = number
        case "--jobs": options.jobs = max(1, Int(clamping: number))
        case "--failures": options.failuresMax = Int(clamping: number)
        case "--level": options.simulation.level = Int(clamping: number)
        case "--seed":
          options.from = number
          options.isOne = true
        case "--bug":
          guard Simulation.sabotages.contains(value) else {
            refuse("there is no bug '\(value)'; there are: \(Simulation.sabotages.joined(separator: ", "))")
          }
          options.simulation.sabotage = value
        default: refuse("unknown option \(name)")
        }
      }
    }
    if options.isOne { (options.seeds, options.jobs) = (1, 1) }
    return options
  }

  private static func refuse(_ message: String) -> Never {
    print(
      "\(message)\nusage: tributary-simulate [--seeds 2000] [--from N] [--jobs 2] [--failures 5] [--seed N] [--trace] [--twice] [--level 0...2] [--bug NAME] [--canaries]"
    )
    exit(2)
  }
}
