internal import Glibc

/// The process's standard error.
public enum StandardError {
  public static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Writes a line with one write(2); the rest with another where the system took only a part. Blocks while a pipe is
  /// full; what cannot be written at all is lost, since there is nowhere to say so.
  public static func write(_ line: [UInt8]) {
    write(line, to: STDERR_FILENO)
  }

  static func write(_ line: [UInt8], to descriptor: Int32) {
    var written = 0
    while written < line.count {
      let count = line.withUnsafeBytes { bytes in
        Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      }
      if count > 0 {
        written += count
      } else if count < 0, errno == EAGAIN {
        // Somebody made it non-blocking: then a full pipe costs a second at most, and the rest of the line.
        var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        if poll(&place, 1, 1000) <= 0 { return }
      } else if count < 0, errno != EINTR {
        return
      }
    }
  }
}
