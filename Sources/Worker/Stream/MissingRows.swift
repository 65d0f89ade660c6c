internal import Pipeline

/// Rows of a commit that a shard needs and that `rows` has no longer, or not as they were committed.
struct MissingRows: Sendable {
  /// The commit's in the ledger.
  var position: Int
  var commit: Commit
  /// Of its inputs, objects first: those whose rows count somewhere.
  var needed: [Bool]
  /// What the shard must have.
  var receipt: ShardReceipt
  /// Supplies that did not have it after all.
  var tried: Set<AttemptID> = []

  /// The needed inputs, as people name them.
  var names: [String] {
    let all = commit.inputs.map(\.object.location) + commit.ranges.map(\.name)
    return zip(all, needed).compactMap { $1 ? $0 : nil }
  }

  /// The same as the ledger has them.
  func loss(reason: String) -> Loss {
    Loss(
      position: position, reason: reason,
      objects: zip(commit.inputs, needed).compactMap { $1 ? $0.object : nil },
      ranges: zip(commit.ranges, needed.dropFirst(commit.inputs.count)).compactMap { $1 ? $0 : nil })
  }
}

extension CommittedRange {
  /// `app.clicks[3]:100-200`: from an offset up to another.
  var name: String { "\(range.topic)[\(range.partition)]:\(from)-\(to)" }
}
