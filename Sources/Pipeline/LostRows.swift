/// Rows of a commit, read again from the same input versions under the same numbers: for shards that could not fold them
/// before the topic of rows lost them.
///
/// It changes nothing of what is accepted. A shard takes it in the commit's place only where rows and checksum are those
/// of the commit's receipt: keys, input numbers and row numbers of all rows, whatever batches they came in.
public struct Supply: Sendable, Hashable {
  /// Of the commit, in the ledger.
  public var position: Int
  public var attempt: AttemptID
  /// One a shard; those that did not want it have none.
  public var shards: [ShardReceipt]

  public init(position: Int, attempt: AttemptID, shards: [ShardReceipt]) {
    self.position = position
    self.attempt = attempt
    self.shards = shards
  }

  /// Where a shard finds the rows of `receipt`, the commit's; nil where these are others.
  public func receipt(replacing receipt: ShardReceipt, shard: Int) -> ShardReceipt? {
    guard shards.indices.contains(shard), shards[shard].rows == receipt.rows,
      shards[shard].checksum == receipt.checksum
    else { return nil }
    return shards[shard]
  }
}

/// Inputs of a commit, all of one source, that nobody can supply again: from here on no shard has their rows.
public struct Loss: Sendable, Hashable {
  /// Of the commit, in the ledger.
  public var position: Int
  public var reason: String
  public var objects: [ObjectIdentity]
  /// As the commit has them: their counts are taken back.
  public var ranges: [CommittedRange]

  public init(position: Int, reason: String, objects: [ObjectIdentity], ranges: [CommittedRange] = []) {
    self.position = position
    self.reason = reason
    self.objects = objects
    self.ranges = ranges
  }

  /// Of all inputs; "" without any.
  public var source: String { objects.first?.source ?? ranges.first?.range.source ?? "" }
}

extension Supply: Codable {
  private enum Keys: String, CodingKey {
    case position, attempt, shards
    case shardCount = "shard_count"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    guard let attempt = AttemptID(try container.decode(String.self, forKey: .attempt)) else {
      throw LedgerEntry.UnknownForm(description: "supplied rows have an impossible attempt")
    }
    self.init(
      position: try container.decode(Int.self, forKey: .position), attempt: attempt,
      shards: try ShardReceipt.decode(
        try container.decode([ShardReceipt.Form].self, forKey: .shards),
        shards: try container.decode(Int.self, forKey: .shardCount)))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(position, forKey: .position)
    try container.encode(attempt.description, forKey: .attempt)
    try container.encode(shards.count, forKey: .shardCount)
    try container.encode(ShardReceipt.forms(shards), forKey: .shards)
  }
}

extension Loss: Codable {
  private enum Keys: String, CodingKey { case position, reason, source, objects, ranges }

  private struct ObjectForm: Codable {
    var bucket: String
    var key: String
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    let source = try container.decode(String.self, forKey: .source)
    let objects = try container.decodeIfPresent([ObjectForm].self, forKey: .objects) ?? []
    let ranges = try container.decodeIfPresent([CommittedRange.Form].self, forKey: .ranges) ?? []
    self.init(
      position: try container.decode(Int.self, forKey: .position),
      reason: try container.decode(String.self, forKey: .reason),
      objects: objects.map { ObjectIdentity(source: source, bucket: $0.bucket, key: $0.key) },
      ranges: try ranges.map { try $0.range(of: source) })
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(position, forKey: .position)
    try container.encode(reason, forKey: .reason)
    try container.encode(source, forKey: .source)
    if !objects.isEmpty {
      try container.encode(objects.map { ObjectForm(bucket: $0.bucket, key: $0.key) }, forKey: .objects)
    }
    if !ranges.isEmpty { try container.encode(ranges.map { CommittedRange.Form($0) }, forKey: .ranges) }
  }
}
