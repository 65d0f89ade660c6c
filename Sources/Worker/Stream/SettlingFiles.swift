internal import Platform

/// Local files that may still be written to: each counts once its size and time have stood still for a while.
///
/// A file's own time is not enough: it can be set, and a writer may pause. What counts is that two looks, far enough apart,
/// saw the same. Pure; times are passed in.
struct SettlingFiles {
  private struct Sighting {
    var size: Int64
    var modified: Int64
    /// When the file was first seen so.
    var since: Int64
  }

  private var sightings: [String: Sighting] = [:]

  /// Notes what a file looks like now; whether it has looked so for `settle` microseconds.
  mutating func hasSettled(_ info: ObjectInfo, now: Int64, settle: Int64) -> Bool {
    if settle <= 0 { return true }
    if let seen = sightings[info.key], seen.size == info.size, seen.modified == info.modifiedMicroseconds,
      seen.since <= now
    {
      return now - seen.since >= settle
    }
    // New, changed, or the clock was put back.
    sightings[info.key] = Sighting(size: info.size, modified: info.modifiedMicroseconds, since: now)
    return false
  }

  mutating func forget(_ key: String) { sightings[key] = nil }

  mutating func forget(allBut present: Set<String>) {
    guard sightings.contains(where: { !present.contains($0.key) }) else { return }
    sightings = sightings.filter { present.contains($0.key) }
  }
}
