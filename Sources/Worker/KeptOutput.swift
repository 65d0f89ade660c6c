internal import Formats
internal import Pipeline

/// What the last part of a shard was made of besides its state, for the next one: the rows' numbers, the columns'
/// profiles and, of Parquet, the encoded columns and aggregates' values. Columns for which no row has come are taken from
/// here; of the others, where few keys are changed, the values of all other keys.
///
/// Used by one writer at a time, under a lock where that has threads, hence `@unchecked Sendable`.
final class KeptOutput: @unchecked Sendable {
  private let rolling: RollingRows
  private var profile: TableProfile?
  /// In order; nil where one is not kept, or is being made anew.
  private var chunks: [Chunk?] = []
  private var chunkBytes = 0
  private var bytesMax = 0

  private struct Chunk {
    var split: Int
    var range: Range<Int>
    var encoded: EncodedChunk
    var values: KeptValues?

    var bytes: Int { encoded.bytes.count + (values?.bytes ?? 0) }
  }

  init(_ state: ShardState) { rolling = RollingRows(state) }

  /// About how much memory it takes.
  var bytes: Int { rolling.bytes + (profile?.bytes ?? 0) + chunkBytes }

  /// What is to be made anew.
  struct Changes: Sendable {
    /// One flag an output column: its profile.
    var profiled: [Bool]
    var chunks: [OfChunk]

    struct OfChunk: Sendable {
      /// One flag an output column: its values, of all rows.
      var built: [Bool]
      /// One flag an output column: its encoded form; the others' are in the chunk that is kept.
      var encoded: [Bool]
      /// Whether there is one, for ``takeChunk(_:)``.
      var isKept: Bool
      /// Keys of which the rows' numbers are, and the values that the chunk has; nil: all, from the values built.
      var keys: [UInt32]?
      /// Where these stand.
      var rows: [UInt32]
      /// Whether the next part will be glad of the values.
      var keepsValues: Bool
    }
  }

  /// `bytesMax`: about what may be kept in all; chunks for which there is no room are not.
  func begin(rule: SplitRule, by: Int?, bytesMax: Int) -> SnapshotRows {
    self.bytesMax = bytesMax
    return rolling.begin(rule: rule, by: by)
  }

  /// Of runs of rows, in order. Chunks of other rows are forgotten.
  func changes(_ runs: [(split: Int, range: Range<Int>)], columns: Int) -> Changes {
    let ofRuns = runs.map { rolling.changes($0.split, $0.range) }
    // A profile is of all rows: where one of the columns' values may be another, or the rows are, it is made anew.
    let profiled = (0..<columns).map { column in
      profile == nil || !rolling.haveSameRows || ofRuns.contains { $0.columns[column] }
    }
    for (index, chunk) in chunks.enumerated() {
      guard let chunk else { continue }
      let isSame = index < runs.count && chunk.split == runs[index].split && chunk.range == runs[index].range
      if !isSame { forget(index) }
    }
    chunks = runs.indices.map { $0 < chunks.count ? chunks[$0] : nil }
    return Changes(
      profiled: profiled,
      chunks: zip(runs, ofRuns).enumerated().map { index, of in
        let (run, changes) = of
        let isKept = chunks[index] != nil
        let all = Array(repeating: true, count: columns)
        let encoded = isKept ? changes.columns : all
        // Few rows' numbers are made of these rows alone.
        let keys = changes.keys.flatMap { $0.count * 2 > run.range.count ? nil : $0 }
        // Values stand where they stood.
        if !changes.hasSameKeys { forgetValues(index) }
        let values = chunks[index]?.values
        let built =
          keys == nil ? all : (0..<columns).map { (encoded[$0] || profiled[$0]) && values?.has($0) != true }
        return Changes.OfChunk(
          built: built, encoded: encoded, isKept: isKept, keys: keys, rows: changes.rows,
          keepsValues: rolling.mayBeFollowed)
      })
  }

  func take(_ keys: ArraySlice<UInt32>, _ numbers: [UInt128]) { rolling.take(keys, numbers) }

  /// The last part's chunk, where ``Changes`` say that it is kept; its memory is the caller's from here on, so that there
  /// is never much more than one of each.
  func takeChunk(_ index: Int) -> (encoded: EncodedChunk, values: KeptValues?) {
    guard let chunk = chunks[index] else { preconditionFailure("a chunk is taken once, where there is one") }
    forget(index)
    return (chunk.encoded, chunk.values)
  }

  /// Whether there is room for as much as that.
  func hasRoom(_ more: Int) -> Bool { bytes + more <= bytesMax }

  /// The part's chunk, and its values, as long as there is room.
  func keep(_ index: Int, _ encoded: EncodedChunk, _ values: KeptValues?, split: Int, range: Range<Int>) {
    guard encoded.group != nil else { return }
    forget(index)
    var chunk = Chunk(split: split, range: range, encoded: encoded, values: values)
    if !hasRoom(chunk.bytes) { chunk.values = nil }
    guard hasRoom(chunk.bytes) else { return }
    chunks[index] = chunk
    chunkBytes += chunk.bytes
  }

  private func forget(_ index: Int) {
    chunkBytes -= chunks[index]?.bytes ?? 0
    chunks[index] = nil
  }

  private func forgetValues(_ index: Int) {
    chunkBytes -= chunks[index]?.values?.bytes ?? 0
    chunks[index]?.values = nil
  }

  /// Once all rows' numbers are taken: the part's fingerprint, and the profile of all of its columns, which stays as it is
  /// from here on. `made` has those that were made anew.
  func finish(_ made: TableProfile, profiled: [Bool]) -> (fingerprint: Fingerprint, profile: TableProfile) {
    let profile = profile.map { made.taking(profiled, rest: $0) } ?? made
    self.profile = profile
    return (rolling.finish(), profile)
  }

  /// Keeps what there is room for: values go first, then chunks, the last ones first, then all.
  func shrink(to bytesMax: Int) {
    for index in chunks.indices.reversed() where bytes > bytesMax {
      forgetValues(index)
    }
    for index in chunks.indices.reversed() where bytes > bytesMax { forget(index) }
    if bytes > bytesMax { removeAll() }
  }

  /// Forgets all.
  func removeAll() {
    rolling.removeAll()
    profile = nil
    chunks = []
    chunkBytes = 0
  }
}
