import Foundation
import Platform
import Synchronization
import Testing

@testable import S3

/// What the client makes of answers, with a transport that gives them.
struct S3ClientTests {
  private static let variables = ["AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "topsecretkey"]

  private func store(
    _ transport: FakeTransport, bucket: String = "bucket", variables: [String: String] = variables,
    files: [String: String] = [:], _ adjust: (inout S3Options) -> Void = { _ in }
  ) throws(StoreError) -> S3Store {
    var options = S3Options(region: "us-east-1")
    options.retry = RetryPolicy(attemptsMax: 4, baseMilliseconds: 1, capMilliseconds: 2)
    adjust(&options)
    let environment = S3Environment.fake(variables, files: files, transport: transport)
    return S3Store(bucket: bucket, session: try S3Session(options: options, environment: environment))
  }

  private static func problem(
    _ status: Int, _ code: String, _ more: String = "", headers: [(name: String, value: String)] = []
  ) -> FakeTransport.Reply {
    .init(status, "<Error><Code>\(code)</Code><Message>words</Message>\(more)</Error>", headers: headers)
  }

  private static let headHeaders = [
    (name: "content-length", value: "5"), (name: "etag", value: "\"tag\""),
    (name: "last-modified", value: "Wed, 21 Oct 2015 07:28:00 GMT"),
  ]

  // MARK: Where requests go

  @Test(
    arguments: [
      ("bucket", nil, nil, "a b", "https://bucket.s3.us-east-1.amazonaws.com/a%20b"),
      ("with.dot", nil, nil, "k", "https://s3.us-east-1.amazonaws.com/with.dot/k"),
      ("Upper_Case", nil, nil, "k", "https://s3.us-east-1.amazonaws.com/Upper_Case/k"),
      ("bucket", nil, true, "k", "https://s3.us-east-1.amazonaws.com/bucket/k"),
      ("bucket", "http://minio:9000", nil, "../a//b", "http://minio:9000/bucket/../a//b"),
      ("bucket", "https://minio:443/", false, "ü+%", "https://bucket.minio/%C3%BC%2B%25"),
      ("with.dot", "http://[::1]:80", false, "k", "http://with.dot.[::1]/k"),
    ] as [(String, String?, Bool?, String, String)])
  func bucketsStandInTheHostOrThePath(
    _ bucket: String, _ endpoint: String?, _ pathStyle: Bool?, _ key: String, _ url: String
  ) throws {
    let transport = FakeTransport { _, _ in .init(200, headers: Self.headHeaders) }
    let store = try store(transport, bucket: bucket) {
      $0.endpoint = endpoint
      $0.pathStyle = pathStyle
    }
    _ = try store.head(key)
    #expect(transport.seen[0].url == url)
  }

  @Test func theEnvironmentAndTheProfileNameTheEndpoint() throws {
    let transport = FakeTransport { _, _ in .init(200, headers: Self.headHeaders) }
    let both = [
      "AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": "http://s3only", "AWS_REGION": "eu-x-1",
    ]
    _ = try store(transport, variables: Self.variables.merging(both) { $1 }) { $0.region = nil }.head("k")
    #expect(transport.seen[0].url == "http://s3only/bucket/k")
    #expect(transport.seen[0].headers.contains { $0.value.contains("/eu-x-1/s3/") })
    let files = [
      "/c":
        "[default]\nendpoint_url = http://profile:1\nregion = eu-y-1\ns3 =\n  addressing_style = virtual\n"
    ]
    let variables = Self.variables.merging(["AWS_CONFIG_FILE": "/c"]) { $1 }
    _ = try store(transport, variables: variables, files: files) { $0.region = nil }.head("k")
    #expect(transport.seen[1].url == "http://bucket.profile:1/k")
    #expect(transport.seen[1].headers.contains { $0.value.contains("/eu-y-1/s3/") })
  }

  @Test(arguments: [
    "minio:9000", "http://user:pass@minio", "http://minio/base", "ftp://x", "http://", "http://a b",
  ])
  func anEndpointThatIsNoneIsRefusedWithoutRepeatingIt(_ endpoint: String) {
    let transport = FakeTransport { _, _ in .init() }
    let error = #expect(throws: StoreError.self) { try store(transport) { $0.endpoint = endpoint } }
    #expect(error?.code == .protocolViolation && error?.hint.isEmpty == false)
    #expect(error.map { "\($0)".contains("pass") } == false)
  }

  @Test func settingsThatContradictThemselvesAreRefused() {
    let transport = FakeTransport { _, _ in .init() }
    let adjustments: [(inout S3Options) -> Void] = [
      { $0.encryption = "rot13" }, { $0.kmsKey = "k" }, { $0.region = "eu west" }, { $0.partBytes = 1000 },
      { $0.rangeBytes = 0 },
    ]
    for adjust in adjustments { #expect(throws: StoreError.self) { try store(transport, adjust) } }
  }

  // MARK: What is sent

  @Test func encryptionAndIntegrityAreAskedFor() throws {
    let transport = FakeTransport { _, _ in .init(200, headers: [("etag", "\"t\"")]) }
    let store = try store(transport) {
      $0.encryption = "aws:kms"
      $0.kmsKey = "key-1"
    }
    #expect(try store.put("k", Array("hello".utf8), condition: .ifMatch(etag: "old")) == "t")
    let headers = Dictionary(transport.seen[0].headers.map { ($0.name, $0.value) }) { $1 }
    #expect(headers["x-amz-server-side-encryption"] == "aws:kms")
    #expect(headers["x-amz-server-side-encryption-aws-kms-key-id"] == "key-1")
    #expect(headers["Content-MD5"] == "XUFAKrxLKna5cZ2REBfFkg==")
    #expect(headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD")
    #expect(headers["If-Match"] == "\"old\"")
    let signed = try #require(headers["Authorization"])
    for name in ["host", "x-amz-date", "x-amz-server-side-encryption", "content-md5", "if-match"] {
      #expect(signed.contains(name), "\(name) is not signed")
    }
    // Without TLS the body itself is signed.
    let plain = try self.store(transport) { $0.endpoint = "http://x" }
    try plain.put("k", Array("hello".utf8), condition: .always)
    #expect(
      transport.seen[1].headers.contains {
        $0.name == "x-amz-content-sha256"
          && $0.value == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
      })
  }

  @Test func aSessionsTokenIsSentAndAnonymousRequestsAreNotSigned() throws {
    let transport = FakeTransport { _, _ in .init(200, headers: Self.headHeaders) }
    _ = try store(transport, variables: Self.variables.merging(["AWS_SESSION_TOKEN": "tok"]) { $1 }).head("k")
    #expect(transport.seen[0].headers.contains { $0.name == "X-Amz-Security-Token" && $0.value == "tok" })
    _ = try store(transport) { $0.profile = "anonymous" }.head("k")
    #expect(transport.seen[1].headers.isEmpty)
  }

  // MARK: What is set right

  @Test func aBucketInAnotherRegionIsFoundAndRemembered() throws {
    let transport = FakeTransport { request, _ in
      guard request.authority == "bucket.s3.eu-west-3.amazonaws.com" else {
        return .init(301, headers: [("x-amz-bucket-region", "eu-west-3")])
      }
      return .init(200, headers: Self.headHeaders)
    }
    let store = try store(transport)
    _ = try store.head("k")
    _ = try store.head("k")
    #expect(transport.seen.map(\.authority).filter { $0.contains("us-east-1") }.count == 1)
    #expect(transport.seen[1].headers.contains { $0.value.contains("/eu-west-3/s3/aws4_request") })
  }

  @Test func theRegionMayStandInTheErrorOnly() throws {
    let transport = FakeTransport { request, _ in
      request.headers.contains { $0.value.contains("/my-region/s3/") }
        ? .init(200, "<ListBucketResult></ListBucketResult>")
        : Self.problem(400, "AuthorizationHeaderMalformed", "<Region>my-region</Region>")
    }
    let store = try store(transport) { $0.endpoint = "http://minio:9000" }
    #expect(try store.listAll("").isEmpty)
    #expect(transport.seen.map(\.authority) == ["minio:9000", "minio:9000"])
  }

  @Test func aTemporaryRedirectIsFollowedWithinAWSOnly() throws {
    let transport = FakeTransport { request, _ in
      request.authority == "bucket.s3-eu-central-1.amazonaws.com"
        ? .init(200, headers: Self.headHeaders)
        : .init(307, headers: [("location", "https://bucket.s3-eu-central-1.amazonaws.com/k")])
    }
    _ = try store(transport).head("k")
    #expect(transport.seen.count == 2)
    let thief = FakeTransport { _, _ in .init(307, headers: [("location", "https://example.com/k")]) }
    #expect(code { () throws(StoreError) in try self.store(thief).head("k") } == .protocolViolation)
    #expect(thief.seen.count == 1)
  }

  @Test func redirectsInACircleEnd() throws {
    let transport = FakeTransport { _, number in
      .init(301, headers: [("x-amz-bucket-region", "region-\(number)")])
    }
    #expect(code { () throws(StoreError) in try self.store(transport).head("k") } == .protocolViolation)
    #expect(transport.seen.count < 6)
  }

  @Test(arguments: [true, false]) func aWrongClockIsSetRight(isHead: Bool) throws {
    // The fake clock stands at 2023-11-14T22:13:20Z, the server's an hour later.
    let date = (name: "date", value: "Tue, 14 Nov 2023 23:13:20 GMT")
    let transport = FakeTransport { request, _ in
      if request.headers.contains(where: { $0.name == "X-Amz-Date" && $0.value == "20231114T231320Z" }) {
        return .init(200, "<ListBucketResult></ListBucketResult>", headers: Self.headHeaders)
      }
      return request.method == "HEAD"
        ? .init(403, headers: [date]) : Self.problem(403, "RequestTimeTooSkewed", headers: [date])
    }
    let store = try store(transport)
    if isHead { _ = try store.head("k") } else { _ = try store.listAll("") }
    #expect(transport.seen.count == 2)
    _ = try store.head("k")
    #expect(transport.seen.count == 3)
  }

  @Test func expiredKeysAreFetchedAnewOnce() throws {
    let transport = FakeTransport { request, number in
      if request.authority == "169.254.170.2" {
        return .init(
          200,
          #"{"AccessKeyId":"AK\#(number)","SecretAccessKey":"s","Token":"t","Expiration":"2030-01-01T00:00:00Z"}"#
        )
      }
      return number == 1
        ? Self.problem(400, "ExpiredToken") : .init(200, "<ListBucketResult></ListBucketResult>")
    }
    let store = try store(transport, variables: ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"])
    #expect(try store.listAll("").isEmpty)
    #expect(transport.seen.map(\.authority).filter { $0 == "169.254.170.2" }.count == 2)
    #expect(transport.seen[3].headers.contains { $0.value.contains("Credential=AK2/") })
  }

  // MARK: What is repeated

  @Test(arguments: [
    (500, "InternalError"), (503, "SlowDown"), (503, ""), (429, "TooManyRequests"), (400, "RequestTimeout"),
    (502, ""),
    (409, "ConditionalRequestConflict"), (409, "OperationAborted"), (504, ""), (408, ""),
  ]) func passingTroubleIsRepeated(status: Int, errorCode: String) throws {
    let transport = FakeTransport { _, number in
      number < 3 ? Self.problem(status, errorCode) : .init(200, headers: [("etag", "\"t\"")])
    }
    #expect(try store(transport).put("k", [1], condition: .ifAbsent) == "t")
    #expect(transport.seen.count == 4)
    let always = FakeTransport { _, _ in Self.problem(status, errorCode) }
    let error = failure { () throws(StoreError) in try self.store(always).put("k", [1], condition: .always) }
    #expect(error?.code == .unavailable)
    #expect(always.seen.count == 4)
  }

  @Test(arguments: [
    (403, "AccessDenied", StoreError.Code.forbidden), (403, "InvalidAccessKeyId", .forbidden),
    (403, "SignatureDoesNotMatch", .forbidden), (404, "NoSuchKey", .notFound),
    (404, "NoSuchBucket", .notFound),
    (400, "InvalidRequest", .protocolViolation), (405, "MethodNotAllowed", .protocolViolation),
    (507, "XMinioStorageFull", .full), (400, "ExpiredToken", .forbidden),
    (412, "PreconditionFailed", .changed),
  ]) func lastingTroubleIsReportedAtOnce(status: Int, errorCode: String, meaning: StoreError.Code) throws {
    let transport = FakeTransport { _, _ in Self.problem(status, errorCode) }
    let error = failure { () throws(StoreError) in try self.store(transport).listAll("p") }
    #expect(error?.code == meaning)
    #expect(error?.location == "s3://bucket/p")
    #expect(transport.seen.count == 1)
  }

  @Test func waitsGrowWithJitterAndServersWishesAreBounded() {
    let policy = RetryPolicy(attemptsMax: 8, baseMilliseconds: 100, capMilliseconds: 20_000)
    #expect(
      (1...10).map(policy.waitMaxMilliseconds) == [
        100, 200, 400, 800, 1600, 3200, 6400, 12_800, 20_000, 20_000,
      ])
    #expect(policy.waitMaxMilliseconds(afterFailures: .max) == 20_000)
    let waits = (0..<1000).map { _ in policy.waitMilliseconds(afterFailures: 4, retryAfterSeconds: nil) }
    #expect(waits.allSatisfy { (0...800).contains($0) })
    #expect(Set(waits).count > 200)
    #expect(policy.waitMilliseconds(afterFailures: 1, retryAfterSeconds: 3) == 3000)
    #expect(policy.waitMilliseconds(afterFailures: 1, retryAfterSeconds: .max) == 20_000)
    #expect(policy.waitMilliseconds(afterFailures: 1, retryAfterSeconds: -5) <= 100)
  }

  @Test func aCertificateThatIsNotTrustedIsNotTriedAgain() throws {
    let transport = FakeTransport { _, _ throws(TransportFailure) in
      throw TransportFailure(kind: .certificate, message: "SSL certificate problem")
    }
    let error = failure { () throws(StoreError) in try self.store(transport).head("k") }
    #expect(error?.code == .unavailable && error?.hint.contains("AWS_CA_BUNDLE") == true)
    #expect(transport.seen.count == 1)
  }

  @Test func aListingThatIsCutOffIsAskedForAgain() throws {
    let transport = FakeTransport { _, number in
      number == 0
        ? .init(200, "<ListBucketResult><Contents>") : .init(200, "<ListBucketResult></ListBucketResult>")
    }
    #expect(try store(transport).listAll("").isEmpty)
    let loop = FakeTransport { _, _ in
      .init(
        200,
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
          + "</ListBucketResult>")
    }
    #expect(code { () throws(StoreError) in try self.store(loop).listAll("") } == .protocolViolation)
    #expect(loop.seen.count == 2)
  }

  // MARK: Conditional writes whose answer was lost

  /// The first PUT succeeds, its answer is lost, the repeated one is refused.
  @Test(arguments: [true, false]) func anOwnWriteIsRecognised(keepsMetadata: Bool) throws {
    let kept = Mutex<(mark: String, body: [UInt8])>(("", []))
    let transport = FakeTransport { request, number in
      switch (request.method, number) {
      case ("PUT", 0):
        let mark = request.headers.first { $0.name == WriteMark.header }?.value ?? ""
        kept.withLock { $0 = (mark, request.body ?? []) }
        var reply = FakeTransport.Reply(200)
        reply.breaks = true
        return reply
      case ("PUT", _): return Self.problem(412, "PreconditionFailed")
      case ("HEAD", _):
        let mark = kept.withLock { $0.mark }
        return .init(200, headers: Self.headHeaders + (keepsMetadata ? [(WriteMark.header, mark)] : []))
      default:
        return .init(
          200, String(decoding: kept.withLock { $0.body }, as: UTF8.self), headers: Self.headHeaders)
      }
    }
    #expect(try store(transport).put("k", Array("hello".utf8), condition: .ifAbsent) == "tag")
  }

  /// As above, but somebody else's object is there: of the same bytes (told by the mark), or of others.
  @Test(arguments: [true, false]) func anothersWriteIsNotTakenForOnesOwn(keepsMetadata: Bool) throws {
    let transport = FakeTransport { request, number in
      switch (request.method, number) {
      case ("PUT", 0):
        var reply = FakeTransport.Reply(500)
        reply.breaks = true
        return reply
      case ("PUT", _): return Self.problem(412, "PreconditionFailed")
      case ("HEAD", _):
        return .init(200, headers: Self.headHeaders + (keepsMetadata ? [(WriteMark.header, "other")] : []))
      default: return .init(200, "jello", headers: Self.headHeaders)
      }
    }
    #expect(
      code { () throws(StoreError) in
        try self.store(transport).put("k", Array("hello".utf8), condition: .ifAbsent)
      } == .exists)
  }

  @Test func aLateErrorInsideAnAnswerIsNotSuccess() throws {
    let completions = Mutex(0)
    let transport = FakeTransport { request, _ in
      if request.query.hasPrefix("uploads") {
        return .init(
          200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
      }
      if request.method == "PUT" { return .init(200, headers: [("etag", "\"p\"")]) }
      if request.method == "DELETE" { return .init(204) }
      let number = completions.withLock {
        $0 += 1
        return $0
      }
      return number == 1
        ? Self.problem(200, "InternalError")
        : number == 2 ? Self.problem(200, "InvalidPart") : .init(200, "<CompleteMultipartUploadResult/>")
    }
    let store = try store(transport) { $0.partBytes = 5 << 20 }
    let writer = try store.writer("k")
    try writer.write([UInt8](repeating: 1, count: 6 << 20))
    let error = failure { () throws(StoreError) in try writer.finish() }
    #expect(error?.code == .protocolViolation && error?.message.contains("InvalidPart") == true)
    #expect(transport.seen.last?.method == "DELETE" && transport.seen.last?.query == "uploadId=u")
  }

  @Test func aFailedPartEndsTheUploadAndFreesIt() throws {
    let transport = FakeTransport { request, _ in
      if request.query.hasPrefix("uploads") {
        return .init(
          200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
      }
      if request.method == "DELETE" { return .init(204) }
      return request.query.contains("partNumber=2&")
        ? Self.problem(403, "AccessDenied") : .init(200, headers: [("etag", "x")])
    }
    let store = try store(transport) { $0.partBytes = 5 << 20 }
    let writer = try store.writer("k")
    let error = failure { () throws(StoreError) in
      for _ in 0..<20 { try writer.write([UInt8](repeating: 1, count: 5 << 20)) }
      try writer.finish()
    }
    #expect(error?.code == .forbidden)
    #expect(transport.seen.last?.method == "DELETE")
    #expect(!transport.seen.contains { $0.method == "POST" && $0.query.hasPrefix("uploadId") })
  }

  // MARK: Secrets

  @Test func noErrorShowsASecret() throws {
    let leak =
      "<Error><Code>SignatureDoesNotMatch</Code><Message>key topsecretkey, token sessiontoken123, id AKIDTEST, "
      + "https://h/p?X-Amz-Signature=abcdef0123&amp;X-Amz-Credential=AKX%2F1&amp;x=1 Authorization: AWS4-HMAC-SHA256 "
      + "Credential=AKIDTEST/2023, Signature=fedcba9876</Message>"
      + "<StringToSign>AWS4 fedcba9876</StringToSign><AWSAccessKeyId>AKIDTEST</AWSAccessKeyId></Error>"
    let variables = Self.variables.merging(["AWS_SESSION_TOKEN": "sessiontoken123"]) { $1 }
    for status in [403, 400, 500, 404, 301, 0] {
      let transport = FakeTransport { _, _ throws(TransportFailure) in
        if status > 0 { return .init(status, leak) }
        throw TransportFailure(kind: .broken, message: "at https://h?X-Amz-Signature=abcdef0123 topsecretkey")
      }
      let store = try store(transport, variables: variables)
      let errors = [
        failure { () throws(StoreError) in try store.listAll("") },
        failure { () throws(StoreError) in try store.head("k") },
        failure { () throws(StoreError) in try store.put("k", [1], condition: .ifAbsent) },
        failure { () throws(StoreError) in try store.delete("k") },
      ]
      for case let error? in errors {
        var dumped = ""
        dump(error, to: &dumped)
        for secret in ["topsecretkey", "sessiontoken123", "AKIDTEST", "AKX", "abcdef0123", "fedcba9876"] {
          #expect(!"\(error)".contains(secret) && !dumped.contains(secret), "\(secret) in \(error)")
        }
      }
    }
  }

  @Test func redactionKeepsTheRest() {
    let redaction = Redaction(["se/cret+", "se/cret+longer"])
    #expect(redaction.apply("a se/cret+longer b se%2Fcret%2B c\nd") == "a *** b *** c d")
    #expect(redaction.apply("?X-Amz-Signature=12&y=1") == "?X-Amz-Signature=***&y=1")
    #expect(redaction.apply(String(repeating: "x", count: 10_000)).count < 500)
    #expect(redaction.apply("the signature is wrong") == "the signature is wrong")
  }
}
