import Definition
import Foundation
import TestKit
import Testing

@testable import Columns
@testable import Pipeline

struct ScheduleTests {
  /// As the system's own database has them; the definition's zones come from the same files.
  private static func rules(_ name: String) throws -> TimeZoneRules {
    try TimeZoneRules.parse(tzif: Array(Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/\(name)"))))
  }

  private func schedule(every: Int64? = nil, cron: String? = nil, zone: String? = nil, delay: Int64 = 0) throws
    -> Schedule
  {
    let target = SnapshotTarget(to: "x", format: .json, every: every, cron: cron, cronZone: zone, delay: delay)
    let rules = try zone.map { try Self.rules($0) }
    return try #require(try Schedule(target, zones: { _ in rules }))
  }

  private func time(_ text: String) throws -> Int64 {
    let format = ISO8601DateFormatter()
    return Int64(try #require(format.date(from: text)).timeIntervalSince1970) * 1_000_000
  }

  /// The ids of all slots from a time (included) to another (left out).
  private func ids(_ schedule: Schedule, _ from: String, _ to: String) throws -> [String] {
    var found: [String] = []
    var at = try time(from) - 1
    let end = try time(to)
    while let slot = schedule.nextSlot(after: at), slot < end {
      found.append(Schedule.id(of: slot))
      at = slot
    }
    return found
  }

  @Test func everyHourIsOnTheHour() throws {
    let hourly = try schedule(every: 3_600_000_000)
    let three = try time("2026-11-21T03:00:00Z")
    #expect(hourly.slot(atOrBefore: three) == three)
    #expect(hourly.slot(atOrBefore: three + 3_599_999_999) == three)
    #expect(hourly.slot(atOrBefore: three - 1) == three - 3_600_000_000)
    #expect(hourly.nextSlot(after: three) == three + 3_600_000_000)
    #expect(hourly.nextSlot(after: three - 1) == three)
    #expect(Schedule.id(of: three) == "2026-11-21T03:00:00Z")
    #expect(Schedule.id(of: three + 999_999) == "2026-11-21T03:00:00Z")
    #expect(hourly.slot(atOrBefore: -1) == -3_600_000_000)
    #expect(hourly.slot(atOrBefore: Int64.max) == nil && hourly.nextSlot(after: Calendar.lastTimestamp) == nil)
  }

  @Test func aCutWaitsForTheDelay() throws {
    let hourly = try schedule(every: 3_600_000_000, delay: 300_000_000)
    let three = try time("2026-11-21T03:00:00Z")
    #expect(hourly.dueSlot(at: three + 300_000_000) == three)
    #expect(hourly.dueSlot(at: three + 299_999_999) == three - 3_600_000_000)
    // After a week of downtime there is one.
    #expect(hourly.dueSlot(at: three + 7 * 86_400_000_000 + 1_000_000_000) == three + 7 * 86_400_000_000)
    #expect(hourly.dueSlot(at: Int64.min) == nil)
  }

  @Test func clocksThatChange() throws {
    let paris = try schedule(cron: "0,30 2 * * *", zone: "Europe/Paris")
    #expect(
      try ids(paris, "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z") == [
        "2026-03-28T01:00:00Z", "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z",
        "2026-03-30T00:30:00Z",
      ])
    #expect(
      try ids(paris, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z") == [
        "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:00:00Z", "2026-10-26T01:30:00Z",
      ])
    // The 30th of December 2011 did not exist in Samoa.
    let samoa = try schedule(cron: "0 */6 * * *", zone: "Pacific/Apia")
    #expect(
      try ids(samoa, "2011-12-30T00:00:00Z", "2011-12-31T00:00:00Z") == [
        "2011-12-30T04:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T16:00:00Z", "2011-12-30T22:00:00Z",
      ])
  }

  @Test(arguments: [
    ("0 3 * * *", ["2026-11-01T03:00:00Z", "2026-11-02T03:00:00Z"]),
    ("30 4 1 * mon", ["2026-11-01T04:30:00Z", "2026-11-02T04:30:00Z", "2026-11-09T04:30:00Z"]),
    ("0 0 */10 * mon", ["2026-12-21T00:00:00Z", "2027-01-11T00:00:00Z"]),
    ("0 0 29 2 *", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
    ("15 12 * JAN-feb/2 7", ["2027-01-03T12:15:00Z", "2027-01-10T12:15:00Z"]),
    ("*/25 5 24 12 *", ["2026-12-24T05:00:00Z", "2026-12-24T05:25:00Z", "2026-12-24T05:50:00Z"]),
  ])
  func expressions(text: String, first: [String]) throws {
    let found = try ids(try schedule(cron: text), "2026-11-01T00:00:00Z", "2033-01-01T00:00:00Z")
    #expect(Array(found.prefix(first.count)) == first)
  }

  @Test func whatNeverComes() throws {
    let never = try schedule(cron: "0 0 30 2 *")
    #expect(never.nextSlot(after: 0) == nil && never.slot(atOrBefore: 0) == nil)
    #expect(try Schedule(SnapshotTarget(to: "x", format: .json), zones: { _ in nil }) == nil)
    #expect(throws: CastError.self) {
      try Schedule(SnapshotTarget(to: "x", format: .json, cron: "* * * * *", cronZone: "A/B"), zones: { _ in nil })
    }
    for text in ["", "* * * *", "60 * * * *", "* * 0 * *", "a * * * *", "5-1 * * * *", "*/0 * * * *", "1,,2 * * * *"] {
      #expect(CronFields(text) == nil, "\(text)")
    }
  }

  /// Minute by minute with Foundation's zones: a slot is where a clock first shows a time of the expression, or has passed
  /// over one.
  @Test(arguments: 0..<24) func agreesWithLookingAtTheClock(_ seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let name = random.pick([
      "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia",
      "Africa/Casablanca", "America/St_Johns", "Europe/London", "UTC",
    ])
    let zone = try #require(TimeZone(identifier: name))
    // A fortnight around a change, if the zone has one.
    let year = random.int(2008...2030)
    let some = Date(timeIntervalSince1970: Double(year - 1970) * 31_556_952 + Double(random.int(0...300)) * 86_400)
    let change = zone.nextDaylightSavingTimeTransition(after: some) ?? some
    let start = Int64(change.timeIntervalSince1970) / 86_400 * 1440 - 7 * 1440
    let minutes = 14 * 1440
    func field(_ range: ClosedRange<Int>) -> String {
      switch random.int(0...4) {
      case 0, 1: "*"
      case 2: "*/\(random.int(1...min(range.upperBound, 20)))"
      case 3: "\(random.int(range)),\(random.int(range))"
      default: "\(random.int(range))"
      }
    }
    for _ in 0..<12 {
      let text =
        "\(field(0...59)) \(field(0...3)) \(random.chance(3) ? field(1...31) : "*") * \(random.chance(3) ? field(0...6) : "*")"
      let clock = ClockWatcher(text)
      var expected: [Int64] = []
      var shownMax = start - 1 + offset(zone, start - 1)
      for minute in start..<start + Int64(minutes) {
        let shown = minute + offset(zone, minute)
        guard shown > shownMax else { continue }
        if (shownMax + 1...shown).contains(where: { clock.matches($0) }) { expected.append(minute * 60_000_000) }
        shownMax = shown
      }
      let schedule = try schedule(cron: text, zone: name)
      var found: [Int64] = []
      var at = start * 60_000_000 - 1
      while let slot = schedule.nextSlot(after: at), slot < (start + Int64(minutes)) * 60_000_000 {
        found.append(slot)
        at = slot
      }
      #expect(found == expected, "seed \(seed): \(text) in \(name), \(some)")
      for _ in 0..<200 {
        let time = Int64.random(in: start * 60_000_000..<(start + Int64(minutes)) * 60_000_000, using: &random)
        guard let first = expected.first, time >= first else { continue }
        #expect(
          schedule.slot(atOrBefore: time) == expected.last { $0 <= time }, "seed \(seed): \(text) in \(name) at \(time)"
        )
      }
      for slot in expected.prefix(50) { #expect(schedule.slot(atOrBefore: slot) == slot, "seed \(seed): \(text)") }
    }
  }

  private func offset(_ zone: TimeZone, _ minute: Int64) -> Int64 {
    Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(minute) * 60)) / 60)
  }
}

/// An expression by its letter, with sets of numbers and Foundation's calendar.
private struct ClockWatcher {
  let fields: [Set<Int>]
  let either: Bool
  private let calendar: Foundation.Calendar

  init(_ text: String) {
    let words = text.split(separator: " ").map(String.init)
    let ranges = [0...59, 0...23, 1...31, 1...12, 0...6]
    fields = zip(words, ranges).map { word, range in
      if word == "*" { return Set(range) }
      if word.hasPrefix("*/"), let step = Int(word.dropFirst(2)) {
        return Set(range.filter { ($0 - range.lowerBound) % step == 0 })
      }
      return Set(word.split(separator: ",").compactMap { Int($0) })
    }
    either = !words[2].hasPrefix("*") && !words[4].hasPrefix("*")
    var calendar = Foundation.Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(secondsFromGMT: 0) ?? .current
    self.calendar = calendar
  }

  func matches(_ minute: Int64) -> Bool {
    let within = Int(minute % 1440)
    guard fields[0].contains(within % 60), fields[1].contains(within / 60) else { return false }
    let parts = calendar.dateComponents(
      [.day, .month, .weekday], from: Date(timeIntervalSince1970: Double(minute) * 60))
    guard let day = parts.day, let month = parts.month, let weekday = parts.weekday else { return false }
    let isDay = fields[2].contains(day)
    let isWeekday = fields[4].contains(weekday - 1)
    return fields[3].contains(month) && (either ? isDay || isWeekday : isDay && isWeekday)
  }
}
