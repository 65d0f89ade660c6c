import TestKit
import Testing

@testable import Columns

@Suite struct ZoneTests {
  private func rules(_ name: String) throws -> TimeZoneRules {
    try TimeZoneRules.parse(tzif: Fixtures.bytes("zones/\(name)"))
  }

  /// `zoneinfo` with fold=0, from the same files: gaps, repeats, footers' rules up to the year 9999.
  @Test func agreesWithPythonsZoneinfo() throws {
    var zones: [String: TimeZoneRules] = [:]
    let rows = try Fixtures.rows("zones.tsv")
    #expect(rows.count > 3000)
    for row in rows {
      let zone = try zones[row[0]] ?? rules(row[0])
      zones[row[0]] = zone
      let local = try #require(Int64(row[1]))
      #expect(zone.utcSeconds(fromLocal: local) == Int64(row[2]), "\(row[0]) at local \(local)")
    }
    #expect(zones.count == 13)
  }

  /// Every day of 1970 to 2038, from both forms of the file, and through a cast.
  @Test(arguments: ["Paris", "Paris.fat"]) func everyDayInParis(file: String) throws {
    let zone = try rules(file)
    let cast = try Cast(type: .timestamp, time: .iso8601In(zone: "Europe/Paris"), zones: { _ in zone })
    var locals: [Int64] = []
    var offsets: [Int64] = []
    var day: Int64 = 0
    for run in try Fixtures.rows("paris.tsv").map({ $0.compactMap { Int64($0) } }) {
      for _ in 0..<run[0] {
        locals += [1800, 9000, 43_200].map { day * 86_400 + $0 }
        offsets += run[1...]
        day += 1
      }
    }
    #expect(day == 25_202)
    var out = [UInt8](repeating: 0, count: Calendar.textCapacity)
    let raw = locals.map { local in
      // Without the Z the text is local.
      CastedFields.Raw(bytes: Array(out[..<(Calendar.formatTimestamp(local * 1_000_000, into: &out) - 1)]))
    }
    let fields = CastedFields(raw, cast)
    #expect(fields.faults.count == 0)
    #expect(locals.indices.allSatisfy { fields.column.int64s[$0] == (locals[$0] - offsets[$0]) * 1_000_000 })
  }

  @Test func gapsMoveForwardAndRepeatsTakeTheFirst() throws {
    let zone = try rules("Paris")
    let cast = try Cast(
      type: .timestamp, time: .pattern("%d.%m.%Y %H:%M%z", zone: "Europe/Paris"), zones: { _ in zone })
    let local = try Cast(type: .timestamp, time: .iso8601In(zone: "Europe/Paris"), zones: { _ in zone })
    // 02:30 does not exist on 2026-03-29: 01:30Z, which is called 03:30. 02:30 on 2026-10-25 is 00:30Z, then 01:30Z.
    #expect(local.literal("2026-03-29T02:30:00") == Literal("2026-03-29T01:30:00Z", as: .timestamp))
    #expect(local.literal("2026-10-25 02:30") == Literal("2026-10-25T00:30:00Z", as: .timestamp))
    #expect(local.literal("2026-10-25 02:30:00.25") == Literal("2026-10-25T00:30:00.25Z", as: .timestamp))
    // A text's own offset wins.
    #expect(local.literal("2026-10-25T02:30:00Z") == Literal("2026-10-25T02:30:00Z", as: .timestamp))
    #expect(cast.literal("25.10.2026 02:30+0100") == Literal("2026-10-25T01:30:00Z", as: .timestamp))
  }

  @Test(arguments: [
    "CET-1CEST,M3.5.0,M10.5.0/3", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "IST-5:30", "EST5EDT,J60/167,300/-167",
  ])
  func rulesAreRead(text: String) throws {
    let rule = try #require(PosixZoneRule(Array(text.utf8)))
    let transitions = rule.transitions(years: 2000...2400)
    #expect(zip(transitions, transitions.dropFirst()).allSatisfy { $0.instant < $1.instant })
    #expect(transitions.count == (rule.daylight == nil ? 0 : 802))
  }

  @Test(arguments: [
    "", "CE-1", "CET", "CET-1CEST", "CET-25", "CET-1CEST,M13.1.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0",
    "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J5", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/168",
    "<CET-1",
    "CET-1CEST,M3.5.0,M10.5.0,", "CET-1:60", "CET-1CEST,366,1",
  ])
  func badRulesAreRefused(text: String) { #expect(PosixZoneRule(Array(text.utf8)) == nil) }

  /// Cut anywhere or with any byte changed, a zone file is read or refused; it never crashes, and neither do its rules.
  @Test func damagedFilesAreSafe() throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    print("damagedFilesAreSafe seed \(seed)")
    let whole = try Fixtures.bytes("zones/Troll")
    for length in 0..<whole.count {
      #expect(throws: CastError.self) { try TimeZoneRules.parse(tzif: Array(whole[..<length])) }
    }
    for _ in 0..<600 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      guard let zone = try? TimeZoneRules.parse(tzif: bytes) else { continue }
      for local in [Int64.min, -1 << 60, -1 << 40, 0, 1 << 32, 1 << 40, 1 << 60, Int64.max] {
        _ = zone.utcSeconds(fromLocal: local)
      }
    }
  }

  @Test func unknownZonesSayWhatToWrite() {
    let error = #expect(throws: CastError.self) {
      try Cast(type: .timestamp, time: .iso8601In(zone: "Europe/Pariss"), zones: { _ in nil })
    }
    #expect(error?.message.contains("Europe/Pariss") == true)
    #expect(throws: Never.self) { try Cast(type: .timestamp, time: .iso8601In(zone: "UTC")) }
  }
}
