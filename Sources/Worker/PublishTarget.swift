internal import Columns
internal import Pipeline
internal import Platform

/// Where one snapshot is published, and the steps that make it visible: the manifest (put if absent), then what follows
/// it: leftovers go, `latest.json` moves forward.
///
/// Any number of publishers may be at work on one id, and any step may be repeated: the first manifest counts, others
/// adopt it if it has the same fingerprint, and files are removed only when a manifest is there and does not name them.
///
/// Removing leftovers *before* the manifest, so that no reader ever lists them, was the rule first: it removed the parts
/// of another publisher who was a moment faster, and its manifest (`PublishTests.interleaved`).
struct PublishTarget: Sendable {
  /// Where all snapshots of the dataset lie.
  let place: StorePlace
  let dataset: String
  let id: String
  /// The place as the user wrote it.
  let named: String
  /// What to do about an id that is taken.
  let advice: String

  static func folder(_ id: String) -> String { "snapshot=\(id)" }
  static let manifestName = "manifest.json"
  /// Behind other publishers that also move `latest.json`, each loses at most as often as the others win.
  private static let movesMax = 20

  /// The key of `relative` in the snapshot's folder.
  func key(_ relative: String) -> String { place.key("\(PublishTarget.folder(id))/\(relative)") }

  /// The snapshot's folder, for people.
  var location: String {
    let key = place.key(PublishTarget.folder(id))
    return place.bucket.isEmpty ? key : "s3://\(place.bucket)/\(key)"
  }

  // MARK: Looking

  /// Throws where the place holds snapshots of another dataset.
  func refuseOtherDatasets() throws {
    if let latest: LatestPointer = try SmallObject.decode(place, place.key("latest.json")), latest.dataset != dataset {
      throw PublishError(
        .otherDataset,
        "\(named) holds snapshots of the dataset '\(latest.dataset)', not of '\(dataset)'; give 'snapshot.to' a place of its own"
      )
    }
  }

  /// The manifest that is there; throws for one of another dataset, and where retention has removed the snapshot.
  func existing() throws -> Manifest? {
    let found: ManifestDocument? = try SmallObject.decode(place, key(PublishTarget.manifestName))
    let holder: String
    switch found {
    case nil: return nil
    case .manifest(let manifest) where manifest.dataset == dataset: return manifest
    case .manifest(let manifest): holder = manifest.dataset
    case .tombstone(let tombstone) where tombstone.dataset == dataset:
      throw PublishError(.removed, "\(tombstone.message); \(advice)")
    case .tombstone(let tombstone): holder = tombstone.dataset
    }
    throw PublishError(
      .otherDataset,
      "\(named) holds a snapshot '\(id)' of the dataset '\(holder)'; give 'snapshot.to' a place of its own")
  }

  /// Whether a snapshot that was published before is still there as its manifest says.
  func checkParts(_ manifest: Manifest) throws {
    for part in manifest.parts {
      let info = try SmallObject.head(place, key(part.key))
      guard info?.size == Int64(part.bytes) else {
        let state = info.map { "has \($0.size) bytes, not \(part.bytes)" } ?? "is missing"
        throw PublishError(
          .damaged,
          "the snapshot '\(id)' was published before, but its part \(part.key) \(state): it was damaged since; restore it, or \(advice)"
        )
      }
    }
  }

  /// Throws where a manifest that was there holds other rows.
  func adopt(_ manifest: Manifest, fingerprint: String) throws {
    guard manifest.fingerprint == fingerprint else {
      throw PublishError(
        .otherRows,
        "the snapshot '\(id)' was published already with other rows (fingerprint \(manifest.fingerprint), now \(fingerprint)); a published snapshot never changes: \(advice)"
      )
    }
  }

  // MARK: Publishing

  /// Makes the snapshot visible and does what follows; gives the manifest that counts, and whether it was there before.
  func publish(_ manifest: Manifest) throws -> (Manifest, already: Bool) {
    if try put(manifest) {
      try settle(manifest)
      return (manifest, false)
    }
    let held = try taken(by: manifest)
    try settle(held)
    return (held, true)
  }

  /// Puts the manifest; false where there is one.
  func put(_ manifest: Manifest) throws -> Bool {
    do {
      _ = try place.store.put(key(PublishTarget.manifestName), try SmallObject.encode(manifest), condition: .ifAbsent)
      return true
    } catch let error as StoreError where error.code == .exists {
      return false
    }
  }

  /// The manifest that stands where `manifest` could not be put; the files that were written for this one go.
  func taken(by manifest: Manifest) throws -> Manifest {
    guard let held = try found(fingerprint: manifest.fingerprint) else {
      throw StoreError(
        .exists, operation: "PUT", location: key(PublishTarget.manifestName),
        message: "a manifest was there and is gone", hint: "who removes manifests by hand?")
    }
    return held
  }

  /// The manifest that is there, for one who has not put it: the files that it does not name go.
  func found(fingerprint: String) throws -> Manifest? {
    let held: Manifest
    do {
      guard let found = try existing() else { return nil }
      held = found
    } catch let error as PublishError where error.code == .removed {
      // A name that is used up: whatever lies there belongs to nobody.
      try sweep(keeping: [])
      throw error
    }
    try sweep(keeping: PublishTarget.files(held))
    try adopt(held, fingerprint: fingerprint)
    return held
  }

  /// What follows the manifest, and is made up for by whoever finds it: leftovers go, `latest.json` moves.
  func settle(_ manifest: Manifest) throws {
    try sweep(keeping: PublishTarget.files(manifest))
    try moveLatest(manifest)
  }

  static func files(_ manifest: Manifest) -> [String] { manifest.parts.map(\.key) + manifest.rejected.parts }

  /// Removes what other runs with this id left: a reader that lists the folder must see the manifest's parts only.
  /// The manifest is published, so whoever is still writing here will find it and give up.
  /// Gives the number of objects that went.
  @discardableResult
  func sweep(keeping files: [String]) throws -> Int {
    let prefix = key("")
    let named = Set((files + [PublishTarget.manifestName]).map { prefix + $0 })
    var stale: [String] = []
    try place.store.list(prefix: prefix) { page in
      stale.append(contentsOf: page.map(\.key).filter { !named.contains($0) && !$0.hasSuffix("/") })
      return true
    }
    for key in stale { try place.store.delete(key) }
    return stale.count
  }

  private func moveLatest(_ manifest: Manifest) throws {
    let key = place.key("latest.json")
    let pointer = LatestPointer(
      dataset: manifest.dataset, snapshot: manifest.snapshot,
      manifest: "\(PublishTarget.folder(id))/\(PublishTarget.manifestName)", fingerprint: manifest.fingerprint,
      asOf: manifest.asOf, cutMicroseconds: manifest.cutMicroseconds)
    let bytes = try SmallObject.encode(pointer)
    for _ in 0..<PublishTarget.movesMax {
      do {
        guard let info = try SmallObject.head(place, key) else {
          _ = try place.store.put(key, bytes, condition: .ifAbsent)
          return
        }
        if let held: LatestPointer = try SmallObject.decode(place, key),
          held.cutMicroseconds >= manifest.cutMicroseconds
        {
          return
        }
        let condition = info.etag.map { PutCondition.ifMatch(etag: $0) } ?? .always
        _ = try place.store.put(key, bytes, condition: condition)
        return
      } catch let error as StoreError where error.code == .exists || error.code == .changed {
        continue
      }
    }
    throw PublishError(
      .busy, "the snapshot was published, but latest.json could not be moved: other publishers keep changing it")
  }
}

/// Why a snapshot was not published, or not to its end.
struct PublishError: Error, Sendable, CustomStringConvertible {
  enum Code: Sendable, Hashable {
    /// The place belongs to another dataset.
    case otherDataset
    /// The id is taken by other rows.
    case otherRows
    /// The id is that of a snapshot which retention has removed.
    case removed
    /// Something that was written is not there as it was.
    case damaged
    /// Reports that do not belong to the cut, or contradict each other.
    case reports
    /// A check failed.
    case check
    /// Others were faster too often; again later.
    case busy
  }

  let code: Code
  let description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}

extension DatasetPlan {
  /// The snapshot's columns as its manifest names them.
  var schema: [Manifest.SchemaField] {
    output.map {
      let role = if case .key = $0.value { "key" } else { $0.isLabel ? "label" : "feature" }
      return Manifest.SchemaField(name: $0.name, type: $0.type.description, role: role)
    }
  }
}

extension ShardReport.Part {
  /// The part as a manifest names it.
  var record: Manifest.PartRecord {
    Manifest.PartRecord(key: key, split: split, rows: rows, bytes: bytes, sha256: sha256)
  }
}
