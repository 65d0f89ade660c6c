/// Places as people write them: paths and `s3://bucket/prefix`.
public enum PlaceText {
  public static func isRemote(_ place: String) -> Bool { place.contains("://") }

  /// A place below another.
  public static func join(_ place: String, _ relative: String) -> String {
    place.isEmpty ? relative : place.hasSuffix("/") ? place + relative : place + "/" + relative
  }

  /// Everything before a place's last component, without a slash behind it; "" if there is none, "/" at the root.
  public static func parent(_ place: String) -> String {
    guard let slash = place.lastIndex(of: "/") else { return "" }
    return slash == place.startIndex ? "/" : String(place[..<slash])
  }

  public static func lastComponent(_ place: String) -> String {
    place.lastIndex(of: "/").map { String(place[place.index(after: $0)...]) } ?? place
  }

  /// `path` as seen from `directory` (relative paths of a definition start from its own directory).
  public static func resolve(_ path: String, from directory: String) -> String {
    isRemote(path) || path.hasPrefix("/") || directory.isEmpty || directory == "."
      ? path : join(directory, path)
  }

  /// Where the manifest of a place may lie, in the order to try.
  public enum ManifestCandidate: Sendable, Hashable {
    case manifest(String)
    /// A `latest.json`, which names the manifest.
    case pointer(String)
  }

  /// Of a manifest, a snapshot's directory or a target of snapshots.
  public static func manifestCandidates(_ place: String) -> [ManifestCandidate] {
    if lastComponent(place) == "latest.json" { return [.pointer(place)] }
    if place.hasSuffix(".json") { return [.manifest(place)] }
    return [.manifest(join(place, "manifest.json")), .pointer(join(place, "latest.json")), .manifest(place)]
  }
}
