import Glibc
import Platform

/// One open file; closed when the value goes.
struct FileDescriptor: ~Copyable {
  let number: Int32

  init(_ path: String, _ flags: Int32, mode: mode_t = 0, operation: String) throws(StoreError) {
    let opened = retryingInterrupts { Int(Glibc.open(path, flags | O_CLOEXEC, mode)) }
    guard opened >= 0 else { throw fileError(errno, operation: operation, path: path) }
    number = Int32(opened)
  }

  deinit { Glibc.close(number) }

  /// Closes and says whether the file system still had something to complain of (NFS and quotas report here).
  consuming func close() -> Int32 {
    let result = Glibc.close(number)
    let code = result == 0 ? 0 : errno
    discard self
    return code
  }

  func status(operation: String, path: String) throws(StoreError) -> stat {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw fileError(errno, operation: operation, path: path) }
    return status
  }

  /// Reads the whole file.
  func contents(operation: String, path: String) throws(StoreError) -> [UInt8] {
    var bytes: [UInt8] = []
    let size = try status(operation: operation, path: path).st_size
    bytes.reserveCapacity(max(0, min(size, 1 << 20)) + 1)
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { chunk.deallocate() }
    while true {
      let count = retryingInterrupts { read(number, chunk.baseAddress, chunk.count) }
      guard count >= 0 else { throw fileError(errno, operation: operation, path: path) }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[..<count])
    }
  }
}

extension stat {
  var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
  var isRegular: Bool { st_mode & S_IFMT == S_IFREG }

  /// Microseconds since 1970; times out of range stop at its ends.
  var modifiedMicroseconds: Int64 {
    let (seconds, overflow) = Int64(st_mtim.tv_sec).multipliedReportingOverflow(by: 1_000_000)
    if overflow { return st_mtim.tv_sec < 0 ? .min : .max }
    let (sum, overflowed) = seconds.addingReportingOverflow(Int64(st_mtim.tv_nsec / 1000))
    return overflowed ? .max : sum
  }
}
