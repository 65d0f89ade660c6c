import Glibc
internal import Platform

extension LocalStore {
  /// Removes what writers left who died below a directory (``TemporaryFile``, ``KeyLock``), if it was last written to at
  /// `old` (microseconds) or before; gives the paths. Links are not followed; what cannot be read or removed stays.
  ///
  /// A lock that somebody holds is a moment old, and one that is removed under its holder only lets two writers of a small
  /// file race, as they would on other machines of a network's file system.
  public static func removeUnfinished(below directory: String, notAfter old: Int64) -> [String] {
    var removed: [String] = []
    var directories = [directoryPath(directory)]
    while let path = directories.popLast() {
      guard let stream = opendir(path.isEmpty ? "." : path) else { continue }
      defer { closedir(stream) }
      while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        var status = stat()
        guard name != ".", name != "..", lstat(path + name, &status) == 0 else { continue }
        if status.isDirectory {
          directories.append(path + name + "/")
        } else if name.hasPrefix(TemporaryFile.namePrefix), ObjectInfo(status, path: "").modifiedMicroseconds <= old,
          unlink(path + name) == 0
        {
          removed.append(path + name)
        }
      }
    }
    return removed.sorted()
  }
}
