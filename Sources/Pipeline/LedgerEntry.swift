/// One entry of the ledger: the single log that orders everything that counts (ARCHITECTURE.md §4).
public enum LedgerEntry: Sendable, Hashable, Codable {
  /// The first entry, and one after each change of the definition.
  case defined(generation: Int, semanticHash: String, shards: Int)
  case commit(Commit)
  /// Asks for a snapshot of what is accepted at this position. `asOf` in microseconds.
  case cut(id: String, asOf: Int64)
  case published(cut: String)
  case abandoned(cut: String, reason: String)
}

/// An attempt's outcome: inputs with what was observed of them, and what each shard must have received.
public struct Commit: Sendable, Hashable, Codable {
  public var generation: Int
  public var attempt: UInt64
  public var inputs: [CommittedInput]
  /// One a shard.
  public var shards: [ShardReceipt]

  public init(generation: Int, attempt: UInt64, inputs: [CommittedInput], shards: [ShardReceipt]) {
    self.generation = generation
    self.attempt = attempt
    self.inputs = inputs
    self.shards = shards
  }
}

/// An object of a source.
public struct ObjectIdentity: Sendable, Hashable, Codable {
  public var source: String
  public var bucket: String
  public var key: String

  public init(source: String, bucket: String, key: String) {
    self.source = source
    self.bucket = bucket
    self.key = key
  }
}

/// An observation of one object: the version that was read, or that there was none.
public struct CommittedInput: Sendable, Hashable, Codable {
  public var object: ObjectIdentity
  /// What identifies the version (version id, or entity tag and time); nil: the object was not there.
  public var version: String?
  /// Position of the last accepted entry for this object in the worker's fold *before* it looked; nil: none.
  public var base: Int?
  public var rowsRead: UInt64
  public var rowsApplied: UInt64
  public var rowsRejected: UInt64

  public init(
    object: ObjectIdentity, version: String?, base: Int?, rowsRead: UInt64, rowsApplied: UInt64,
    rowsRejected: UInt64
  ) {
    self.object = object
    self.version = version
    self.base = base
    self.rowsRead = rowsRead
    self.rowsApplied = rowsApplied
    self.rowsRejected = rowsRejected
  }
}

/// What an attempt sent to one shard (I3): a join worker applies it only if it has exactly that.
public struct ShardReceipt: Sendable, Hashable, Codable {
  public var rows: Int
  /// Sum of ``RowBatch/checksum`` over the batches.
  public var checksum: UInt64

  public init(rows: Int = 0, checksum: UInt64 = 0) {
    self.rows = rows
    self.checksum = checksum
  }

  public mutating func add(_ batch: RowBatch) {
    rows += batch.count
    checksum = checksum &+ batch.checksum
  }
}
