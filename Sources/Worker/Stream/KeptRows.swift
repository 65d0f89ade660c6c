internal import Pipeline
internal import Platform

/// Which attempts' rows a partition of `rows` still has, as far as that is known.
struct KeptRows: Sendable {
  var bounds: OffsetBounds
  /// Offsets whose messages were looked at.
  var seen: Range<Int64> = 0..<0
  /// Where attempts lie among them.
  private var attempts: [AttemptID: ClosedRange<Int64>] = [:]

  init(bounds: OffsetBounds) { self.bounds = bounds }

  mutating func note(_ attempt: AttemptID, at offset: Int64) {
    let held = attempts[attempt] ?? offset...offset
    attempts[attempt] = min(held.lowerBound, offset)...max(held.upperBound, offset)
  }

  /// Whether the rows of a receipt may be there. A topic that was made anew has other attempts at the same offsets.
  func has(_ attempt: AttemptID, _ receipt: ShardReceipt) -> Bool {
    guard bounds.first <= receipt.first, receipt.end <= bounds.end else { return false }
    guard seen.lowerBound <= receipt.first, receipt.end <= seen.upperBound else { return true }
    guard let held = attempts[attempt] else { return false }
    return held.lowerBound <= receipt.first && receipt.end <= held.upperBound + 1
  }
}

extension AttemptRows {
  /// Most that is looked at; what is missing behind it is found when its turn comes.
  private static let keptBytesMax = 256 << 20

  /// What `rows` has of these receipts' offsets: each message's header is looked at once, and whether the file is there
  /// that it tells of.
  func kept(_ receipts: [ShardReceipt]) throws -> KeptRows {
    let partition = TopicPartition(context.topics.rows, shard)
    let bounds = try context.broker.bounds([partition])[partition] ?? OffsetBounds(first: 0, end: 0)
    var kept = KeptRows(bounds: bounds)
    let there = receipts.filter { bounds.first <= $0.first && $0.end <= bounds.end }
    guard let from = there.map(\.first).min(), let to = there.map(\.end).max() else { return kept }
    let reader = try context.broker.reader(partition, from: from)
    defer { reader.close() }
    let files = RowFiles(context)
    var isThere: [AttemptID: [Int: Bool]] = [:]
    var bytes = 0
    var patience = 50
    kept.seen = from..<from
    while kept.seen.upperBound < to, bytes < AttemptRows.keptBytesMax, patience > 0 {
      guard let block = try reader.poll(milliseconds: 100, maxBytes: 8 << 20) else {
        patience -= 1
        continue
      }
      for index in 0..<block.count {
        guard let message = block.valueSlice(index), let header = message.withRawBytes({ try? RowFrame($0) }) else {
          continue
        }
        bytes += message.count
        if let reference = message.withRawBytes({ RowReference($0) }) {
          let known = isThere[reference.attempt]?[reference.file]
          // Asked at most as often as so many bytes have files.
          bytes += reference.count
          let isThereNow = try known ?? files.isThere(reference)
          isThere[reference.attempt, default: [:]][reference.file] = isThereNow
          if !isThereNow { continue }
        }
        kept.note(header.attempt, at: block.entries[index].offset)
      }
      kept.seen = from..<max(kept.seen.upperBound, block.nextOffset)
    }
    return kept
  }
}
