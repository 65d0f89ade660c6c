import Definition
import Foundation
import Pipeline
import Platform
import TestKit

@testable import Worker

/// One seed is one world: a small random dataset, workers that are stepped in random order, faults, and in the end the
/// question whether everything that was promised holds (ARCHITECTURE.md §3).
public struct Simulation {
  public struct Outcome: Sendable {
    public var seed: UInt64
    /// nil: all invariants hold.
    public var failure: String?
    public var traceHash: UInt64
    /// The last lines of what happened.
    public var tail: [String]
    public var operations: Int
    public var snapshots: Int
  }

  public struct Options: Sendable {
    /// 0: one worker, one source, no faults; 1: all sources, several workers; 2: everything.
    public var level = 2
    public var prints = false
    /// A bug that is planted; nil for none.
    public var sabotage: String?
    public init() {}
  }

  /// Bugs that must be found: each switches one rule off.
  public static let sabotages = StreamSabotage.allCases.map(\.rawValue)

  /// Whether dictionaries have the same order each time, so that a seed plays the same way each time.
  public static var isRepeatable: Bool {
    ProcessInfo.processInfo.environment["SWIFT_DETERMINISTIC_HASHING"] != nil
  }

  /// Plays a seed from its beginning to the last check. The same seed gives the same trace, as long as the process hashes
  /// without a random seed of its own.
  public static func run(seed: UInt64, _ options: Options = Options()) -> Outcome {
    do {
      let world = try SimWorld(seed: seed, prints: options.prints)
      let play = try SimPlay(world, options)
      var failure: String?
      do {
        try play.run()
      } catch {
        failure = "\(error)"
      }
      let first = world.violation ?? failure
      let outcome = Outcome(
        seed: seed, failure: first, traceHash: world.trace.hash, tail: world.trace.tail, operations: world.operations,
        snapshots: world.lake.manifests.count)
      play.close()
      return outcome
    } catch {
      return Outcome(seed: seed, failure: "\(error)", traceHash: 0, tail: [], operations: 0, snapshots: 0)
    }
  }
}
