internal import Columns
internal import Pipeline
internal import Platform

/// An attempt's row batches for one shard as they lie in `rows`, verified against their receipt (I3).
struct AttemptRows {
  let context: StreamContext
  let shard: Int

  /// What was looked for and how it went.
  enum Found {
    case batches([EncodedBatch])
    /// They are not what the receipt says: some are missing, or damaged.
    case others
    /// Retention has removed some of them: where `rows` begins.
    case removed(first: Int64)
    /// So has it the file that they lie in.
    case gone(file: String)

    var batches: [EncodedBatch]? { if case .batches(let batches) = self { batches } else { nil } }
  }

  /// The batches of these messages, if they are exactly what the receipt says.
  func verified(_ frames: [ArraySlice<UInt8>], _ receipt: ShardReceipt, source: Int) throws(StoreError) -> Found {
    switch try RowFiles(context).resolve(frames) {
    case .damaged: return .others
    case .gone(let file): return .gone(file: file)
    case .whole(let frames):
      guard let (batches, seen) = decode(frames, source: source), seen.rows == receipt.rows,
        seen.checksum == receipt.checksum
      else { return .others }
      return .batches(batches)
    }
  }

  /// The batches, and what a receipt for them says; nil if a message is none.
  func decode(_ frames: [ArraySlice<UInt8>], source: Int) -> (batches: [EncodedBatch], seen: ShardReceipt)? {
    let types = context.types(source: source)
    var batches: [EncodedBatch] = []
    var seen = ShardReceipt()
    for frame in frames {
      let rows: Int
      if let sent = sent(frame) {
        rows = sent.rows
        seen.add(rows: sent.rows, checksum: sent.checksum)
      } else {
        guard let batch = frame.withRawBytes({ try? RowFrame.keys($0, types: types) }) else { return nil }
        rows = batch.count
        seen.add(batch)
      }
      batches.append(EncodedBatch(frame.dropFirst(RowFrame.headerBytes), rows: rows))
    }
    return (batches, seen)
  }

  /// Of this worker's own messages.
  private static let decodedOneIn: UInt64 = 16

  /// What is known of a message that this worker has sent itself, if these are its bytes.
  private func sent(_ frame: ArraySlice<UInt8>) -> SentBatches.Batch? {
    frame.withRawBytes { bytes in
      guard let header = try? RowFrame(bytes),
        let batch = context.sent.take(header.attempt, shard: shard, number: header.number),
        batch.hash == RowFrame.storedHash(bytes), RowFrame.isWhole(bytes)
      else { return nil }
      // Some are decoded all the same: that what was sent is what was counted is the encoder's word alone.
      return batch.hash % AttemptRows.decodedOneIn == 0 ? nil : batch
    }
  }

  /// The batches as they lie in `rows` now, or in the files that it tells of.
  func found(_ attempt: AttemptID, _ receipt: ShardReceipt, source: Int) throws -> Found {
    let frames: [ArraySlice<UInt8>]
    do {
      frames = try reread(attempt, receipt)
    } catch let error as BrokerError {
      if case .outOfRange(let bounds) = error.code { return .removed(first: bounds.first) }
      throw error
    }
    return try verified(frames, receipt, source: source)
  }

  /// Reads an attempt's messages again, in order of the batches' numbers. Throws ``BrokerError/Code/outOfRange(_:)``
  /// where retention has removed some of the receipt's range.
  private func reread(_ attempt: AttemptID, _ receipt: ShardReceipt) throws -> [ArraySlice<UInt8>] {
    let partition = TopicPartition(context.topics.rows, shard)
    if let bounds = try context.broker.bounds([partition])[partition] {
      if bounds.first > receipt.first {
        throw BrokerError(
          .outOfRange(bounds), operation: "read", location: "\(partition)", message: "retention has removed them")
      }
      // Made anew, or its broker has lost its end: nothing will come.
      if bounds.end < receipt.end { return [] }
    }
    let reader = try context.broker.reader(partition, from: receipt.first)
    defer { reader.close() }
    var frames: [Int: ArraySlice<UInt8>] = [:]
    var next = receipt.first
    var patience = 100
    while next < receipt.end {
      guard let block = try reader.poll(milliseconds: 100, maxBytes: 8 << 20) else {
        patience -= 1
        if patience == 0 { throw StreamError("\(partition) gives nothing at offset \(next), before \(receipt.end)") }
        continue
      }
      for index in 0..<block.count where block.entries[index].offset < receipt.end {
        guard let bytes = block.valueSlice(index), let header = bytes.withRawBytes({ try? RowFrame($0) }) else {
          continue
        }
        // Copied: others' messages lie between them, and would stay in memory with these.
        if header.attempt == attempt { frames[header.number] = ArraySlice(Array(bytes)) }
      }
      next = block.nextOffset
    }
    return frames.sorted { $0.key < $1.key }.map(\.value)
  }
}
