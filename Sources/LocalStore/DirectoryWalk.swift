import Glibc
import Platform

/// Every file below some directories, each directory read once.
///
/// Symbolic links to files are followed. Links to directories are followed after all real directories have been read,
/// and only to directories that were not read already: a circle of links ends, and a tree that is reachable by two paths
/// is listed once, under its real path if that is part of the walk. The order of links is sorted, so the outcome does not
/// depend on the order in which the file system stores names.
///
/// Costs one `open` per directory and one `fstatat` per file; holds one directory open at a time.
struct DirectoryWalk {
  private let operation: String
  private let glob: Glob?
  private var found: [ObjectInfo] = []
  private var isStopped = false
  private var directories: [Directory] = []
  private var links: [Directory] = []
  private var visited: Set<Identity> = []

  private struct Directory {
    /// Ends in `/`, or is "" for the working directory.
    var path: String
    var position: Glob.Position?
    var nameBegins: String
  }

  private struct Identity: Hashable {
    var device: UInt
    var inode: UInt
  }

  /// With a `glob`, only paths that match; directories that no match can lie in are not read.
  init(operation: String, glob: Glob? = nil) {
    self.operation = operation
    self.glob = glob
  }

  /// Lists `path` ("" or ending in `/`), whose names at the first level begin with `nameBegins`, in pages of 1,000.
  mutating func run(
    _ path: String, nameBegins: String = "", page: ([ObjectInfo]) throws -> Bool
  ) throws(StoreError) {
    let position = glob.map { $0.advance($0.start, over: path) }
    directories.append(Directory(path: path, position: position, nameBegins: nameBegins))
    while !isStopped {
      if let next = directories.popLast() {
        try read(next, isLink: false, page)
      } else if !links.isEmpty {
        links.sort { $0.path > $1.path }
        if let next = links.popLast() { try read(next, isLink: true, page) }
      } else {
        break
      }
    }
    try deliver(page)
  }

  private mutating func read(
    _ directory: Directory, isLink: Bool, _ page: ([ObjectInfo]) throws -> Bool
  ) throws(StoreError) {
    let path = directory.path.isEmpty ? "." : directory.path
    guard let stream = opendir(path) else {
      // A directory that went away while the walk was under way holds nothing.
      if errno == ENOENT && !visited.isEmpty { return }
      throw fileError(errno, operation: operation, path: path)
    }
    defer { closedir(stream) }
    let descriptor = dirfd(stream)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw fileError(errno, operation: operation, path: path) }
    let identity = Identity(device: UInt(status.st_dev), inode: UInt(status.st_ino))
    if !visited.insert(identity).inserted && isLink { return }

    while !isStopped {
      errno = 0
      guard let entry = readdir(stream) else {
        guard errno == 0 else { throw fileError(errno, operation: operation, path: path) }
        return
      }
      try visit(entry, of: directory, descriptor)
      if found.count >= 1000 { try deliver(page) }
    }
  }

  private mutating func deliver(_ page: ([ObjectInfo]) throws -> Bool) throws(StoreError) {
    guard !found.isEmpty, !isStopped else { return }
    do {
      isStopped = try !page(found)
    } catch {
      throw StoreError(passingOn: error, operation: operation, location: found[0].key)
    }
    found.removeAll(keepingCapacity: true)
  }

  private mutating func visit(
    _ entry: UnsafeMutablePointer<dirent>, of directory: Directory, _ descriptor: Int32
  ) throws(StoreError) {
    // The name is the rest of the entry, ended by a zero byte (readdir(3)); the declared length may be shorter.
    let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
    let rawName = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
    if isDotOrDotDot(rawName) { return }
    guard let name = String(validatingCString: rawName) else {
      throw StoreError(
        .other, operation: operation, location: directory.path + String(cString: rawName),
        message: "the file's name is not valid UTF-8", hint: "rename the file (convmv) or leave it out")
    }
    if name.hasPrefix(TemporaryFile.namePrefix) { return }
    if !directory.nameBegins.isEmpty, !name.utf8.starts(with: directory.nameBegins.utf8) { return }

    var position: Glob.Position?
    if let glob, let above = directory.position {
      let here = glob.advance(above, over: name)
      if here.isDead { return }
      position = here
    }
    let path = directory.path + name
    let type = Int32(entry.pointee.d_type)
    if type == DT_DIR {
      enter(path, position, isLink: false)
      return
    }
    guard type == DT_REG || type == DT_LNK || type == DT_UNKNOWN else { return }
    var status = stat()
    guard fstatat(descriptor, rawName, &status, 0) == 0 else {
      // Removed since readdir saw it, or a link to nowhere; editors' lock files are such links.
      if errno == ENOENT, type != DT_LNK || name.hasPrefix(".") || name.hasPrefix("_") { return }
      if errno == ENOENT {
        throw StoreError(
          .notFound, operation: operation, location: path, message: "the symbolic link points nowhere",
          hint: "remove the link, or bring back what it points to")
      }
      throw fileError(errno, operation: operation, path: path)
    }
    if status.isDirectory {
      enter(path, position, isLink: type == DT_LNK || isSymbolicLink(descriptor, rawName))
    } else if status.isRegular {
      if let glob, let position, !glob.isMatch(position) { return }
      found.append(ObjectInfo(status, path: path))
    }
  }

  private mutating func enter(_ path: String, _ position: Glob.Position?, isLink: Bool) {
    var below: Glob.Position?
    if let glob, let position {
      let next = glob.advance(position, over: "/")
      if next.isDead { return }
      below = next
    }
    let directory = Directory(path: path + "/", position: below, nameBegins: "")
    if isLink { links.append(directory) } else { directories.append(directory) }
  }

  private func isSymbolicLink(_ descriptor: Int32, _ name: UnsafePointer<CChar>) -> Bool {
    var status = stat()
    return fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  private func isDotOrDotDot(_ name: UnsafePointer<CChar>) -> Bool {
    let dot = CChar(UInt8(ascii: "."))
    return name[0] == dot && (name[1] == 0 || (name[1] == dot && name[2] == 0))
  }
}

extension ObjectInfo {
  init(_ status: stat, path: String) {
    self.init(
      bucket: "", key: path, size: Int64(status.st_size), modifiedMicroseconds: status.modifiedMicroseconds)
  }
}
