internal import Digests
internal import Platform
internal import Synchronization

/// One request as the store means it, before it is signed.
struct S3Call: Sendable {
  /// What messages call it: "GET", "LIST", …
  var operation: String
  var method: String
  var bucket: String
  /// "" for the bucket itself.
  var key = ""
  var query: [(name: String, value: String)] = []
  var headers: [(name: String, value: String)] = []
  var body: [UInt8]?
  /// The server may take minutes before it answers.
  var isSlow = false

  var location: String { "s3://\(bucket)/\(key)" }
}

/// A call that failed for good.
struct S3Failure: Error {
  var error: StoreError
  /// 0 where there was no response.
  var status = 0
  /// An earlier attempt broke off, so the server may have carried the request out before it refused the last attempt.
  var mayHaveHappened = false
}

/// Signs, sends, judges, corrects and repeats calls. Thread-safe; blocks.
final class S3Client: Sendable {
  let environment: S3Environment
  private let credentials: CredentialChain
  private let endpoint: S3Endpoint
  private let region: String
  private let retry: RetryPolicy
  private let stallSeconds: Int
  private let learned = Mutex(Learned())

  /// What servers' answers have taught.
  private struct Learned {
    var regions: [String: String] = [:]
    /// Added to this machine's clock.
    var clockOffsetMicroseconds: Int64 = 0
  }

  /// A body that came so far counts as progress, after which failures are counted anew.
  private static let progressBytes = 64 << 10
  private static let slowSeconds = 600

  init(
    environment: S3Environment, credentials: CredentialChain, endpoint: S3Endpoint, region: String,
    retry: RetryPolicy, stallSeconds: Int
  ) {
    self.environment = environment
    self.credentials = credentials
    self.endpoint = endpoint
    self.region = region
    self.retry = retry
    self.stallSeconds = stallSeconds
  }

  /// Carries a call out. `call` is asked anew for each attempt, so that it can ask for the rest of a body only. An answer
  /// that `read` cannot make sense of is as good as none: the call is repeated.
  func perform<Answer>(
    into sink: BodySink = BodySink(), cancellation: Cancellation = Cancellation(), attemptsMax: Int? = nil,
    _ call: () -> S3Call, read: (HTTPResponse) throws(MalformedAnswer) -> Answer
  ) throws(S3Failure) -> Answer {
    var attempts = 0
    var failures = 0
    var mayHaveHappened = false
    var corrections = Corrections()
    let failuresMax = attemptsMax ?? retry.attemptsMax
    while true {
      let call = call()
      let filled = sink.filled
      let signing = try authorization(call)
      var verdict: Verdict
      var status = 0
      attempts += 1
      do throws(TransportFailure) {
        let region = corrections.region ?? region(of: call.bucket)
        let request = request(call, signing, region: region, authority: corrections.authority)
        let response = try environment.transport.perform(request, into: sink, cancellation: cancellation)
        status = response.status
        let judge = Judge(call: call, region: region, authorization: signing, endpoint: endpoint, now: now)
        verdict = judge.verdict(response, sink)
        if case .success = verdict {
          do throws(MalformedAnswer) {
            let answer = try read(response)
            return answer
          } catch {
            throw TransportFailure(kind: .broken, message: error.description)
          }
        }
      } catch {
        verdict = Judge.verdict(error)
      }
      switch verdict {
      case .success: break
      case .fail(let code, let message, let hint):
        throw failure(call, signing, code, message, hint, status, mayHaveHappened)
      case .correct(let correction, let message):
        guard corrections.apply(correction) else {
          throw failure(
            call, signing, .protocolViolation, message, "the server sends requests in a circle", status,
            mayHaveHappened)
        }
        learn(correction, call, signing)
      case .retry(let message, let after, let mayHave):
        mayHaveHappened = mayHaveHappened || mayHave
        failures = sink.filled - filled >= Self.progressBytes ? 1 : failures + 1
        // The second bound ends a server that hands out a big object in tiny pieces, each behind a failure.
        guard failures < failuresMax, attempts < failuresMax * 8 else {
          let times = attempts == 1 ? "" : " (\(attempts) attempts)"
          throw failure(
            call, signing, .unavailable, message + times,
            "check the endpoint and the network, or try again later",
            status, mayHaveHappened)
        }
        let wait = retry.waitMilliseconds(afterFailures: failures, retryAfterSeconds: after)
        if !environment.sleep(wait, cancellation) {
          throw failure(call, signing, .other, "given up", "", status, mayHaveHappened)
        }
      }
    }
  }

  /// As above, for calls whose answer's body does not matter.
  func perform(
    into sink: BodySink = BodySink(), cancellation: Cancellation = Cancellation(), attemptsMax: Int? = nil,
    _ call: () -> S3Call
  ) throws(S3Failure) -> HTTPResponse {
    try perform(into: sink, cancellation: cancellation, attemptsMax: attemptsMax, call) {
      response throws(MalformedAnswer) in response
    }
  }

  // MARK: Building requests

  private func authorization(_ call: S3Call) throws(S3Failure) -> Authorization {
    do throws(StoreError) {
      return try credentials.current()
    } catch {
      var named = error
      named.operation = call.operation
      named.location = call.location
      throw S3Failure(error: named)
    }
  }

  private func request(
    _ call: S3Call, _ authorization: Authorization, region: String, authority: String?
  ) -> HTTPRequest {
    let target = endpoint.target(bucket: call.bucket, key: call.key, region: region, authority: authority)
    var request = HTTPRequest(
      method: call.method, isTLS: target.isTLS, authority: target.authority,
      path: PercentEncoding.encode(target.path, keepingSlash: true),
      query: SignatureV4.encodedQuery(call.query), headers: call.headers, body: call.body)
    request.timeouts.stallSeconds = call.isSlow ? max(stallSeconds, Self.slowSeconds) : stallSeconds
    // A body is checked by the server one way or the other: by its signed SHA-256, or under TLS by its MD5.
    var payloadHash = SignatureV4.emptyPayloadHash
    if let body = call.body, !body.isEmpty {
      if target.isTLS, let md5 = MD5.base64(body) {
        payloadHash = SignatureV4.unsignedPayload
        request.headers.append(("Content-MD5", md5))
      } else {
        payloadHash = SHA256.hex(SHA256.digest(body))
      }
    }
    guard case .signed(let keys) = authorization else { return request }
    request.headers.append(("x-amz-content-sha256", payloadHash))
    let signer = SignatureV4(
      accessKey: keys.accessKey, secretKey: keys.secretKey, token: keys.token, region: region, service: "s3",
      time: now)
    request.headers += signer.signingHeaders(
      .init(
        method: call.method, path: target.path, query: call.query,
        headers: request.headers + [("Host", target.authority)], payloadHash: payloadHash))
    return request
  }

  // MARK: Learning from answers

  private var now: Timestamp {
    let offset = learned.withLock { $0.clockOffsetMicroseconds }
    return Timestamp(microseconds: environment.now().microseconds &+ offset)
  }

  private func region(of bucket: String) -> String { learned.withLock { $0.regions[bucket] } ?? region }

  private func learn(_ correction: Correction, _ call: S3Call, _ authorization: Authorization) {
    switch correction {
    case .clock(let serverTime):
      let offset = serverTime.microseconds &- environment.now().microseconds
      learned.withLock { $0.clockOffsetMicroseconds = offset }
    case .credentials:
      if case .signed(let keys) = authorization { credentials.discard(keys) }
    case .region(let region): learned.withLock { $0.regions[call.bucket] = region }
    case .authority: break
    }
  }

  private func failure(
    _ call: S3Call, _ authorization: Authorization, _ code: StoreError.Code, _ message: String,
    _ hint: String,
    _ status: Int, _ mayHaveHappened: Bool
  ) -> S3Failure {
    var secrets: [String] = []
    if case .signed(let keys) = authorization { secrets = keys.secrets }
    let clean = Redaction(secrets).apply(message)
    return S3Failure(
      error: StoreError(code, operation: call.operation, location: call.location, message: clean, hint: hint),
      status: status, mayHaveHappened: mayHaveHappened)
  }
}
