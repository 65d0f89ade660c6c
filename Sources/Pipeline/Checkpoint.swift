/// A shard's state, small: which segments it is made of, at which ledger position.
///
/// Named by its position; recovery takes the highest one, fetches the segments that are not at hand, and replays the
/// ledger from there. Immutable once written.
public struct Checkpoint: Sendable, Hashable, Codable {
  public static let currentVersion = 1

  public var version = Checkpoint.currentVersion
  public var dataset: String
  public var shard: Int
  public var shards: Int
  /// The next ledger entry's position.
  public var position: Int
  /// ``LedgerChain`` behind the entry before.
  public var chain: String
  /// The next offset of the shard's partition of `rows`.
  public var rowsOffset: Int64
  /// In ledger order.
  public var segments: [Segment]
  public var cuts: [Cut]

  /// What the topic of features had got; nil where it gets nothing (and in older checkpoints).
  public var told: Told?

  /// All rows of these segments by this definition, as of that time.
  public struct Told: Sendable, Hashable, Codable {
    public var semanticHash: String
    /// Microseconds.
    public var asOf: Int64
    /// Of the shard's partition of the topic: what lies behind is of others, or came later.
    public var offset: Int64
    public init(semanticHash: String, asOf: Int64, offset: Int64) {
      self.semanticHash = semanticHash
      self.asOf = asOf
      self.offset = offset
    }
  }

  public struct Segment: Sendable, Hashable, Codable {
    public var name: String
    public var bytes: Int
    public var dead: [Int]
    public init(name: String, bytes: Int, dead: [Int]) {
      self.name = name
      self.bytes = bytes
      self.dead = dead
    }
  }

  /// A cut that has not ended: its segments as they stood there.
  public struct Cut: Sendable, Hashable, Codable {
    public var id: String
    public var segments: [Segment]
    public init(id: String, segments: [Segment]) {
      self.id = id
      self.segments = segments
    }
  }

  public init(
    dataset: String, shard: Int, shards: Int, position: Int, chain: String, rowsOffset: Int64, segments: [Segment],
    cuts: [Cut], told: Told? = nil
  ) {
    self.dataset = dataset
    self.shard = shard
    self.shards = shards
    self.position = position
    self.chain = chain
    self.rowsOffset = rowsOffset
    self.segments = segments
    self.cuts = cuts
    self.told = told
  }

  /// All segments that it names.
  public var names: Set<String> {
    Set(segments.map(\.name)).union(cuts.flatMap { $0.segments.map(\.name) })
  }
}
