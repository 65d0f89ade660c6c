import Glibc

/// A socket to a server under test that sends what it is told, bad or good. Each wait ends after ten seconds.
final class RawConnection {
  private let descriptor: Int32

  init?(port: UInt16) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var wait = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if code != 0 { return nil }
  }

  deinit { close(descriptor) }

  /// False if the server takes no more.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      sent += count
    }
    return true
  }

  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// What comes until the server closes; nil if it does not close in time.
  func receiveAll() -> String? {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      let count = recv(descriptor, &piece, piece.count, 0)
      if count < 0, errno == EAGAIN { return nil }
      if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(contentsOf: piece[..<count])
    }
  }

  /// What comes until `end` has come; nil if it does not come.
  func receive(until end: String) -> String? {
    var text = ""
    var piece = [UInt8](repeating: 0, count: 1)
    while !text.hasSuffix(end) {
      guard recv(descriptor, &piece, 1, 0) == 1 else { return nil }
      text.unicodeScalars.append(Unicode.Scalar(piece[0]))
    }
    return text
  }

  /// Sends a request that asks for the connection's end; gives the answer.
  static func exchange(port: UInt16, _ request: String) -> String? {
    guard let connection = RawConnection(port: port) else { return nil }
    connection.send(request)
    return connection.receiveAll()
  }
}
