import Foundation

/// The seed of a property test: the same in every run, so that one that fails has to do with what was changed;
/// `TEST_SEED=random` takes a new one each time, `TEST_SEED=N` the one that a failing test printed.
public func testSeed(below end: UInt64 = .max) -> UInt64 {
  switch ProcessInfo.processInfo.environment["TEST_SEED"] {
  case "random": UInt64.random(in: 0..<end)
  case nil, "": 20_261_121 % end
  case let text?:
    if let seed = UInt64(text) { seed % end } else { fatalError("TEST_SEED is neither a number nor 'random': \(text)") }
  }
}
