internal import Pipeline
internal import Platform

/// One object of one source that a run reads.
struct InputFile: Sendable {
  /// Index of the source in the plan.
  var source: Int
  var info: ObjectInfo
  /// Its number in the source's ``InputTable``.
  var number: UInt32
  var store: any ObjectStore
  /// What the last `rebuild` must find again; nil in a plain run.
  var expected: Manifest.InputRecord?
  /// Its rows come out of segments, for it is gone; `expected` says what they must be.
  var isRetained = false

  /// The time that stands for event time in a timeless source; microseconds.
  var modified: Int64 { expected?.modifiedMicroseconds ?? info.modifiedMicroseconds }

  /// For messages: `s3://bucket/key` or the path.
  var location: String { info.bucket.isEmpty ? info.key : "s3://\(info.bucket)/\(info.key)" }
}

/// Inputs that are read, applied and committed together: one large object, or many small ones of one source.
///
/// Grouping depends only on the listing's order and sizes. A group keeps the cost of a commit, of batches and of
/// fetching from growing with the number of tiny objects.
enum AttemptGrouping {
  /// Stored bytes up to which objects are grouped.
  static let bytesMax: Int64 = 4 << 20
  static let inputsMax = 512
  /// Where each object costs a round trip, one fetcher must not have many in a row.
  static let inputsMaxRemote = 16

  static func groups(_ inputs: [InputFile]) -> [[InputFile]] {
    var groups: [[InputFile]] = []
    var group: [InputFile] = []
    var bytes: Int64 = 0
    for input in inputs {
      let fits =
        group.last.map { $0.source == input.source } ?? true
        && bytes + input.info.size <= bytesMax
        && group.count < (input.info.bucket.isEmpty ? inputsMax : inputsMaxRemote)
      if !fits && !group.isEmpty {
        groups.append(group)
        group = []
        bytes = 0
      }
      group.append(input)
      bytes += input.info.size
    }
    if !group.isEmpty { groups.append(group) }
    return groups
  }
}

/// A piece of an object's stored bytes on its way from a fetcher to the cutter.
///
/// Filled by one thread, then handed over whole, hence `@unchecked Sendable`.
final class Chunk: @unchecked Sendable {
  static let bytesMax = 256 << 10

  let memory: UnsafeMutableRawBufferPointer
  var count = 0
  private let pool: ChunkPool?

  /// Of an object of so many bytes; out of `pool`, where its memory goes again once nobody has the chunk.
  init(objectBytes: Int64, _ pool: ChunkPool? = nil) {
    let capacity = Int(min(Int64(Chunk.bytesMax), max(objectBytes + 1, 4096)))
    self.pool = capacity == Chunk.bytesMax ? pool : nil
    memory = self.pool?.take() ?? Chunk.allocate(capacity)
  }

  init(capacity: Int) {
    pool = nil
    memory = Chunk.allocate(max(capacity, 1))
  }

  deinit {
    if let pool { pool.giveBack(memory) } else { memory.deallocate() }
  }

  private static func allocate(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
    .allocate(byteCount: capacity, alignment: 64)
  }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }
}

/// The memory of chunks that were read, for those to come: as much as was in use at a time. Allocated and freed one by one,
/// between what threads of all kinds allocate, it would be other memory nearly every time.
final class ChunkPool: Sendable {
  private let spare = Locked<[UnsafeMutableRawBufferPointer]>([])

  deinit { removeAll() }

  /// ``Chunk/bytesMax`` bytes, if there are some.
  func take() -> UnsafeMutableRawBufferPointer? { spare.withLock { $0.popLast() } }
  func giveBack(_ memory: UnsafeMutableRawBufferPointer) { spare.withLock { $0.append(memory) } }

  func removeAll() {
    spare.withLock { spare in
      for memory in spare { memory.deallocate() }
      spare = []
    }
  }
}

/// What a fetcher delivers of an attempt, in order.
enum Piece: Sendable {
  case bytes(Chunk)
  /// The current input ends here; SHA-256 of its stored bytes where it was computed.
  case endOfInput(sha256: String?)
  /// The current input cannot be read.
  case failure(StoreError)
  /// Records of the attempt's range: a block and which of its entries.
  case records(RecordBlock, Range<Int>)
  /// Rows of a shard out of a segment, with the numbers of the attempt's inputs.
  case rows(RowBatch)
  /// The attempt ends here, which has records or rows; what of it could not be had: the input's number and why.
  case endOfAttempt(unread: [(input: Int, reason: String)])
}
