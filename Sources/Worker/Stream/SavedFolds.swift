internal import FoundationEssentials
internal import Pipeline
internal import Platform

/// Folds in the state folder, named by their position: where reading the ledger may begin.
struct SavedFolds: Sendable {
  let state: StorePlace
  let shards: Int

  private var prefix: String { state.key("folds/") }

  /// The highest fold that lies before every shard's checkpoint, less the one entry whose chain is compared; nil if there
  /// is none.
  func load() throws -> LedgerFold? {
    guard let key = try usable(among: try keys(prefix)) else { return nil }
    do {
      return try JSONDecoder().decode(LedgerFold.self, from: Data(try fetch(key)))
    } catch let error as StoreError {
      // Swept by another worker since it was listed: the next try finds a newer one.
      throw error
    } catch {
      throw StreamError(
        "\(key) is no saved fold, or is damaged (\(error)); remove it, and the ledger is read from before it")
    }
  }

  /// Saves a fold and removes those that nobody begins from any more.
  func save(_ fold: LedgerFold) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let position = String(fold.position)
    let name = String(repeating: "0", count: max(0, 12 - position.count)) + position + ".json"
    _ = try state.store.put(prefix + name, Array(try encoder.encode(fold)), condition: .always)
    let all = try keys(prefix)
    guard let used = try usable(among: all) else { return }
    for key in all where key < used { try state.store.delete(key) }
  }

  /// Removes folds that nobody begins from any more and that are as old as `old`, microseconds; gives them.
  func sweep(upTo old: Int64) throws -> [ObjectInfo] {
    let all = try SmallObject.list(state, prefix)
    guard let used = try usable(among: all.map(\.key)) else { return [] }
    let gone = all.filter { $0.key < used && $0.modifiedMicroseconds <= old }
    for info in gone { try state.store.delete(info.key) }
    return gone
  }

  private func usable(among keys: [String]) throws -> String? {
    guard !keys.isEmpty else { return nil }
    var least = Int.max
    for shard in 0..<shards {
      let positions = try self.keys(state.key("shards/\(shard)/checkpoints/")).compactMap { number($0) }
      // The lowest: recovery falls back to it where the highest cannot be used.
      least = min(least, (positions.min() ?? 0) - 1)
    }
    return keys.filter { (number($0) ?? .max) <= least }.max()
  }

  /// The position that a file's name begins with.
  private func number(_ key: String) -> Int? {
    Int((key.split(separator: "/").last ?? "").prefix { $0.isNumber })
  }

  private func keys(_ prefix: String) throws(StoreError) -> [String] {
    try SmallObject.list(state, prefix).map(\.key).filter { $0.hasSuffix(".json") }
  }

  private func fetch(_ key: String) throws(StoreError) -> [UInt8] {
    try SmallObject.whole(state, try state.store.head(key))
  }
}
