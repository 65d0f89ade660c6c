/// What the definitions in a ledger say of their sources' columns, and since when.
///
/// Whatever way a source's columns change, everything of it is committed again: what was accepted before they came to be
/// what they are now does not count, also where they have been the same once before. A shard whose worker knew the columns
/// in between has let rows go that it could not read, or that its `on_remove` let go, so equal columns alone do not say that
/// all shards still have them (`SourceSchemasTests.backAgain`).
public struct SourceSchemas: Sendable, Hashable, Codable {
  /// nil: no definition has said any (entries of older programs do not); then a commit's own columns decide.
  private var sources: [String: Since]?

  private struct Since: Sendable, Hashable, Codable {
    /// ``SourcePlan/schemaHash``.
    var hash: String
    /// Of the definition that brought them.
    var position: Int
  }

  public init() {}

  /// Whether a definition has said them.
  public var isKnown: Bool { sources != nil }

  /// A definition was accepted at `position`: ``SourcePlan/schemaHash`` of each of its sources.
  mutating func define(_ schemas: [String: String], at position: Int) {
    // Of what was accepted before anybody said columns, the commits' own have to do.
    let before = sources
    var now: [String: Since] = [:]
    for (source, hash) in schemas {
      if let held = before?[source], held.hash == hash {
        now[source] = held
      } else {
        now[source] = Since(hash: hash, position: before == nil ? 0 : position)
      }
    }
    // A source that is not there is forgotten: once it comes back, nobody has kept its rows meanwhile.
    sources = now
  }

  /// The position from which on what is accepted of a source may count; none does of a source that the definition lacks.
  public func since(_ source: String) -> Int {
    guard let sources else { return 0 }
    return sources[source]?.position ?? .max
  }

  /// Whether what is accepted of an object was read by these columns, since they are in force. Of one that is gone, it is
  /// what was there that counts.
  public func isCurrent(_ held: LedgerFold.Accepted, of source: String, schema: String) -> Bool {
    held.schema == schema && held.content ?? held.position >= since(source)
  }

  /// The same of a record partition.
  public func isCurrent(_ held: LedgerFold.AcceptedRange, of source: String, schema: String) -> Bool {
    held.schema == schema && held.opened ?? 0 >= since(source)
  }

  /// The same of a commit.
  public func isCurrent(_ commit: Commit, at position: Int, schema: String) -> Bool {
    commit.schema == schema && position >= since(commit.source)
  }
}
