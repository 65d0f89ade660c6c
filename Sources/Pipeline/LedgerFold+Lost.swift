/// Rows that a shard has not got and the topic of rows has no longer: who still needs them, and what giving them up does.
///
/// Given up, an object counts as not there from that entry on, so that whoever looks at the store next may commit what
/// it finds; offsets of a partition count as skipped. The rows go in all shards at that position. A cut that has not ended
/// and holds them ends there: a shard without them could never write its part.
extension LedgerFold {
  /// An object whose rows were given up.
  public struct LostObject: Sendable, Hashable, Codable {
    /// Of the entry that had brought them.
    public var position: Int
    public var reason: String
    /// The store had it no longer, so that only sources that keep the rows of removed objects miss it.
    public var isGone: Bool
  }

  mutating func judge(_ loss: Loss) -> [Bool] {
    var verdicts: [Bool] = []
    // Also where nothing of it is in force any more: this is what the cuts are given up by.
    cuts = cuts.filter { !$0.value.holds(loss) }
    for object in loss.objects {
      guard let held = objects[object], held.content == loss.position, loss.position >= schemas.since(object.source)
      else {
        verdicts.append(false)
        continue
      }
      lost[object] = LostObject(position: loss.position, reason: loss.reason, isGone: held.version == nil)
      objects[object] = Accepted(position: position, version: nil)
      verdicts.append(true)
    }
    for range in loss.ranges {
      guard var held = ranges[range.range], held.holds(range, since: loss.position),
        loss.position >= schemas.since(range.range.source)
      else {
        verdicts.append(false)
        continue
      }
      held.skipped.append(Skipped(from: range.from, to: range.to, reason: loss.reason))
      held.rowsRead -= min(held.rowsRead, range.rowsRead)
      held.rowsRejected = min(held.rowsRejected - min(held.rowsRejected, range.rowsRejected), held.rowsRead)
      for (reason, count) in range.reasons ?? [:] {
        guard let before = held.reasons[reason] else { continue }
        held.reasons[reason] = before > count ? before - count : nil
      }
      ranges[range.range] = held
      verdicts.append(true)
    }
    return verdicts
  }

  /// Which inputs of the accepted commit at a position have rows that count here, or in a cut that has not ended.
  /// `keepsRemoved`: whether the source keeps the rows of removed objects.
  public func needed(_ commit: Commit, _ verdicts: [Bool], at position: Int, keepsRemoved: Bool) -> [Bool] {
    // What was read before its source's columns came into force is missed by nobody: a cut that was to hold it is of an
    // older definition, and is abandoned.
    guard position >= schemas.since(commit.source) else { return verdicts.map { _ in false } }
    let objects = commit.inputs.map { input in
      let isNeeded = { (held: Accepted?) in
        held?.content == position && (held?.version != nil || keepsRemoved)
      }
      return isNeeded(self.objects[input.object]) || cuts.values.contains { isNeeded($0.objects[input.object]) }
    }
    let ranges = commit.ranges.map { range in
      let isNeeded = { (held: AcceptedRange?) in held?.holds(range, since: position) ?? false }
      return isNeeded(self.ranges[range.range]) || cuts.values.contains { isNeeded($0.ranges[range.range]) }
    }
    return zip(objects + ranges, verdicts).map { $0 && $1 }
  }
}

extension LedgerFold.CutState {
  /// Whether it holds any of these.
  public func holds(_ loss: Loss) -> Bool {
    loss.objects.contains { objects[$0]?.content == loss.position }
      || loss.ranges.contains { ranges[$0.range]?.holds($0, since: loss.position) ?? false }
  }
}

extension LedgerFold.AcceptedRange {
  /// Whether the records of a range that was accepted at `position` count.
  func holds(_ range: CommittedRange, since position: Int) -> Bool {
    // Read anew by other columns, the same offsets are other rows.
    opened.map { $0 < position } ?? true && begin <= range.from && range.to <= end
      && !skipped.contains { $0.from < range.to && range.from < $0.to }
  }
}
