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
/// their ledger position, so a consumer can tell newer from older. A new definition's rows are told of all keys.
final class ShardLive {
  private let context: StreamContext
  private let shard: Int
  private var features: LiveFeatures
  private var rows: ShardRows
  private var emittedAt: Int64
  private(set) var rowsEmitted = 0
  /// What an append did not take, and is known to nobody else: it is told before anything else.
  private var unsent: [OutgoingMessage] = []

  /// While commits keep coming, rows are told this often, microseconds.
  static let emitEvery: Int64 = 2_000_000
  private static let emptyPollsMax = 50
  /// Rows that one append takes.
  static let appendRows = 4096

  /// Next offset of our partition of the topic: what lies before is known, or was told by us.
  private var toldTo: Int64 = 0
  /// Between what we told somebody else has told something: a worker that does not know yet that the shard is ours.
  private var isTorn = false
  /// Keys that somebody else told at a ledger position that we have not reached, and that position: it is us who are late.
  private var ahead: [[UInt8]: Int] = [:]

  /// Takes up a checkpoint's segments. `told`: what its owner had told; rows whose time has come since are still to be.
  /// What was told behind it, or by another definition, the topic itself says.
  init(_ shard: JoinShard, recovering refs: [SegmentRef], told: Checkpoint.Told?) throws {
    context = shard.context
    self.shard = shard.shard
    let at = TopicPartition(context.topics.features, shard.shard)
    let bounds = try context.broker.bounds([at])[at] ?? OffsetBounds(first: 0, end: 0)
    // A topic that was made anew has got nothing yet.
    let ours = told.flatMap { $0.semanticHash == shard.context.semanticHash && $0.offset <= bounds.end ? $0 : nil }
    emittedAt = context.clock.now()
    let asOf = ours?.asOf ?? emittedAt
    features = try LiveFeatures(
      definition: context.definition, shards: context.plan.shards, shard: shard.shard, asOf: asOf)
    rows = ShardRows(context, storage: shard.storage)
    for ref in refs { try add(ref) }
    if ours != nil { features.settle(asOf: asOf, tables: rows.tables) }
    toldTo = max(bounds.first, ours?.offset ?? 0)
    try readTold(at, to: bounds.end)
  }

  /// For a checkpoint, once all is told.
  var told: Checkpoint.Told {
    Checkpoint.Told(semanticHash: context.semanticHash, asOf: features.asOf, offset: toldTo)
  }

  /// Takes up what others told since: whatever they said of a key, it is told as it is. For a checkpoint, which says that
  /// the topic has what is to be had, and where a gap between our own rows shows it.
  func catchUp(_ shard: JoinShard) throws {
    let at = TopicPartition(context.topics.features, self.shard)
    guard let bounds = try context.broker.bounds([at])[at] else { return }
    toldTo = max(toldTo, bounds.first)
    try readTold(at, to: bounds.end, since: shard.position)
    isTorn = false
    reach(shard.position)
  }

  /// We have come as far as those who told before us: whatever they said is told as it is.
  private func reach(_ position: Int) {
    if ahead.isEmpty { return }
    for (key, told) in ahead.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) where told < position {
      key.withRawBytes { features.expect($0, isOut: true) }
      ahead[key] = nil
    }
  }

  /// The ledger position of a row as ``LiveFeatures`` writes it; nil of others.
  private static func position(told value: [UInt8]) -> Int? {
    let name = Array(",\"_ledger\":".utf8)
    let tail = value.suffix(100)
    guard let at = tail.indices.last(where: { tail[$0...].starts(with: name) }) else { return nil }
    return Int(String(decoding: tail[(at + name.count)...].prefix { (48...57).contains($0) }, as: UTF8.self))
  }

  /// Keys that the topic has got and that we may not know of.
  private func readTold(_ at: TopicPartition, to end: Int64, since position: Int = .max) throws {
    if toldTo >= end { return }
    let reader = try context.broker.reader(at, from: toldTo)
    defer { reader.close() }
    var patience = ShardLive.emptyPollsMax
    while toldTo < end {
      guard let block = try reader.poll(milliseconds: 100, maxBytes: 4 << 20) else {
        // Compaction may have taken the very last ones; a broker that is slow has not.
        toldTo = max(toldTo, reader.position)
        patience -= 1
        if patience == 0 && toldTo < end {
          throw StreamError("\(at) gives nothing at offset \(toldTo), before \(end)")
        }
        continue
      }
      patience = ShardLive.emptyPollsMax
      for index in 0..<block.count {
        guard let key = block.key(index) else { continue }
        let value = block.value(index)
        if let value, let told = ShardLive.position(told: value), told >= position {
          ahead[key] = told
          continue
        }
        ahead[key] = nil
        key.withRawBytes { features.expect($0, isOut: value != nil) }
      }
      toldTo = block.nextOffset
    }
  }

  /// Whether there are rows to tell, by now also of rows whose event time lay ahead when they came.
  private func hasWaiting(now: Int64) -> Bool { isTorn || !unsent.isEmpty || features.hasChanges(asOf: now) }

  /// Whether it is time to tell rows: at once, or while more commits are at hand, now and then.
  func isDue(now: Int64, moreToCome: Bool) -> Bool {
    hasWaiting(now: now) && (!moreToCome || now - emittedAt >= ShardLive.emitEvery)
  }

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

  /// Tells the changed rows; false if there are none, or more commits are at hand and it is not time yet.
  func emit(_ shard: JoinShard, moreToCome: Bool) throws -> Bool {
    let now = context.clock.now()
    guard isDue(now: now, moreToCome: moreToCome) else { return false }
    emittedAt = now
    if isTorn { try catchUp(shard) }
    reach(shard.position)
    try sendUnsent()
    let before = rowsEmitted
    var waiting: [OutgoingMessage] = []
    var tooLarge = 0
    let topic = context.topics.features
    // The features let go of rows as they give them, so what is not sent is kept, whatever stops it.
    defer { unsent = waiting }
    try features.rows(asOf: now, ledgerPosition: shard.position - 1, tables: rows.tables) { key, json in
      // Of several sources' columns, or escaped: no broker would ever take it, and the others' rows are waiting.
      if key.count + (json?.count ?? 0) > RowFrame.bytesMax {
        tooLarge += 1
        return
      }
      waiting.append(
        OutgoingMessage(topic: topic, partition: shard.shard, key: Array(key), value: json.map { Array($0) }))
      if waiting.count == ShardLive.appendRows {
        try send(waiting)
        waiting.removeAll(keepingCapacity: true)
      }
    }
    if !waiting.isEmpty {
      try send(waiting)
      waiting = []
    }
    if tooLarge > 0 {
      context.log.warning(
        "rows are too large for the topic of features and are not told",
        ["shard": .init(shard.shard), "rows": .init(tooLarge), "most": .init("\(RowFrame.bytesMax) bytes")])
    }
    context.metrics.featureRows.increment(by: rowsEmitted - before)
    return true
  }

  private func sendUnsent() throws {
    if unsent.isEmpty { return }
    try send(unsent)
    unsent = []
  }

  private func send(_ rows: [OutgoingMessage]) throws {
    let offsets = try context.broker.append(rows)
    rowsEmitted += rows.count
    guard let first = offsets.min(), let last = offsets.max() else { return }
    if first == toldTo && last - first == Int64(rows.count - 1) { toldTo = last + 1 } else { isTorn = true }
  }
}
