internal import Formats
internal import Pipeline

/// What the last part of a shard was made of besides its state, for the next one: the rows' numbers, the columns'
/// profiles and, of Parquet, the encoded columns. Columns for which no row has come are taken from here.
///
/// Used by one writer at a time, under a lock where that has threads, hence `@unchecked Sendable`.
final class KeptOutput: @unchecked Sendable {
  private let rolling: RollingRows
  private var profile: TableProfile?
  /// In order; empty where they are not kept.
  private var chunks: [Chunk] = []
  /// Of the part that is being written.
  private var fresh: [Chunk] = []
  private var freshBytes = 0
  /// Of encoded columns.
  private var bytesMax = 0

  private struct Chunk {
    var split: Int
    var range: Range<Int>
    var encoded: EncodedChunk
  }

  init(_ state: ShardState) { rolling = RollingRows(state) }

  /// About how much memory it takes.
  var bytes: Int { rolling.bytes + (profile?.bytes ?? 0) + chunks.reduce(0) { $0 + $1.encoded.bytes.count } }

  /// What is to be made anew.
  struct Changes: Sendable {
    /// One flag an output column: its profile.
    var profiled: [Bool]
    var chunks: [OfChunk]

    struct OfChunk: Sendable {
      /// One flag an output column: its values.
      var built: [Bool]
      /// One flag an output column: its encoded form; the others' are in `kept`.
      var encoded: [Bool]
      var kept: EncodedChunk?
      /// Keys of which the rows' numbers are; nil: all, from the values built.
      var keys: [UInt32]?
    }
  }

  func begin(rule: SplitRule, by: Int?, bytesMax: Int) -> SnapshotRows {
    self.bytesMax = bytesMax
    return rolling.begin(rule: rule, by: by)
  }

  /// Of runs of rows, in order.
  func changes(_ runs: [(split: Int, range: Range<Int>)], columns: Int) -> Changes {
    let ofRuns = runs.map { rolling.changes($0.split, $0.range) }
    // A profile is of all rows: where one of the columns' values may be another, or the rows are, it is made anew.
    let profiled = (0..<columns).map { column in
      profile == nil || !rolling.haveSameRows || ofRuns.contains { $0.columns[column] }
    }
    return Changes(
      profiled: profiled,
      chunks: zip(runs, ofRuns).enumerated().map { index, of in
        let (run, changes) = of
        let held = index < chunks.count && chunks[index].split == run.split && chunks[index].range == run.range
        let kept = held ? chunks[index].encoded : nil
        let all = Array(repeating: true, count: columns)
        let encoded = kept == nil ? all : changes.columns
        // Few rows' numbers are made of these rows alone.
        let keys = changes.keys.flatMap { $0.count * 2 > run.range.count ? nil : $0 }
        let built = keys == nil ? all : zip(encoded, profiled).map { $0 || $1 }
        return Changes.OfChunk(built: built, encoded: encoded, kept: kept, keys: keys)
      })
  }

  func take(_ keys: ArraySlice<UInt32>, _ numbers: [UInt128]) { rolling.take(keys, numbers) }

  /// The next of the part's chunks.
  func keep(_ encoded: EncodedChunk, split: Int, range: Range<Int>) {
    guard encoded.group != nil else { return }
    freshBytes += encoded.bytes.count
    if freshBytes <= bytesMax {
      fresh.append(Chunk(split: split, range: range, encoded: encoded))
    } else {
      fresh = []
    }
  }

  /// Once all rows' numbers are taken: the part's fingerprint, and the profile of all of its columns,
  /// which stays as it is from here on. `fresh` has those that were made anew.
  func finish(_ fresh: TableProfile, profiled: [Bool]) -> (fingerprint: Fingerprint, profile: TableProfile) {
    let profile = profile.map { fresh.taking(profiled, rest: $0) } ?? fresh
    self.profile = profile
    chunks = self.fresh
    self.fresh = []
    freshBytes = 0
    return (rolling.finish(), profile)
  }

  /// Forgets all.
  func removeAll() {
    rolling.removeAll()
    profile = nil
    chunks = []
  }
}
