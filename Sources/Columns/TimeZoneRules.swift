/// One time zone's offsets through time: turns local times into UTC.
///
/// A local time that occurs twice (clocks were put back) is the first of the two; one that never occurs (clocks were
/// put forward) is moved forward by the gap: 02:30 in Europe/Paris on 2026-03-29 is 01:30Z, which Paris calls 03:30.
/// So do java.time and Python (`fold=0`); test: `ZoneTests/agreesWithPythonsZoneinfo`.
///
/// Both rules come to the same: the offset before a transition holds for local times up to the transition's instant
/// plus the *larger* of the offsets on its two sides. These sums, in order, are the whole table.
public struct TimeZoneRules: Sendable, Hashable {
  /// Local seconds since 1970-01-01T00:00 from which `offsets` at the same index holds. The first is `Int64.min`;
  /// `Int64.max` follows the last.
  private let thresholds: [Int64]
  /// Seconds east of Greenwich.
  private let offsets: [Int64]
  /// Local times from here on are moved back by whole 400-year cycles first; the cycle before it is in the table.
  private let repeatsFrom: Int64

  private static let secondsPerCycle = Calendar.daysPerCycle * Calendar.secondsPerDay

  /// A moment at which a zone's offset changes.
  struct Transition: Hashable {
    /// Seconds since the epoch.
    var instant: Int64
    /// Seconds east from then on.
    var offset: Int64
  }

  /// A zone that never changes; `offset` in seconds east.
  public init(offset: Int) { self.init(initial: Int64(offset), transitions: [], rule: nil) }

  public static let utc = TimeZoneRules(offset: 0)

  /// `transitions` in order of time; `rule` goes on after the last of them.
  init(initial: Int64, transitions: [Transition], rule: PosixZoneRule?) {
    var thresholds = [Int64.min]
    var offsets = [initial]
    var all = transitions
    var repeatsFrom = Int64.max
    if let rule {
      let last = transitions.last?.instant ?? Calendar.firstTimestamp / 1_000_000 - 1
      let year = Calendar.civil(fromDays: Calendar.floorDivide(Int(last), 86_400)).year
      let from = max(year, 0)
      // One year more than a cycle: the first may lie partly before the last transition of the table.
      all += rule.transitions(years: from...(from + 401)).filter { $0.instant > last }
      repeatsFrom = Int64(Calendar.days(year: from + 401, month: 1, day: 1)) * Calendar.secondsPerDay
    }
    for transition in all {
      let before = offsets[offsets.count - 1]
      thresholds.append(transition.instant + max(before, transition.offset))
      offsets.append(transition.offset)
    }
    thresholds.append(Int64.max)
    self.thresholds = thresholds
    self.offsets = offsets
    self.repeatsFrom = repeatsFrom
  }

  /// Seconds since the epoch of a local time, itself given in seconds since 1970-01-01T00:00 *local*.
  public func utcSeconds(fromLocal local: Int64) -> Int64 {
    var hint = 0
    return local &- offset(atLocal: local, hint: &hint)
  }

  /// Seconds east at a moment, given in seconds since the epoch: what clocks there show is the sum of both.
  public func offset(atUTC seconds: Int64) -> Int64 {
    var seconds = seconds
    // The table goes on for a year behind the cycle that repeats, more than any offset.
    if seconds >= repeatsFrom {
      seconds =
        repeatsFrom &- TimeZoneRules.secondsPerCycle &+ (seconds &- repeatsFrom) % TimeZoneRules.secondsPerCycle
    }
    // The last transition that is not after the moment; its instant is its threshold less the larger offset.
    var low = 0
    var high = offsets.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if thresholds[middle] - max(offsets[middle - 1], offsets[middle]) <= seconds {
        low = middle
      } else {
        high = middle
      }
    }
    return offsets[low]
  }

  /// Seconds east at a local time. `hint` is where the last answer stood; rows near one another in time then need no
  /// search. Any `hint` gives the right answer.
  @inline(__always) func offset(atLocal local: Int64, hint: inout Int) -> Int64 {
    var local = local
    if local >= repeatsFrom {
      local =
        repeatsFrom &- TimeZoneRules.secondsPerCycle
        &+ (local &- repeatsFrom) % TimeZoneRules.secondsPerCycle
    }
    if hint >= 0 && hint < offsets.count && local >= thresholds[hint] && local < thresholds[hint &+ 1] {
      return offsets[hint]
    }
    return search(local, &hint)
  }

  @inline(never) private func search(_ local: Int64, _ hint: inout Int) -> Int64 {
    // The last threshold that is not above `local`; the first is below everything.
    var low = 0
    var high = offsets.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if thresholds[middle] <= local { low = middle } else { high = middle }
    }
    hint = low
    return offsets[low]
  }
}
