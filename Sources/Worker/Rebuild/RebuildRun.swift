internal import Definition
internal import Pipeline
internal import Platform
internal import Threads

/// What a rebuild knows beside a plain run: the manifest, and what of its inputs is gone and has to come out of segments.
///
/// An input may turn out to be gone when it is looked for, while it is read, or when what was read is not what the manifest
/// says. Each time it joins `gone`, and the run starts over without it; so there are at most a few rounds.
struct RebuildRun {
  private let manifest: Manifest
  private let definition: Definition
  private let stores: any StoreDirectory
  private let state: StorePlace?
  private var gone: [InputIdentity: String] = [:]
  /// What the last check found.
  private var changed: [InputIdentity: String] = [:]

  init(_ manifest: Manifest, _ definition: Definition, _ options: BatchOptions, stores: any StoreDirectory) {
    self.manifest = manifest
    self.definition = definition
    self.stores = stores
    state = RebuildRun.state(options.statePlaces, stores)
  }

  /// A place that cannot be asked has nothing for us: if it is needed, what is missing is said.
  private static func state(_ places: [String], _ stores: any StoreDirectory) -> StorePlace? {
    for location in places {
      guard let place = try? stores.open(location) else { continue }
      let state = StorePlace(store: place.store, bucket: place.bucket, path: place.key(StreamContext.stateFolder))
      if (try? RetainedSegments.isThere(state)) == true { return state }
    }
    return nil
  }

  var retained: RetainedRows? {
    state.map {
      RetainedRows(
        segments: RetainedSegments(state: $0, dataset: definition.dataset, shards: definition.shards), cut: manifest.cut
      )
    }
  }

  /// Why inputs came out of segments.
  var reasons: [String] { gone.values.sorted() }

  mutating func list(_ topics: TopicAccess) throws(BatchError) -> InputListing {
    try refuseForeign()
    let listing = InputListing(
      definition, rebuilding: manifest, stores: stores, topics: topics, state: state, gone: &gone)
    if state == nil && !gone.isEmpty { throw BatchError(reasons) }
    return listing
  }

  /// Inputs that the definition does not know would be left out without a word.
  private func refuseForeign() throws(BatchError) {
    let known = Set(definition.sources.map(\.name))
    let names =
      manifest.inputs.map { ($0.source, $0.location) }
      + (manifest.ranges ?? []).map { ($0.source, "\(TopicPartition($0.topic, $0.partition))") }
    guard let (source, location) = names.first(where: { !known.contains($0.0) }) else { return }
    throw BatchError([
      "input \(location) is of the source '\(source)', which the manifest's definition does not have; was it edited?"
    ])
  }

  /// Every input must be what the manifest says it was. (Of retained rows that was seen to when they were read.)
  mutating func check(_ engine: IngestEngine) throws(BatchError) {
    changed = [:]
    for (input, counts) in engine.results {
      switch input {
      case .object(let file):
        guard let expected = file.expected, !file.isRetained else { continue }
        if let was = expected.sha256, let now = counts.sha256, was != now {
          changed[InputIdentity(expected)] =
            "input \(file.location) changed: its content had SHA-256 \(was) and has \(now)"
        } else if expected.rowsRead != counts.read || expected.rowsRejected != counts.rejected {
          changed[InputIdentity(expected)] = RebuildRun.counts(
            input, expected.rowsRead, expected.rowsRejected, counts)
        }
      case .range(let range):
        guard let expected = range.expected, gone[InputIdentity(expected)] == nil else { continue }
        if expected.rowsRead != counts.read || expected.rowsRejected != counts.rejected {
          changed[InputIdentity(expected)] = RebuildRun.counts(
            input, expected.rowsRead, expected.rowsRejected, counts)
        }
      }
    }
    if !changed.isEmpty { throw BatchError(changed.values.sorted()) }
  }

  private static func counts(_ input: RunInput, _ read: UInt64, _ rejected: UInt64, _ now: InputCounts) -> String {
    "input \(input.location) changed: \(read) rows were read and \(rejected) rejected, now \(now.read) and \(now.rejected)"
  }

  /// After a failure: whether another round may do better, for inputs were found to be gone and segments may have them.
  mutating func takeUp(_ engine: IngestEngine) throws(BatchError) -> Bool {
    let (unread, unretained) = engine.lock.withLock { (engine.unread, engine.unretained) }
    if !unretained.isEmpty {
      throw BatchError(unretained.map { "\(gone[$0.key] ?? "an input is gone"); \($0.value)" }.sorted())
    }
    let found = unread.merging(changed) { first, _ in first }.filter { gone[$0.key] == nil }
    guard state != nil, !found.isEmpty else { return false }
    gone.merge(found) { first, _ in first }
    return true
  }
}
