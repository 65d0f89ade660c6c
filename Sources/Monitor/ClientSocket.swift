internal import Glibc
internal import Threads

/// When an exchange over a socket has to be over.
struct SocketDeadline {
  private let end: Int64

  init(milliseconds: Int64) { end = Self.now() + milliseconds }

  /// 0 when it is over.
  var millisecondsLeft: Int32 { Int32(clamping: max(0, end - Self.now())) }

  private static func now() -> Int64 { monotonicMicroseconds() / 1000 }
}

/// A connected TCP socket that never blocks beyond a deadline.
struct ClientSocket: ~Copyable {
  private let descriptor: Int32

  struct Failure: Error {
    var code: MonitorError.Code
    var message: String
    init(_ code: MonitorError.Code, _ message: String) {
      self.code = code
      self.message = message
    }
  }

  /// Tries each address of the host in turn.
  init(host: String, port: UInt16, _ deadline: SocketDeadline) throws(Failure) {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &found)
    defer { if let found { freeaddrinfo(found) } }
    guard code == 0 else { throw Failure(.badAddress, String(cString: gai_strerror(code))) }
    var failure = Failure(.badAddress, "the name has no address")
    var next = found
    while let place = next?.pointee {
      switch Self.connect(place, deadline) {
      case .success(let descriptor):
        self.descriptor = descriptor
        return
      case .failure(let reason): failure = reason
      }
      next = place.ai_next
    }
    throw failure
  }

  deinit { close(descriptor) }

  /// False if the other side takes no more.
  func send(_ bytes: [UInt8], _ deadline: SocketDeadline) throws(Failure) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        sent += count
      } else if errno == EAGAIN {
        try Self.wait(descriptor, Int16(POLLOUT), deadline)
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }

  /// Everything until the other side closes; a reset ends it too, so look whether it is whole.
  func receiveAll(max: Int, _ deadline: SocketDeadline) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      try Self.wait(descriptor, Int16(POLLIN), deadline)
      let count = recv(descriptor, &piece, piece.count, 0)
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EAGAIN || errno == EINTR { continue }
        return bytes
      }
      bytes.append(contentsOf: piece[..<count])
      guard bytes.count <= max else { throw Failure(.badAnswer, "the answer is larger than \(max) bytes") }
    }
  }

  private static func connect(_ place: addrinfo, _ deadline: SocketDeadline) -> Result<Int32, Failure> {
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(place.ai_family, kind, 0)
    guard descriptor >= 0 else { return .failure(Failure(.other, String(cString: strerror(errno)))) }
    var code = Glibc.connect(descriptor, place.ai_addr, place.ai_addrlen) == 0 ? 0 : errno
    if code == EINPROGRESS || code == EINTR {
      do throws(Failure) {
        try wait(descriptor, Int16(POLLOUT), deadline)
      } catch {
        close(descriptor)
        return .failure(error)
      }
      var size = socklen_t(MemoryLayout<Int32>.size)
      code = getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno
    }
    guard code == 0 else {
      close(descriptor)
      return .failure(Failure(code == ECONNREFUSED ? .refused : .other, String(cString: strerror(code))))
    }
    return .success(descriptor)
  }

  private static func wait(_ descriptor: Int32, _ events: Int16, _ deadline: SocketDeadline) throws(Failure) {
    while true {
      let left = deadline.millisecondsLeft
      var place = pollfd(fd: descriptor, events: events, revents: 0)
      let count = poll(&place, 1, left)
      if count > 0 { return }
      if count < 0, errno != EINTR { throw Failure(.other, String(cString: strerror(errno))) }
      if left == 0 { throw Failure(.timedOut, "no answer in time") }
    }
  }
}
