internal import Glibc

/// A TCP socket that listens; closed with its owner unless handed over.
struct ListeningSocket: ~Copyable {
  private let descriptor: Int32
  /// The one that the system chose, if it was asked to.
  let port: UInt16

  init(address: String, port: UInt16) throws(MonitorError) {
    let location = address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    func failure(_ code: MonitorError.Code, _ message: String, hint: String = "") -> MonitorError {
      MonitorError(code, operation: "listen", location: location, message: message, hint: hint)
    }
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(address, String(port), &hints, &found)
    defer { if let found { freeaddrinfo(found) } }
    guard code == 0, let place = found?.pointee else {
      throw failure(
        .badAddress, String(cString: gai_strerror(code)), hint: "give an address such as 127.0.0.1, 0.0.0.0 or ::1")
    }
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(place.ai_family, kind, 0)
    guard descriptor >= 0 else { throw failure(.other, String(cString: strerror(errno))) }
    var yes: Int32 = 1
    // A server that starts again soon finds its old connections in TIME_WAIT.
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    guard bind(descriptor, place.ai_addr, place.ai_addrlen) == 0, listen(descriptor, 128) == 0,
      let port = Self.port(of: descriptor)
    else {
      let number = errno
      close(descriptor)
      let message = String(cString: strerror(number))
      switch number {
      case EADDRINUSE: throw failure(.portTaken, message, hint: "another program listens there; choose another port")
      case EADDRNOTAVAIL: throw failure(.badAddress, message, hint: "choose an address of this machine, or 0.0.0.0")
      default: throw failure(.other, message)
      }
    }
    self.descriptor = descriptor
    self.port = port
  }

  deinit { close(descriptor) }

  /// The descriptor, which is the caller's to close from now on.
  consuming func handOver() -> Int32 {
    let descriptor = descriptor
    discard self
    return descriptor
  }

  private static func port(of descriptor: Int32) -> UInt16? {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard code == 0 else { return nil }
    // sockaddr_in and sockaddr_in6 have the port at the same place.
    return withUnsafeBytes(of: &address) {
      UInt16(bigEndian: $0.load(fromByteOffset: MemoryLayout<sa_family_t>.size, as: UInt16.self))
    }
  }
}
