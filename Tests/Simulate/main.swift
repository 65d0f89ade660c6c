import Foundation
import Glibc
import Simulation

// tributary-simulate: the streaming worker in worlds made of chance, one a seed.
//
//   tributary-simulate [--seeds 2000] [--from 0] [--jobs 2] [--seed N] [--trace] [--twice] [--level 0...2] [--bug NAME]
//     [--canaries]
//
// --canaries plants one bug after another and wants each seen.
// What it prints on a failure plays that seed again. Exit codes: 0 no failures, 1 a failure, 2 wrong use.

// Swift seeds its hashes anew in each process, and with them the order of dictionaries: a seed would play differently.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
  setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
  var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
  arguments.append(nil)
  execv("/proc/self/exe", arguments)
  print("cannot start again with SWIFT_DETERMINISTIC_HASHING=1")
  exit(2)
}
let options = SimulateOptions.parse(Array(CommandLine.arguments.dropFirst()))
if options.playsCanaries { exit(SimulateRun.canaries(options)) }
exit(SimulateRun(options).run())
