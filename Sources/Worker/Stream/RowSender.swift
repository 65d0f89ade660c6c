internal import Columns
internal import Pipeline
internal import Platform

/// Sends an attempt's row batches to the shards' partitions and keeps the receipts. One thread at a time.
struct RowSender {
  let context: StreamContext
  let frame: RowFrame
  private(set) var receipts: [ShardReceipt]
  private var numbers: [Int]
  private var waiting: [OutgoingMessage] = []
  private var waitingBytes = 0

  init(_ context: StreamContext, attempt: AttemptID, source: Int, generation: Int) {
    self.context = context
    frame = RowFrame(
      attempt: attempt, number: 0, schema: UInt64(context.plan.sources[source].schemaHash, radix: 16) ?? 0,
      generation: generation)
    receipts = Array(repeating: ShardReceipt(), count: context.plan.shards)
    numbers = Array(repeating: 0, count: context.plan.shards)
  }

  /// Takes batches; appends when enough have gathered. Blocks.
  mutating func send(_ batches: [RowBatch]) throws {
    for batch in batches { try add(batch) }
    if waitingBytes >= context.options.appendBytes { try flush() }
  }

  private mutating func add(_ batch: RowBatch) throws {
    var frame = frame
    frame.number = numbers[batch.shard]
    let bytes = frame.encode(batch)
    if bytes.count > RowFrame.bytesMax {
      // `RowLimit` has rejected such a row before; should it not have, the worker ends with a reason, not with a trap.
      guard batch.count > 1 else {
        throw StreamError("a row of \(bytes.count) bytes is too large for a message; this is a bug")
      }
      for half in batch.halves() { try add(half) }
      return
    }
    numbers[batch.shard] += 1
    receipts[batch.shard].add(batch)
    waiting.append(
      OutgoingMessage(topic: context.topics.rows, partition: batch.shard, value: bytes))
    waitingBytes += bytes.count
  }

  /// Appends what waits and notes where it lies.
  mutating func flush() throws {
    if waiting.isEmpty { return }
    let offsets = try context.broker.append(waiting)
    for (message, offset) in zip(waiting, offsets) {
      if let shard = message.partition { receipts[shard].note(offset: offset) }
    }
    waiting.removeAll(keepingCapacity: true)
    waitingBytes = 0
  }
}
