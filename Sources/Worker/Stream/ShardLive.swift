internal import Columns
internal import Definition
internal import Logging
internal import Metrics
internal import Pipeline
internal import Platform

/// A shard's current features on their way to the `features` topic: each changed key's row after the commits that changed
/// it, coalesced while more commits are at hand.
///
/// Used by whoever works on the shard. After a recovery, rows of commits behind the checkpoint are told again; they say
/// their ledger position, so a consumer can tell newer from older.
final class ShardLive {
  private let context: StreamContext
  private let shard: Int
  private var features: LiveFeatures
  private var rows: ShardRows
  private var emittedAt: Int64 = 0
  private(set) var rowsEmitted = 0

  /// While commits keep coming, rows are told this often, microseconds.
  static let emitEvery: Int64 = 1_000_000
  /// Rows that one append takes.
  static let appendRows = 4096

  init(_ shard: JoinShard) throws {
    context = shard.context
    self.shard = shard.shard
    features = try LiveFeatures(
      definition: context.definition, shards: context.plan.shards, shard: shard.shard, asOf: context.clock.now())
    rows = ShardRows(context, storage: shard.storage)
  }

  /// Whether there are rows to tell, by now also of rows whose event time lay ahead when they came.
  func hasWaiting(now: Int64) -> Bool { features.hasChanges(asOf: now) }

  /// Rows of an entry that replaces nothing.
  func add(_ ref: SegmentRef) throws { try ShardLive.add(ref, to: features, &rows) }

  private static func add(_ ref: SegmentRef, to features: LiveFeatures, _ rows: inout ShardRows) throws {
    try rows.each(ref) { batch, source, inputs, table in
      features.apply(batch, source: source, inputs: inputs, table: table)
    }
  }

  /// Starts over with what is live: some rows went. Keys whose rows are others for that are told, or as gone.
  func replace(_ refs: [SegmentRef], _ shard: JoinShard) throws {
    let now = context.clock.now()
    let fresh = try LiveFeatures(
      definition: context.definition, shards: context.plan.shards, shard: shard.shard, asOf: now)
    var freshRows = ShardRows(context, storage: shard.storage)
    for ref in refs { try ShardLive.add(ref, to: fresh, &freshRows) }
    fresh.replace(features, asOf: now, tables: freshRows.tables, oldTables: rows.tables)
    features = fresh
    rows = freshRows
  }

  /// After a restart: what the checkpoint holds was told.
  func recover(_ refs: [SegmentRef]) throws {
    for ref in refs { try add(ref) }
    features.settle(asOf: context.clock.now(), tables: rows.tables)
  }

  /// Tells the changed rows; false if there are none, or more commits are at hand and it is not time yet.
  func emit(_ shard: JoinShard, moreToCome: Bool) throws -> Bool {
    let now = context.clock.now()
    guard hasWaiting(now: now), !moreToCome || now - emittedAt >= ShardLive.emitEvery else { return false }
    emittedAt = now
    let before = rowsEmitted
    var waiting: [OutgoingMessage] = []
    var tooLarge = 0
    let topic = context.topics.features
    try features.rows(asOf: now, ledgerPosition: shard.position - 1, tables: rows.tables) { key, json in
      // Of several sources' columns, or escaped: no broker would ever take it, and the others' rows are waiting.
      if key.count + (json?.count ?? 0) > RowFrame.bytesMax {
        tooLarge += 1
        return
      }
      waiting.append(
        OutgoingMessage(topic: topic, partition: shard.shard, key: Array(key), value: json.map { Array($0) }))
      if waiting.count == ShardLive.appendRows {
        _ = try context.broker.append(waiting)
        rowsEmitted += waiting.count
        waiting.removeAll(keepingCapacity: true)
      }
    }
    if !waiting.isEmpty { _ = try context.broker.append(waiting) }
    rowsEmitted += waiting.count
    if tooLarge > 0 {
      context.log.warning(
        "rows are too large for the topic of features and are not told",
        ["shard": .init(shard.shard), "rows": .init(tooLarge), "most": .init("\(RowFrame.bytesMax) bytes")])
    }
    context.metrics.featureRows.increment(by: rowsEmitted - before)
    return true
  }
}
