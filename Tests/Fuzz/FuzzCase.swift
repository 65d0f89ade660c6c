import TestKit

/// One try at one reader: random numbers that depend on target, seed and number alone, and the input at hand.
struct FuzzCase {
  let target: String
  let seed: UInt64
  let number: Int
  var random: SeededGenerator
  private(set) var input: [UInt8] = []

  init(target: String, seed: UInt64, number: Int) {
    self.target = target
    self.seed = seed
    self.number = number
    var state = seed &* 0x9fb2_1c65_1e98_df25 ^ UInt64(bitPattern: Int64(number))
    for byte in target.utf8 { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
    random = SeededGenerator(seed: state)
  }

  /// The command line that runs this case alone.
  var again: String { "--only \(target) --seed \(seed) --case \(number)" }

  /// Says what the reader is given next, so that a failure can be looked at.
  mutating func give(_ bytes: [UInt8]) {
    input = bytes
    CrashReport.give(bytes)
  }
}

/// A reader and what must hold of it.
struct FuzzTarget: Sendable {
  let name: String
  /// Throws where something does not hold.
  let run: @Sendable (inout FuzzCase) throws -> Void

  static let all: [FuzzTarget] = [
    csv, json, inflate, definition, casts, rowBatch, shardState, parquetFooter, glob, notification,
  ]
}

/// What does not hold.
struct FuzzFailure: Error, CustomStringConvertible {
  var description: String
}

func require(_ condition: Bool, _ what: @autoclosure () -> String) throws {
  if !condition { throw FuzzFailure(description: what()) }
}
