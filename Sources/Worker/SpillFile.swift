internal import Columns
internal import Glibc
internal import Pipeline
internal import Platform
internal import Threads

/// A temporary file for what does not fit in memory. Unlinked as soon as it is open, so nothing is left behind
/// however the process ends. Thread-safe.
final class SpillFile: @unchecked Sendable {
  // The descriptor is set once under the lock; pread and pwrite at given offsets need none.
  private let lock = ConditionLock()
  private let directory: String
  private var descriptor: Int32 = -1
  private var end: Int64 = 0

  /// Where bytes lie in the file.
  struct Extent: Sendable {
    var offset: Int64
    var count: Int
  }

  init(directory: String) { self.directory = directory }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) -> Extent {
    let (file, offset) = try reserve(bytes.count)
    var done = 0
    while done < bytes.count {
      let n = pwrite(file, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + done)
      if n < 0 {
        if errno == EINTR { continue }
        throw failure("write", errno)
      }
      done += n
    }
    return Extent(offset: offset, count: bytes.count)
  }

  func read(_ extent: Extent) throws(StoreError) -> [UInt8] {
    var failed: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: extent.count) { buffer, count in
      while count < extent.count {
        let n = pread(
          descriptor, buffer.baseAddress! + count, extent.count - count, off_t(extent.offset) + count)
        if n < 0 && errno == EINTR { continue }
        if n <= 0 {
          failed = n < 0 ? errno : EIO
          return
        }
        count += n
      }
    }
    if failed != 0 { throw failure("read", failed) }
    return bytes
  }

  private func reserve(_ count: Int) throws(StoreError) -> (Int32, Int64) {
    lock.lock()
    defer { lock.unlock() }
    if descriptor < 0 {
      var path = Array((directory + "/.tributary-XXXXXX").utf8CString)
      let opened = path.withUnsafeMutableBufferPointer { mkstemp($0.baseAddress!) }
      if opened < 0 { throw failure("open", errno) }
      _ = fcntl(opened, F_SETFD, FD_CLOEXEC)
      path.withUnsafeBufferPointer { _ = unlink($0.baseAddress!) }
      descriptor = opened
    }
    let offset = end
    end += Int64(count)
    return (descriptor, offset)
  }

  private func failure(_ operation: String, _ code: Int32) -> StoreError {
    StoreError(
      code == ENOSPC || code == EDQUOT ? .full : .other, operation: operation,
      location: "a temporary file in \(directory)", message: String(cString: strerror(code)),
      hint: "free space there or set TMPDIR to a larger place")
  }
}
