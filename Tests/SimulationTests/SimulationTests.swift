import Simulation
import Testing

/// A few of the worlds that `make simulate` plays by the thousand.
@Suite struct SimulationTests {
  static func options(_ level: Int, bug: String? = nil) -> Simulation.Options {
    var options = Simulation.Options()
    options.level = level
    options.sabotage = bug
    return options
  }

  static func comment(_ outcome: Simulation.Outcome) -> Comment {
    let tail = outcome.tail.joined(separator: "\n")
    return "\(tail)\nseed \(outcome.seed): \(outcome.failure ?? "")"
  }

  @Test("one worker and one source, no faults", arguments: UInt64(0)..<10)
  func plain(seed: UInt64) {
    let outcome = Simulation.run(seed: seed, Self.options(0))
    #expect(outcome.failure == nil, Self.comment(outcome))
    #expect(outcome.snapshots >= 1)
  }

  @Test("several workers and sources, no faults", arguments: UInt64(0)..<20)
  func several(seed: UInt64) {
    let outcome = Simulation.run(seed: seed, Self.options(1))
    #expect(outcome.failure == nil, Self.comment(outcome))
  }

  @Test("crashes, pauses, lost and repeated messages, in any order", arguments: UInt64(0)..<40)
  func everything(seed: UInt64) {
    let outcome = Simulation.run(seed: seed, Self.options(2))
    #expect(outcome.failure == nil, Self.comment(outcome))
  }

  @Test("a seed plays the same way twice", arguments: [1, 2, 3])
  func repeats(seed: UInt64) {
    // Without dictionaries of equal content in different order, which a process may have: see the executable.
    guard Simulation.isRepeatable else { return }
    #expect(
      Simulation.run(seed: seed, Self.options(2)).traceHash == Simulation.run(seed: seed, Self.options(2)).traceHash)
  }

  @Test("bugs that are planted are seen", arguments: ["pin", "receipt", "acknowledge"])
  func canaries(bug: String) {
    let seen = (UInt64(0)..<150).contains { Simulation.run(seed: $0, Self.options(2, bug: bug)).failure != nil }
    #expect(seen)
  }
}
