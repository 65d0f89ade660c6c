internal import Platform

/// What to do after an attempt at a queue. A pure function of the answer.
enum QueueVerdict: Equatable {
  case success
  case retry(String, afterSeconds: Int?)
  /// The session's keys have ended: others may be had.
  case renew(String)
  /// This machine's clock is wrong, says the server's time.
  case setClock(Timestamp, String)
  case fail(StoreError.Code, String, hint: String)
}

/// Judges one response of SQS' JSON protocol.
struct QueueJudge {
  let action: String
  let authorization: Authorization
  /// When the request was signed.
  let now: Timestamp

  /// Clocks further apart than this are taken for the reason of a refusal (SQS allows 15 minutes).
  private static let skewMicroseconds: Int64 = 4 * 60 * 1_000_000
  private static let passingCodes: Set<String> = [
    "RequestThrottled", "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException",
    "RequestLimitExceeded", "SlowDown", "OverLimit", "AWS.SimpleQueueService.OverLimit", "ServiceUnavailable",
    "InternalError", "InternalFailure", "KmsThrottled", "KMS.ThrottlingException",
  ]
  private static let expiredCodes: Set<String> = ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"]
  private static let absentCodes: Set<String> = [
    "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "NonExistentQueue", "QueueDeletedRecently",
  ]
  private static let forbiddenCodes: Set<String> = [
    "AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "NotAuthorized", "OptInRequired",
    "IncompleteSignature", "InvalidSecurity", "KmsAccessDenied", "InvalidSignatureException", "SignatureDoesNotMatch",
  ]

  func verdict(_ response: HTTPResponse) -> QueueVerdict {
    if (200..<300).contains(response.status) { return .success }
    let (code, message) = Self.problem(response)
    let text =
      code.isEmpty
      ? "the server answers with status \(response.status)"
      : "\(code) (\(response.status))" + (message.isEmpty ? "" : ": \(message)")
    if Self.expiredCodes.contains(code) {
      if case .signed(let keys) = authorization, keys.token != nil || keys.expiration != nil { return .renew(text) }
      return .fail(.forbidden, text, hint: "the session has ended; sign in again")
    }
    if (400..<500).contains(response.status),
      code == "RequestExpired" || code == "RequestTimeTooSkewed" || Self.forbiddenCodes.contains(code),
      let date = response.header("date").flatMap({ Timestamp(http: $0) }),
      abs(date.microseconds - now.microseconds) > Self.skewMicroseconds
    {
      return .setClock(date, text)
    }
    if Self.absentCodes.contains(code) {
      return .fail(.notFound, text, hint: "check the queue's URL and account")
    }
    if Self.passingCodes.contains(code) || [408, 429, 509].contains(response.status) || response.status >= 500 {
      return .retry(text, afterSeconds: response.header("retry-after").flatMap { Int($0) })
    }
    if Self.forbiddenCodes.contains(code) || [401, 403].contains(response.status) {
      return .fail(.forbidden, text, hint: hint)
    }
    return .fail(.protocolViolation, text, hint: code.isEmpty ? "check the queue's URL" : "")
  }

  /// `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":…}`; the older code stands in a header.
  private static func problem(_ response: HTTPResponse) -> (code: String, message: String) {
    let members = (try? FlatJSON.parse(response.body)) ?? [:]
    let type = members["__type"] ?? members["code"] ?? response.header("x-amzn-errortype") ?? ""
    let code = type.split(separator: "#").last.map(String.init) ?? ""
    return (String(code.prefix { $0 != ":" }), members["message"] ?? members["Message"] ?? "")
  }

  private var hint: String {
    switch authorization {
    case .anonymous: "requests are sent unsigned (profile 'anonymous'), which queues do not take"
    case .signed(let keys): "allow sqs:\(action) on the queue for the \(keys)"
    }
  }
}
