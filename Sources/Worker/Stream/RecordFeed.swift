internal import Pipeline
internal import Platform

/// One record partition of one source on its way into the ledger: what was read and is not committed yet.
///
/// ```
/// new ─▶ opening ─▶ seeking ─▶ active
///          (Opened)     ▲         │ a range was refused: someone else's was accepted, or ours came twice
///                       └─────────┘ once nothing of ours is under way
/// ```
/// A range is accepted iff it begins at the accepted end, so what lies between two records that the consumer gave one
/// after another is a hole. Records from before a seek must therefore never be mixed with those after it: only an
/// active feed takes records, and it becomes active when the consumer has sought.
struct RecordFeed {
  enum Phase: Hashable {
    case new
    /// Our `Opened` (or `Skipped`) was appended at this offset.
    case opening(Int64)
    /// The consumer has to seek; nothing is taken before it has.
    case seeking(Int64)
    case active
    /// Retention took records that were not read, and `on_gap` says stop.
    case stopped(String)
  }

  let identity: RangeIdentity
  let at: TopicPartition
  /// Index of the source.
  let source: Int
  var phase = Phase.new
  /// Where the next range begins: all before is committed or on its way.
  var committedTo: Int64 = 0
  /// The offset after the last record that waits.
  var queuedTo: Int64 = 0
  /// Records that wait, in order: blocks and which of their entries.
  var queue: [(block: RecordBlock, entries: Range<Int>)] = []
  var queuedBytes = 0
  var queuedSince: Int64 = 0
  /// Commits of ours without a verdict.
  var underWay = 0
  /// A range was refused: seek to the accepted end when nothing is under way.
  var isRefused = false
  /// Retention took what was to be read next. Dealt with once all that was read before is in the ledger; nothing is taken
  /// meanwhile, or what is gone would pass for a hole.
  var torn: OffsetBounds?
  /// Since when the partition has ended before what was read of it, and when that was last asked.
  var shortSince: Int64?
  var shortAskedAt: Int64 = 0

  init(identity: RangeIdentity, source: Int) {
    self.identity = identity
    self.source = source
    at = TopicPartition(identity.topic, identity.partition)
  }

  /// Takes the block's entries that are new to it.
  mutating func take(_ block: RecordBlock, now: Int64) {
    guard phase == .active, !isRefused, torn == nil else { return }
    var first = 0
    while first < block.count, block.entries[first].offset < queuedTo { first += 1 }
    if first == block.count { return }
    if queue.isEmpty { queuedSince = now }
    queue.append((block, first..<block.count))
    queuedBytes += block.bytes.count
    queuedTo = block.nextOffset
  }

  /// Takes out everything that waits: one range.
  mutating func takeAll() -> (from: Int64, to: Int64, parts: [(block: RecordBlock, entries: Range<Int>)])? {
    guard phase == .active, !isRefused, !queue.isEmpty else { return nil }
    let taken = (committedTo, queuedTo, queue)
    queue = []
    queuedBytes = 0
    committedTo = queuedTo
    underWay += 1
    return taken
  }

  /// Forgets what waits; reading starts over from `offset`.
  mutating func restart(at offset: Int64) {
    queue = []
    queuedBytes = 0
    committedTo = offset
    queuedTo = offset
    isRefused = false
    torn = nil
    shortSince = nil
    phase = .seeking(offset)
  }
}
