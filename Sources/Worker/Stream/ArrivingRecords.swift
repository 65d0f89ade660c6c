internal import Synchronization

/// Bytes of records that this worker has read and that are not in the ledger yet. Thread-safe.
///
/// Where they are so many that commits come one after the other, a shard that tells its features now would tell most of them
/// again a moment later.
final class ArrivingRecords: Sendable {
  private let queued = Atomic<Int>(0)
  private let underWay = Atomic<Int>(0)

  /// As ``RecordIngest`` knows them: that wait, and those of commits without a verdict.
  func note(queued: Int, underWay: Int) {
    self.queued.store(queued, ordering: .relaxed)
    self.underWay.store(underWay, ordering: .relaxed)
  }

  /// Whether commits come one after the other.
  var areMany: Bool {
    queued.load(ordering: .relaxed) + underWay.load(ordering: .relaxed) >= RecordIngest.bytesMany
  }
}
