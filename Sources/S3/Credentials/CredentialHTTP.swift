/// Small requests to credential services, with few and short retries.
struct CredentialHTTP: Sendable {
  let environment: S3Environment

  /// Gives the response whatever its status, after retries on failures and 5xx.
  func send(_ request: HTTPRequest, attempts: Int) throws(CredentialFailure) -> HTTPResponse {
    var last = "no attempt"
    for attempt in 1...max(1, attempts) {
      do throws(TransportFailure) {
        let response = try environment.transport.perform(
          request, into: BodySink(), cancellation: Cancellation())
        if response.status < 500, response.status != 429 { return response }
        last = "it answers with status \(response.status)"
      } catch {
        last = error.message
        if error.kind == .certificate || error.kind == .refused { break }
      }
      if attempt < attempts { _ = environment.sleep(100 << attempt, Cancellation()) }
    }
    throw .absent("\(request.authority) gave no answer: \(last)")
  }

  static func request(_ method: String, _ address: String) throws(CredentialFailure) -> HTTPRequest {
    guard let url = Address(address) else { throw .broken("this is not an http(s) address") }
    var request = HTTPRequest(
      method: method, isTLS: url.isTLS, authority: url.authority, path: url.path.isEmpty ? "/" : url.path,
      query: url.query)
    request.timeouts = HTTPTimeouts(connectMilliseconds: 1000, stallSeconds: 5, totalMilliseconds: 10_000)
    return request
  }

  /// Keys from the JSON that container endpoints, instance metadata and `credential_process` share.
  static func credentials(
    json: [UInt8], tokenName: String, source: String
  ) throws(CredentialFailure) -> Credentials {
    let members: [String: String]
    do throws(MalformedAnswer) {
      members = try FlatJSON.parse(json)
    } catch {
      throw .broken("\(source): \(error.description)")
    }
    if let code = members["Code"] ?? members["code"], code != "Success" {
      throw .broken("\(source) answers '\(code.prefix(60))'")
    }
    let secret = members["SecretAccessKey"]
    guard let access = members["AccessKeyId"], !access.isEmpty, let secret, !secret.isEmpty else {
      throw .broken("\(source) gave no access key and secret")
    }
    var credentials = Credentials(accessKey: access, secretKey: secret, source: source)
    credentials.token = (members[tokenName] ?? members["SessionToken"]).flatMap { $0.isEmpty ? nil : $0 }
    if let text = members["Expiration"] {
      guard let time = Timestamp(iso8601: text) else {
        throw .broken("\(source) gave an expiration that is no time")
      }
      credentials.expiration = time
    }
    return credentials
  }
}

/// An `http(s)://host[:port][/path][?query]`, split; without user information.
struct Address: Sendable, Equatable {
  var isTLS: Bool
  /// Host and port; the scheme's own port is dropped, as libcurl does in the Host header.
  var authority: String
  var path: String
  var query: String

  /// Nil when it is not such an address, or holds a user name (a secret in an address ends up in logs).
  init?(_ text: String) {
    let lowercased = text.lowercased()
    guard lowercased.hasPrefix("http://") || lowercased.hasPrefix("https://") else { return nil }
    isTLS = lowercased.hasPrefix("https://")
    var rest = text.dropFirst(isTLS ? 8 : 7)
    if let hash = rest.firstIndex(of: "#") { rest = rest[..<hash] }
    var query: Substring = ""
    if let mark = rest.firstIndex(of: "?") {
      query = rest[rest.index(after: mark)...]
      rest = rest[..<mark]
    }
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    var authority = rest[..<slash].lowercased()
    let plain = isTLS ? ":443" : ":80"
    if authority.hasSuffix(plain) { authority.removeLast(plain.count) }
    let allowed = authority.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ":")
        || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "_")
    }
    guard !authority.isEmpty, allowed else { return nil }
    self.authority = authority
    path = String(rest[slash...])
    self.query = String(query)
  }

  /// The host without its port.
  var host: String {
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") { return String(authority[...end]) }
    return String(authority.prefix { $0 != ":" })
  }
}
