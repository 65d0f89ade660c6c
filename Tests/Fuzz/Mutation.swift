import TestKit

/// Damage to bytes: flips, cuts, repeats, splices, and pieces that readers trip over.
struct Mutation {
  /// Pieces that mean something to the reader at hand.
  var pieces: [[UInt8]]

  init(_ pieces: [String]) { self.pieces = pieces.map { Array($0.utf8) } }

  static let numbers: [[UInt8]] = [
    "0", "-0", "1e309", "-1e-400", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1.", ".5",
    "+1", "0x10", "nan", "inf", "99999999999999999999999999999999999999", "0.1", "1e", "١",
  ].map { Array($0.utf8) }

  func apply(_ bytes: inout [UInt8], times: Int, _ random: inout SeededGenerator) {
    for _ in 0..<times {
      let at = random.int(0...bytes.count)
      let end = min(at + random.pick([1, 1, 2, 7, 40, 500]), bytes.count)
      switch random.int(0...8) {
      case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8(random.int(0...7))
      case 1 where at < bytes.count: bytes[at] = UInt8(random.int(0...255))
      case 2: bytes.removeSubrange(at..<end)
      case 3: bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
      case 4: bytes.insert(contentsOf: random.pick(Self.numbers), at: at)
      case 5 where random.chance(10): bytes.removeSubrange(at...)
      case 6:
        let from = random.int(0...bytes.count)
        bytes.insert(contentsOf: Array(bytes[from..<min(from + 30, bytes.count)]), at: at)
      default:
        guard !pieces.isEmpty else { continue }
        let piece = random.pick(pieces)
        if random.chance(3) && at + piece.count <= bytes.count {
          bytes.replaceSubrange(at..<at + piece.count, with: piece)
        } else {
          bytes.insert(contentsOf: piece, at: at)
        }
      }
    }
  }
}
