/// The state that comes of reading the ledger to a position; every worker computes the same one.
///
/// Pure: the verdict on an entry depends only on the entries before it and, for cuts, on the broker's append time. No
/// worker's clock and no sequencer is in the rule.
public struct LedgerFold: Sendable {
  /// What an entry did.
  public enum Verdict: Sendable, Hashable {
    /// A commit, or a loss: one answer an input, objects first, then ranges.
    case inputs([Bool])
    case accepted
    case refused(String)
  }

  /// The next entry's position: one more than the last one's (its offset in the ledger's topic).
  public private(set) var position = 0
  /// Hash chain over all entries' bytes: two workers with the same position and chain have read the same ledger.
  public private(set) var chain = LedgerChain()
  public private(set) var generation: Int?
  public private(set) var semanticHash: String?
  public private(set) var shards: Int?
  /// The sources' columns, and since when: what was accepted before does not count.
  public private(set) var schemas = SourceSchemas()
  /// Semantic hashes of all generations so far: tells an older definition from a newer one.
  public private(set) var history: [String] = []
  /// The last accepted entry of each object.
  public internal(set) var objects: [ObjectIdentity: Accepted] = [:]
  public internal(set) var ranges: [RangeIdentity: AcceptedRange] = [:]
  /// Object versions that cannot be used; gone with the object's next accepted entry.
  public private(set) var failed: [ObjectIdentity: FailedObject] = [:]
  /// Objects whose rows were given up; gone with the next version that is accepted.
  public internal(set) var lost: [ObjectIdentity: LostObject] = [:]
  /// Cuts that were accepted and have not ended, by id.
  public internal(set) var cuts: [String: CutState] = [:]
  /// Cuts that were published, in the ledger's order.
  public private(set) var published: [PublishedCut] = []
  /// The broker's append time of the first definition, microseconds: no slot before it is cut.
  public private(set) var definedAt: Int64?
  private var cutIDs: Set<String> = []

  /// What is accepted of an object.
  public struct Accepted: Sendable, Hashable, Codable {
    public var position: Int
    /// nil: the object is not there.
    public var version: String?
    /// Position of the last accepted entry that found the object: what `on_remove: keep` goes on counting.
    public var content: Int?
    /// The source's columns when it was read.
    public var schema: String
    public var rowsRead: UInt64
    public var rowsRejected: UInt64
    public var facts: ObjectFacts?

    public init(
      position: Int, version: String?, schema: String = "", rowsRead: UInt64 = 0, rowsRejected: UInt64 = 0,
      facts: ObjectFacts? = nil
    ) {
      self.position = position
      self.version = version
      content = version == nil ? nil : position
      self.schema = schema
      self.rowsRead = rowsRead
      self.rowsRejected = rowsRejected
      self.facts = facts
    }
  }

  /// What is accepted of a record partition: everything from `begin` to `end`, less what was skipped.
  public struct AcceptedRange: Sendable, Hashable, Codable {
    public var begin: Int64
    public var end: Int64
    /// The source's columns by which it is read.
    public var schema = ""
    public var rowsRead: UInt64 = 0
    public var rowsRejected: UInt64 = 0
    public var reasons: [String: UInt64] = [:]
    public var skipped: [Skipped] = []
    /// Position of the entry that opened it; nil in folds of older programs.
    public var opened: Int?
  }

  public struct Skipped: Sendable, Hashable, Codable {
    public var from: Int64
    public var to: Int64
    public var reason: String
  }

  public struct FailedObject: Sendable, Hashable, Codable {
    public var version: String
    public var reason: String
    /// The source's columns by which it was read.
    public var schema: String
  }

  public struct PublishedCut: Sendable, Hashable, Codable {
    public var id: String
    /// The append time of the cut, microseconds.
    public var cutAt: Int64
    public var position: Int
  }

  /// An accepted cut: what the snapshot holds, fixed at this position whatever follows.
  public struct CutState: Sendable {
    public var id: String
    public var position: Int
    public var asOf: Int64
    /// The broker's append time, microseconds.
    public var appendedAt: Int64
    public var generation: Int
    public var schemas: SourceSchemas
    public var chain: LedgerChain
    public var objects: [ObjectIdentity: Accepted]
    public var ranges: [RangeIdentity: AcceptedRange]
    public var failed: [ObjectIdentity: FailedObject]
    public var lost: [ObjectIdentity: LostObject]
  }

  public init() {}

  /// Judges the next entry and moves on. `offset`: its offset in the topic, which is its position; offsets grow but may have
  /// holes. `appendedAt`: the broker's append time, microseconds; `hash`: of the
  /// entry's bytes, for the chain.
  public mutating func judge(_ entry: LedgerEntry, at offset: Int? = nil, appendedAt: Int64 = .max, hash: UInt64 = 0)
    -> Verdict
  {
    if let offset { position = max(position, offset) }
    chain.add(hash)
    defer { position += 1 }
    switch entry {
    case .defined(let next, let hash, let count, let schemas):
      let verdict = define(next, hash, count, schemas)
      if verdict == .accepted && definedAt == nil { definedAt = appendedAt }
      return verdict
    case .commit(let commit): return .inputs(judge(commit))
    case .opened(let identity, let offset, let schema, let made):
      guard made == generation else { return .refused("generation \(made) is not in force") }
      guard !(ranges[identity].map { schemas.isCurrent($0, of: identity.source, schema: schema) } ?? false) else {
        return .refused("\(identity.topic)[\(identity.partition)] is open already")
      }
      ranges[identity] = AcceptedRange(begin: offset, end: offset, schema: schema, opened: position)
      return .accepted
    case .skipped(let identity, let from, let to, let reason):
      guard ranges[identity]?.end == from, to > from else {
        return .refused("records are skipped from where the accepted ones end")
      }
      ranges[identity]?.end = to
      ranges[identity]?.skipped.append(Skipped(from: from, to: to, reason: reason))
      return .accepted
    case .setAside(let object, let version, let reason, let schema):
      if let held = objects[object], held.version == version,
        schemas.isCurrent(held, of: object.source, schema: schema)
      {
        return .refused("that version is accepted")
      }
      failed[object] = FailedObject(version: version, reason: reason, schema: schema)
      return .accepted
    case .supplied(let supply):
      guard supply.position < position, supply.shards.count == shards else {
        return .refused("rows are supplied of an earlier entry, for \(shards ?? 0) shards")
      }
      return .accepted
    case .lost(let loss): return .inputs(judge(loss))
    case .cut(let id, let asOf, let notBefore):
      guard let generation else { return .refused("nothing is defined yet") }
      // Refused for its time, the id stays free: whoever comes in time may take it.
      guard appendedAt >= notBefore else { return .refused("the cut '\(id)' came before its time") }
      guard cutIDs.insert(id).inserted else { return .refused("there is a cut '\(id)' already") }
      cuts[id] = CutState(
        id: id, position: position, asOf: asOf, appendedAt: appendedAt, generation: generation, schemas: schemas,
        chain: chain, objects: objects, ranges: ranges, failed: failed, lost: lost)
      return .accepted
    case .published(let id), .abandoned(let id, _):
      guard let cut = cuts.removeValue(forKey: id) else { return .refused("no pending cut '\(id)'") }
      if case .published = entry {
        published.append(PublishedCut(id: id, cutAt: cut.appendedAt, position: cut.position))
      }
      return .accepted
    }
  }

  private mutating func define(_ next: Int, _ hash: String, _ count: Int, _ columns: [String: String]?) -> Verdict {
    if let generation, next <= generation { return .refused("generation \(next) is not newer than \(generation)") }
    if let shards, shards != count {
      return .refused("a dataset keeps its shard count: \(shards), not \(count)")
    }
    if let columns {
      schemas.define(columns, at: position)
    } else if schemas.isKnown {
      return .refused("generation \(next) does not say its columns, as those before it did")
    }
    generation = next
    semanticHash = hash
    shards = count
    history.append(hash)
    return .accepted
  }

  private mutating func judge(_ commit: Commit) -> [Bool] {
    // A commit of another generation was parsed by other rules.
    guard commit.generation == generation else { return Array(repeating: false, count: commit.inputCount) }
    var verdicts: [Bool] = []
    verdicts.reserveCapacity(commit.inputCount)
    for input in commit.inputs {
      guard objects[input.object]?.position == input.base else {
        verdicts.append(false)
        continue
      }
      var now = Accepted(
        position: position, version: input.version, schema: commit.schema, rowsRead: input.rowsRead,
        rowsRejected: input.rowsRejected, facts: input.facts)
      if input.version == nil, let before = objects[input.object] {
        // Gone, but what was there stays known, for sources that keep the rows of removed objects.
        now.content = before.content
        now.schema = before.schema
        now.rowsRead = before.rowsRead
        now.rowsRejected = before.rowsRejected
        now.facts = before.facts
      }
      objects[input.object] = now
      failed.removeValue(forKey: input.object)
      if input.version == nil { lost[input.object]?.isGone = true } else { lost.removeValue(forKey: input.object) }
      verdicts.append(true)
    }
    for input in commit.ranges {
      // A range follows the accepted ones without a gap, read by the same columns; what it holds was read from there.
      guard var held = ranges[input.range], held.end == input.from, input.to > input.from,
        schemas.isCurrent(held, of: input.range.source, schema: commit.schema)
      else {
        verdicts.append(false)
        continue
      }
      held.end = input.to
      held.rowsRead &+= input.rowsRead
      held.rowsRejected &+= input.rowsRejected
      for (reason, count) in input.reasons ?? [:] { held.reasons[reason, default: 0] &+= count }
      ranges[input.range] = held
      verdicts.append(true)
    }
    return verdicts
  }

  /// Ids of all cuts that were accepted, ended or not.
  var allCutIDs: Set<String> { cutIDs }

  /// Takes up what was saved.
  mutating func restore(
    position: Int, chain: LedgerChain, generation: Int?, semanticHash: String?, shards: Int?, schemas: SourceSchemas,
    history: [String], objects: [ObjectIdentity: Accepted], ranges: [RangeIdentity: AcceptedRange],
    failed: [ObjectIdentity: FailedObject], lost: [ObjectIdentity: LostObject], published: [PublishedCut],
    definedAt: Int64?, cutIDs: Set<String>
  ) {
    self.position = position
    self.chain = chain
    self.generation = generation
    self.semanticHash = semanticHash
    self.shards = shards
    self.schemas = schemas
    self.history = history
    self.objects = objects
    self.ranges = ranges
    self.failed = failed
    self.lost = lost
    self.published = published
    self.definedAt = definedAt
    self.cutIDs = cutIDs
  }

  /// Whether a cut with this id was accepted, ended or not.
  public func hasCut(_ id: String) -> Bool { cutIDs.contains(id) }

  /// The generation whose definition has this hash, if it is not the newest: an older definition.
  public func olderGeneration(of hash: String) -> Int? {
    guard hash != semanticHash, let index = history.lastIndex(of: hash) else { return nil }
    return index + 1
  }
}
