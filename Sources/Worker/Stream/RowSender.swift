internal import Columns
internal import Logging
internal import Pipeline
internal import Platform

/// Sends an attempt's row batches to the shards' partitions and keeps the receipts. One thread at a time.
struct RowSender {
  let context: StreamContext
  private let frame: RowFrame
  private let source: Int
  private(set) var receipts: [ShardReceipt]
  private var numbers: [Int]
  private var waiting: [OutgoingMessage] = []
  private var waitingBytes = 0
  private let room = EncodingRoom()
  private let takesFiles: Bool
  private var files = 0

  /// `takesFiles`: batches of shards that take their rows from us go to files, where they are many (``RowFiles``). Those of
  /// records have to be quick.
  init(_ context: StreamContext, attempt: AttemptID, source: Int, generation: Int, takesFiles: Bool) {
    self.context = context
    self.takesFiles = takesFiles
    self.source = source
    frame = RowFrame(
      attempt: attempt, number: 0, schema: UInt64(context.plan.sources[source].schemaHash, radix: 16) ?? 0,
      generation: generation)
    receipts = Array(repeating: ShardReceipt(), count: context.plan.shards)
    numbers = Array(repeating: 0, count: context.plan.shards)
  }

  /// Takes batches; appends when enough have gathered. Blocks.
  mutating func send(_ batches: [PackedRows]) throws {
    for batch in batches {
      let bytes = frame(batch.shard).encode(batch, in: room)
      if bytes.count <= RowFrame.bytesMax {
        add(bytes, batch.shard, rows: batch.count, checksum: batch.checksum)
      } else {
        try addHalves(of: try RowFrame.batch(bytes, types: context.types(source: source)), bytes.count)
      }
    }
    guard waitingBytes >= context.options.appendBytes else { return }
    let mayWait = takesFiles && waitingBytes < context.options.rowFileBytes && !context.own.isEmpty
    if !mayWait { try flush() }
  }

  /// Of a batch that is too large for a message.
  private mutating func addHalves(of batch: RowBatch, _ bytes: Int) throws {
    // `RowLimit` has rejected such a row before; should it not have, the worker ends with a reason, not with a trap.
    guard batch.count > 1 else {
      throw StreamError("a row of \(bytes) bytes is too large for a message; this is a bug")
    }
    for half in batch.halves() {
      let bytes = frame(half.shard).encode(half)
      if bytes.count <= RowFrame.bytesMax {
        add(bytes, half.shard, rows: half.count, checksum: half.checksum)
      } else {
        try addHalves(of: half, bytes.count)
      }
    }
  }

  private func frame(_ shard: Int) -> RowFrame {
    var frame = frame
    frame.number = numbers[shard]
    return frame
  }

  private mutating func add(_ bytes: [UInt8], _ shard: Int, rows: Int, checksum: UInt64) {
    context.sent.note(
      frame.attempt, shard: shard, number: numbers[shard],
      SentBatches.Batch(hash: bytes.withRawBytes { RowFrame.storedHash($0) }, rows: rows, checksum: checksum))
    numbers[shard] += 1
    receipts[shard].add(rows: rows, checksum: checksum)
    waiting.append(OutgoingMessage(topic: context.topics.rows, partition: shard, value: bytes))
    waitingBytes += bytes.count
  }

  /// Appends what waits and notes where it lies.
  mutating func flush() throws {
    if waiting.isEmpty { return }
    let offsets = try context.broker.append(try messages())
    context.own.add(waiting, offsets)
    for (message, offset) in zip(waiting, offsets) {
      if let shard = message.partition { receipts[shard].note(offset: offset) }
    }
    waiting.removeAll(keepingCapacity: true)
    waitingBytes = 0
  }

  /// What waits, or in place of batches that nobody is expected to fetch, where they lie.
  private mutating func messages() throws -> [OutgoingMessage] {
    guard takesFiles, waitingBytes >= context.options.rowFileLeast, context.filing.isOn(context.clock.now()) else {
      return waiting
    }
    let own = context.own.shards
    let filed = waiting.indices.filter { waiting[$0].partition.map(own.contains) == true }
    let bytes = filed.reduce(0) { $0 + (waiting[$1].value?.count ?? 0) }
    guard bytes >= max(1, context.options.rowFileLeast) else { return waiting }
    var messages = waiting
    files += 1
    do {
      let references = try RowFiles(context).write(filed.map { waiting[$0] }, attempt: frame.attempt, file: files - 1)
      for (index, reference) in zip(filed, references) { messages[index] = reference }
    } catch let error as StoreError {
      // The broker takes them as well.
      context.log.warning(
        "rows go through the broker, for the store does not take them", ["error": .init(error.description)])
      context.filing.pause(context.clock.now())
      return waiting
    }
    return messages
  }

  /// The attempt will not be committed: nobody will ever want its files.
  func abandon() { RowFiles(context).remove(frame.attempt, files: files) }
}
