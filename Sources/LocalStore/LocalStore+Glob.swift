import Glibc
public import Platform

extension LocalStore {
  /// The files that match a pattern such as `data/2026-*/part-?.{csv,csv.gz}` or `data/**/*.json`, in no particular order.
  ///
  /// See ``Glob`` for what a pattern may hold. As in a shell, wildcards leave names with a leading `.` alone. A pattern that
  /// ends in `/` means all files below the directories that match. A path that exists just as it is written is listed,
  /// whatever characters it holds. Directories in which no match can lie are not read.
  public static func expand(
    glob pattern: String, page: ([ObjectInfo]) throws -> Bool
  ) throws(StoreError) {
    var status = stat()
    if stat(pattern, &status) == 0 { return try LocalStore().list(prefix: pattern, page: page) }
    let glob: Glob
    do throws(GlobError) {
      glob = try Glob(pattern.hasSuffix("/") ? pattern + "**" : pattern, wildcardsMatchHidden: false)
    } catch {
      throw StoreError(.protocolViolation, operation: "LIST", location: pattern, message: error.description)
    }
    let root = parent(of: glob.literalPrefix)
    guard stat(root.isEmpty ? "." : root, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return }
      throw fileError(errno, operation: "LIST", path: root)
    }
    guard status.isDirectory else { return }
    var walk = DirectoryWalk(operation: "LIST", glob: glob)
    try walk.run(root, page: page)
  }

  /// All of ``expand(glob:page:)`` at once.
  public static func expand(glob pattern: String) throws(StoreError) -> [ObjectInfo] {
    var all: [ObjectInfo] = []
    try expand(glob: pattern) { found in
      all += found
      return true
    }
    return all
  }
}
