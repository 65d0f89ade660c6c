extension NodeStatus {
  public struct Shard: Sendable, Codable, Hashable {
    public enum State: String, Sendable, Codable, Hashable {
      case recovering
      case serving
      /// It cannot go on without somebody; ``Shard/reason`` says why.
      case stopped
    }
    public var shard: Int
    public var state: State
    public var reason: String?
    /// Up to here the ledger's verdicts are in the shard's segments.
    public var ledgerPosition: Int64
    public var rows: Int64
    public var keys: Int64
    public var segments: Int
    /// Batches that no verdict has come for.
    public var stagedBytes: Int64

    public init(
      shard: Int, state: State, reason: String? = nil, ledgerPosition: Int64 = -1, rows: Int64 = 0,
      keys: Int64 = 0, segments: Int = 0, stagedBytes: Int64 = 0
    ) {
      self.shard = shard
      self.state = state
      self.reason = reason
      self.ledgerPosition = ledgerPosition
      self.rows = rows
      self.keys = keys
      self.segments = segments
      self.stagedBytes = stagedBytes
    }

    enum CodingKeys: String, CodingKey {
      case shard, state, reason, rows, keys, segments
      case ledgerPosition = "ledger_position"
      case stagedBytes = "staged_bytes"
    }
  }

  public struct Inputs: Sendable, Codable, Hashable {
    /// Failed inputs that the document lists; ``failedCount`` counts the others too.
    public static let failedMax = 20

    /// Of the whole dataset, as this worker's fold knows them; the others are this worker's own.
    public var accepted: Int64
    public var inFlight: Int
    public var waiting: Int
    public var failedCount: Int
    /// The first ``failedMax``.
    public var failed: [Failed]

    /// `failed`: all of them.
    public init(accepted: Int64 = 0, inFlight: Int = 0, waiting: Int = 0, failed: [Failed] = []) {
      self.accepted = accepted
      self.inFlight = inFlight
      self.waiting = waiting
      failedCount = failed.count
      self.failed = Array(failed.prefix(Self.failedMax))
    }

    enum CodingKeys: String, CodingKey {
      case accepted, waiting, failed
      case inFlight = "in_flight"
      case failedCount = "failed_count"
    }
  }

  /// Rows that the topic of rows has lost before some shards had them.
  public struct Missing: Sendable, Codable, Hashable {
    /// Inputs that the document lists; ``count`` counts the others too.
    public static let inputsMax = 20

    public var count: Int
    /// The first ``inputsMax``.
    public var inputs: [Input]

    public struct Input: Sendable, Codable, Hashable {
      public var source: String
      public var location: String
      /// Of the whole input.
      public var rows: Int64
      /// That wait for it.
      public var shards: [Int]
      /// Why they cannot be supplied again, once somebody has tried.
      public var problem: String?

      public init(source: String, location: String, rows: Int64, shards: [Int], problem: String? = nil) {
        self.source = source
        self.location = location
        self.rows = rows
        self.shards = shards
        self.problem = problem
      }
    }

    /// `inputs`: all of them.
    public init(_ inputs: [Input]) {
      count = inputs.count
      self.inputs = Array(inputs.prefix(Missing.inputsMax))
    }
  }

  /// An input that could not be read, however often it was tried.
  public struct Failed: Sendable, Codable, Hashable {
    public var source: String
    /// `s3://lake/a.csv`, `app.clicks[3] 100–200`
    public var location: String
    public var reason: String
    public var attempts: Int

    public init(source: String, location: String, reason: String, attempts: Int) {
      self.source = source
      self.location = location
      self.reason = reason
      self.attempts = attempts
    }
  }
}
