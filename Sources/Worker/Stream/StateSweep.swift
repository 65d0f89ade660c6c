public import Definition
internal import Pipeline
public import Platform

/// `tributary gc`: removes what crashes and abandoned work left where snapshots are published.
///
/// | what | goes when, once it is older than the grace |
/// |---|---|
/// | saved folds of the ledger | a later one lies before all checkpoints, too |
/// | files of row batches | `rows` keeps nothing that tells of them any more (``StreamOptions/rowFilesKept``) |
/// | checkpoints, segments of a shard | no checkpoint that stays names them |
/// | files of a snapshot that is published | its manifest does not name them (shards' work files among them) |
/// | files of a snapshot that retention removed | always; the tombstone stays |
/// | a snapshot's folder without a manifest | none of its files is younger and no checkpoint has its cut pending |
///
/// The ledger is not asked: a cut that is pending and in no checkpoint is younger than a checkpoint interval, and a shard
/// whose part is missing writes it again when it recovers.
public struct StateSweep: Sendable {
  private let definition: Definition
  private let place: StorePlace
  private let state: StorePlace
  private let old: Int64
  private let rowsOld: Int64

  public struct Removed: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
      case state
      case leftover
      case unpublished
      case local
      /// A file that its writer did not live to finish.
      case unfinished
    }
    public var kind: Kind
    /// The key in its store; of `local`, the file's name in the directory.
    public var key: String
    public var bytes: Int64

    public init(kind: Kind, key: String, bytes: Int64) {
      self.kind = kind
      self.key = key
      self.bytes = bytes
    }
  }

  public struct Report: Sendable {
    public var removed: [Removed] = []
    /// Snapshots of other datasets or with manifests that cannot be read, which were left alone: the id and why.
    public var leftAlone: [(id: String, reason: String)] = []
    /// Names of the local files of segments that checkpoints name.
    var localNames: Set<String> = []
  }

  /// `now` and `grace` in microseconds.
  public init(_ definition: Definition, stores: any StoreDirectory, now: Int64, grace: Int64) throws(StoreError) {
    self.definition = definition
    place = try stores.open(definition.snapshot.to)
    state = StorePlace(store: place.store, bucket: place.bucket, path: place.key(StreamContext.stateFolder))
    old = now - grace
    rowsOld = now - max(grace, StreamOptions.rowFilesKept)
  }

  /// `localDirectory`: of segments at hand, swept too; only where no worker uses it.
  public func run(localDirectory: String?) throws -> Report {
    let whole = PublishTarget(
      place: place, dataset: definition.dataset, id: "", named: definition.snapshot.to, advice: "")
    try whole.refuseOtherDatasets()
    var report = Report()
    var pending: Set<String> = []
    for shard in try ShardSweep.shards(state) {
      let swept = try ShardSweep(state: state, shard: shard).run(upTo: old)
      report.removed += swept.deleted.map { Removed(kind: .state, key: $0.key, bytes: $0.size) }
      pending.formUnion(swept.cuts)
      report.localNames.formUnion(swept.segments.map { SegmentStorage.localName($0, shard: shard) })
    }
    report.removed += try SavedFolds(state: state, shards: definition.shards).sweep(upTo: old).map {
      Removed(kind: .state, key: $0.key, bytes: $0.size)
    }
    report.removed += try RowFiles(state: state).sweep(upTo: rowsOld).map {
      Removed(kind: .state, key: $0.key, bytes: $0.size)
    }
    for (id, files) in try snapshots().sorted(by: { $0.key < $1.key }) {
      try sweep(id, files, isPending: pending.contains(id), &report)
    }
    if let localDirectory {
      report.removed += DirectorySegmentFiles.sweep(localDirectory, keeping: report.localNames).map {
        Removed(kind: .local, key: $0, bytes: 0)
      }
    }
    return report
  }

  private func snapshots() throws -> [String: [ObjectInfo]] {
    let prefix = place.key(PublishTarget.folder(""))
    var found: [String: [ObjectInfo]] = [:]
    for info in try SmallObject.list(place, prefix) {
      let rest = info.key.dropFirst(prefix.count)
      guard let slash = rest.firstIndex(of: "/"), slash > rest.startIndex else { continue }
      found[String(rest[..<slash]), default: []].append(info)
    }
    return found
  }

  private func sweep(_ id: String, _ files: [ObjectInfo], isPending: Bool, _ report: inout Report) throws {
    let target = PublishTarget(place: place, dataset: definition.dataset, id: id, named: place.path, advice: "")
    let manifestKey = target.key(PublishTarget.manifestName)
    guard files.contains(where: { $0.key == manifestKey }) else {
      // As a whole: who writes one file of it now needs the others.
      guard !isPending, files.allSatisfy({ $0.modifiedMicroseconds <= old }) else { return }
      return try remove(files, .unpublished, &report)
    }
    let document: ManifestDocument?
    do {
      document = try SmallObject.decode(place, manifestKey)
    } catch let error as PublishError {
      return report.leftAlone.append((id, error.description))
    }
    var named: Set<String> = [manifestKey]
    switch document {
    case nil: return
    case .manifest(let manifest) where manifest.dataset == definition.dataset:
      named.formUnion(PublishTarget.files(manifest).map { target.key($0) })
    case .tombstone(let tombstone) where tombstone.dataset == definition.dataset: break
    case .manifest(let manifest): return report.leftAlone.append((id, "it is of the dataset '\(manifest.dataset)'"))
    case .tombstone(let tombstone): return report.leftAlone.append((id, "it is of the dataset '\(tombstone.dataset)'"))
    }
    try remove(files.filter { !named.contains($0.key) && $0.modifiedMicroseconds <= old }, .leftover, &report)
  }

  private func remove(_ files: [ObjectInfo], _ kind: Removed.Kind, _ report: inout Report) throws {
    for info in files.sorted(by: { $0.key < $1.key }) {
      try place.store.delete(info.key)
      report.removed.append(Removed(kind: kind, key: info.key, bytes: info.size))
    }
  }
}
