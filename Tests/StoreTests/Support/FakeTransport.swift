import Synchronization

@testable import S3

/// Answers requests from a closure and remembers them.
final class FakeTransport: HTTPTransport {
  private let requests = Mutex<[HTTPRequest]>([])
  private let answer: @Sendable (HTTPRequest, Int) throws(TransportFailure) -> Reply

  struct Reply {
    var status = 200
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// Breaks off behind the body.
    var breaks = false

    init(_ status: Int = 200, _ body: String = "", headers: [(name: String, value: String)] = []) {
      self.status = status
      self.body = Array(body.utf8)
      self.headers = headers
    }
  }

  /// `answer` gets the request and its number, from 0.
  init(_ answer: @escaping @Sendable (HTTPRequest, Int) throws(TransportFailure) -> Reply) { self.answer = answer }

  var seen: [HTTPRequest] { requests.withLock { $0 } }

  func perform(
    _ request: HTTPRequest, into sink: BodySink, cancellation: Cancellation
  ) throws(TransportFailure) -> HTTPResponse {
    let number = requests.withLock { requests in
      requests.append(request)
      return requests.count - 1
    }
    let reply = try answer(request, number)
    sink.begin(status: reply.status, headers: reply.headers)
    if request.method != "HEAD" { _ = reply.body.withUnsafeBytes { sink.take($0) } }
    if reply.breaks { throw TransportFailure(kind: .broken, message: "the connection was reset") }
    return HTTPResponse(status: reply.status, headers: reply.headers, body: sink.collected)
  }
}

extension S3Environment {
  /// Variables, files by path, and answers to requests; a clock that stands at `seconds`, and no sleep.
  static func fake(
    _ variables: [String: String] = [:], files: [String: String] = [:], seconds: Int64 = 1_700_000_000,
    transport: FakeTransport = FakeTransport { _, _ throws(TransportFailure) in
      throw TransportFailure(kind: .connect, message: "refused")
    }
  ) -> S3Environment {
    S3Environment(
      variables: variables, readFile: { path in files[path].map { Array($0.utf8) } },
      runProcess: { command throws(CredentialFailure) in throw .broken("nobody runs \(command) here") },
      now: { Timestamp(microseconds: seconds * 1_000_000) }, sleep: { _, _ in true }, transport: transport)
  }
}
