internal import CMicroHTTPD

/// One request on its way in. Used by the one thread that polls its connection.
final class Exchange {
  /// nil: the request line makes no sense.
  private let target: HTTPTarget?
  private let limits: HTTPLimits
  private var body: [UInt8] = []
  private var discarded = 0
  private var hasBegun = false

  init(target: HTTPTarget?, limits: HTTPLimits) {
    self.target = target
    self.limits = limits
  }

  /// What is to be done after a call of libmicrohttpd's access handler.
  enum Step {
    case wait
    case drop
    case refuse(HTTPResponse)
    case handle(HTTPRequest)
  }

  /// First comes a call when the headers are there, then one for each piece of body, then one at the end.
  func step(
    _ connection: OpaquePointer, method: UnsafePointer<CChar>?, piece: UnsafePointer<CChar>?,
    size: UnsafeMutablePointer<Int>
  ) -> Step {
    guard hasBegun else {
      hasBegun = true
      // libmicrohttpd has refused lengths that are no numbers.
      let announced = header("Content-Length", connection).flatMap { Int($0) } ?? 0
      return announced > limits.bodyBytes ? .refuse(Self.tooLarge) : .wait
    }
    if size.pointee > 0 {
      let count = size.pointee
      size.pointee = 0
      return take(UnsafeRawBufferPointer(start: piece, count: piece == nil ? 0 : count)) ? .wait : .drop
    }
    guard discarded == 0 else { return .refuse(Self.tooLarge) }
    guard let target, let method else { return .refuse(.text("The request's target cannot be read.", status: 400)) }
    return .handle(
      HTTPRequest(
        method: String(cString: method), path: target.path, query: target.query,
        origin: header("Origin", connection), body: body))
  }

  /// False when it has become too much even to drop.
  private func take(_ piece: UnsafeRawBufferPointer) -> Bool {
    if discarded == 0, body.count + piece.count <= limits.bodyBytes {
      body.append(contentsOf: piece)
      return true
    }
    body = []
    discarded += piece.count
    return discarded <= limits.discardedBytes
  }

  private func header(_ name: String, _ connection: OpaquePointer) -> String? {
    MHD_lookup_connection_value(connection, .HEADER_KIND, name).map { String(cString: $0) }
  }

  private static let tooLarge = HTTPResponse.text("The request's body is too large.", status: 413)
}
