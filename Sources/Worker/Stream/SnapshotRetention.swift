internal import Pipeline
internal import Platform

/// Removes snapshots that have outlived their retention, so that at no time a reader can take half of one for a whole.
///
/// ```
/// manifest ─▶ tombstone in its place (If-Match) ─▶ the parts go ─▶ the tombstone stays
/// ```
/// A reader that has the manifest already may find a part gone, as with any retention; one that comes later learns from
/// the tombstone that the snapshot was removed, and when. After a crash anywhere ``remove(_:now:)`` is said again.
struct SnapshotRetention: Sendable {
  /// Where the snapshots lie.
  let place: StorePlace
  let dataset: String
  let rule: RetentionRule

  /// What became of a snapshot.
  enum Removal: Sendable, Hashable {
    case removed
    /// There was nothing left to do.
    case wasRemoved
    /// There is no such snapshot.
    case unknown
  }

  /// Looks at `latest.json` and says which of the published snapshots may go, the oldest first.
  func removable(
    _ snapshots: [RetentionRule.Snapshot], pending: Set<String>, now: Int64
  ) throws -> [String] {
    let latest: LatestPointer? = try SmallObject.decode(place, place.key("latest.json"))
    guard latest?.dataset == dataset else { return [] }
    return rule.removable(snapshots, latest: latest?.snapshot, pending: pending, now: now)
  }

  /// Removes one snapshot, or what an earlier try left of it. The caller has asked ``removable(_:pending:now:)``; that
  /// `latest.json` does not name it is looked at once more.
  func remove(_ id: String, now: Int64) throws -> Removal {
    let target = PublishTarget(place: place, dataset: dataset, id: id, named: place.path, advice: "")
    let key = target.key(PublishTarget.manifestName)
    // Each round is lost to somebody who changed the manifest: to another retention, once.
    for _ in 0..<3 {
      guard let info = try SmallObject.head(place, key) else { return .unknown }
      guard let document: ManifestDocument = try SmallObject.decode(place, key) else { return .unknown }
      switch document {
      case .tombstone(let tombstone):
        try refuseOthers(tombstone.dataset, target)
        return try target.sweep(keeping: []) > 0 ? .removed : .wasRemoved
      case .manifest(let manifest):
        try refuseOthers(manifest.dataset, target)
        if let latest: LatestPointer = try SmallObject.decode(place, place.key("latest.json")), latest.snapshot == id {
          throw PublishError(.busy, "\(target.location) is what latest.json names; it stays")
        }
        let tombstone = Tombstone(of: manifest, removed: TimeText.iso(now))
        do {
          _ = try place.store.put(
            key, try SmallObject.encode(tombstone), condition: info.etag.map { .ifMatch(etag: $0) } ?? .always)
        } catch let error as StoreError where error.code == .changed {
          continue
        }
        _ = try target.sweep(keeping: [])
        return .removed
      }
    }
    throw PublishError(.busy, "\(target.location) could not be removed: its manifest keeps changing")
  }

  private func refuseOthers(_ holder: String, _ target: PublishTarget) throws(PublishError) {
    guard holder == dataset else {
      throw PublishError(
        .otherDataset, "\(target.location) is a snapshot of the dataset '\(holder)', not of '\(dataset)'")
    }
  }
}
