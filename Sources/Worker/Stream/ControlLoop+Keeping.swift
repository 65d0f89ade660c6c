internal import Definition
internal import Logging
internal import Pipeline
internal import Platform

/// What is kept and for how long: folds to begin from, and snapshots.
extension ControlLoop {
  /// Saves the fold now and then, so that workers that start need not read the whole ledger.
  func saveFold() throws -> Bool {
    guard let fold = context.ledger.forSaving(since: savedFold ?? 0, least: context.options.foldEvery) else {
      return false
    }
    try context.folds.save(fold)
    savedFold = fold.position
    return true
  }

  /// Removes files of row batches that no message tells of any more: now and then, some at a time, and what cannot be done
  /// later. By the broker's clock, too, for ours may be fast, and nothing tells whether a file is still needed.
  func sweepRows() -> Bool {
    let now = context.clock.now()
    guard now - rowsSweptAt > ControlLoop.sweepRowsEvery,
      let last = context.ledger.entries(from: context.ledger.position - 1, most: 1).last
    else { return false }
    do throws(StoreError) {
      let gone = try RowFiles(context).sweep(
        upTo: min(now, last.appendedAt) - StreamOptions.rowFilesKept, most: ControlLoop.sweepRowsMost)
      if gone.count == ControlLoop.sweepRowsMost { return true }
    } catch {
      context.log.warning("files of rows cannot be removed; later again", ["error": .init(error.description)])
    }
    rowsSweptAt = now
    return false
  }

  func retain() throws -> Bool {
    let snapshot = context.definition.snapshot
    guard snapshot.keepLast != nil || snapshot.keepFor != nil else { return false }
    let now = context.clock.now()
    guard now - retainedAt > 10_000_000 else { return false }
    retainedAt = now
    let (published, pending) = context.ledger.read { ($0.published, Set($0.cuts.keys)) }
    let known = published.filter { !retired.contains($0.id) }.map {
      RetentionRule.Snapshot(id: $0.id, cutMicroseconds: $0.cutAt)
    }
    let retention = SnapshotRetention(
      place: target, dataset: context.definition.dataset,
      rule: RetentionRule(keepLast: snapshot.keepLast, keepFor: snapshot.keepFor))
    for id in try retention.removable(known, pending: pending, now: now) {
      if try retention.remove(id, now: now) == .removed {
        context.log.info("snapshot removed by retention", ["snapshot": .init(id)])
      }
      retired.insert(id)
    }
    return true
  }
}
