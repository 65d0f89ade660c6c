internal import Pipeline

/// Parts of pending cuts that wait in memory for the publisher, while it is this process.
///
/// A part that goes to the store is written, brought to the device and read again; here nobody else would read it. Nothing
/// durable speaks of what lies here, so nobody else can publish it either. Once this process does not publish any more, or
/// has done nothing for the cut for a while (other shards are not there yet, or another process publishes, and this one has
/// not heard of it), it is written and reported as every other (``takeDue(_:)``).
/// A process that ends takes it along, and whoever has its shards then writes the parts of all pending cuts again, as
/// they do in any case (``PendingCuts``).
///
/// Any thread.
final class HeldParts: Sendable {
  /// A shard's share of a cut.
  struct OfShard: Sendable {
    /// Parts that are held have no hash in it.
    var report: ShardReport
    var summary: ShardSummary
    /// By key; those that are missing here lie in the store, for want of room.
    var parts: [String: HeldPart]
    /// The summary's room; nil: there was none, and it is not to be held.
    var room: HeldRoom?
  }

  private struct State {
    var isPublisher = false
    var cuts: [String: OfCut] = [:]
  }

  private struct OfCut {
    var shards: [Int: OfShard] = [:]
    /// When they are to be written after all, microseconds.
    var due: Int64
  }

  /// Microseconds for which nothing has to be done for a cut before its parts are due.
  static let patience: Int64 = 10_000_000
  /// The same where all parts of a cut are there: a publisher's step may take long.
  static let patienceOfPublisher: Int64 = 60_000_000

  let room: PartRoom
  private let isOn: Bool
  private let state = Locked(State())

  /// `bytesMax`: 0 for none.
  init(bytesMax: Int) {
    room = PartRoom(bytesMax)
    isOn = bytesMax > 0
  }

  /// Whether parts may be held now.
  var isOpen: Bool { isOn && state.withLock { $0.isPublisher } }

  /// This process is the publisher from now on, or no longer.
  func publish(here isPublisher: Bool) { state.withLock { $0.isPublisher = isPublisher } }

  /// Also where this process has ceased to be the publisher: it is due at once then.
  func hold(_ held: OfShard, now: Int64) {
    state.withLock { state in
      var cut = state.cuts[held.report.cut] ?? OfCut(due: now)
      cut.shards[held.report.shard] = held
      cut.due = max(min(cut.due, now + HeldParts.patienceOfPublisher), now + HeldParts.patience)
      state.cuts[held.report.cut] = cut
    }
  }

  /// What was due and could not be written is due still.
  func giveBack(_ held: OfShard, now: Int64) {
    state.withLock { $0.cuts[held.report.cut, default: OfCut(due: now)].shards[held.report.shard] = held }
  }

  /// The publisher has all parts of the cut.
  func touch(_ cut: String, now: Int64) {
    state.withLock { $0.cuts[cut]?.due = now + HeldParts.patienceOfPublisher }
  }

  /// Takes out what has to be written after all, one at a time.
  func takeDue(_ now: Int64) -> OfShard? {
    state.withLock { state in
      for (id, cut) in state.cuts.sorted(by: { $0.key < $1.key }) {
        // A clock that was set back must not make it wait for much longer; threads may be a little late with theirs.
        let isFresh = now < cut.due && now > cut.due - 2 * HeldParts.patienceOfPublisher
        guard !(state.isPublisher && isFresh), let shard = cut.shards.keys.min() else { continue }
        let held = state.cuts[id]?.shards.removeValue(forKey: shard)
        if state.cuts[id]?.shards.isEmpty == true { state.cuts[id] = nil }
        return held
      }
      return nil
    }
  }

  /// By shard.
  func shards(of cut: String) -> [Int: OfShard] { state.withLock { $0.cuts[cut]?.shards ?? [:] } }

  /// The cuts that something is held of.
  var ids: [String] { state.withLock { Array($0.cuts.keys) } }
  var isEmpty: Bool { state.withLock { $0.cuts.isEmpty } }

  /// Lets go of what a cut has here.
  func end(_ cut: String) { state.withLock { _ = $0.cuts.removeValue(forKey: cut) } }
}

/// How many bytes of parts may be held. Any thread.
final class PartRoom: Sendable {
  private let left: Locked<Int>

  init(_ bytesMax: Int) { left = Locked(bytesMax) }

  /// False where there is not as much room.
  fileprivate func take(_ bytes: Int) -> Bool {
    left.withLock { left in
      guard bytes <= left else { return false }
      left -= bytes
      return true
    }
  }

  fileprivate func give(_ bytes: Int) { left.withLock { $0 += bytes } }
}

/// Some of the room, for as long as it lives.
final class HeldRoom: Sendable {
  private let room: PartRoom
  private let bytes: Int

  /// nil where there is not as much.
  init?(_ room: PartRoom, _ bytes: Int) {
    guard room.take(bytes) else { return nil }
    (self.room, self.bytes) = (room, bytes)
  }

  deinit { room.give(bytes) }
}

/// A part's bytes in memory, which nobody can have changed: they have no hash. Chunks of columns that are kept for the next
/// part (``KeptOutput``) are here by reference.
///
/// One thread makes it; from then on it stands still, hence `@unchecked Sendable`.
final class HeldPart: @unchecked Sendable {
  private(set) var pieces: [[UInt8]] = []
  private var bytes = 0
  private let room: PartRoom

  init(_ room: PartRoom) { self.room = room }

  deinit { room.give(bytes) }

  /// False where there is no room for it.
  func append(_ piece: [UInt8]) -> Bool {
    guard room.take(piece.count) else { return false }
    bytes += piece.count
    pieces.append(piece)
    return true
  }
}
