import Columns
import TestKit
import Testing

/// Where the processor casts many fields at a time, each must come out as it does alone.
@Suite struct WideCastTests {
  private static let pieces = Array("0123456789.-+ TZtz:/eE\0é9".utf8)

  /// A field of one of the forms that are cast many at a time, or nearly so.
  private func field(_ random: inout SeededGenerator) -> CastedFields.Raw {
    if random.chance(12) { return random.chance(2) ? .null : CastedFields.Raw("") }
    var bytes: [UInt8]
    switch random.int(0...2) {
    case 0:
      bytes = (0..<random.int(1...9)).map { _ in UInt8(0x30 + random.int(0...9)) }
      if random.chance(2) { bytes.insert(0x2e, at: random.int(0...bytes.count)) }
    default:
      let values = [
        (random.pick([1900, 1901, 1904, 1969, 1970, 2000, 2024, 2026, 2099, 2100, random.int(0...9999)]), 4),
        (random.pick([1, 2, 2, 12, random.int(0...13)]), 2), (random.pick([1, 28, 29, 30, 31, random.int(0...32)]), 2),
        (random.int(0...24), 2), (random.int(0...60), 2), (random.int(0...60), 2),
      ]
      let texts = values.map { value, width in
        String(repeating: "0", count: width - String(value).count) + String(value)
      }
      bytes = Array(
        "\(texts[0])-\(texts[1])-\(texts[2])\(random.pick([" ", "T", "t"]))\(texts[3]):\(texts[4]):\(texts[5])".utf8)
      if random.chance(3) { bytes.append(random.pick([0x5a, 0x7a, 0x20])) }
    }
    if random.chance(8) { bytes[random.int(0...bytes.count - 1)] = random.pick(WideCastTests.pieces) }
    if random.chance(20) { bytes.removeLast() }
    return CastedFields.Raw(bytes: bytes)
  }

  @Test("fields of common forms", arguments: 0..<60)
  func same(seed: Int) throws {
    var random = SeededGenerator(seed: seed + 4000)
    let raw = (0..<random.pick([16, 17, 23, 24, 200, 1100])).map { _ in
      var raw = field(&random)
      if random.chance(10) { raw.flags |= ByteView.quotedFlag }
      return raw
    }
    let casts = try [
      Cast(type: .int), Cast(type: .int, fallback: .int(-3)), Cast(type: .double),
      Cast(type: .double, fallback: .double(0.5)), Cast(type: .timestamp),
      Cast(type: .timestamp, setNullOnError: true, fallback: .timestamp(7)), Cast(type: .string),
    ]
    for cast in casts {
      let together = CastedFields(raw, cast)
      for (row, field) in raw.enumerated() {
        let alone = CastedFields([field], cast)
        #expect(
          alone.outcome(0) == together.outcome(row),
          "'\(String(decoding: field.bytes, as: UTF8.self))' as \(cast.type), seed \(seed)")
      }
    }
  }
}
