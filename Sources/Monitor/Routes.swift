/// Which request is answered by what: a map from paths to closures that the owner gives. Pure but for those.
///
/// | path | |
/// |---|---|
/// | `GET /` | a page with links |
/// | `GET /healthz` | 200 as long as the process answers |
/// | `GET /readyz` | 200, or 503 and why not |
/// | `GET /status` | the status document, JSON |
/// | `GET /metrics` | Prometheus' text format |
/// | `POST /snapshot` | asks for a snapshot |
public struct Routes: Sendable {
  /// Shown on the page: what runs here.
  public var title: String
  /// Why the worker cannot do its work now; empty if it can.
  public var unready: @Sendable () -> [String]
  /// A JSON document.
  public var status: @Sendable () -> [UInt8]
  public var metrics: @Sendable () -> String
  /// nil: this process takes no commands, so the path does not exist.
  public var snapshot: (@Sendable (HTTPRequest) -> HTTPResponse)?

  public init(
    title: String, unready: @escaping @Sendable () -> [String], status: @escaping @Sendable () -> [UInt8],
    metrics: @escaping @Sendable () -> String, snapshot: (@Sendable (HTTPRequest) -> HTTPResponse)? = nil
  ) {
    self.title = title
    self.unready = unready
    self.status = status
    self.metrics = metrics
    self.snapshot = snapshot
  }

  public func answer(_ request: HTTPRequest) -> HTTPResponse {
    switch request.path {
    case "/": reading(request, page)
    case "/healthz": reading(request) { .text("ok") }
    case "/readyz": reading(request, readiness)
    case "/status": reading(request) { .json(status()) }
    case "/metrics":
      reading(request) {
        HTTPResponse(contentType: "text/plain; version=0.0.4; charset=utf-8", body: Array(metrics().utf8))
      }
    case "/snapshot":
      if let snapshot { commanding(request, snapshot) } else { Self.notFound }
    default: Self.notFound
    }
  }

  private static let notFound = HTTPResponse.text("There is nothing at this path; / lists what there is.", status: 404)

  /// GET; and HEAD, whose answer is sent without its body.
  private func reading(_ request: HTTPRequest, _ answer: () -> HTTPResponse) -> HTTPResponse {
    guard request.method == "GET" || request.method == "HEAD" else { return Self.notAllowed("GET, HEAD") }
    return answer()
  }

  private func commanding(_ request: HTTPRequest, _ answer: (HTTPRequest) -> HTTPResponse) -> HTTPResponse {
    guard request.method == "POST" else { return Self.notAllowed("POST") }
    // Any page that somebody looks at could make their browser post to their own machine.
    guard request.origin == nil else { return .text("Not from a browser's page.", status: 403) }
    return answer(request)
  }

  private static func notAllowed(_ allow: String) -> HTTPResponse {
    var response = HTTPResponse.text("This path takes \(allow).", status: 405)
    response.allow = allow
    return response
  }

  private func readiness() -> HTTPResponse {
    let reasons = unready()
    return reasons.isEmpty ? .text("ready") : .text(reasons.joined(separator: "\n"), status: 503)
  }

  private func page() -> HTTPResponse {
    let reasons = unready()
    let state =
      reasons.isEmpty
      ? "<p>Ready.</p>" : "<p>Not ready:</p>\n<ul>\(reasons.map { "<li>\(Self.escape($0))</li>" }.joined())</ul>"
    let links = ["/status", "/metrics", "/readyz", "/healthz"].map { "<li><a href=\"\($0)\">\($0)</a></li>" }
    let html = """
      <!doctype html>
      <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>\(Self.escape(title))</title>
      <style>body { font: 16px/1.5 sans-serif; margin: 3em auto; max-width: 40em; padding: 0 1em }</style>
      <h1>\(Self.escape(title))</h1>
      \(state)
      <ul>\(links.joined())</ul>
      </html>

      """
    return HTTPResponse(contentType: "text/html; charset=utf-8", body: Array(html.utf8))
  }

  private static func escape(_ text: String) -> String {
    var out = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      default: out.unicodeScalars.append(character)
      }
    }
    return out
  }
}
