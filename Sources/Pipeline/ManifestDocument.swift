/// What stands at a manifest's place: the manifest, or after retention a tombstone.
public enum ManifestDocument: Sendable, Hashable, Decodable {
  case manifest(Manifest)
  case tombstone(Tombstone)

  private enum CodingKeys: String, CodingKey { case tombstone }

  public init(from decoder: any Decoder) throws {
    if try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(Bool.self, forKey: .tombstone) == true {
      self = .tombstone(try Tombstone(from: decoder))
    } else {
      self = .manifest(try Manifest(from: decoder))
    }
  }
}

/// What retention leaves of a snapshot: written over its manifest before the parts go, so that a reader who knows the
/// snapshot's name learns why it is gone, and nobody publishes the name again.
public struct Tombstone: Sendable, Codable, Hashable {
  public var tombstone = true
  public var version = 1
  public var dataset: String
  public var snapshot: String
  /// When, ISO 8601 in UTC.
  public var removed: String
  /// Of the rows that were.
  public var fingerprint: String
  public var cutMicroseconds: Int64

  public init(of manifest: Manifest, removed: String) {
    dataset = manifest.dataset
    snapshot = manifest.snapshot
    self.removed = removed
    fingerprint = manifest.fingerprint
    cutMicroseconds = manifest.cutMicroseconds
  }

  /// For people who look for the snapshot.
  public var message: String { "the snapshot '\(snapshot)' was removed by retention on \(removed)" }

  enum CodingKeys: String, CodingKey {
    case tombstone, version, dataset, snapshot, removed, fingerprint
    case cutMicroseconds = "cut_us"
  }
}
