internal import CMicroHTTPD
internal import Glibc
internal import Synchronization
internal import Threads

/// A small HTTP/1.1 server for health, metrics and commands. No TLS, no authentication: it listens on the loopback
/// address unless told otherwise.
///
/// The handler runs on one of a few threads of the server, so one that takes long delays others; all of them may run it
/// at a time. It must not call ``stop()`` or hold the last reference to the server. Whatever clients send, memory, connections and time are bounded
/// (``HTTPLimits``).
public final class HTTPServer: @unchecked Sendable {
  // Sendable: the constants are set once; the daemon is touched by `stop` alone, under the lock.
  private let daemon: OpaquePointer
  private let service: HTTPService
  private let reaper: SystemThread
  private let isStopped = Mutex(false)

  /// Where it listens: the one asked for, or the one that was free.
  public let port: UInt16

  /// Listens and serves at once.
  public convenience init(
    address: String = "127.0.0.1", port: UInt16, handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse
  ) throws(MonitorError) {
    try self.init(address: address, port: port, limits: HTTPLimits(), handler: handler)
  }

  init(
    address: String, port: UInt16, limits: HTTPLimits, handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse
  ) throws(MonitorError) {
    let listener = try ListeningSocket(address: address, port: port)
    let service = HTTPService(limits: limits, handler: handler)
    self.port = listener.port
    let descriptor = listener.handOver()
    let socket = FileIdentity(of: descriptor)
    guard let reaper = SystemThread.ifAny({ service.connections.reap() }) else {
      close(descriptor)
      throw Self.doesNotStart(address, port)
    }
    // The daemon's callbacks hold the service until `stop` has seen all its threads end.
    let context = Unmanaged.passRetained(service)
    guard let daemon = HTTPService.start(listener: descriptor, limits: limits, context: context.toOpaque()) else {
      context.release()
      service.connections.stop()
      reaper.join()
      // Whether libmicrohttpd has closed the socket depends on how far it came, and its number may be another file's by now.
      if FileIdentity(of: descriptor) == socket { close(descriptor) }
      throw Self.doesNotStart(address, port)
    }
    self.daemon = daemon
    self.service = service
    self.reaper = reaper
  }

  /// Which file a descriptor stands for.
  private struct FileIdentity: Equatable {
    let device: UInt
    let number: UInt

    /// nil: it stands for none.
    init?(of descriptor: Int32) {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { return nil }
      (device, number) = (UInt(status.st_dev), UInt(status.st_ino))
    }
  }

  private static func doesNotStart(_ address: String, _ port: UInt16) -> MonitorError {
    MonitorError(
      .other, operation: "listen", location: "\(address):\(port)", message: "the HTTP server does not start",
      hint: "the limits of threads or open files may be too low")
  }

  deinit { stop() }

  /// Accepts no more, waits for requests that are being handled, then ends all threads. Once it returns, the handler is
  /// not called again. Any thread but the handler's; the second call does nothing.
  public func stop() {
    precondition(!service.connections.isHandlerThread, "a request's handler stops its own server")
    isStopped.withLock { isStopped in
      guard !isStopped else { return }
      isStopped = true
      let listener = MHD_quiesce_daemon(daemon)
      service.connections.drain(milliseconds: service.limits.stopMilliseconds)
      MHD_stop_daemon(daemon)
      // Closed only now: one of the threads might still have polled it.
      if listener >= 0 { close(listener) }
      service.connections.stop()
      reaper.join()
      Unmanaged.passUnretained(service).release()
    }
  }

  var openConnections: Int { service.connections.count }
  var openRequests: Int { service.requests.load(ordering: .relaxed) }
}
