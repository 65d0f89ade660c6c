internal import Digests

/// AWS Signature Version 4: proves that a request was made by the holder of a secret key and was not altered.
///
/// Pure functions of the request, the keys and the time. Follows the AWS General Reference ("Create a signed AWS API
/// request"); checked against all cases of the AWS test suite (`SignatureV4Tests`).
struct SignatureV4: Sendable {
  var accessKey: String
  var secretKey: String
  var token: String?
  var region: String
  var service: String
  var time: Timestamp

  /// S3 takes paths as they are; all other services sign them with `.`, `..` and repeated slashes resolved.
  var normalizesPath = false

  /// What is signed. Path and query are not percent-encoded.
  struct Request: Sendable {
    var method: String
    var path: String
    var query: [(name: String, value: String)] = []
    /// Must hold `Host`. Repeated names are allowed.
    var headers: [(name: String, value: String)]
    /// SHA-256 of the body in hexadecimal, or `UNSIGNED-PAYLOAD`.
    var payloadHash: String
  }

  static let emptyPayloadHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  static let unsignedPayload = "UNSIGNED-PAYLOAD"

  // MARK: Signing

  /// The headers to add to the request: date, security token, authorization.
  func signingHeaders(_ request: Request) -> [(name: String, value: String)] {
    var signed = request
    signed.headers += dateAndToken
    let authorization =
      "\(Self.algorithm) Credential=\(accessKey)/\(scope), SignedHeaders=\(signedNames(signed.headers)), "
      + "Signature=\(signature(signed))"
    return dateAndToken + [("Authorization", authorization)]
  }

  /// The query parameters to add for a request that is signed in its address (presigned), in the suite's order.
  func signingQuery(_ request: Request, expiresInSeconds: Int, signsToken: Bool = true) -> [(
    name: String, value: String
  )] {
    var parameters = queryParameters(request, expiresInSeconds: expiresInSeconds, signsToken: signsToken)
    let signed = presigned(request, expiresInSeconds: expiresInSeconds, signsToken: signsToken)
    if !signsToken, let token { parameters.append(("X-Amz-Security-Token", token)) }
    return parameters + [("X-Amz-Signature", signature(signed))]
  }

  // MARK: The steps of the specification

  func canonicalRequest(_ request: Request) -> String {
    let lines = canonicalHeaders(request.headers)
    return [
      request.method, canonicalPath(request.path), canonicalQuery(request.query),
      lines.map { "\($0.name):\($0.value)\n" }.joined(), lines.map(\.name).joined(separator: ";"),
      request.payloadHash,
    ].joined(separator: "\n")
  }

  func stringToSign(_ request: Request) -> String {
    let digest = SHA256.digest(Array(canonicalRequest(request).utf8))
    return [Self.algorithm, time.basic, scope, SHA256.hex(digest)].joined(separator: "\n")
  }

  func signature(_ request: Request) -> String {
    var key = Array("AWS4\(secretKey)".utf8)
    for step in [date, region, service, "aws4_request"] { key = SHA256.hmac(key: key, Array(step.utf8)) }
    return SHA256.hex(SHA256.hmac(key: key, Array(stringToSign(request).utf8)))
  }

  /// The request with the date and token headers that a signature in the headers covers.
  func dated(_ request: Request) -> Request {
    var dated = request
    dated.headers += dateAndToken
    return dated
  }

  /// The request with the query parameters that a signature in the query covers.
  func presigned(_ request: Request, expiresInSeconds: Int, signsToken: Bool = true) -> Request {
    var signed = request
    signed.query += queryParameters(request, expiresInSeconds: expiresInSeconds, signsToken: signsToken)
    return signed
  }

  static func encodedQuery(_ query: [(name: String, value: String)]) -> String {
    query.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }
      .joined(separator: "&")
  }

  // MARK: Parts

  private static let algorithm = "AWS4-HMAC-SHA256"

  private var date: String { String(time.basic.prefix(8)) }
  private var scope: String { "\(date)/\(region)/\(service)/aws4_request" }

  private var dateAndToken: [(name: String, value: String)] {
    [("X-Amz-Date", time.basic)] + (token.map { [("X-Amz-Security-Token", $0)] } ?? [])
  }

  private func queryParameters(
    _ request: Request, expiresInSeconds: Int, signsToken: Bool
  ) -> [(name: String, value: String)] {
    var parameters = [
      (name: "X-Amz-Algorithm", value: Self.algorithm),
      (name: "X-Amz-Credential", value: "\(accessKey)/\(scope)"),
      (name: "X-Amz-Date", value: time.basic),
      (name: "X-Amz-SignedHeaders", value: signedNames(request.headers)),
      (name: "X-Amz-Expires", value: String(expiresInSeconds)),
    ]
    if signsToken, let token { parameters.append(("X-Amz-Security-Token", token)) }
    return parameters
  }

  private func signedNames(_ headers: [(name: String, value: String)]) -> String {
    canonicalHeaders(headers).map(\.name).joined(separator: ";")
  }

  private func canonicalPath(_ path: String) -> String {
    let taken = normalizesPath ? Self.normalized(path) : path
    return PercentEncoding.encode(taken.isEmpty ? "/" : taken, keepingSlash: true)
  }

  /// RFC 3986 §5.2.4's removal of dot segments, and of empty segments.
  private static func normalized(_ path: String) -> String {
    var segments: [Substring] = []
    for segment in path.split(separator: "/", omittingEmptySubsequences: true) where segment != "." {
      if segment == ".." {
        _ = segments.popLast()
      } else {
        segments.append(segment)
      }
    }
    let endsInSlash = path.hasSuffix("/") || path.hasSuffix("/.") || path.hasSuffix("/..")
    return "/" + segments.joined(separator: "/") + (endsInSlash && !segments.isEmpty ? "/" : "")
  }

  private func canonicalQuery(_ query: [(name: String, value: String)]) -> String {
    query
      .map { (name: PercentEncoding.encode($0.name), value: PercentEncoding.encode($0.value)) }
      .sorted { $0.name == $1.name ? $0.value < $1.value : $0.name < $1.name }
      .map { "\($0.name)=\($0.value)" }
      .joined(separator: "&")
  }

  /// Names in lower case and sorted, values without needless white space, those of one name joined in their order.
  private func canonicalHeaders(
    _ headers: [(name: String, value: String)]
  ) -> [(name: String, value: String)] {
    var values: [String: [String]] = [:]
    for header in headers {
      let words = header.value.split { $0 == " " || $0 == "\t" || $0.isNewline }
      values[header.name.lowercased(), default: []].append(words.joined(separator: " "))
    }
    return values.keys.sorted().map { ($0, values[$0, default: []].joined(separator: ",")) }
  }
}
