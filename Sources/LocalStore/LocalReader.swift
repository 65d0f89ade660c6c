import Glibc
import Platform

/// Reads one file, and makes sure that it was the same file from the first byte to the last.
final class LocalReader: ObjectReader {
  // Sendable: the protocol allows one thread at a time; the descriptor never changes.
  private let file: FileDescriptor
  private let info: ObjectInfo
  private let position = Position()

  /// One thread at a time, as the protocol says, so it needs no lock.
  private final class Position: @unchecked Sendable { var offset: Int64 = 0 }

  init(_ info: ObjectInfo) throws(StoreError) {
    // Without O_NONBLOCK, a named pipe in the file's place would block for ever.
    file = try FileDescriptor(info.key, O_RDONLY | O_NONBLOCK, operation: "open")
    self.info = info
    try requireUnchanged()
    // Only advice: failure has no consequence.
    _ = posix_fadvise(file.number, 0, 0, POSIX_FADV_SEQUENTIAL)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    let left = info.size - position.offset
    if left <= 0 {
      try requireUnchanged()
      return 0
    }
    let wanted = Int(min(Int64(buffer.count), left))
    if wanted == 0 { return 0 }
    let count = retryingInterrupts { pread(file.number, buffer.baseAddress, wanted, off_t(position.offset)) }
    guard count >= 0 else { throw fileError(errno, operation: "read", path: info.key) }
    guard count > 0 else {
      throw changed("it ends at byte \(position.offset) of \(info.size)")
    }
    position.offset += Int64(count)
    if position.offset == info.size { try requireUnchanged() }
    return count
  }

  /// A file that is written while it is read changes its size or time; the comparison behind the last byte sees it.
  private func requireUnchanged() throws(StoreError) {
    let status = try file.status(operation: "read", path: info.key)
    guard status.isRegular else {
      throw StoreError(.other, operation: "open", location: info.key, message: "this is not a regular file")
    }
    guard Int64(status.st_size) == info.size else {
      throw changed("its size is \(status.st_size) now, and was \(info.size)")
    }
    guard status.modifiedMicroseconds == info.modifiedMicroseconds else {
      throw changed("it was written to meanwhile")
    }
  }

  private func changed(_ how: String) -> StoreError {
    StoreError(
      .changed, operation: "read", location: info.key,
      message: "the file changed since it was listed: \(how)",
      hint: "let the writer finish, and put files in place by rename")
  }
}
