internal import CMicroHTTPD
internal import Glibc
internal import Synchronization

/// What libmicrohttpd's callbacks reach: the handler and the connections. Retained by the daemon until it has stopped.
final class HTTPService: Sendable {
  let limits: HTTPLimits
  let connections: ConnectionTable
  /// Requests that have begun and are not over.
  let requests = Atomic(0)
  private let handler: @Sendable (HTTPRequest) -> HTTPResponse

  init(limits: HTTPLimits, handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse) {
    self.limits = limits
    self.handler = handler
    connections = ConnectionTable(allowedMilliseconds: limits.exchangeMilliseconds)
  }

  /// A daemon that serves `listener` and calls back into `context`, an unmanaged ``HTTPService``.
  static func start(listener: Int32, limits: HTTPLimits, context: UnsafeMutableRawPointer) -> OpaquePointer? {
    tributary_mhd_start(
      listener, limits.threads, limits.connections, limits.connectionBytes, context,
      { context, target, _ in HTTPService.from(context)?.begin(target) },
      { context, connection, _, method, _, piece, size, exchange in
        guard let service = HTTPService.from(context), let connection, let size, let exchange = exchange?.pointee
        else { return .NO }
        // Retained by `begin`, released by `end`.
        let request = Unmanaged<Exchange>.fromOpaque(exchange).takeUnretainedValue()
        return service.go(on: request.step(connection, method: method, piece: piece, size: size), connection)
      },
      { context, connection, exchange, _ in
        if let connection { HTTPService.from(context)?.connections.completed(connection) }
        guard let taken = exchange?.pointee else { return }
        exchange?.pointee = nil
        HTTPService.from(context)?.requests.subtract(1, ordering: .relaxed)
        Unmanaged<Exchange>.fromOpaque(taken).release()
      },
      { context, connection, _, change in
        guard let connection, let connections = HTTPService.from(context)?.connections else { return }
        if change == .CONNECTION_NOTIFY_STARTED {
          connections.opened(connection, socket: tributary_mhd_socket(connection))
        } else {
          connections.closed(connection)
        }
      })
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> HTTPService? {
    context.map { Unmanaged<HTTPService>.fromOpaque($0).takeUnretainedValue() }
  }

  /// The request line is there. libmicrohttpd says `completed` for every request for which this was called.
  private func begin(_ target: UnsafePointer<CChar>?) -> UnsafeMutableRawPointer? {
    requests.add(1, ordering: .relaxed)
    let bytes = target.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
    return Unmanaged.passRetained(Exchange(target: HTTPTarget(bytes), limits: limits)).toOpaque()
  }

  private func go(on step: Exchange.Step, _ connection: OpaquePointer) -> MHD_Result {
    switch step {
    case .wait: return .YES
    case .drop: return .NO
    case .refuse(let response):
      connections.answered(connection)
      return queue(response, connection)
    case .handle(let request):
      connections.handling(connection)
      let response = handler(request)
      connections.answered(connection)
      return queue(response, connection)
    }
  }

  private func queue(_ answer: HTTPResponse, _ connection: OpaquePointer) -> MHD_Result {
    let response = answer.body.withUnsafeBytes { bytes in
      // The mode says that the bytes are copied, so nothing is written through this pointer.
      MHD_create_response_from_buffer(
        bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
    }
    guard let response else { return .NO }
    defer { MHD_destroy_response(response) }
    // A value with a line end is refused by libmicrohttpd; the answer then goes without it.
    MHD_add_response_header(response, "Content-Type", answer.contentType)
    MHD_add_response_header(response, "Cache-Control", "no-store")
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff")
    if let allow = answer.allow { MHD_add_response_header(response, "Allow", allow) }
    return MHD_queue_response(connection, UInt32(clamping: answer.status), response)
  }
}
