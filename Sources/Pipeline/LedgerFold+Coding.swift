/// A fold at rest, so that a worker need not read the ledger from its beginning. Only one without pending cuts is saved:
/// what a cut holds is known by reading on from before it.
extension LedgerFold: Codable {
  /// The form's version: 2 once an object is lost, 3 once columns are known since when, which older programs would pass over.
  public static let savedVersions = 1...3

  private enum Keys: String, CodingKey {
    case version, position, chain, generation, shards, schemas, history, objects, ranges, failed, lost, published, cuts
    case semanticHash = "semantic_hash"
    case definedAt = "defined_at"
  }

  private struct ObjectForm: Codable {
    var object: ObjectIdentity
    var held: Accepted
  }

  private struct RangeForm: Codable {
    var range: RangeIdentity
    var held: AcceptedRange
  }

  private struct FailedForm: Codable {
    var object: ObjectIdentity
    var held: FailedObject
  }

  private struct LostForm: Codable {
    var object: ObjectIdentity
    var held: LostObject
  }

  public init(from decoder: any Decoder) throws {
    self.init()
    let container = try decoder.container(keyedBy: Keys.self)
    let version = try container.decode(Int.self, forKey: .version)
    guard LedgerFold.savedVersions.contains(version),
      let chain = LedgerChain(try container.decode(String.self, forKey: .chain))
    else {
      throw LedgerEntry.UnknownForm(description: "a saved fold of version \(version); use the newer program")
    }
    restore(
      position: try container.decode(Int.self, forKey: .position), chain: chain,
      generation: try container.decodeIfPresent(Int.self, forKey: .generation),
      semanticHash: try container.decodeIfPresent(String.self, forKey: .semanticHash),
      shards: try container.decodeIfPresent(Int.self, forKey: .shards),
      schemas: try container.decodeIfPresent(SourceSchemas.self, forKey: .schemas) ?? SourceSchemas(),
      history: try container.decode([String].self, forKey: .history),
      objects: Dictionary(
        try container.decode([ObjectForm].self, forKey: .objects).map { ($0.object, $0.held) },
        uniquingKeysWith: { _, last in last }),
      ranges: Dictionary(
        try container.decode([RangeForm].self, forKey: .ranges).map { ($0.range, $0.held) },
        uniquingKeysWith: { _, last in last }),
      failed: Dictionary(
        try container.decode([FailedForm].self, forKey: .failed).map { ($0.object, $0.held) },
        uniquingKeysWith: { _, last in last }),
      lost: Dictionary(
        try container.decodeIfPresent([LostForm].self, forKey: .lost)?.map { ($0.object, $0.held) } ?? [],
        uniquingKeysWith: { _, last in last }),
      published: try container.decode([PublishedCut].self, forKey: .published),
      definedAt: try container.decodeIfPresent(Int64.self, forKey: .definedAt),
      cutIDs: Set(try container.decode([String].self, forKey: .cuts)))
  }

  public func encode(to encoder: any Encoder) throws {
    precondition(cuts.isEmpty, "a fold with pending cuts is not saved")
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(schemas.isKnown ? 3 : lost.isEmpty ? 1 : 2, forKey: .version)
    try container.encode(position, forKey: .position)
    try container.encode(chain.description, forKey: .chain)
    try container.encodeIfPresent(generation, forKey: .generation)
    try container.encodeIfPresent(semanticHash, forKey: .semanticHash)
    try container.encodeIfPresent(shards, forKey: .shards)
    if schemas.isKnown { try container.encode(schemas, forKey: .schemas) }
    try container.encode(history, forKey: .history)
    try container.encode(objects.map { ObjectForm(object: $0.key, held: $0.value) }, forKey: .objects)
    try container.encode(ranges.map { RangeForm(range: $0.key, held: $0.value) }, forKey: .ranges)
    try container.encode(failed.map { FailedForm(object: $0.key, held: $0.value) }, forKey: .failed)
    if !lost.isEmpty {
      try container.encode(lost.map { LostForm(object: $0.key, held: $0.value) }, forKey: .lost)
    }
    try container.encode(published, forKey: .published)
    try container.encodeIfPresent(definedAt, forKey: .definedAt)
    try container.encode(allCutIDs.sorted(), forKey: .cuts)
  }
}
