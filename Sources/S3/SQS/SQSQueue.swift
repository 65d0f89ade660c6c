internal import Digests
internal import Notifications
public import Platform
internal import Synchronization

/// A message as a queue handed it out: gone from the others' sight until its visibility ends or it is deleted.
public struct SQSMessage: Sendable, Hashable {
  public var id: String
  public var body: [UInt8]
  /// What deletes it; valid for this handing out.
  public var receipt: String

  public init(id: String, body: [UInt8], receipt: String) {
    self.id = id
    self.body = body
    self.receipt = receipt
  }
}

/// A message that a batch left out, with the server's reason.
public struct SQSRefusal: Sendable, Hashable {
  public var id: String
  public var code: String
  public var message: String
}

/// A queue of Amazon SQS (or a server that speaks its JSON protocol, as `AmazonSQS.ReceiveMessage`). Thread-safe; calls
/// block, also through retries, until they succeed, fail for good or ``cancel()`` is called.
///
/// Failures are ``StoreError``s: `.notFound` (no such queue), `.forbidden`, `.unavailable` after all retries.
public final class SQSQueue: Sendable {
  /// SQS hands out and takes at most ten at a time.
  public static let batchMax = 10
  /// The longest that SQS lets a receive wait.
  public static let waitSecondsMax = 20

  private let address: QueueAddress
  private let region: String
  let session: S3Session
  let cancellation = Cancellation()
  /// Added to this machine's clock.
  private let clockOffset = Mutex<Int64>(0)

  /// `url` as the console shows it. The region is the URL's, else that of the options and the environment; the endpoint is
  /// the URL's host; credentials come from the usual AWS places.
  public convenience init(url: String, options: S3Options = S3Options()) throws(StoreError) {
    try self.init(url: url, session: try S3Session(options: options))
  }

  /// Shares a session's credentials and connections.
  public init(url: String, session: S3Session) throws(StoreError) {
    address = try QueueAddress(url)
    region = address.region ?? session.region
    self.session = session
  }

  /// The URL, for messages.
  public var url: String { address.url }

  /// Up to ten messages, which nobody else sees for `visibilitySeconds`; waits `waitSeconds` for the first. Often none.
  public func receive(
    messagesMax: Int = batchMax, waitSeconds: Int = waitSecondsMax, visibilitySeconds: Int = 60
  ) throws(StoreError) -> [SQSMessage] {
    let wait = min(max(0, waitSeconds), Self.waitSecondsMax)
    let members = [
      "\"MaxNumberOfMessages\":\(min(max(1, messagesMax), Self.batchMax))", "\"WaitTimeSeconds\":\(wait)",
      "\"VisibilityTimeout\":\(Self.visibility(visibilitySeconds))",
    ]
    return try perform("ReceiveMessage", members, waitSeconds: wait, cancellation) {
      body throws(JSONFault) in try QueueAnswers.messages(body)
    }
  }

  /// Deletes messages; gives those that the queue would not delete (their visibility may have ended: they come again).
  public func delete(_ messages: [SQSMessage]) throws(StoreError) -> [SQSRefusal] {
    try batches("DeleteMessageBatch", messages, cancellation) { _ in "" }
  }

  /// Makes messages invisible for `seconds` from now; 0 gives them back at once.
  public func changeVisibility(_ messages: [SQSMessage], seconds: Int) throws(StoreError) -> [SQSRefusal] {
    try changeVisibility(messages, seconds: seconds, cancellation)
  }

  func changeVisibility(
    _ messages: [SQSMessage], seconds: Int, _ cancellation: Cancellation
  ) throws(StoreError) -> [SQSRefusal] {
    try batches("ChangeMessageVisibilityBatch", messages, cancellation) { _ in
      ",\"VisibilityTimeout\":\(Self.visibility(seconds))"
    }
  }

  /// Ends calls under way, within about a second, and all later ones with `.other`.
  public func cancel() { cancellation.cancel() }

  // MARK: Requests

  /// Twelve hours is the most that SQS takes.
  private static func visibility(_ seconds: Int) -> Int { min(max(0, seconds), 43_200) }

  private func batches(
    _ action: String, _ messages: [SQSMessage], _ cancellation: Cancellation, more: (SQSMessage) -> String
  ) throws(StoreError) -> [SQSRefusal] {
    var refused: [SQSRefusal] = []
    for start in stride(from: 0, to: messages.count, by: Self.batchMax) {
      let batch = messages[start..<min(start + Self.batchMax, messages.count)]
      let entries = batch.enumerated().map { index, message in
        "{\"Id\":\"\(index)\",\"ReceiptHandle\":\(JSONText.quoted(message.receipt))\(more(message))}"
      }
      let failed = try perform(
        action, ["\"Entries\":[\(entries.joined(separator: ","))]"], waitSeconds: 0, cancellation
      ) { body throws(JSONFault) in try QueueAnswers.failures(body) }
      for failure in failed {
        guard let index = Int(failure.id), batch.indices.contains(start + index) else { continue }
        refused.append(SQSRefusal(id: batch[start + index].id, code: failure.code, message: failure.message))
      }
    }
    return refused
  }

  /// Carries one action out, with retries. All actions may be repeated: a message that was handed out and lost on the way
  /// comes again, and one that is deleted stays so.
  private func perform<Answer>(
    _ action: String, _ members: [String], waitSeconds: Int, _ cancellation: Cancellation,
    read: ([UInt8]) throws(JSONFault) -> Answer
  ) throws(StoreError) -> Answer {
    let body = "{\"QueueUrl\":\(JSONText.quoted(address.url)),\(members.joined(separator: ","))}"
    let retry = session.options.retry
    var failures = 0
    var mayRenew = true
    var maySetClock = true
    while true {
      let authorization = try authorization(action)
      let now = Timestamp(
        microseconds: session.client.environment.now().microseconds &+ clockOffset.withLock { $0 })
      var verdict: QueueVerdict
      do throws(TransportFailure) {
        var request = request(action, Array(body.utf8), authorization, now)
        // The server is silent while it waits.
        request.timeouts.stallSeconds = session.options.stallSeconds + waitSeconds
        let response = try session.client.environment.transport.perform(
          request, into: BodySink(), cancellation: cancellation)
        verdict = QueueJudge(action: action, authorization: authorization, now: now).verdict(response)
        if verdict == .success {
          do throws(JSONFault) {
            return try read(response.body)
          } catch {
            verdict = .retry("the answer cannot be read: \(error.reason)", afterSeconds: nil)
          }
        }
      } catch {
        verdict = Self.verdict(error)
      }
      switch verdict {
      case .success: break
      case .fail(let code, let message, let hint): throw failure(action, authorization, code, message, hint)
      case .renew(let message):
        guard mayRenew else { throw failure(action, authorization, .forbidden, message, "sign in again") }
        mayRenew = false
        if case .signed(let keys) = authorization { session.credentials.discard(keys) }
      case .setClock(let time, let message):
        guard maySetClock else {
          throw failure(action, authorization, .forbidden, message, "set this machine's clock")
        }
        maySetClock = false
        let offset = time.microseconds &- session.client.environment.now().microseconds
        clockOffset.withLock { $0 = offset }
      case .retry(let message, let after):
        failures += 1
        guard failures < retry.attemptsMax else {
          throw failure(
            action, authorization, .unavailable, "\(message) (\(failures) attempts)",
            "check the queue's URL and the network, or try again later")
        }
        let wait = retry.waitMilliseconds(afterFailures: failures, retryAfterSeconds: after)
        if !session.client.environment.sleep(wait, cancellation) {
          throw failure(action, authorization, .other, "given up", "")
        }
      }
    }
  }

  private func authorization(_ action: String) throws(StoreError) -> Authorization {
    do throws(StoreError) {
      return try session.credentials.current()
    } catch {
      var named = error
      named.operation = action
      named.location = address.url
      throw named
    }
  }

  private func request(
    _ action: String, _ body: [UInt8], _ authorization: Authorization, _ now: Timestamp
  ) -> HTTPRequest {
    var request = HTTPRequest(
      method: "POST", isTLS: address.isTLS, authority: address.authority, path: "/",
      headers: [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.\(action)")], body: body)
    guard case .signed(let keys) = authorization else { return request }
    let signer = SignatureV4(
      accessKey: keys.accessKey, secretKey: keys.secretKey, token: keys.token, region: region, service: "sqs",
      time: now)
    request.headers += signer.signingHeaders(
      .init(
        method: "POST", path: "/", headers: request.headers + [("Host", address.authority)],
        payloadHash: SHA256.hex(SHA256.digest(body))))
    return request
  }

  private static func verdict(_ failure: TransportFailure) -> QueueVerdict {
    switch failure.kind {
    case .connect, .broken: .retry(failure.message, afterSeconds: nil)
    case .certificate:
      .fail(
        .unavailable, failure.message,
        hint: "if the server's certificate is signed by an authority of your own, name its file in AWS_CA_BUNDLE")
    case .cancelled: .fail(.other, failure.message, hint: "")
    case .refused: .fail(.protocolViolation, failure.message, hint: "check the queue's URL")
    }
  }

  private func failure(
    _ action: String, _ authorization: Authorization, _ code: StoreError.Code, _ message: String, _ hint: String
  ) -> StoreError {
    var secrets: [String] = []
    if case .signed(let keys) = authorization { secrets = keys.secrets }
    return StoreError(
      code, operation: action, location: address.url, message: Redaction(secrets).apply(message), hint: hint)
  }
}
