import Digests
import Foundation
import Testing

@testable import S3

/// All cases of the AWS Signature Version 4 test suite, both forms, byte for byte.
struct SignatureV4Tests {
  /// One directory of the suite.
  struct Case: CustomTestStringConvertible {
    let name: String
    let directory: URL
    var testDescription: String { name }

    static let all: [Case] = {
      let suite = Bundle.module.resourceURL?.appending(path: "Fixtures/sigv4")
      let names = suite.flatMap { try? FileManager.default.contentsOfDirectory(atPath: $0.path) } ?? []
      return names.filter { !$0.hasSuffix("LICENSE") && !$0.hasSuffix("NOTICE") }.sorted()
        .compactMap { name in suite.map { Case(name: name, directory: $0.appending(path: name)) } }
    }()

    func text(_ file: String) throws -> String {
      try String(contentsOf: directory.appending(path: file), encoding: .utf8)
    }

    struct Context: Decodable {
      struct Keys: Decodable { var accessKeyId: String, secretAccessKey: String, token: String? }
      var credentials: Keys
      var expirationInSeconds: Int
      var normalize: Bool
      var region: String
      var service: String
      var signBody: Bool
      var timestamp: String
      var omitSessionToken: Bool?
    }

    func context() throws -> Context {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      return try decoder.decode(Context.self, from: Data(contentsOf: directory.appending(path: "context.json")))
    }

    /// The request line's target, headers with their folded lines, and the body.
    func request() throws -> (request: SignatureV4.Request, target: String, body: String) {
      let parts = try text("request.txt").components(separatedBy: "\n\n")
      var lines = parts[0].components(separatedBy: "\n")
      let line = lines.removeFirst()
      let method = String(line.prefix { $0 != " " })
      let target = String(line.dropFirst(method.count + 1).dropLast(" HTTP/1.1".count))
      let pieces = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
      var headers: [(name: String, value: String)] = []
      for line in lines where !line.isEmpty {
        if line.hasPrefix(" ") {
          headers[headers.count - 1].value += "\n" + line
        } else {
          let colon = try #require(line.firstIndex(of: ":"))
          headers.append((String(line[..<colon]), String(line[line.index(after: colon)...])))
        }
      }
      let pairs = pieces.count < 2 ? [] : pieces[1].split(separator: "&")
      let query: [(name: String, value: String)] = pairs.map { pair in
        let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
          $0.removingPercentEncoding ?? String($0)
        }
        return (sides[0], sides.count > 1 ? sides[1] : "")
      }
      let body = parts.count > 1 ? parts[1] : ""
      let request = SignatureV4.Request(
        method: method, path: String(pieces[0]), query: query, headers: headers,
        payloadHash: SignatureV4.emptyPayloadHash)
      return (request, target, body)
    }
  }

  @Test func theSuiteIsWhole() {
    #expect(Case.all.count == 38)
  }

  @Test(arguments: Case.all)
  func signsInTheHeaders(_ sample: Case) throws {
    let context = try sample.context()
    var (request, target, body) = try sample.request()
    let omitsToken = context.omitSessionToken == true
    let signer = try signer(context, token: omitsToken ? nil : context.credentials.token)
    if context.signBody {
      request.payloadHash = SHA256.hex(SHA256.digest(Array(body.utf8)))
      request.headers.append(("x-amz-content-sha256", request.payloadHash))
    }
    let dated = signer.dated(request)
    #expect(signer.canonicalRequest(dated) == (try sample.text("header-canonical-request.txt")))
    #expect(signer.stringToSign(dated) == (try sample.text("header-string-to-sign.txt")))
    #expect(signer.signature(dated) == (try sample.text("header-signature.txt")))
    // The suite writes the token before the date and the body's hash behind it; order does not matter to a server.
    let added = signer.signingHeaders(request)
    let whole = try sample.text("header-signed-request.txt")
    #expect(whole.hasPrefix("\(request.method) \(target) HTTP/1.1\n"))
    for header in added { #expect(whole.contains("\n\(header.name):\(header.value)\n")) }
    #expect(added.contains { $0.name == "Authorization" })
  }

  @Test(arguments: Case.all)
  func signsInTheQuery(_ sample: Case) throws {
    let context = try sample.context()
    var (request, target, body) = try sample.request()
    let omitsToken = context.omitSessionToken == true
    let signer = try signer(context, token: context.credentials.token)
    if context.signBody { request.payloadHash = SHA256.hex(SHA256.digest(Array(body.utf8))) }
    let seconds = context.expirationInSeconds
    let signed = signer.presigned(request, expiresInSeconds: seconds, signsToken: !omitsToken)
    #expect(signer.canonicalRequest(signed) == (try sample.text("query-canonical-request.txt")))
    #expect(signer.stringToSign(signed) == (try sample.text("query-string-to-sign.txt")))
    #expect(signer.signature(signed) == (try sample.text("query-signature.txt")))
    let added = signer.signingQuery(request, expiresInSeconds: seconds, signsToken: !omitsToken)
    let separator = target.contains("?") ? "&" : "?"
    let line = "\(request.method) \(target)\(separator)\(SignatureV4.encodedQuery(added)) HTTP/1.1\n"
    #expect(try sample.text("query-signed-request.txt").hasPrefix(line))
  }

  private func signer(_ context: Case.Context, token: String?) throws -> SignatureV4 {
    SignatureV4(
      accessKey: context.credentials.accessKeyId, secretKey: context.credentials.secretAccessKey,
      token: token, region: context.region, service: context.service,
      time: try #require(Timestamp(iso8601: context.timestamp)), normalizesPath: context.normalize)
  }
}
