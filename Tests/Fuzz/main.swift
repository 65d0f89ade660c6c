import Glibc
import TestKit

// tributary-fuzz: feeds damaged input of every kind to the readers, in this process, for a bounded time.
//
//   swift run -c release tributary-fuzz [--seconds 60] [--cases N] [--seed N] [--only NAME] [--case N]
//
// A case is a function of target, seed and number: what it prints on a failure runs that one case again. Exit codes:
// 0 no failures, 1 a failure, 2 wrong use; a crash is reported with the input and ends in the signal.

let options = FuzzOptions.parse(Array(CommandLine.arguments.dropFirst()))
let targets = FuzzTarget.all.filter { options.only == nil || $0.name == options.only }
guard !targets.isEmpty else {
  print("there is no target '\(options.only ?? "")'; there are: \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
  exit(2)
}
print("seed \(options.seed), targets: \(targets.map(\.name).joined(separator: ", "))")
fflush(nil)
CrashReport.install()

let clock = ContinuousClock()
let began = clock.now
var counts = [Int](repeating: 0, count: targets.count)
var failures = 0
var number = options.onlyCase ?? 0
while failures < 10 {
  let elapsed = began.duration(to: clock.now) / .seconds(1)
  if elapsed >= options.seconds || counts.reduce(0, +) >= options.cases { break }
  for (index, target) in targets.enumerated() {
    var fuzzCase = FuzzCase(target: target.name, seed: options.seed, number: number)
    CrashReport.begin(fuzzCase)
    do {
      try target.run(&fuzzCase)
    } catch {
      failures += 1
      let file = CrashReport.save(fuzzCase)
      print("FAILED \(fuzzCase.again): \(error)\n  the input is in \(file)")
    }
    counts[index] += 1
  }
  if options.onlyCase != nil { break }
  number += 1
}
for (target, count) in zip(targets, counts) { print("  \(target.name): \(count)") }
print("\(counts.reduce(0, +)) cases, \(failures) failures")
exit(failures == 0 ? 0 : 1)
