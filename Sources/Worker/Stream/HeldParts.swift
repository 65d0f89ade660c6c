internal import Pipeline

/// Parts of pending cuts that wait for the publisher in memory.
///
/// Where the publisher and all shards are one process, for ever (the embedded broker), a part that goes to the store is
/// written, brought to the device and read again for nobody else. Nothing durable speaks of what lies here: it is not
/// reported on `control`. A process that ends takes it along, and its successor writes the parts of all pending cuts
/// again, as it does in any case (``PendingCuts``).
///
/// Any thread.
final class HeldParts: Sendable {
  /// A shard's share of a cut.
  struct OfShard: Sendable {
    var report: ShardReport
    var summary: ShardSummary
    /// By key; those that are missing here lie in the store, for want of room.
    var parts: [String: HeldPart]
  }

  let room: PartRoom
  private let cuts = Locked<[String: [Int: OfShard]]>([:])

  init(bytesMax: Int) { room = PartRoom(bytesMax) }

  func hold(_ held: OfShard, of cut: String) { cuts.withLock { $0[cut, default: [:]][held.report.shard] = held } }

  /// By shard.
  func shards(of cut: String) -> [Int: OfShard] { cuts.withLock { $0[cut] ?? [:] } }

  /// The cuts that something is held of.
  var ids: [String] { cuts.withLock { Array($0.keys) } }
  var isEmpty: Bool { cuts.withLock { $0.isEmpty } }

  /// Lets go of what a cut has here.
  func end(_ cut: String) { cuts.withLock { _ = $0.removeValue(forKey: cut) } }
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
