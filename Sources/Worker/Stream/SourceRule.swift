internal import Definition
internal import Platform

/// Which objects belong to one source: those of its place that `include` and `exclude` leave. Listing and matching ask
/// nothing else.
struct SourceRule: Sendable {
  let bucket: String
  let pattern: PlacePattern
  private let include: [Glob]
  private let exclude: [Glob]
  private let includesAll: Bool

  init(_ source: Source, _ place: StorePlace) throws(StoreError) {
    bucket = place.bucket
    pattern = try PlacePattern(place)
    // The definition's reader has refused globs that do not compile.
    include = source.include.compactMap { try? Glob($0) }
    exclude = source.exclude.compactMap { try? Glob($0) }
    includesAll = source.include.isEmpty
  }

  func contains(_ key: String) -> Bool { pattern.contains(key) && isWanted(key) }

  /// Of a key that the place contains: `include` and `exclude` are matched against the key behind the place's folders and
  /// against its last part.
  private func isWanted(_ key: String) -> Bool {
    if includesAll && exclude.isEmpty { return true }
    var rest = pattern.relative(key)
    while rest.utf8.first == UInt8(ascii: "/") { rest = Substring(rest.utf8.dropFirst()) }
    let behind = String(rest)
    let name = rest.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? behind
    func matches(_ globs: [Glob]) -> Bool { globs.contains { $0.matches(behind) || $0.matches(name) } }
    return (includesAll || matches(include)) && !matches(exclude)
  }
}
