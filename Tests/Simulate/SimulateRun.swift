import Foundation
import Simulation
import TestKit

/// Plays many seeds on a few threads.
final class SimulateRun: Sendable {
  private let options: SimulateOptions
  private let state = Guarded(State())

  private struct State {
    var next: UInt64 = 0
    var done = 0
    var failures = 0
    var operations = 0
    var snapshots = 0
  }

  init(_ options: SimulateOptions) { self.options = options }

  /// The exit code.
  func run() -> Int32 {
    let began = Date()
    SimulateRun.onThreads(options.jobs) {
      while let seed = self.take() { self.play(seed) }
    }
    let state = state.withLock { $0 }
    print(
      "\(state.done) seeds, \(state.failures) failures, \(state.operations) operations, \(state.snapshots) snapshots, \(Int(Date().timeIntervalSince(began))) s"
    )
    return state.failures == 0 ? 0 : 1
  }

  /// Plays with each planted bug until a seed fails; the exit code is 1 if one stays unseen.
  static func canaries(_ options: SimulateOptions) -> Int32 {
    let bugs = Guarded(Simulation.sabotages[...])
    let unseen = Guarded(0)
    onThreads(options.jobs) {
      while let bug = bugs.withLock({ $0.popFirst() }) {
        let began = Date()
        let found = seed(options, catching: bug)
        let text = found.map { "seen with seed \($0.seed): \($0.failure.prefix(160))" }
        print("  \(bug): \(text ?? "NOT SEEN in \(options.seeds) seeds") (\(Int(Date().timeIntervalSince(began))) s)")
        fflush(nil)
        if found == nil { unseen.withLock { $0 += 1 } }
      }
    }
    return unseen.withLock { $0 } == 0 ? 0 : 1
  }

  /// The first seed that fails with the bug and not without.
  private static func seed(_ options: SimulateOptions, catching bug: String) -> (seed: UInt64, failure: String)? {
    var settings = options.simulation
    settings.sabotage = bug
    for seed in options.from..<options.from + options.seeds {
      guard let failure = Simulation.run(seed: seed, settings).failure,
        Simulation.run(seed: seed, options.simulation).failure == nil
      else { continue }
      return (seed, failure)
    }
    return nil
  }

  private static func onThreads(_ count: Int, _ work: @escaping @Sendable () -> Void) {
    let ended = DispatchSemaphore(value: 0)
    for _ in 0..<count {
      let thread = Thread {
        work()
        ended.signal()
      }
      // Steps within steps within steps.
      thread.stackSize = 64 << 20
      thread.start()
    }
    for _ in 0..<count { ended.wait() }
  }

  private func take() -> UInt64? {
    state.withLock { state in
      guard state.next < options.seeds, state.failures < options.failuresMax else { return nil }
      defer { state.next += 1 }
      return options.from + state.next
    }
  }

  private func play(_ seed: UInt64) {
    let outcome = Simulation.run(seed: seed, options.simulation)
    var failure = outcome.failure
    if options.twice, failure == nil {
      let again = Simulation.run(seed: seed, options.simulation)
      if again.traceHash != outcome.traceHash { failure = "played twice, it goes otherwise" }
    }
    defer { fflush(nil) }
    if options.isOne { print("seed \(seed): trace \(String(outcome.traceHash, radix: 16))") }
    if let failure {
      let tail = options.simulation.prints ? "" : outcome.tail.map { "    \($0)\n" }.joined()
      print("\(tail)FAILED seed \(seed): \(failure)\n  again: tributary-simulate --seed \(seed) --trace")
    }
    state.withLock { state in
      state.done += 1
      state.operations += outcome.operations
      state.snapshots += outcome.snapshots
      if failure != nil { state.failures += 1 }
    }
  }
}
