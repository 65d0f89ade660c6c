internal import Columns
internal import Definition
internal import Formats
internal import Pipeline
internal import Platform

/// One attempt's way through the engine: pieces in, blocks cut, decoded, dealt to shards in row order, applied.
///
/// Records and rows of segments need no cutting: whoever holds `advancing` deals them out at once, and then holds what
/// belongs to `emitting`, too.
///
/// Who may touch what: `mailbox…`, `advancing`, `outstanding`, `parsed…` and what counts the applied rows under the
/// engine's lock; the cutting state by the one thread that holds `advancing`; the emission state by the one that holds
/// `emitting`, and once all is dealt, by whoever holds the lock. Hence `@unchecked Sendable`.
final class Attempt: @unchecked Sendable {
  let number: Int
  let source: Int
  /// Its objects; `all` has its ranges, too.
  let inputs: [InputFile]
  let all: AttemptInputs
  /// Of all its inputs, in their source's table.
  let numbers: [UInt32]

  // Under the engine's lock.
  var mailbox: [Piece] = []
  var mailboxBytes = 0
  var advancing = false
  var emitting = false
  /// Blocks cut and not yet dealt out, and dealt rows that are not yet applied.
  var outstanding = 0
  var parsed: [Int: ParsedBlock] = [:]
  var nextToEmit = 0
  var cutAll = false
  /// Everything is dealt, and somebody seals what is open.
  var isSealed = false
  var rowsDealt = 0
  /// Rows that each shard has had.
  var applied: [ShardReceipt]

  // Held by `advancing`.
  var cutter: BlockCutter
  var currentInput = 0
  var chunk: Chunk?
  var chunkUsed = 0
  var finishing = false
  var failedInput = false
  var positions: [Int] = []
  var width = 0
  var headerKnown = false
  var blocksCut = 0
  var pendingSHA256: String?
  /// Of records: made when the first come.
  var recordDecoder: RecordDecoder?
  /// One an input, where it was computed.
  var sha256: [String?]

  // Held by `emitting`.
  /// Of records: blocks are applied where they lie.
  let splitter: ShardSplitter
  var counts: [InputCounts]
  var rejects: RejectBuffer
  var rejectExtents: [SpillFile.Extent] = []

  init(number: Int, _ all: AttemptInputs, plan: DatasetPlan) {
    self.number = number
    self.all = all
    source = all.source
    inputs = all.objects
    numbers = all.numbers
    cutter = BlockCutter(
      format: plan.sources[source].source.format, maxRowBytes: plan.definition.maxRowBytes,
      columns: plan.sources[source].source.columns.count)
    splitter = ShardSplitter(shards: plan.shards, types: plan.sources[source].carriedTypes)
    counts = all.isRetained ? all.expectedCounts : Array(repeating: InputCounts(), count: all.count)
    sha256 = Array(repeating: nil, count: all.count)
    applied = Array(repeating: ShardReceipt(), count: plan.shards)
    rejects = RejectBuffer()
  }
}

/// Rows of one input.
struct InputCounts: Sendable {
  var read: UInt64 = 0
  var rejected: UInt64 = 0
  /// Good rows at or after the as-of time, which do not count.
  var afterAsOf: UInt64 = 0
  /// Filled in when all is read.
  var sha256: String?
}

/// A block on its way to the decoder.
struct WaitingBlock: Sendable {
  let attempt: Attempt
  let index: Int
  /// The input's number in the attempt.
  let input: Int
  let block: CutBlock
  let positions: [Int]
  let width: Int
}

/// A decoded block that waits for the ones before it.
struct ParsedBlock: Sendable {
  let input: Int
  let offset: UInt64
  /// nil for an oversized record.
  var decoder: BlockDecoder?
  var oversized: CutBlock?
}
