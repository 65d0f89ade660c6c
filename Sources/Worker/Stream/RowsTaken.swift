/// Which messages of a shard's partition of `rows` have come: all before an offset, and some beyond it of those that its
/// worker sent itself, which come when the broker has acknowledged them, before or instead of being fetched.
struct RowsTaken: Equatable {
  /// All before this offset have come, or are gone. (Of a topic that is made anew it is too high, and what comes is read by
  /// the offsets in its entry until the topic has grown as far.)
  private(set) var next: Int64
  /// Where it began: what lies before was not seen by this one.
  private let first: Int64
  /// Beyond `next`.
  private var ahead: Set<Int64> = []
  /// Since when messages are missing before those that are ahead.
  private(set) var gapSince: Int64?
  /// How far all had come when one of the worker's own came that nothing is missing before, since it was last said to have
  /// all fetched. From there on its own may come again, fetched.
  private(set) var ownFrom: Int64?

  /// So many may be ahead; of more it is forgotten that they have come.
  static let aheadMax = 4096

  init(from first: Int64 = 0) { (self.first, next) = (first, first) }

  /// Nothing before this offset will come.
  mutating func pass(to offset: Int64, now: Int64) {
    if offset <= next { return }
    // The next one is not among those ahead.
    let isJump = offset > next + 1
    next = offset
    if isJump && !ahead.isEmpty { ahead = ahead.filter { $0 >= next } }
    close(now)
  }

  /// A message of what was fetched, which has none between it and the one before; false if it has come already. (Where it
  /// is not known to be one of the worker's own that came before, it is as good as new: a topic may be made anew.)
  mutating func takeFetched(_ offset: Int64, now: Int64) -> Bool {
    let hasCome = ahead.contains(offset) || offset < next && ownFrom.map { $0 <= offset } == true
    pass(to: offset + 1, now: now)
    return !hasCome
  }

  /// A message that the worker sent itself; false if it was fetched before.
  mutating func takeOwn(_ offset: Int64, now: Int64) -> Bool {
    if offset < first { return true }
    if offset <= next { ownFrom = ownFrom ?? next }
    if offset < next { return false }
    if offset == next {
      next += 1
      close(now)
    } else {
      if ahead.count >= RowsTaken.aheadMax { ahead = [] }
      ahead.insert(offset)
      gapSince = gapSince ?? now
    }
    return true
  }

  /// From now on all are fetched, from `next` on.
  mutating func fetchAll() {
    ownFrom = nil
    ahead = []
    gapSince = nil
  }

  /// `next` has moved: goes on over those that have come.
  private mutating func close(_ now: Int64) {
    while ahead.remove(next) != nil { next += 1 }
    gapSince = ahead.isEmpty ? nil : now
  }
}
