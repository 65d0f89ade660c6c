internal import Pipeline

/// The directory of the keys of the states that snapshots are made from: where customers are numbered, a key of any shard is
/// found there without a search, and its shard's table has no slot for it. Made when it is asked for first. Thread-safe.
final class KeyLeases: Sendable {
  private let shards: Int
  private let placesMax: Int
  private let directory = Locked<KeyDirectory?>(nil)

  init(shards: Int, placesMax: Int) {
    self.shards = shards
    self.placesMax = placesMax
  }

  /// A shard's entries, for a state that is made anew; nil while an earlier state of the shard has them.
  func lease(_ shard: Int) -> KeyDirectory.Lease? {
    directory.withLock { held in
      let directory = held ?? KeyDirectory(shards: shards, placesMax: placesMax)
      held = directory
      return directory
    }.lease(shard)
  }
}
