public import Columns
public import Definition

/// When snapshots are cut: the slots of `every` or `cron`. Pure; times are microseconds since the epoch.
///
/// `every: 1h` means on the hour, UTC: slots are the multiples since 1970. `cron` counts in a zone, where clocks may be
/// changed. A local time that is skipped has its slot at the change, once however many were skipped; one that comes twice
/// has its slot at the first. So `0,30 2 * * *` in Europe/Paris has on 2026-03-29, when 02:00 became 03:00, one slot at
/// 01:00Z, and on 2026-10-25 two, 00:00Z and 00:30Z (`ScheduleTests/clocksThatChange`).
public struct Schedule: Sendable {
  private enum Rule: Sendable {
    case every(Int64)
    case cron(CronFields, TimeZoneRules)
  }

  private let rule: Rule
  /// How long behind its slot a cut may be made, for data that comes late.
  public let delay: Int64

  /// nil where the definition names no schedule. Throws where the zone's rules are not to be had.
  public init?(
    _ target: SnapshotTarget, zones: (String) throws(CastError) -> TimeZoneRules?
  ) throws(CastError) {
    delay = target.delay
    if let every = target.every {
      // The definition's reader allows whole seconds only; slots are named by their second.
      rule = .every(max(1, every / 1_000_000) * 1_000_000)
      return
    }
    guard let text = target.cron else { return nil }
    guard let fields = CronFields(text) else { throw CastError("'\(text)' is no cron expression") }
    var zone = TimeZoneRules.utc
    if let name = target.cronZone, !["UTC", "GMT", "Etc/UTC"].contains(name) {
      guard let found = try zones(name) else { throw CastError("the time zone '\(name)' is not known") }
      zone = found
    }
    rule = .cron(fields, zone)
  }

  /// The newest slot that is not after a time. After downtime this is the only one that is cut: those it missed would hold
  /// data that came after them.
  public func slot(atOrBefore time: Int64) -> Int64? {
    guard Schedule.times.contains(time) else { return nil }
    let slot: Int64?
    switch rule {
    case .every(let every): slot = Int64(Calendar.floorDivide(Int(time), Int(every))) * every
    case .cron(let fields, let zone):
      slot = Schedule.slot(fields, zone, atOrBefore: Int64(Calendar.floorDivide(Int(time), 1_000_000)))
        .map { $0 * 1_000_000 }
    }
    return slot.flatMap { Schedule.times.contains($0) ? $0 : nil }
  }

  /// The first slot after a time; nil if there is none (`0 0 30 2 *`), or only beyond the year 9999.
  public func nextSlot(after time: Int64) -> Int64? {
    guard Schedule.times.contains(time) else { return nil }
    let slot: Int64?
    switch rule {
    case .every(let every): slot = Int64(Calendar.floorDivide(Int(time), Int(every)) + 1) * every
    case .cron(let fields, let zone):
      slot = Schedule.slot(fields, zone, after: Int64(Calendar.floorDivide(Int(time), 1_000_000)))
        .map { $0 * 1_000_000 }
    }
    return slot.flatMap { Schedule.times.contains($0) ? $0 : nil }
  }

  /// The newest slot whose cut may be made at a time: `delay` has passed since.
  public func dueSlot(at now: Int64) -> Int64? {
    let (time, overflow) = now.subtractingReportingOverflow(delay)
    return overflow ? nil : slot(atOrBefore: time)
  }

  /// A slot's name, which is its cut's id: `2026-11-21T03:00:00Z`.
  public static func id(of slot: Int64) -> String {
    let second = Int64(Calendar.floorDivide(Int(slot), 1_000_000)) * 1_000_000
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Calendar.textCapacity) { buffer in
      // The allocation has bytes, so it has an address.
      guard let start = buffer.baseAddress else { return "" }
      let count = Calendar.formatTimestamp(second, into: start)
      return String(decoding: buffer[..<count], as: UTF8.self)
    }
  }

  private static let times = Calendar.firstTimestamp...Calendar.lastTimestamp

  // MARK: Cron. Seconds since the epoch; local seconds are what clocks show.

  /// Changes of a zone's clocks lie further apart than this, and none is larger (Samoa left out 2011-12-30).
  private static let day = Calendar.secondsPerDay

  private static func slot(_ fields: CronFields, _ zone: TimeZoneRules, atOrBefore time: Int64) -> Int64? {
    // Clocks that were put back showed later times before.
    let latest = time + max(zone.offset(atUTC: time), zone.offset(atUTC: time - day))
    var local = fields.match(atOrBefore: floorMinute(latest))
    while let minute = local {
      let slot = moment(minute * 60, zone)
      if slot <= time { return slot }
      local = fields.match(atOrBefore: minute - 1)
    }
    return nil
  }

  private static func slot(_ fields: CronFields, _ zone: TimeZoneRules, after time: Int64) -> Int64? {
    // What clocks show now, they or no clocks have shown first: earlier local times have earlier slots.
    let earliest = time + zone.offset(atUTC: time)
    var local = fields.match(atOrAfter: floorMinute(earliest))
    while let minute = local {
      let slot = moment(minute * 60, zone)
      if slot > time { return slot }
      local = fields.match(atOrAfter: minute + 1)
    }
    return nil
  }

  private static func floorMinute(_ seconds: Int64) -> Int64 { Int64(Calendar.floorDivide(Int(seconds), 60)) }

  /// When clocks first show a local time; if they never do, when they are put forward past it.
  private static func moment(_ local: Int64, _ zone: TimeZoneRules) -> Int64 {
    let utc = zone.utcSeconds(fromLocal: local)
    let shown = utc + zone.offset(atUTC: utc)
    if shown == local { return utc }
    // Counted on over the change, `utc` is as long after it as `local` is after the last time that was shown before. So
    // the change is where the old offset, which `utc` was computed with, ends: found by halving.
    let before = local - utc
    var first = utc - day
    var last = utc
    while last - first > 1 {
      let middle = first + (last - first) / 2
      if zone.offset(atUTC: middle) == before { first = middle } else { last = middle }
    }
    return last
  }
}
