/// A row, object or notification that could not be used, as `tributary dead-letters` shows it.
public struct DeadLetter: Sendable, Hashable, Codable {
  public enum Kind: String, Sendable, Codable {
    case row
    /// Set aside after all retries.
    case object
    /// A notification that cannot be read.
    case message
  }

  public enum State: String, Sendable, Codable {
    /// The row is missing from what snapshots hold now.
    case open
    /// Its object was read anew since, or is gone.
    case settled
    /// Of an attempt that never counted: nobody misses it.
    case unaccepted
  }

  /// `PARTITION:OFFSET` in the topic of dead letters.
  public var id: String
  public var state: State
  public var kind: Kind
  /// When it was appended, milliseconds since 1970.
  public var appendedAt: Int64
  public var attempt: String?
  public var source: String?
  /// A path, `s3://bucket/key`, or `topic[partition]`.
  public var object: String?
  /// From 1; of a record its offset.
  public var row: UInt64?
  /// In the inflated object.
  public var byte: UInt64?
  public var reason: String
  public var column: String?
  public var message: String?
  /// The original bytes, if they are text.
  public var raw: String?
  public var rawBase64: String?
  /// Of the original, where only its beginning was kept.
  public var length: UInt64?
  public var version: String?
  public var tries: Int?
  public var topic: String?
  public var partition: UInt64?
  public var offset: UInt64?

  enum CodingKeys: String, CodingKey {
    case id, state, kind, attempt, source, object, row, byte, reason, column, message, raw, length, version, tries
    case topic, partition, offset
    case appendedAt = "appended_at"
    case rawBase64 = "raw_base64"
  }
}

/// Which dead letters are meant.
public struct DeadLetterQuery: Sendable, Hashable {
  public var source: String?
  /// `PARTITION:OFFSET`.
  public var id: String?
  /// Letters given at most, the newest.
  public var limit: Int
  /// Settled ones too.
  public var all: Bool

  public init(source: String? = nil, id: String? = nil, limit: Int = 20, all: Bool = false) {
    self.source = source
    self.id = id
    self.limit = limit
    self.all = all
  }

  /// The partition and offset of an id; nil if it is none.
  public static func place(_ id: String) -> (partition: Int, offset: Int64)? {
    let parts = id.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let partition = Int(parts[0]), let offset = Int64(parts[1]), partition >= 0, offset >= 0
    else { return nil }
    return (partition, offset)
  }
}

/// What was found.
public struct DeadLetterListing: Sendable, Hashable, Codable {
  public struct Count: Sendable, Hashable, Codable {
    public var kind: DeadLetter.Kind
    public var source: String
    public var reason: String
    public var count: Int
  }

  /// Over all that were looked at.
  public var counts: [Count] = []
  /// The newest, newest first.
  public var letters: [DeadLetter] = []
  /// Older ones that were not looked at.
  public var notLookedAt: Int64 = 0

  enum CodingKeys: String, CodingKey {
    case counts, letters
    case notLookedAt = "not_looked_at"
  }

  public init() {}
}

/// What a replay set in motion.
public struct DeadLetterReplay: Sendable, Hashable, Codable {
  /// Objects that are read again.
  public var objects: [String] = []
  /// Rows and notifications that cannot be replayed, by why not.
  public var left: [String: Int] = [:]

  public init() {}
}
