/// The state that comes of reading the ledger to a position; every worker computes the same one.
///
/// Pure: the verdict on an entry depends only on the entries before it. No clock and no sequencer is in the rule.
public struct LedgerFold: Sendable {
  /// What an entry did.
  public enum Verdict: Sendable, Hashable {
    /// A commit: one answer an input.
    case inputs([Bool])
    case accepted
    case refused(String)
  }

  /// Entries folded; the next entry's position.
  public private(set) var position = 0
  public private(set) var generation: Int?
  public private(set) var semanticHash: String?
  public private(set) var shards: Int?
  /// Position of the last accepted entry an object, and the version it observed.
  public private(set) var objects: [ObjectIdentity: Accepted] = [:]
  /// Cuts that were accepted and have not ended, by position.
  public private(set) var pendingCuts: [String: Int] = [:]
  private var cuts: Set<String> = []

  public struct Accepted: Sendable, Hashable {
    public var position: Int
    public var version: String?
  }

  public init() {}

  /// Judges the entry at `position` and moves on.
  public mutating func judge(_ entry: LedgerEntry) -> Verdict {
    defer { position += 1 }
    switch entry {
    case .defined(let next, let hash, let count):
      if let generation, next <= generation { return .refused("generation \(next) is not newer than \(generation)") }
      if let shards, shards != count {
        return .refused("a dataset keeps its shard count: \(shards), not \(count)")
      }
      generation = next
      semanticHash = hash
      shards = count
      return .accepted
    case .commit(let commit):
      // A commit of another generation was parsed by other rules.
      guard commit.generation == generation else {
        return .inputs(Array(repeating: false, count: commit.inputs.count))
      }
      return .inputs(
        commit.inputs.map { input in
          guard objects[input.object]?.position == input.base else { return false }
          objects[input.object] = Accepted(position: position, version: input.version)
          return true
        })
    case .cut(let id, _):
      guard cuts.insert(id).inserted else { return .refused("there is a cut '\(id)' already") }
      pendingCuts[id] = position
      return .accepted
    case .published(let id), .abandoned(let id, _):
      guard pendingCuts.removeValue(forKey: id) != nil else { return .refused("no pending cut '\(id)'") }
      return .accepted
    }
  }
}
