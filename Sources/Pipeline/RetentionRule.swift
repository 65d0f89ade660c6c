/// Which snapshots have outlived `keep_last` and `keep_for`.
///
/// A snapshot goes only when every rule that is given lets it go: with `keep_last: 24` and `keep_for: 7d` those stay that
/// are among the newest 24 *or* younger than seven days, so that after a long pause a schedule's last good snapshots are
/// still there. Readers that follow `latest.json` are never left without a snapshot: the one that it names stays, and so
/// does everything newer (its publisher may not have moved the pointer yet).
public struct RetentionRule: Sendable, Hashable {
  public var keepLast: Int?
  /// Microseconds.
  public var keepFor: Int64?

  public init(keepLast: Int?, keepFor: Int64?) {
    self.keepLast = keepLast
    self.keepFor = keepFor
  }

  /// A published snapshot.
  public struct Snapshot: Sendable, Hashable {
    public var id: String
    public var cutMicroseconds: Int64
    public init(id: String, cutMicroseconds: Int64) {
      self.id = id
      self.cutMicroseconds = cutMicroseconds
    }
  }

  /// The ids that may go, the oldest first.
  ///
  /// - Parameters:
  ///   - latest: the id that `latest.json` names; without one, nothing goes.
  ///   - pending: ids of cuts that are not published yet, or not to the end.
  ///   - now: microseconds.
  public func removable(_ snapshots: [Snapshot], latest: String?, pending: Set<String>, now: Int64) -> [String] {
    guard keepLast != nil || keepFor != nil else { return [] }
    // Newest first; equal times in the order of ids, so that all who ask agree.
    let sorted = snapshots.sorted {
      ($0.cutMicroseconds, $0.id) > ($1.cutMicroseconds, $1.id)
    }
    guard let named = sorted.firstIndex(where: { $0.id == latest }) else { return [] }
    var going: [String] = []
    for (rank, snapshot) in sorted.enumerated() where rank > named {
      let isAmongLast = keepLast.map { rank < $0 } ?? false
      let age = now.subtractingReportingOverflow(snapshot.cutMicroseconds)
      let isYoung = keepFor.map { age.overflow ? now < snapshot.cutMicroseconds : age.partialValue < $0 } ?? false
      let isNewer = snapshot.cutMicroseconds >= sorted[named].cutMicroseconds
      if !isAmongLast && !isYoung && !isNewer && !pending.contains(snapshot.id) { going.append(snapshot.id) }
    }
    return going.reversed()
  }
}
