/// One entry of the ledger: the single log that orders everything that counts (ARCHITECTURE.md §4).
public enum LedgerEntry: Sendable, Hashable {
  /// The first entry, and one after each change of the definition. `schemas`: ``SourcePlan/schemaHash`` of each source; nil
  /// in those of older programs.
  case defined(generation: Int, semanticHash: String, shards: Int, schemas: [String: String]? = nil)
  case commit(Commit)
  /// Where reading of a record partition begins; precedes the first range. Again once the source's columns have changed
  /// (``SourceSchemas``): everything is read anew, and what was read before goes. Counts only in its own generation: a worker
  /// with the older definition must not bring the older columns back.
  case opened(RangeIdentity, offset: Int64, schema: String, generation: Int)
  /// Records that retention (or a topic made anew) took before they were read, and that the user lets go.
  case skipped(RangeIdentity, from: Int64, to: Int64, reason: String)
  /// An object version that cannot be used, after all retries; its older version's rows stay. By other columns
  /// (`schema`) it may be of use again.
  case setAside(ObjectIdentity, version: String, reason: String, schema: String)
  /// Rows of an accepted commit that the topic of rows has lost, once more.
  case supplied(Supply)
  /// Inputs of an accepted commit whose rows are given up.
  case lost(Loss)
  /// Asks for a snapshot of what is accepted at this position. `asOf` in microseconds. Counts only if the broker
  /// appended it at `notBefore` or later (microseconds), so that a scheduler with a fast clock takes no slot early.
  case cut(id: String, asOf: Int64, notBefore: Int64 = .min)
  case published(cut: String)
  case abandoned(cut: String, reason: String)
}

/// Names an attempt: 128 random bits, so that workers need not agree on numbers.
public struct AttemptID: Sendable, Hashable, CustomStringConvertible {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// 32 hexadecimal digits.
  public var description: String {
    func digits(_ word: UInt64) -> String {
      let text = String(word, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }
    return digits(high) + digits(low)
  }

  /// nil unless `text` is 32 hexadecimal digits.
  public init?(_ text: String) {
    // A number's own reader takes a sign, too.
    guard text.utf8.count == 32, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
      let high = UInt64(text.prefix(16), radix: 16),
      let low = UInt64(text.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }
}

/// An attempt's outcome: inputs with what was observed of them, and what each shard must have received.
///
/// Inputs are numbered in the attempt: objects first, then ranges.
public struct Commit: Sendable, Hashable {
  public var generation: Int
  public var attempt: AttemptID
  /// All of one source.
  public var inputs: [CommittedInput]
  public var ranges: [CommittedRange]
  /// ``SourcePlan/schemaHash`` of the source: what the columns of the batches are.
  public var schema: String
  /// One a shard.
  public var shards: [ShardReceipt]

  public init(
    generation: Int, attempt: AttemptID, inputs: [CommittedInput], ranges: [CommittedRange] = [], schema: String = "",
    shards: [ShardReceipt]
  ) {
    self.generation = generation
    self.attempt = attempt
    self.inputs = inputs
    self.ranges = ranges
    self.schema = schema
    self.shards = shards
  }

  public var inputCount: Int { inputs.count + ranges.count }
  /// The source of all inputs; "" without any.
  public var source: String { inputs.first?.object.source ?? ranges.first?.range.source ?? "" }
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

  /// For messages: `s3://bucket/key` or the path.
  public var location: String { bucket.isEmpty ? key : "s3://\(bucket)/\(key)" }
}

/// A record partition of a source. Two sources may read the same topic, each at its own pace.
public struct RangeIdentity: Sendable, Hashable, Codable {
  public var source: String
  public var topic: String
  public var partition: Int

  public init(source: String, topic: String, partition: Int) {
    self.source = source
    self.topic = topic
    self.partition = partition
  }
}

/// An observation of one object: the version that was read, or that there was none.
public struct CommittedInput: Sendable, Hashable {
  public var object: ObjectIdentity
  /// What identifies the version (version id, or entity tag and time); nil: the object was not there.
  public var version: String?
  /// Position of the last accepted entry for this object in the worker's fold *before* it looked; nil: none.
  public var base: Int?
  public var rowsRead: UInt64
  public var rowsApplied: UInt64
  public var rowsRejected: UInt64
  /// What a manifest says of the version.
  public var facts: ObjectFacts?

  public init(
    object: ObjectIdentity, version: String?, base: Int?, rowsRead: UInt64, rowsApplied: UInt64,
    rowsRejected: UInt64, facts: ObjectFacts? = nil
  ) {
    self.object = object
    self.version = version
    self.base = base
    self.rowsRead = rowsRead
    self.rowsApplied = rowsApplied
    self.rowsRejected = rowsRejected
    self.facts = facts
  }
}

/// What a store said of an object version, and what reading found.
public struct ObjectFacts: Sendable, Hashable, Codable {
  public var size: Int64
  /// Last-Modified, microseconds.
  public var modified: Int64
  public var etag: String?
  public var versionID: String?
  /// Of local files.
  public var sha256: String?
  /// Rejected rows a reason.
  public var reasons: [String: UInt64]?

  public init(
    size: Int64, modified: Int64, etag: String? = nil, versionID: String? = nil, sha256: String? = nil,
    reasons: [String: UInt64]? = nil
  ) {
    self.size = size
    self.modified = modified
    self.etag = etag
    self.versionID = versionID
    self.sha256 = sha256
    self.reasons = reasons
  }
}

/// Records `from..<to` of a partition, holes included.
public struct CommittedRange: Sendable, Hashable {
  public var range: RangeIdentity
  public var from: Int64
  public var to: Int64
  public var rowsRead: UInt64
  public var rowsRejected: UInt64
  public var reasons: [String: UInt64]?

  public init(
    range: RangeIdentity, from: Int64, to: Int64, rowsRead: UInt64, rowsRejected: UInt64,
    reasons: [String: UInt64]? = nil
  ) {
    self.range = range
    self.from = from
    self.to = to
    self.rowsRead = rowsRead
    self.rowsRejected = rowsRejected
    self.reasons = reasons
  }
}

/// What an attempt sent to one shard (I3): a join worker applies it only if it has exactly that.
public struct ShardReceipt: Sendable, Hashable {
  public var rows: Int
  /// Sum of ``RowBatch/checksum`` over the batches.
  public var checksum: UInt64
  /// Where the batches lie in the shard's partition of `rows`: from the first one's offset to the one after the last.
  public var first: Int64
  public var end: Int64

  public init(rows: Int = 0, checksum: UInt64 = 0, first: Int64 = 0, end: Int64 = 0) {
    self.rows = rows
    self.checksum = checksum
    self.first = first
    self.end = end
  }

  public mutating func add(_ batch: RowBatch) { add(rows: batch.count, checksum: batch.checksum) }

  public mutating func add(rows more: Int, checksum other: UInt64) {
    rows += more
    checksum = checksum &+ other
  }

  /// Notes where a batch was appended.
  public mutating func note(offset: Int64) {
    first = end == 0 ? offset : min(first, offset)
    end = max(end, offset + 1)
  }
}
