/// The ledger's wire form: a JSON object with `v` (version), `type`, and what the type needs. Names are short where
/// there are many of them; unknown members are ignored, unknown types and versions are not (see ``LedgerDocument``).
extension LedgerEntry: Codable {
  /// The version that this program writes and the only one it reads.
  public static let formatVersion = 1

  private enum Keys: String, CodingKey {
    case v, type, generation, shards, attempt, schema, objects, ranges, id, reason, source, bucket, key, version
    case topic, partition, offset, from, to, cut
    case semanticHash = "semantic_hash"
    case asOf = "as_of"
    case notBefore = "not_before"
  }

  /// An entry of another version or type: it must not be passed over, since all that follows depends on it.
  public struct UnknownForm: Error, Sendable, CustomStringConvertible {
    public var description: String
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    let version = try container.decode(Int.self, forKey: .v)
    guard version == LedgerEntry.formatVersion else {
      throw UnknownForm(
        description:
          "a ledger entry has version \(version) and this program knows \(LedgerEntry.formatVersion); use the newer program"
      )
    }
    func range() throws -> RangeIdentity {
      RangeIdentity(
        source: try container.decode(String.self, forKey: .source),
        topic: try container.decode(String.self, forKey: .topic),
        partition: try container.decode(Int.self, forKey: .partition))
    }
    let type = try container.decode(String.self, forKey: .type)
    switch type {
    case "defined":
      self = .defined(
        generation: try container.decode(Int.self, forKey: .generation),
        semanticHash: try container.decode(String.self, forKey: .semanticHash),
        shards: try container.decode(Int.self, forKey: .shards))
    case "commit":
      self = .commit(try Commit(from: decoder))
    case "opened":
      self = .opened(
        try range(), offset: try container.decode(Int64.self, forKey: .offset),
        schema: try container.decode(String.self, forKey: .schema),
        generation: try container.decode(Int.self, forKey: .generation))
    case "skipped":
      self = .skipped(
        try range(), from: try container.decode(Int64.self, forKey: .from),
        to: try container.decode(Int64.self, forKey: .to), reason: try container.decode(String.self, forKey: .reason))
    case "set_aside":
      self = .setAside(
        ObjectIdentity(
          source: try container.decode(String.self, forKey: .source),
          bucket: try container.decode(String.self, forKey: .bucket),
          key: try container.decode(String.self, forKey: .key)),
        version: try container.decode(String.self, forKey: .version),
        reason: try container.decode(String.self, forKey: .reason),
        schema: try container.decode(String.self, forKey: .schema))
    case "cut":
      self = .cut(
        id: try container.decode(String.self, forKey: .id), asOf: try container.decode(Int64.self, forKey: .asOf),
        notBefore: try container.decodeIfPresent(Int64.self, forKey: .notBefore) ?? .min)
    case "published":
      self = .published(cut: try container.decode(String.self, forKey: .cut))
    case "abandoned":
      self = .abandoned(
        cut: try container.decode(String.self, forKey: .cut), reason: try container.decode(String.self, forKey: .reason)
      )
    default:
      throw UnknownForm(description: "a ledger entry has the unknown type '\(type)'; use the newer program")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(LedgerEntry.formatVersion, forKey: .v)
    func put(_ range: RangeIdentity) throws {
      try container.encode(range.source, forKey: .source)
      try container.encode(range.topic, forKey: .topic)
      try container.encode(range.partition, forKey: .partition)
    }
    switch self {
    case .defined(let generation, let hash, let shards):
      try container.encode("defined", forKey: .type)
      try container.encode(generation, forKey: .generation)
      try container.encode(hash, forKey: .semanticHash)
      try container.encode(shards, forKey: .shards)
    case .commit(let commit):
      try container.encode("commit", forKey: .type)
      try commit.encode(to: encoder)
    case .opened(let identity, let offset, let schema, let generation):
      try container.encode("opened", forKey: .type)
      try put(identity)
      try container.encode(offset, forKey: .offset)
      try container.encode(schema, forKey: .schema)
      try container.encode(generation, forKey: .generation)
    case .skipped(let identity, let from, let to, let reason):
      try container.encode("skipped", forKey: .type)
      try put(identity)
      try container.encode(from, forKey: .from)
      try container.encode(to, forKey: .to)
      try container.encode(reason, forKey: .reason)
    case .setAside(let object, let version, let reason, let schema):
      try container.encode("set_aside", forKey: .type)
      try container.encode(object.source, forKey: .source)
      try container.encode(object.bucket, forKey: .bucket)
      try container.encode(object.key, forKey: .key)
      try container.encode(version, forKey: .version)
      try container.encode(reason, forKey: .reason)
      try container.encode(schema, forKey: .schema)
    case .cut(let id, let asOf, let notBefore):
      try container.encode("cut", forKey: .type)
      try container.encode(id, forKey: .id)
      try container.encode(asOf, forKey: .asOf)
      if notBefore != .min { try container.encode(notBefore, forKey: .notBefore) }
    case .published(let cut):
      try container.encode("published", forKey: .type)
      try container.encode(cut, forKey: .cut)
    case .abandoned(let cut, let reason):
      try container.encode("abandoned", forKey: .type)
      try container.encode(cut, forKey: .cut)
      try container.encode(reason, forKey: .reason)
    }
  }
}

extension Commit: Codable {
  private enum Keys: String, CodingKey {
    case generation, attempt, schema, source, objects, ranges, shards
    case shardCount = "shard_count"
  }

  /// `r` rows read, `x` rejected; rows applied are the difference.
  private struct ObjectForm: Codable {
    var bucket: String
    var key: String
    var version: String?
    var base: Int?
    var r: UInt64
    var x: UInt64
    var facts: ObjectFacts?
  }

  private struct RangeForm: Codable {
    var topic: String
    var partition: Int
    var from: Int64
    var to: Int64
    var r: UInt64
    var x: UInt64
    var reasons: [String: UInt64]?
  }

  /// Only shards with rows: `s` shard, `n` rows, `c` checksum, `f` first offset, `e` end.
  private struct ReceiptForm: Codable {
    var s: Int
    var n: Int
    var c: UInt64
    var f: Int64
    var e: Int64
  }

  /// More shards than any dataset has: a bound for what is allocated on a document's word.
  static let shardsMax = 1 << 16

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    let source = try container.decode(String.self, forKey: .source)
    let text = try container.decode(String.self, forKey: .attempt)
    let count = try container.decode(Int.self, forKey: .shardCount)
    guard let attempt = AttemptID(text), (0...Commit.shardsMax).contains(count) else {
      throw LedgerEntry.UnknownForm(description: "a commit has no attempt or an impossible shard count")
    }
    var receipts = Array(repeating: ShardReceipt(), count: count)
    for form in try container.decode([ReceiptForm].self, forKey: .shards) {
      guard receipts.indices.contains(form.s), receipts[form.s].rows == 0, form.n > 0, form.f >= 0, form.e > form.f
      else {
        throw LedgerEntry.UnknownForm(description: "a commit has an impossible receipt of shard \(form.s) of \(count)")
      }
      receipts[form.s] = ShardReceipt(rows: form.n, checksum: form.c, first: form.f, end: form.e)
    }
    let objects = try container.decodeIfPresent([ObjectForm].self, forKey: .objects) ?? []
    let ranges = try container.decodeIfPresent([RangeForm].self, forKey: .ranges) ?? []
    // What is said of rows is counted with from here on.
    guard objects.allSatisfy({ $0.x <= $0.r }), ranges.allSatisfy({ $0.x <= $0.r && 0 <= $0.from && $0.from <= $0.to })
    else {
      throw LedgerEntry.UnknownForm(description: "a commit has an input with more rejected rows than rows, or none")
    }
    self.init(
      generation: try container.decode(Int.self, forKey: .generation), attempt: attempt,
      inputs: objects.map {
        CommittedInput(
          object: ObjectIdentity(source: source, bucket: $0.bucket, key: $0.key), version: $0.version, base: $0.base,
          rowsRead: $0.r, rowsApplied: $0.r - $0.x, rowsRejected: $0.x, facts: $0.facts)
      },
      ranges: ranges.map {
        CommittedRange(
          range: RangeIdentity(source: source, topic: $0.topic, partition: $0.partition), from: $0.from, to: $0.to,
          rowsRead: $0.r, rowsRejected: $0.x, reasons: $0.reasons)
      }, schema: try container.decode(String.self, forKey: .schema), shards: receipts)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(generation, forKey: .generation)
    try container.encode(attempt.description, forKey: .attempt)
    try container.encode(schema, forKey: .schema)
    try container.encode(source, forKey: .source)
    if !inputs.isEmpty {
      try container.encode(
        inputs.map {
          ObjectForm(
            bucket: $0.object.bucket, key: $0.object.key, version: $0.version, base: $0.base, r: $0.rowsRead,
            x: $0.rowsRejected, facts: $0.facts)
        }, forKey: .objects)
    }
    if !ranges.isEmpty {
      try container.encode(
        ranges.map {
          RangeForm(
            topic: $0.range.topic, partition: $0.range.partition, from: $0.from, to: $0.to, r: $0.rowsRead,
            x: $0.rowsRejected, reasons: $0.reasons)
        }, forKey: .ranges)
    }
    try container.encode(shards.count, forKey: .shardCount)
    try container.encode(
      shards.enumerated().filter { $1.rows > 0 }.map {
        ReceiptForm(s: $0, n: $1.rows, c: $1.checksum, f: $1.first, e: $1.end)
      }, forKey: .shards)
  }
}
