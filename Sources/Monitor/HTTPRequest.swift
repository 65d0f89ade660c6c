/// A request that arrived whole.
public struct HTTPRequest: Sendable, Hashable {
  /// As it was sent: "GET", "HEAD", "POST", or anything else that a client made up.
  public var method: String
  /// Decoded, begins with "/".
  public var path: String
  /// Decoded names and values; of a name that stands twice, the first.
  public var query: [String: String]
  /// The page a browser sent this from; nil if no browser did.
  public var origin: String?
  public var body: [UInt8]

  public init(
    method: String, path: String, query: [String: String] = [:], origin: String? = nil, body: [UInt8] = []
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.origin = origin
    self.body = body
  }
}

/// An answer, in memory as a whole.
public struct HTTPResponse: Sendable, Hashable {
  public var status: Int
  public var contentType: String
  public var body: [UInt8]
  /// Methods that the path does take, for a 405.
  public var allow: String?

  public init(status: Int = 200, contentType: String, body: [UInt8], allow: String? = nil) {
    self.status = status
    self.contentType = contentType
    self.body = body
    self.allow = allow
  }

  /// A line of text; its end is added.
  public static func text(_ text: String, status: Int = 200) -> HTTPResponse {
    HTTPResponse(status: status, contentType: "text/plain; charset=utf-8", body: Array((text + "\n").utf8))
  }

  public static func json(_ bytes: [UInt8], status: Int = 200) -> HTTPResponse {
    HTTPResponse(status: status, contentType: "application/json", body: bytes)
  }
}
