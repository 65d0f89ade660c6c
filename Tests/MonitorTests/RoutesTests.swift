import Testing

@testable import Monitor

@Suite struct RoutesTests {
  static let routes = Routes(
    title: "customer<360>", unready: { [] }, status: { Array("{}".utf8) }, metrics: { "a 1\n" },
    snapshot: { .text("cut \($0.query["id"] ?? "now")", status: 202) })

  private func text(_ response: HTTPResponse) -> String {
    "\(response.status) \(String(decoding: response.body, as: UTF8.self))"
  }

  private func get(_ path: String, _ routes: Routes = routes) -> HTTPResponse {
    routes.answer(HTTPRequest(method: "GET", path: path))
  }

  @Test func whatThereIs() {
    #expect(text(get("/healthz")) == "200 ok\n")
    #expect(text(get("/readyz")) == "200 ready\n")
    #expect(text(get("/status")) == "200 {}")
    #expect(get("/status").contentType == "application/json")
    #expect(text(get("/metrics")) == "200 a 1\n")
    #expect(get("/metrics").contentType == "text/plain; version=0.0.4; charset=utf-8")
    let snapshot = HTTPRequest(method: "POST", path: "/snapshot", query: ["id": "x"])
    #expect(text(Self.routes.answer(snapshot)) == "202 cut x\n")
  }

  @Test func whatThereIsNot() {
    #expect(get("/nothing").status == 404)
    #expect(get("/healthz/").status == 404)
    for path in ["/", "/healthz", "/readyz", "/status", "/metrics"] {
      let answer = Self.routes.answer(HTTPRequest(method: "POST", path: path))
      #expect(answer.status == 405 && answer.allow == "GET, HEAD")
      #expect(Self.routes.answer(HTTPRequest(method: "HEAD", path: path)).status == 200)
    }
    #expect(get("/snapshot").status == 405 && get("/snapshot").allow == "POST")
    var silent = Self.routes
    silent.snapshot = nil
    #expect(silent.answer(HTTPRequest(method: "POST", path: "/snapshot")).status == 404)
  }

  /// A page that somebody looks at must not start snapshots on their machine.
  @Test func pagesDoNotCommand() {
    let request = HTTPRequest(method: "POST", path: "/snapshot", origin: "https://example.org")
    #expect(Self.routes.answer(request).status == 403)
  }

  @Test func reasonsAreSaid() {
    var routes = Self.routes
    routes.unready = { ["shard 3 recovers", "the <broker> is away"] }
    #expect(text(get("/readyz", routes)) == "503 shard 3 recovers\nthe <broker> is away\n")
    #expect(text(get("/healthz", routes)) == "200 ok\n")
    let page = text(get("/", routes))
    #expect(page.contains("<li>the &lt;broker&gt; is away</li>") && page.contains("<h1>customer&lt;360&gt;</h1>"))
    #expect(!page.contains("http"), "a page without other machines' resources")
  }
}

@Suite struct HTTPAnswerTests {
  private func parse(_ text: String) -> String? {
    HTTPAnswer(Array(text.utf8)).map { "\($0.status) \(String(decoding: $0.body, as: UTF8.self))" }
  }

  @Test func answers() {
    #expect(parse("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok") == "200 ok")
    #expect(parse("HTTP/1.1 404 \r\n\r\nwhat came") == "404 what came")
    #expect(parse("HTTP/1.1 204\r\ncontent-length:0\r\n\r\n") == "204 ")
  }

  @Test func whatIsCutOffOrNotHTTPIsNoAnswer() {
    let whole = Array("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok".utf8)
    for length in whole.indices { #expect(HTTPAnswer(Array(whole[..<length])) == nil) }
    #expect(parse("SSH-2.0-OpenSSH_9.2\r\n\r\n") == nil)
    #expect(parse("HTTP/1.1 999 No\r\n\r\n") == nil)
    #expect(parse("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n") == nil)
    #expect(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == nil)
  }
}
