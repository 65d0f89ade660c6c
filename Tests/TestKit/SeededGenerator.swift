/// SplitMix64: random numbers from a seed that a failing test prints, the same on every machine.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  /// For test arguments, which count from 0: neighbours give unrelated numbers.
  public init(seed: Int) { self.init(seed: UInt64(bitPattern: Int64(seed)) &* 0x9fb2_1c65_1e98_df25) }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  public mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  /// True once in `n`.
  public mutating func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &self) == 0 }

  /// `choices` must not be empty.
  public mutating func pick<C: Collection>(_ choices: C) -> C.Element {
    choices[choices.index(choices.startIndex, offsetBy: int(0...choices.count - 1))]
  }

  /// A new generator that shares nothing with this one.
  public mutating func fork() -> SeededGenerator { SeededGenerator(seed: next()) }
}
