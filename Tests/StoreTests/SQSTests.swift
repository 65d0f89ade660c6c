import Notifications
import Platform
import TestKit
import Testing

@testable import S3

/// What queue and pump make of answers, with a transport that gives them.
struct SQSTests {
  private static let keys = ["AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "topsecretkey"]
  private static let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/events"

  private func queue(
    _ transport: FakeTransport, url: String = url, variables: [String: String] = keys
  ) throws -> SQSQueue {
    var options = S3Options(region: "us-east-2")
    options.retry = RetryPolicy(attemptsMax: 4, baseMilliseconds: 1, capMilliseconds: 2)
    var environment = S3Environment.fake(variables, transport: transport)
    environment.sleep = { milliseconds, cancellation in cancellation.sleep(milliseconds: min(milliseconds, 20)) }
    return try SQSQueue(url: url, session: try S3Session(options: options, environment: environment))
  }

  private static func problem(
    _ status: Int, _ code: String, headers: [(name: String, value: String)] = []
  ) -> FakeTransport.Reply {
    .init(status, "{\"__type\":\"com.amazonaws.sqs#\(code)\",\"message\":\"words\"}", headers: headers)
  }

  private static func messages(_ bodies: [String]) -> FakeTransport.Reply {
    let texts = bodies.enumerated().map { index, body in
      "{\"MessageId\":\"m\(index)\",\"ReceiptHandle\":\"r\(index)\",\"MD5OfBody\":\"x\",\"Body\":\(JSONText.quoted(body)),"
        + "\"Attributes\":{\"a\":[1]}}"
    }
    return .init(200, "{\"Messages\":[\(texts.joined(separator: ","))]}")
  }

  private static func action(_ request: HTTPRequest) -> String {
    String(request.headers.first { $0.name == "X-Amz-Target" }?.value.split(separator: ".").last ?? "")
  }

  // MARK: The queue

  @Test(arguments: [
    ("https://sqs.eu-west-1.amazonaws.com/1/q", "eu-west-1"),
    ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"),
    ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/q", "us-gov-west-1"),
    ("https://queue.amazonaws.com/1/q", "us-east-1"),
    ("https://ap-south-1.queue.amazonaws.com/1/q", "ap-south-1"), ("http://127.0.0.1:4566/000000000000/q", "us-east-2"),
    ("https://vpce-1.sqs.eu-west-3.vpce.amazonaws.com/1/q", "eu-west-3"),
    ("https://sqs.eu-west-1.api.aws/1/q", "eu-west-1"),
    ("https://sqs.elsewhere.example/1/q", "us-east-2"),
  ])
  func theURLTellsTheRegion(url: String, region: String) throws {
    let transport = FakeTransport { _, _ in .init(200, "{}") }
    _ = try queue(transport, url: url).receive()
    let request = transport.seen[0]
    #expect(url.hasPrefix(String(request.url.dropLast())) && request.path == "/" && request.method == "POST")
    let authorization = request.headers.first { $0.name == "Authorization" }?.value ?? ""
    #expect(authorization.contains("/\(region)/sqs/aws4_request"))
    #expect(authorization.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,"))
    #expect(
      String(decoding: request.body ?? [], as: UTF8.self)
        == "{\"QueueUrl\":\"\(url)\",\"MaxNumberOfMessages\":10,\"WaitTimeSeconds\":20,\"VisibilityTimeout\":60}")
    #expect(request.timeouts.stallSeconds > 20)
  }

  @Test(arguments: [
    "", "q", "https://sqs.eu-west-1.amazonaws.com", "https://u:p@host/1/q", "https://host/q", "ftp://h/1/q",
  ])
  func urlsThatAreNone(url: String) {
    #expect(throws: StoreError.self) { try queue(FakeTransport { _, _ in .init() }, url: url) }
  }

  @Test func messagesComeAsTheyWereSent() throws {
    let bodies = ["plain", "ü \" \\ \n / 😀", ""]
    let found = try queue(FakeTransport { _, _ in Self.messages(bodies) }).receive()
    #expect(found.map { String(decoding: $0.body, as: UTF8.self) } == bodies)
    #expect(found.map(\.id) == ["m0", "m1", "m2"] && found.map(\.receipt) == ["r0", "r1", "r2"])
    for empty in ["", "{}", "{\"Messages\":null}", "{\"Messages\":[]}"] {
      #expect(try queue(FakeTransport { _, _ in .init(200, empty) }).receive().isEmpty)
    }
  }

  @Test func batchesOfTenAndTheirFailures() throws {
    let transport = FakeTransport { request, _ in
      let isSecond = request.body.map { String(decoding: $0, as: UTF8.self).contains("r1\\\"0") } ?? false
      return .init(
        200,
        isSecond
          ? "{\"Successful\":[],\"Failed\":[{\"Id\":\"0\",\"Code\":\"Gone\",\"Message\":\"m\",\"SenderFault\":true}]}"
          : "{}")
    }
    let queue = try queue(transport)
    let messages = (0..<11).map { SQSMessage(id: "m\($0)", body: [], receipt: $0 == 10 ? "r1\"0" : "r") }
    #expect(try queue.delete(messages) == [SQSRefusal(id: "m10", code: "Gone", message: "m")])
    #expect(try queue.changeVisibility(messages, seconds: 1_000_000).map(\.id) == ["m10"])
    #expect(
      transport.seen.map(Self.action) == ["DeleteMessageBatch", "DeleteMessageBatch"]
        + Array(repeating: "ChangeMessageVisibilityBatch", count: 2))
    #expect(String(decoding: transport.seen[3].body ?? [], as: UTF8.self).contains("\"VisibilityTimeout\":43200"))
    #expect(try queue.delete([]).isEmpty && transport.seen.count == 4)
  }

  @Test(
    arguments: [
      (400, "QueueDoesNotExist", .notFound, 1), (400, "AWS.SimpleQueueService.NonExistentQueue", .notFound, 1),
      (403, "AccessDeniedException", .forbidden, 1), (400, "InvalidClientTokenId", .forbidden, 1),
      (403, "SignatureDoesNotMatch", .forbidden, 1), (400, "ExpiredToken", .forbidden, 1),
      (400, "InvalidParameterValue", .protocolViolation, 1), (301, "", .protocolViolation, 1),
      (400, "ThrottlingException", .unavailable, 4), (503, "ServiceUnavailable", .unavailable, 4),
      (500, "", .unavailable, 4), (429, "", .unavailable, 4), (403, "OverLimit", .unavailable, 4),
    ] as [(Int, String, StoreError.Code, Int)])
  func refusals(status: Int, code: String, kind: StoreError.Code, attempts: Int) throws {
    let transport = FakeTransport { _, _ in Self.problem(status, code) }
    let queue = try queue(transport)
    do {
      _ = try queue.receive()
      Issue.record("nothing was refused")
    } catch {
      #expect(error.code == kind && error.operation == "ReceiveMessage" && error.location == Self.url)
      #expect(!error.description.contains("topsecretkey") && (code.isEmpty || error.message.contains(code)))
    }
    #expect(transport.seen.count == attempts)
  }

  @Test func passingTroubleIsRiddenOut() throws {
    let transport = FakeTransport { _, number throws(TransportFailure) in
      switch number {
      case 0: throw TransportFailure(kind: .connect, message: "refused")
      case 1: return Self.problem(503, "ServiceUnavailable", headers: [("retry-after", "0")])
      case 2: return .init(200, "<html>")
      default: return Self.messages(["x"])
      }
    }
    #expect(try queue(transport).receive().count == 1)
    #expect(transport.seen.count == 4)
  }

  @Test func aWrongClockIsSetOnce() throws {
    let transport = FakeTransport { _, number in
      number == 0
        ? Self.problem(403, "SignatureDoesNotMatch", headers: [("date", "Wed, 15 Nov 2023 10:00:00 GMT")])
        : .init(200, "{}")
    }
    _ = try queue(transport).receive()
    let dates = transport.seen.map { request in request.headers.first { $0.name == "X-Amz-Date" }?.value }
    #expect(dates == ["20231114T221320Z", "20231115T100000Z"])
  }

  @Test func expiredKeysAreRenewedOnce() throws {
    let variables = Self.keys.merging(["AWS_SESSION_TOKEN": "a-session-token"]) { $1 }
    let transport = FakeTransport { _, _ in Self.problem(400, "ExpiredTokenException") }
    #expect(throws: StoreError.self) { try queue(transport, variables: variables).receive() }
    #expect(transport.seen.count == 2)
  }

  @Test func aReceiveCanBeCancelled() throws {
    let transport = FakeTransport { _, _ throws(TransportFailure) in
      throw TransportFailure(kind: .connect, message: "refused")
    }
    let queue = try queue(transport)
    queue.cancel()
    do {
      _ = try queue.receive()
      Issue.record("it was not given up")
    } catch {
      #expect(error.code == .other && error.message == "given up")
    }
  }

  // MARK: The pump

  private static let event = """
    {"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put",\
    "s3":{"bucket":{"name":"b"},"object":{"key":"a+b"}}}]}
    """

  @Test func deletesOnlyWhatWasAppended() throws {
    let transport = FakeTransport { request, _ in
      Self.action(request) == "ReceiveMessage" ? Self.messages([Self.event, "no event"]) : .init(200, "{}")
    }
    let broker = RecordingBroker()
    let pump = SQSPump(queue: try queue(transport), broker: broker)
    broker.failure.withLock { $0 = BrokerError(.unavailable, operation: "append", location: "x", message: "away") }
    do {
      _ = try pump.step()
      Issue.record("nothing failed")
    } catch {
      guard case .broker(let error) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(error.code == .unavailable)
    }
    #expect(!transport.seen.map(Self.action).contains("DeleteMessageBatch"))

    broker.failure.withLock { $0 = nil }
    let outcome = try pump.step()
    #expect(outcome.received == 2 && outcome.deleted == 2 && outcome.undeleted.isEmpty && outcome.tooLarge.isEmpty)
    #expect(transport.seen.last.map(Self.action) == "DeleteMessageBatch")
    let appended = broker.appended.withLock { $0 }
    #expect(appended.map(\.key) == [Array("b/a b".utf8), nil])
    #expect(appended.map(\.value) == [Array(Self.event.utf8), Array("no event".utf8)])
    #expect(appended.allSatisfy { $0.topic == "s3.events" && $0.partition == nil })
  }

  @Test func aMessageTooLargeDoesNotHoldTheOthersBack() throws {
    let transport = FakeTransport { request, _ in
      Self.action(request) == "ReceiveMessage"
        ? Self.messages(["a", String(repeating: "x", count: 2000), "b"]) : .init(200, "{}")
    }
    let broker = RecordingBroker(bytesMax: 1000)
    let outcome = try SQSPump(queue: try queue(transport), broker: broker).step()
    #expect(outcome.received == 3 && outcome.deleted == 2 && outcome.tooLarge == ["m1"])
    let deleted = String(decoding: transport.seen.last?.body ?? [], as: UTF8.self)
    #expect(deleted.contains("\"r0\"") && !deleted.contains("\"r1\"") && deleted.contains("\"r2\""))
  }

  @Test func aQueueThatFailsAfterTheAppendRepeats() throws {
    let transport = FakeTransport { request, _ in
      Self.action(request) == "ReceiveMessage" ? Self.messages([Self.event]) : Self.problem(403, "AccessDenied")
    }
    let broker = RecordingBroker()
    let pump = SQSPump(queue: try queue(transport), broker: broker)
    for _ in 0..<2 { #expect(throws: SQSPump.Failure.self) { try pump.step() } }
    #expect(broker.appended.withLock { $0.count } == 2)
  }

  /// The append ends only after the visibility has been extended three times.
  @Test func aSlowAppendExtendsTheVisibility() throws {
    let transport = FakeTransport { request, _ in
      Self.action(request) == "ReceiveMessage" ? Self.messages([Self.event]) : .init(200, "{}")
    }
    let broker = RecordingBroker {
      while transport.seen.count(where: { Self.action($0) == "ChangeMessageVisibilityBatch" }) < 3 {}
    }
    let pump = SQSPump(queue: try queue(transport), broker: broker)
    let outcome = try withDeadline(seconds: 60, "a step with a slow append") { try pump.step() }
    #expect(outcome.deleted == 1)
    let extended = transport.seen.first { Self.action($0) == "ChangeMessageVisibilityBatch" }
    let body = String(decoding: extended?.body ?? [], as: UTF8.self)
    #expect(body.contains("\"ReceiptHandle\":\"r0\"") && body.contains("\"VisibilityTimeout\":60"))
  }
}
