/// What one worker says of itself at `GET /status`. JSON; times are ISO 8601 in UTC.
///
/// New members are optional, so that a program and workers of different versions understand each other; `version` changes
/// with the meaning of an old one.
public struct NodeStatus: Sendable, Codable, Hashable {
  public static let currentVersion = 1

  /// The version of this document's form.
  public var version = NodeStatus.currentVersion
  /// Tributary's version.
  public var tributary: String
  public var dataset: String
  public var worker: String
  public var state: State
  public var started: String
  public var broker: Broker
  /// The last ledger entry this worker has folded; −1 before the first.
  public var ledgerPosition: Int64
  /// Of the definition that is in force.
  public var generation: Int
  /// Those this worker owns.
  public var shards: [Shard]
  public var inputs: Inputs
  /// Of the partitions this worker reads.
  public var lag: [Lag]
  public var snapshots: Snapshots
  public var deadLetters: Int64
  /// Inputs that no notification told of: found by listing the store.
  public var repaired: Int64
  public var rowsApplied: Int64
  public var rowsRejected: Int64
  /// Inputs whose rows shards of this worker wait for; nil if there are none.
  public var missing: Missing?

  public enum State: String, Sendable, Codable, Hashable {
    case starting
    case running
    case stopping
  }

  public init(
    tributary: String, dataset: String, worker: String, state: State, started: String, broker: Broker,
    ledgerPosition: Int64 = -1, generation: Int = 0, shards: [Shard] = [], inputs: Inputs = Inputs(),
    lag: [Lag] = [], snapshots: Snapshots = Snapshots(), deadLetters: Int64 = 0, repaired: Int64 = 0,
    rowsApplied: Int64 = 0, rowsRejected: Int64 = 0, missing: Missing? = nil
  ) {
    self.tributary = tributary
    self.dataset = dataset
    self.worker = worker
    self.state = state
    self.started = started
    self.broker = broker
    self.ledgerPosition = ledgerPosition
    self.generation = generation
    self.shards = shards
    self.inputs = inputs
    self.lag = lag
    self.snapshots = snapshots
    self.deadLetters = deadLetters
    self.repaired = repaired
    self.rowsApplied = rowsApplied
    self.rowsRejected = rowsRejected
    self.missing = missing
  }

  enum CodingKeys: String, CodingKey {
    case version, tributary, dataset, worker, state, started, broker, generation, shards, inputs, lag, snapshots
    case repaired, missing
    case ledgerPosition = "ledger_position"
    case deadLetters = "dead_letters"
    case rowsApplied = "rows_applied"
    case rowsRejected = "rows_rejected"
  }
}

extension NodeStatus {
  public struct Broker: Sendable, Codable, Hashable {
    public enum Kind: String, Sendable, Codable, Hashable {
      case kafka
      case embedded
    }
    public var kind: Kind
    public var isReachable: Bool

    public init(kind: Kind, isReachable: Bool) {
      self.kind = kind
      self.isReachable = isReachable
    }

    enum CodingKeys: String, CodingKey {
      case kind
      case isReachable = "reachable"
    }
  }

  public struct Lag: Sendable, Codable, Hashable {
    public var topic: String
    public var partition: Int
    /// Records that are there and not read yet.
    public var records: Int64
    /// Age of the oldest of them; nil if that is not known.
    public var seconds: Double?

    public init(topic: String, partition: Int, records: Int64, seconds: Double? = nil) {
      self.topic = topic
      self.partition = partition
      self.records = records
      self.seconds = seconds
    }
  }

  public struct Snapshots: Sendable, Codable, Hashable {
    /// The last that was published; nil before the first.
    public var lastID: String?
    public var lastFingerprint: String?
    public var lastAt: String?
    /// Cut and not published yet.
    public var pending: [String]
    /// nil without a schedule.
    public var nextSlot: String?

    public init(
      lastID: String? = nil, lastFingerprint: String? = nil, lastAt: String? = nil, pending: [String] = [],
      nextSlot: String? = nil
    ) {
      self.lastID = lastID
      self.lastFingerprint = lastFingerprint
      self.lastAt = lastAt
      self.pending = pending
      self.nextSlot = nextSlot
    }

    enum CodingKeys: String, CodingKey {
      case pending
      case lastID = "last_id"
      case lastFingerprint = "last_fingerprint"
      case lastAt = "last_at"
      case nextSlot = "next_slot"
    }
  }
}
