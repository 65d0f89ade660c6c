internal import Digests
import Glibc
import Platform

/// write(2): descriptor, bytes, count; gives -1 and `errno` on failure.
typealias WriteCall = @Sendable (Int32, UnsafeRawPointer, Int) -> Int

let systemWrite: WriteCall = { descriptor, bytes, count in Glibc.write(descriptor, bytes, count) }

/// A file that is being written, in the directory where it will appear, under a hidden name.
///
/// ```
/// open ──write*──▶ open ──synchronize──▶ closed ──publish / publishIfAbsent──▶ gone
///   └───────────────────────discard──────────┴──────────────────────────────▶ gone
/// ```
final class TemporaryFile: @unchecked Sendable {
  // Sendable: used by one thread at a time, as `ObjectWriter` demands of its callers.
  static let namePrefix = ".tributary-"

  let destination: String
  private let path: String
  private let operation: String
  private let write: WriteCall
  private var descriptor: Int32
  private var isThere = true
  private var isLinked = false
  /// Whether the descriptor writes past the page cache, and whether the file system can.
  private var isDirect = false
  private var mayBeDirect = true

  /// Creates the file, and the directories above it where they are missing.
  init(beside destination: String, write: @escaping WriteCall, operation: String) throws(StoreError) {
    self.destination = destination
    self.operation = operation
    self.write = write
    let path = try Self.path(beside: destination, operation: operation)
    self.path = path
    descriptor = try Self.inDirectory(of: destination, operation: operation) {
      open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    }
    guard descriptor >= 0 else { throw fileError(errno, operation: operation, path: destination) }
  }

  /// A second name of a file that is whole (a link to it is followed); nil where it cannot have one there.
  init?(linking file: String, beside destination: String, operation: String) throws(StoreError) {
    self.destination = destination
    self.operation = operation
    write = systemWrite
    descriptor = -1
    isLinked = true
    let path = try Self.path(beside: destination, operation: operation)
    self.path = path
    let code = try Self.inDirectory(of: destination, operation: operation) {
      linkat(AT_FDCWD, file, AT_FDCWD, path, AT_SYMLINK_FOLLOW)
    }
    if code != 0 {
      isThere = false
      // Another file system, one without hard links, a file of somebody else's, or one whose last name is gone: its bytes
      // may still be written.
      if [EXDEV, EPERM, ENOENT, ENOTSUP, ENOSYS, EMLINK].contains(errno) { return nil }
      throw fileError(errno, operation: operation, path: destination)
    }
  }

  private static func path(beside destination: String, operation: String) throws(StoreError) -> String {
    let parent = LocalStore.parent(of: destination)
    guard parent.utf8.count < destination.utf8.count else {
      throw StoreError(
        .other, operation: operation, location: destination, message: "the file's name is missing")
    }
    let unique = SHA256.hex((0..<8).map { _ in UInt8.random(in: 0...255) })
    return "\(parent)\(namePrefix)\(getpid())-\(unique).tmp"
  }

  /// Calls the system, and again once the directories are made if they are missing. More than once: whoever removes a
  /// directory's last file removes the directory, maybe the one that was just made.
  private static func inDirectory(
    of destination: String, operation: String, _ call: () -> Int32
  ) throws(StoreError) -> Int32 {
    var result = call()
    var tries = 0
    while result < 0, errno == ENOENT, tries < 100 {
      try createDirectories(LocalStore.parent(of: destination), operation: operation)
      result = call()
      tries += 1
    }
    return result
  }

  deinit { discard() }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    setDirect(false)
    try writeAll(bytes)
  }

  /// Writes whole blocks, from memory that is aligned to them and behind nothing but such, past the page cache where the
  /// file system can: they are to be brought to the device in any case, and pages for them cost more than copying. A file
  /// system that cannot, or not from here on, takes them as it takes any bytes.
  func writeBlocks(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    setDirect(mayBeDirect)
    try writeAll(bytes)
  }

  /// Throws once it was finished or given up.
  func requireOpen() throws(StoreError) {
    guard descriptor >= 0 else { throw misuse() }
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    try requireOpen()
    guard var next = bytes.baseAddress else { return }
    var left = bytes.count
    while left > 0 {
      let count = retryingInterrupts { write(descriptor, next, left) }
      if count < 0, errno == EINVAL, isDirect {
        mayBeDirect = false
        setDirect(false)
        continue
      }
      guard count >= 0 else { throw fileError(errno, operation: operation, path: destination) }
      next += count
      left -= count
    }
  }

  private func setDirect(_ wanted: Bool) {
    guard wanted != isDirect, descriptor >= 0 else { return }
    if fcntl(descriptor, F_SETFL, wanted ? __O_DIRECT : 0) == 0 { isDirect = wanted } else { mayBeDirect = false }
  }

  /// Puts the content on the device. Only then may the file be published, or a crash could leave an empty one.
  func synchronize() throws(StoreError) {
    try requireOpen()
    let synchronized = fsync(descriptor)
    let code = errno
    let closed = close(descriptor)
    let closeCode = errno
    descriptor = -1
    // EINVAL, EROFS: a file system without synchronisation.
    if synchronized != 0, code != EINVAL, code != EROFS {
      throw fileError(code, operation: operation, path: destination)
    }
    if closed != 0 { throw fileError(closeCode, operation: operation, path: destination) }
  }

  /// Takes the destination's place, whatever is there.
  func publish() throws(StoreError) {
    guard rename(path, destination) == 0 else {
      throw fileError(errno, operation: operation, path: destination)
    }
    isThere = false
    // rename(2) leaves both names where they are one file already.
    if isLinked { unlink(path) }
    synchronizeDirectory()
  }

  /// Appears at the destination if nothing is there. link(2) is atomic: of many racing writers one wins.
  func publishIfAbsent() throws(StoreError) {
    if link(path, destination) == 0 {
      discard()
      synchronizeDirectory()
      return
    }
    switch errno {
    case EEXIST:
      throw StoreError(
        .exists, operation: operation, location: destination, message: "there is a file already")
    case EPERM, ENOTSUP, ENOSYS, EMLINK:
      throw StoreError(
        .other, operation: operation, location: destination,
        message: "this file system has no hard links, so a file cannot be created exclusively",
        hint: "use a Linux file system (ext4, xfs, NFS) or S3")
    default: throw fileError(errno, operation: operation, path: destination)
    }
  }

  /// Removes the file if it was not published. Harmless at any time.
  func discard() {
    if descriptor >= 0 {
      close(descriptor)
      descriptor = -1
    }
    if isThere {
      unlink(path)
      isThere = false
    }
  }

  /// Without it a crash could lose the name of a file that was reported as written. Failure is not reported: the file is
  /// in place, and some file systems cannot do it.
  private func synchronizeDirectory() {
    let parent = LocalStore.parent(of: destination)
    let directory = open(parent.isEmpty ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { return }
    fsync(directory)
    close(directory)
  }

  private func misuse() -> StoreError {
    StoreError(
      .other, operation: operation, location: destination, message: "the file was finished or given up before"
    )
  }
}

/// mkdir -p; `path` ends in `/`. Stops where a directory that was there is gone again.
private func createDirectories(_ path: String, operation: String) throws(StoreError) {
  var index = path.utf8.startIndex
  while let slash = path.utf8[index...].firstIndex(of: UInt8(ascii: "/")) {
    index = path.utf8.index(after: slash)
    if slash == path.utf8.startIndex { continue }
    let directory = String(path[..<slash])
    if mkdir(directory, 0o777) != 0, errno != EEXIST {
      // EROFS, EACCES and the like also come for directories that are there; only a missing one matters.
      let code = errno
      if code == ENOENT { return }
      var status = stat()
      if stat(directory, &status) == 0, status.isDirectory { continue }
      throw fileError(code, operation: operation, path: directory)
    }
  }
}
