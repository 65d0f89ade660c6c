import TestKit
import Testing

@testable import Columns

/// Numbers of many keys at a time are those of each alone, and those that the digits write.
@Suite struct NumberedKeysTests {
  /// Keys like a first one, and others that differ from such keys in a byte or in their length.
  @Test("keys that look alike, and some that nearly do", arguments: 0..<300)
  func same(round: Int) throws {
    let seed = testSeed() &+ UInt64(round)
    var random = SeededGenerator(seed: seed)
    let (beginning, digits) = (random.int(0...8), random.int(1...8))
    let bytes = (0..<beginning).map { _ in random.pick([0, 0x2f, 0x3a, 0x63, 0x80, 0xff]) as UInt8 }
    func key() -> [UInt8] { bytes + (0..<digits).map { _ in UInt8(random.int(0x30...0x39)) } }
    let odd = random.pick([0, 1, 3, 20])
    let arena = ByteArena()
    var texts: [[UInt8]] = []
    let views = (0..<random.pick([1, 7, 8, 9, 63, 200])).map { row in
      var text = key()
      if row > 0 && random.int(0...20) < odd {
        switch random.int(0...3) {
        case 0: text[random.int(0...text.count - 1)] = UInt8(random.int(0...255))
        case 1: text.removeLast(random.int(1...text.count))
        case 2: text += (0..<random.int(1...30)).map { _ in UInt8(random.int(0x30...0x39)) }
        default: text[random.int(0...text.count - 1)] ^= 1 << UInt8(random.int(0...7))
        }
      }
      texts.append(text)
      let start = text.withUnsafeBufferPointer { text in
        text.baseAddress.map { arena.append($0, text.count) } ?? UInt32(arena.count)
      }
      return ByteView(start: start, length: UInt32(text.count))
    }
    let shape = try #require(NumberedKeys(like: UnsafePointer(arena.base), texts[0].count))
    for limit in [0, 1, UInt32(random.int(1...99_999_999)), 100_000_000, .max] {
      var many = [UInt32](repeating: 7, count: texts.count)
      var each = many
      shape.find(views, views.count, in: arena, below: limit, into: &many, asking: arena.base)
      shape.findEach(views, views.count, in: arena, below: limit, into: &each, asking: arena.base)
      #expect(many == each, "seed \(seed)")
      #expect(each == texts.map { number($0, like: texts[0], limit) }, "seed \(seed)")
    }
  }

  /// The definition: of bytes one by one.
  private func number(_ text: [UInt8], like first: [UInt8], _ limit: UInt32) -> UInt32 {
    let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
    let digits = first.suffix(8).reversed().prefix(while: isDigit).count
    let beginning = first.count - digits
    guard text.count == first.count, text.prefix(beginning) == first.prefix(beginning),
      text.suffix(digits).allSatisfy(isDigit)
    else { return 0 }
    let number = text.suffix(digits).reduce(0 as UInt32) { $0 * 10 + UInt32($1 - 0x30) }
    return number < limit ? number + 1 : 0
  }

  @Test("keys without digits at their end, or with a long beginning, are not numbered")
  func none() {
    for text in ["", "c", "c1x", "abcdefghi1", "customer-name-1"] {
      let arena = ByteArena()
      let view = arena.append(text)
      #expect(NumberedKeys(like: UnsafePointer(arena.base), view.length) == nil, "\(text)")
    }
  }
}
