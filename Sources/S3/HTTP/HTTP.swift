/// One HTTP request, ready to send.
struct HTTPRequest: Sendable {
  var method: String
  var isTLS: Bool
  /// Host, with the port where it is not the scheme's own.
  var authority: String
  /// Percent-encoded, begins with `/`, sent as it is.
  var path: String
  /// Percent-encoded, without `?`.
  var query = ""
  /// Without `Host`, which follows from the authority, and `Content-Length`.
  var headers: [(name: String, value: String)] = []
  var body: [UInt8]?
  /// Instance metadata and the like lie on the link; a proxy could not reach them.
  var usesProxy = true
  var timeouts = HTTPTimeouts()

  var url: String {
    "\(isTLS ? "https" : "http")://\(authority)\(path)" + (query.isEmpty ? "" : "?\(query)")
  }
}

struct HTTPTimeouts: Sendable {
  var connectMilliseconds = 10_000
  /// Gives up when no byte has moved for so long.
  var stallSeconds = 30
  /// For the whole exchange; 0: no bound.
  var totalMilliseconds = 0
}

struct HTTPResponse: Sendable {
  var status: Int
  /// Names in lower case, in the order received.
  var headers: [(name: String, value: String)]
  /// Bounded; empty where a ``BodySink`` took the body.
  var body: [UInt8]

  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// An exchange that did not come to a whole response.
struct TransportFailure: Error, Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    /// No connection: name not resolved, refused, timed out. The request was not sent.
    case connect
    /// The certificate was not accepted, or the CA file is missing. Trying again does not help.
    case certificate
    /// Reset, stall, a body shorter than promised. The request may have been carried out.
    case broken
    /// ``Cancellation`` asked for it.
    case cancelled
    /// The body is larger than what is allowed here, or what was sent is no HTTP.
    case refused
  }

  var kind: Kind
  /// In the library's words; holds no header and no query.
  var message: String
}

/// Sends requests. Blocks; thread-safe.
protocol HTTPTransport: Sendable {
  func perform(
    _ request: HTTPRequest, into sink: BodySink, cancellation: Cancellation
  ) throws(TransportFailure) -> HTTPResponse
}
