/// Which keys a source's place means: one rule, for listing the place and for judging a notification by itself.
///
/// | place | means |
/// |---|---|
/// | `usage/` | all below it |
/// | `usage` | the object of that name and all below `usage/`; never `usage_old/` |
/// | `usage/*.gz`, `dt=*/` | what the pattern matches; what lies below the folders that it matches |
///
/// Left out below the literal part: directory markers, and names that begin with `_` or `.` (``ObjectNames``). A path of
/// a local file that climbs (`data/../x`), stands still (`data/./x`, `data//x`) or holds a zero byte is never meant, so a
/// key that came from outside and passes ``contains(_:)`` stays in the source's place.
public struct PlacePattern: Sendable {
  /// Every key that is meant begins with this, but for ``exactKey``.
  public let listingPrefix: String
  /// A key that is meant besides those below the prefix.
  public let exactKey: String?
  private let glob: Glob?
  private let isLocal: Bool

  /// Throws `.protocolViolation` for a pattern that is too large.
  public init(_ place: StorePlace) throws(StoreError) {
    let path = place.path
    isLocal = place.bucket.isEmpty
    if place.isLiteral || !Glob.hasWildcards(path) {
      glob = nil
      listingPrefix = PlacePattern.folder(path, isLocal: isLocal)
      exactKey = path.isEmpty || path.utf8.last == UInt8(ascii: "/") ? nil : path
      return
    }
    do throws(GlobError) {
      let pattern = path.utf8.last == UInt8(ascii: "/") ? path + "**" : path
      // As in a shell, wildcards leave a file's leading dot alone; keys of objects have no such habit.
      let glob = try Glob(pattern, wildcardsMatchHidden: !isLocal)
      self.glob = glob
      listingPrefix = glob.literalPrefix
    } catch {
      throw StoreError(
        .protocolViolation, operation: "LIST", location: path, message: error.description,
        hint: "a backslash before a character takes away its meaning")
    }
    exactKey = nil
  }

  /// Whether the place is a pattern with wildcards.
  public var isGlob: Bool { glob != nil }

  /// Whether an object of this key, if there is one, belongs to the place. Keys are compared byte by byte.
  public func contains(_ key: String) -> Bool {
    if let exactKey, key.utf8.elementsEqual(exactKey.utf8) { return true }
    guard key.utf8.starts(with: listingPrefix.utf8), !ObjectNames.isHidden(key, below: listingPrefix) else {
      return false
    }
    if let glob, !glob.matches(key) { return false }
    return !isLocal || staysBelow(key)
  }

  /// The part of a key behind the place's folders: what `include` and `exclude` see.
  public func relative(_ key: String) -> Substring {
    let folder = listingPrefix.utf8.lastIndex(of: UInt8(ascii: "/")).map { listingPrefix.utf8[...$0] }
    guard let folder, key.utf8.starts(with: folder) else { return Substring(key) }
    return Substring(key.utf8.dropFirst(folder.count))
  }

  private func staysBelow(_ key: String) -> Bool {
    let rest = relative(key).utf8
    return !rest.contains(0)
      && rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { name in
        !name.isEmpty && !name.elementsEqual(".".utf8) && !name.elementsEqual("..".utf8)
      }
  }

  /// A prefix ends where a component does. Of slashes at a local path's end, one counts.
  private static func folder(_ path: String, isLocal: Bool) -> String {
    if path.isEmpty { return "" }
    guard path.utf8.last == UInt8(ascii: "/") else { return path + "/" }
    guard isLocal, let end = path.utf8.lastIndex(where: { $0 != UInt8(ascii: "/") }) else {
      return isLocal ? "/" : path
    }
    return String(path[...end]) + "/"
  }
}
