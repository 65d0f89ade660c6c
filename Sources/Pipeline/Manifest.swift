/// The document that publishes a snapshot (ARCHITECTURE.md §6): `manifest.json` beside its parts.
///
/// Times are ISO 8601 in UTC. Keys of parts are relative to the manifest's own place.
public struct Manifest: Sendable, Codable, Hashable {
  public static let currentVersion = 1

  /// The version of this document's form.
  public var version = Manifest.currentVersion
  public var dataset: String
  /// SHA-256 of the definition's canonical text: equal hashes mean equal snapshots from equal inputs.
  public var semanticHash: String
  /// The snapshot's id: its slot.
  public var snapshot: String
  public var asOf: String
  /// The ledger position of the cut.
  public var cut: Int
  /// When the cut was made, microseconds: `latest.json` moves forward by it.
  public var cutMicroseconds: Int64
  /// Order-free hash of the rows (docs/fingerprint.md).
  public var fingerprint: String
  public var rows: Int
  /// Rows a split.
  public var splits: [String: Int]
  public var schema: [SchemaField]
  /// What each column holds, by name.
  public var profile: [String: ColumnSummary]
  public var inputs: [InputRecord]
  /// What was read of record topics; nil where no source is one (and in manifests older than such sources).
  public var ranges: [RangeRecord]?
  /// Inputs that the snapshot goes without: lost, failed or pending.
  public var missing: [MissingInput]
  public var parts: [PartRecord]
  public var rejected: RejectedRecord
  public var checks: [CheckRecord]
  public var definition: DefinitionRecord
  public var shards: Int
  /// Tributary's version.
  public var tributary: String

  public struct SchemaField: Sendable, Codable, Hashable {
    public var name: String
    public var type: String
    /// `key`, `feature` or `label`.
    public var role: String
    public init(name: String, type: String, role: String) {
      self.name = name
      self.type = type
      self.role = role
    }
  }

  public struct InputRecord: Sendable, Codable, Hashable {
    public var source: String
    public var bucket: String
    public var key: String
    public var version: String?
    public var etag: String?
    public var size: Int64
    public var modified: String
    /// Microseconds; what `modified` says, exactly.
    public var modifiedMicroseconds: Int64
    /// SHA-256 of the stored bytes, for local files.
    public var sha256: String?
    public var rowsRead: UInt64
    public var rowsApplied: UInt64
    public var rowsRejected: UInt64
    /// Of the applied rows, those at or after the as-of time, which do not count.
    public var rowsAfterAsOf: UInt64?

    public init(
      source: String, bucket: String, key: String, version: String?, etag: String?, size: Int64, modified: String,
      modifiedMicroseconds: Int64, sha256: String?, rowsRead: UInt64, rowsApplied: UInt64, rowsRejected: UInt64,
      rowsAfterAsOf: UInt64? = nil
    ) {
      self.source = source
      self.bucket = bucket
      self.key = key
      self.version = version
      self.etag = etag
      self.size = size
      self.modified = modified
      self.modifiedMicroseconds = modifiedMicroseconds
      self.sha256 = sha256
      self.rowsRead = rowsRead
      self.rowsApplied = rowsApplied
      self.rowsRejected = rowsRejected
      self.rowsAfterAsOf = rowsAfterAsOf
    }

    enum CodingKeys: String, CodingKey {
      case source, bucket, key, version, etag, size, modified, sha256
      case modifiedMicroseconds = "modified_us"
      case rowsRead = "rows_read"
      case rowsApplied = "rows_applied"
      case rowsRejected = "rows_rejected"
      case rowsAfterAsOf = "rows_after_as_of"
    }
  }

  /// The offsets of one partition of a source's topic that a snapshot holds: `from` ..< `to`, holes included.
  public struct RangeRecord: Sendable, Codable, Hashable {
    public var source: String
    public var topic: String
    public var partition: Int
    public var from: Int64
    public var to: Int64
    public var rowsRead: UInt64
    public var rowsApplied: UInt64
    public var rowsRejected: UInt64
    /// Offsets between that were passed over or given up, in order; nil where there are none. `missing` says why.
    public var skipped: [Skipped]?

    /// Offsets `from` ..< `to`.
    public struct Skipped: Sendable, Codable, Hashable {
      public var from: Int64
      public var to: Int64
      public init(from: Int64, to: Int64) {
        self.from = from
        self.to = to
      }
    }

    public init(
      source: String, topic: String, partition: Int, from: Int64, to: Int64, rowsRead: UInt64, rowsApplied: UInt64,
      rowsRejected: UInt64, skipped: [Skipped]? = nil
    ) {
      self.source = source
      self.topic = topic
      self.partition = partition
      self.from = from
      self.to = to
      self.rowsRead = rowsRead
      self.rowsApplied = rowsApplied
      self.rowsRejected = rowsRejected
      self.skipped = skipped
    }

    enum CodingKeys: String, CodingKey {
      case source, topic, partition, from, to, skipped
      case rowsRead = "rows_read"
      case rowsApplied = "rows_applied"
      case rowsRejected = "rows_rejected"
    }
  }

  public struct MissingInput: Sendable, Codable, Hashable {
    public var source: String
    public var key: String
    /// `lost`, `failed` or `pending`.
    public var state: String
    public var reason: String
    public init(source: String, key: String, state: String, reason: String) {
      self.source = source
      self.key = key
      self.state = state
      self.reason = reason
    }
  }

  public struct PartRecord: Sendable, Codable, Hashable {
    public var key: String
    public var split: String
    public var rows: Int
    public var bytes: Int
    public var sha256: String
    public init(key: String, split: String, rows: Int, bytes: Int, sha256: String) {
      self.key = key
      self.split = split
      self.rows = rows
      self.bytes = bytes
      self.sha256 = sha256
    }
  }

  public struct RejectedRecord: Sendable, Codable, Hashable {
    public var rows: UInt64
    /// Relative keys of the files that hold them.
    public var parts: [String]
    /// Rows a reason.
    public var reasons: [String: UInt64]
    public init(rows: UInt64 = 0, parts: [String] = [], reasons: [String: UInt64] = [:]) {
      self.rows = rows
      self.parts = parts
      self.reasons = reasons
    }
  }

  public struct CheckRecord: Sendable, Codable, Hashable {
    public var name: String
    public var passed: Bool
    public var detail: String
    public init(name: String, passed: Bool, detail: String) {
      self.name = name
      self.passed = passed
      self.detail = detail
    }
  }

  public struct DefinitionRecord: Sendable, Codable, Hashable {
    /// The file as the user wrote it.
    public var text: String
    /// Values of the `${NAME}` that stood outside `broker` and `events`.
    public var variables: [String: String]
    /// Where relative paths in it start from.
    public var directory: String
    public init(text: String, variables: [String: String], directory: String) {
      self.text = text
      self.variables = variables
      self.directory = directory
    }
  }

  enum CodingKeys: String, CodingKey {
    case version, dataset, snapshot, cut, fingerprint, rows, splits, schema, profile, inputs, ranges, missing, parts,
      rejected
    case checks, definition, shards, tributary
    case semanticHash = "semantic_hash"
    case asOf = "as_of"
    case cutMicroseconds = "cut_us"
  }

  public init(
    dataset: String, semanticHash: String, snapshot: String, asOf: String, cut: Int, cutMicroseconds: Int64,
    fingerprint: String, rows: Int,
    splits: [String: Int], schema: [SchemaField], profile: [String: ColumnSummary], inputs: [InputRecord],
    ranges: [RangeRecord]? = nil, missing: [MissingInput],
    parts: [PartRecord], rejected: RejectedRecord, checks: [CheckRecord], definition: DefinitionRecord, shards: Int,
    tributary: String
  ) {
    self.dataset = dataset
    self.semanticHash = semanticHash
    self.snapshot = snapshot
    self.asOf = asOf
    self.cut = cut
    self.cutMicroseconds = cutMicroseconds
    self.fingerprint = fingerprint
    self.rows = rows
    self.splits = splits
    self.schema = schema
    self.profile = profile
    self.inputs = inputs
    self.ranges = ranges
    self.missing = missing
    self.parts = parts
    self.rejected = rejected
    self.checks = checks
    self.definition = definition
    self.shards = shards
    self.tributary = tributary
  }
}

/// `latest.json`: names the newest snapshot.
public struct LatestPointer: Sendable, Codable, Hashable {
  public var dataset: String
  public var snapshot: String
  /// Relative key of its manifest.
  public var manifest: String
  public var fingerprint: String
  public var asOf: String
  /// When the cut was made, microseconds: the pointer never moves back behind it.
  public var cutMicroseconds: Int64

  public init(
    dataset: String, snapshot: String, manifest: String, fingerprint: String, asOf: String, cutMicroseconds: Int64
  ) {
    self.dataset = dataset
    self.snapshot = snapshot
    self.manifest = manifest
    self.fingerprint = fingerprint
    self.asOf = asOf
    self.cutMicroseconds = cutMicroseconds
  }

  enum CodingKeys: String, CodingKey {
    case dataset, snapshot, manifest, fingerprint
    case asOf = "as_of"
    case cutMicroseconds = "cut_us"
  }
}
