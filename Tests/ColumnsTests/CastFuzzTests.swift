import Columns
import TestKit
import Testing

/// Any bytes in any cast: refused or read, never a crash; and a value never depends on what lies around its field.
@Suite struct CastFuzzTests {
  static func casts() throws -> [Cast] {
    let paris = try TimeZoneRules.parse(tzif: Fixtures.bytes("zones/Paris"))
    var casts = try CastTests.types.map { try Cast(type: $0) }
    casts.append(try Cast(type: .timestamp, time: .iso8601In(zone: "Paris"), zones: { _ in paris }))
    for pattern in ["%Y-%m-%d %H:%M:%S.%f %z", "%A %d %B %y %I:%M%p %Z", "%s", "%Y%j %T"] {
      casts.append(try Cast(type: .timestamp, time: .pattern(pattern, zone: "Paris"), zones: { _ in paris }))
      casts.append(try Cast(type: .date, time: .pattern(pattern, zone: nil)))
    }
    for unit in EpochUnit.allCases { casts.append(try Cast(type: .timestamp, time: .epoch(unit))) }
    for (precision, scale) in [(38, 38), (38, 0), (1, 1), (1, 0)] {
      casts.append(try Cast(type: .decimal(precision: precision, scale: scale)))
    }
    return casts
  }

  /// Pieces that lead deep into the parsers.
  private static let pieces = [
    "1", "9", "0", "00", "12345678", "99999999999999999999", ".", ",", "-", "+", "e", "E9", "e-999999999999",
    " ", ":",
    "T", "Z", "UTC", "2026-11-21", "0001-01-01", "9999-12-31", "24:00", "23:59:60", "+14:00", "-23:59", "nan",
    "inf", "true",
    "November", "Sat", "PM", "é", "\u{1F600}", "\n", "\0",
  ].map { Array($0.utf8) }

  private func randomField(_ random: inout SeededGenerator) -> [UInt8] {
    switch Int.random(in: 0..<4, using: &random) {
    case 0:
      return (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
      }
    case 1:
      return (0..<Int.random(in: 0...24, using: &random)).map { _ in
        Array("0123456789+-.:eTZ ".utf8).randomElement(using: &random) ?? 0
      }
    default:
      return (0..<Int.random(in: 1...8, using: &random)).flatMap { _ in
        CastFuzzTests.pieces.randomElement(using: &random) ?? []
      }
    }
  }

  @Test func anyBytesAreSafe() throws {
    let seed = testSeed()
    print("anyBytesAreSafe seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let casts = try CastFuzzTests.casts()
    for _ in 0..<25 {
      let raw = (0..<60).map { _ in CastedFields.Raw(bytes: randomField(&random)) }
      for cast in casts {
        let together = CastedFields(raw, cast)
        for (row, field) in raw.enumerated() {
          // Alone the field ends where the arena does, and other bytes follow it.
          let alone = CastedFields([field], cast)
          #expect(
            alone.outcome(0) == together.outcome(row),
            "'\(String(decoding: field.bytes, as: UTF8.self))' as \(cast.type) \(cast.time), seed \(seed)")
        }
      }
    }
  }

  @Test func longFieldsAreSafe() throws {
    for text in ["1", "0", "9", ".", " ", "-", "e", "é", "\0"] {
      let bytes = Array(String(repeating: text, count: 3000).utf8)
      for cast in try CastFuzzTests.casts() {
        let raw = [bytes, [0x31] + bytes, bytes + [0x31], Array("0.".utf8) + bytes, Array("1e".utf8) + bytes]
        #expect(CastedFields(raw.map { CastedFields.Raw(bytes: $0) }, cast).faults.count <= raw.count)
      }
    }
  }
}
