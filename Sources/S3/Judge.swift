internal import Platform

/// Something about the request that the server's answer says is wrong and that can be set right.
enum Correction: Equatable {
  case region(String)
  case authority(String)
  case clock(Timestamp)
  case credentials
}

/// The corrections of one call. Each kind is made once, places twice (a redirect to a redirect).
struct Corrections {
  private(set) var region: String?
  private(set) var authority: String?
  private var placesLeft = 2
  private var mayCorrectClock = true
  private var mayCorrectCredentials = true

  /// False when this kind was tried before.
  mutating func apply(_ correction: Correction) -> Bool {
    switch correction {
    case .region(let name):
      region = name
      authority = nil
      placesLeft -= 1
      return placesLeft >= 0
    case .authority(let name):
      authority = name
      placesLeft -= 1
      return placesLeft >= 0
    case .clock:
      defer { mayCorrectClock = false }
      return mayCorrectClock
    case .credentials:
      defer { mayCorrectCredentials = false }
      return mayCorrectCredentials
    }
  }
}

/// What to do after an attempt.
enum Verdict: Equatable {
  case success
  /// `mayHaveHappened`: the server may have carried the request out all the same.
  case retry(String, afterSeconds: Int?, mayHaveHappened: Bool)
  case correct(Correction, String)
  case fail(StoreError.Code, String, hint: String)
}

/// Judges one response. A pure function of what it holds.
struct Judge {
  let call: S3Call
  let region: String
  let authorization: Authorization
  let endpoint: S3Endpoint
  /// When the request was signed.
  let now: Timestamp

  /// Clocks further apart than this are taken for the reason of a refusal (S3 allows 15 minutes).
  private static let skewMicroseconds: Int64 = 4 * 60 * 1_000_000
  private static let passingStatuses: Set<Int> = [408, 429, 500, 502, 503, 504, 509]
  private static let passingCodes: Set<String> = [
    "RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "Throttling", "ThrottlingException",
    "RequestLimitExceeded", "BandwidthLimitExceeded", "OperationAborted", "ConditionalRequestConflict",
    "IncompleteBody",
    "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
  ]

  static func verdict(_ failure: TransportFailure) -> Verdict {
    switch failure.kind {
    case .connect: .retry(failure.message, afterSeconds: nil, mayHaveHappened: false)
    case .broken: .retry(failure.message, afterSeconds: nil, mayHaveHappened: true)
    case .certificate:
      .fail(
        .unavailable, failure.message,
        hint:
          "if the server's certificate is signed by an authority of your own, name its file in AWS_CA_BUNDLE")
    case .cancelled: .fail(.other, failure.message, hint: "")
    case .refused: .fail(.protocolViolation, failure.message, hint: "check the endpoint")
    }
  }

  func verdict(_ response: HTTPResponse, _ sink: BodySink) -> Verdict {
    if (200..<300).contains(response.status) {
      if let refusal = sink.refusal { return .fail(refusal.code, refusal.message, hint: refusal.hint) }
      guard sink.isFull else {
        return .retry(
          "the body ended early, at byte \(sink.filled)", afterSeconds: nil, mayHaveHappened: false)
      }
      // CompleteMultipartUpload and CopyObject report late errors inside a 200.
      if call.isSlow, let problem = ErrorAnswer(response.body) { return judge(response, problem) }
      return .success
    }
    return judge(response, ErrorAnswer(response.body) ?? ErrorAnswer(code: "", message: ""))
  }

  private func judge(_ response: HTTPResponse, _ answer: ErrorAnswer) -> Verdict {
    let status = response.status
    let text = Self.text(status, answer)
    if let correction = correction(response, answer) { return .correct(correction, text) }
    if Self.passingStatuses.contains(status) || Self.passingCodes.contains(answer.code) {
      return .retry(
        text, afterSeconds: response.header("retry-after").flatMap { Int($0) },
        mayHaveHappened: answer.code != "ConditionalRequestConflict")
    }
    switch status {
    case 404:
      if answer.code == "NoSuchBucket" {
        return .fail(
          .notFound, "the bucket does not exist", hint: "check the bucket's name and the endpoint")
      }
      return .fail(.notFound, text, hint: "")
    case 401, 403: return .fail(.forbidden, text, hint: hint(answer.code))
    case 412, 416: return .fail(.changed, text, hint: "")
    case 301, 302, 303, 307, 308:
      return .fail(
        .protocolViolation, text, hint: "set the bucket's region or the endpoint that the bucket belongs to")
    case 507:
      return .fail(.full, text, hint: "the server has no room left")
    default:
      if answer.code.contains("StorageFull") || answer.code == "QuotaExceeded" {
        return .fail(.full, text, hint: "the server has no room left, or a quota is used up")
      }
      if answer.code == "ExpiredToken" { return .fail(.forbidden, text, hint: hint(answer.code)) }
      return .fail(.protocolViolation, text, hint: "")
    }
  }

  private func correction(_ response: HTTPResponse, _ answer: ErrorAnswer) -> Correction? {
    let status = response.status
    if [301, 307, 400, 403].contains(status),
      let told = response.header("x-amz-bucket-region") ?? answer.region,
      told != region, !told.isEmpty, told.utf8.count < 64
    {
      return .region(told)
    }
    if status == 307 || status == 301, let location = response.header("location"),
      let authority = endpoint.redirect(to: location)
    {
      return .authority(authority)
    }
    // A HEAD's refusal has no body, so its Date is compared.
    if status == 403, answer.code == "RequestTimeTooSkewed" || (call.method == "HEAD" && answer.code.isEmpty),
      let date = response.header("date").flatMap({ Timestamp(http: $0) }),
      abs(date.microseconds - now.microseconds) > Self.skewMicroseconds
    {
      return .clock(date)
    }
    if case .signed(let keys) = authorization, keys.expiration != nil || keys.token != nil {
      let isExpired = ["ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException"].contains(answer.code)
      if isExpired || (status == 400 && call.method == "HEAD") { return .credentials }
    }
    return nil
  }

  private static func text(_ status: Int, _ answer: ErrorAnswer) -> String {
    if answer.code.isEmpty { return "the server answers with status \(status)" }
    return "\(answer.code) (\(status))" + (answer.message.isEmpty ? "" : ": \(answer.message)")
  }

  private func hint(_ code: String) -> String {
    let whose: String
    switch authorization {
    case .anonymous: return "requests are sent unsigned (profile 'anonymous'); the bucket may not be public"
    case .signed(let keys): whose = keys.description
    }
    switch code {
    case "SignatureDoesNotMatch":
      return
        "the secret key does not belong to the access key (\(whose)), or something on the way changes requests"
    case "InvalidAccessKeyId": return "the server does not know the access key (\(whose))"
    case "ExpiredToken", "TokenRefreshRequired": return "the session has ended (\(whose)); sign in again"
    case "RequestTimeTooSkewed": return "set this machine's clock"
    default:
      let action =
        switch call.operation {
        case "LIST": "s3:ListBucket"
        case "HEAD", "GET": "s3:GetObject (and s3:ListBucket, or absence is reported as 403 too)"
        case "DELETE": "s3:DeleteObject"
        default: "s3:PutObject"
        }
      return "allow \(action) on \(call.location) for the \(whose)"
    }
  }
}
