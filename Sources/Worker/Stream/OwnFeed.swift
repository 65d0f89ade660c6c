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

  /// All is to be fetched, for a while.
  mutating func end(_ now: Int64) {
    if isFeeding && now - since > OwnFeed.pauseMax { pause = OwnFeed.pauseMin }
    (isOpen, isFeeding) = (false, false)
    notBefore = now + pause
    pause = min(pause * 2, OwnFeed.pauseMax)
  }
}
