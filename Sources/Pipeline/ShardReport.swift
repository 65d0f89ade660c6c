/// One shard's share of a cut, written and waiting to be published: what a join worker says on the `control` topic.
///
/// Whoever wrote it, a report of a shard at a cut says the same, but for `writer`; a publisher merges one of each shard.
public struct ShardReport: Sendable, Codable, Hashable {
  public static let currentVersion = 1
  /// Parts that a report lists itself; more stand in the state object, so that a report stays a small message.
  public static let partsListedMax = 1000

  public var version = ShardReport.currentVersion
  public var dataset: String
  /// The cut's id.
  public var cut: String
  /// The cut's position in the ledger.
  public var cutPosition: Int
  /// Microseconds.
  public var asOf: Int64
  /// Of the definition.
  public var generation: Int
  public var shard: Int
  /// How many shards there are.
  public var shards: Int
  /// The hash chain over the ledger up to the cut, in hexadecimal: workers that read different ledgers differ in it.
  public var chain: String
  /// The first ``partsListedMax`` parts, in order.
  public var parts: [Part]
  public var partCount: Int
  /// Rows a split.
  public var splits: [String: Int]
  /// ``Fingerprint/hexState``: enough to tell, without the store, whether a published snapshot is this one.
  public var fingerprint: String
  /// The ``ShardSummary``.
  public var state: StateRecord
  /// Rows of the cut's inputs that were applied in this shard, by source; over all shards they are those of the ledger.
  /// nil: not counted.
  public var sourceRows: [String: UInt64]?
  /// Who wrote it, for people.
  public var writer: String

  /// One file of a shard's rows, hidden from readers until its contents are joined to the snapshot's.
  public struct Part: Sendable, Codable, Hashable {
    /// Relative to the snapshot's folder.
    public var key: String
    public var split: String
    public var rows: Int
    public var bytes: Int
    /// Of `bytes`, those at the end that describe the others (Parquet's footer); 0 in other formats.
    public var footerBytes: Int
    public var sha256: String

    public init(key: String, split: String, rows: Int, bytes: Int, footerBytes: Int, sha256: String) {
      self.key = key
      self.split = split
      self.rows = rows
      self.bytes = bytes
      self.footerBytes = footerBytes
      self.sha256 = sha256
    }

    enum CodingKeys: String, CodingKey {
      case key, split, rows, bytes, sha256
      case footerBytes = "footer_bytes"
    }
  }

  public struct StateRecord: Sendable, Codable, Hashable {
    /// Relative to the snapshot's folder.
    public var key: String
    public var bytes: Int
    public var sha256: String

    public init(key: String, bytes: Int, sha256: String) {
      self.key = key
      self.bytes = bytes
      self.sha256 = sha256
    }
  }

  public init(
    dataset: String, cut: String, cutPosition: Int, asOf: Int64, generation: Int, shard: Int, shards: Int,
    chain: String, parts: [Part], partCount: Int, splits: [String: Int], fingerprint: String, state: StateRecord,
    sourceRows: [String: UInt64]?, writer: String
  ) {
    self.dataset = dataset
    self.cut = cut
    self.cutPosition = cutPosition
    self.asOf = asOf
    self.generation = generation
    self.shard = shard
    self.shards = shards
    self.chain = chain
    self.parts = parts
    self.partCount = partCount
    self.splits = splits
    self.fingerprint = fingerprint
    self.state = state
    self.sourceRows = sourceRows
    self.writer = writer
  }

  enum CodingKeys: String, CodingKey {
    case version, dataset, cut, generation, shard, shards, chain, parts, splits, fingerprint, state, writer
    case cutPosition = "cut_position"
    case asOf = "as_of_us"
    case partCount = "part_count"
    case sourceRows = "source_rows"
  }
}
