internal import Digests
import Glibc
import Platform

/// An exclusive hold on one path among all threads and processes that use this store: flock(2) on a hidden file beside it.
///
/// The lock file is removed while it is still held, and whoever waited for it looks whether the file they locked is still
/// the one that has the name; otherwise two could hold two files of one name. A process that dies frees its lock (the file
/// stays, empty, and is used again). Only conditional and unconditional writes and removals of this store exclude each
/// other; other programs are not held up.
struct KeyLock: ~Copyable {
  private let descriptor: Int32
  private let path: String

  init(_ key: String, operation: String) throws(StoreError) {
    let parent = LocalStore.parent(of: key)
    let name = String(key.dropFirst(parent.count))
    // The name may already be as long as the file system allows, so the lock's is a digest of it.
    let digest = SHA256.hex(Array(SHA256.digest(Array(name.utf8)).prefix(12)))
    path = "\(parent)\(TemporaryFile.namePrefix)\(digest).lock"
    while true {
      let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      guard opened >= 0 else { throw fileError(errno, operation: operation, path: key) }
      guard retryingInterrupts({ Int(flock(opened, LOCK_EX)) }) == 0 else {
        let code = errno
        close(opened)
        throw fileError(code, operation: operation, path: key)
      }
      var held = stat()
      var named = stat()
      if fstat(opened, &held) == 0, stat(path, &named) == 0, held.st_ino == named.st_ino,
        held.st_dev == named.st_dev
      {
        descriptor = opened
        return
      }
      close(opened)
    }
  }

  deinit {
    unlink(path)
    close(descriptor)
  }

  /// Frees the lock now (the end of the value's life would do it too).
  consuming func release() {}
}
