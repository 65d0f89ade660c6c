import Console
import Glibc

/// Standard output or standard error as a place for text. One thread at a time.
final class TextOutput {
  let style: TerminalStyle
  private let descriptor: Int32
  /// errno of the first write that failed for another reason than a reader that went away.
  private(set) var failure: Int32 = 0
  private(set) var hasText = false
  private var isClosed = false

  init(_ descriptor: Int32, environment: [String: String]) {
    self.descriptor = descriptor
    style = TerminalStyle(
      isTerminal: isatty(descriptor) == 1, columns: terminalColumns(descriptor), environment: environment)
  }

  /// Writes all of it; after a failure nothing more.
  func write(_ text: String) {
    hasText = hasText || !text.isEmpty
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty, !isClosed {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count >= 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        } else if errno == EAGAIN {
          var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&waiting, 1, -1)
        } else if errno != EINTR {
          isClosed = true
          if errno != EPIPE { failure = errno }
        }
      }
    }
  }
}

/// Columns of the terminal behind a descriptor; 0 if it is none or does not say.
func terminalColumns(_ descriptor: Int32) -> Int {
  var size = winsize()
  return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 ? Int(size.ws_col) : 0
}
