/// The ledger's wire form: a JSON object with `v` (version), `type`, and what the type needs. Names are short where
/// there are many of them; unknown members are ignored, unknown types and versions are not (see ``LedgerDocument``).
extension LedgerEntry: Codable {
  /// The version of most entries.
  public static let formatVersion = 1
  /// Of definitions that say their sources' columns: a program that does not know them would judge what follows otherwise.
  public static let definedVersion = 2

  private enum Keys: String, CodingKey {
    case v, type, generation, shards, attempt, schema, schemas, objects, ranges, id, reason, source, bucket, key,
      version
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
    let type = try container.decode(String.self, forKey: .type)
    let known = type == "defined" ? LedgerEntry.definedVersion : LedgerEntry.formatVersion
    guard (LedgerEntry.formatVersion...known).contains(version) else {
      throw UnknownForm(
        description: "a ledger entry has version \(version) and this program knows \(known); use the newer program")
    }
    func range() throws -> RangeIdentity {
      RangeIdentity(
        source: try container.decode(String.self, forKey: .source),
        topic: try container.decode(String.self, forKey: .topic),
        partition: try container.decode(Int.self, forKey: .partition))
    }
    switch type {
    case "defined":
      self = .defined(
        generation: try container.decode(Int.self, forKey: .generation),
        semanticHash: try container.decode(String.self, forKey: .semanticHash),
        shards: try container.decode(Int.self, forKey: .shards),
        schemas: version == LedgerEntry.definedVersion
          ? try container.decode([String: String].self, forKey: .schemas) : nil)
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
    case "supplied":
      self = .supplied(try Supply(from: decoder))
    case "lost":
      self = .lost(try Loss(from: decoder))
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

  private var version: Int {
    if case .defined(_, _, _, .some) = self { LedgerEntry.definedVersion } else { LedgerEntry.formatVersion }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(version, forKey: .v)
    func put(_ range: RangeIdentity) throws {
      try container.encode(range.source, forKey: .source)
      try container.encode(range.topic, forKey: .topic)
      try container.encode(range.partition, forKey: .partition)
    }
    switch self {
    case .defined(let generation, let hash, let shards, let schemas):
      try container.encode("defined", forKey: .type)
      try container.encode(generation, forKey: .generation)
      try container.encode(hash, forKey: .semanticHash)
      try container.encode(shards, forKey: .shards)
      try container.encodeIfPresent(schemas, forKey: .schemas)
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
    case .supplied(let supply):
      try container.encode("supplied", forKey: .type)
      try supply.encode(to: encoder)
    case .lost(let loss):
      try container.encode("lost", forKey: .type)
      try loss.encode(to: encoder)
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
