/// When a shard goes by what its worker sends itself, and when by what the broker gives.
///
/// ```
/// closed ─▶ open: own messages come, and all are fetched ─▶ feeding: nothing is missing before them; nothing is fetched
///   ▲                                                            │
///   └──── others' messages are wanted, or lie in between ◀───────┘
/// ```
/// Where many workers share the work, others' messages always lie in between; so it stays closed for longer each time.
struct OwnFeed: Equatable {
  private(set) var isOpen = false
  private(set) var isFeeding = false
  private var since: Int64 = 0
  private var notBefore: Int64 = 0
  private var pause = OwnFeed.pauseMin
  /// Where the shard stood when it wanted others' rows, and own ones waited for it.
  private var wantedAt: Int?

  /// Microseconds.
  static let pauseMin: Int64 = 1_000_000
  static let pauseMax: Int64 = 60_000_000
  /// How long messages may be missing before own ones: those of another thread may be on their way.
  static let gapMax: Int64 = 1_000_000

  /// Whether it opens now.
  mutating func opens(_ now: Int64) -> Bool {
    if isOpen || now < notBefore { return false }
    isOpen = true
    return true
  }

  /// Own messages come, and nothing is missing before them.
  mutating func begin(_ now: Int64) {
    if !isOpen || isFeeding { return }
    isFeeding = true
    since = now
  }

  /// Whether a shard that stands before this entry and wants rows needs others': what it wants may be what waits for it
  /// (`ownWait`). Own rows are there before their entry is: once they were taken and it still stands where it stood, it needs
  /// others'.
  mutating func needsOthers(at position: Int, ownWait: Bool) -> Bool {
    let isCertain = !ownWait || wantedAt == position
    wantedAt = isCertain ? nil : position
    return isCertain
  }

  /// It goes on with what there is.
  mutating func wantsNothing() { wantedAt = nil }

  /// All is to be fetched, for a while.
  mutating func end(_ now: Int64) {
    if isFeeding && now - since > OwnFeed.pauseMax { pause = OwnFeed.pauseMin }
    (isOpen, isFeeding, wantedAt) = (false, false, nil)
    notBefore = now + pause
    pause = min(pause * 2, OwnFeed.pauseMax)
  }
}
