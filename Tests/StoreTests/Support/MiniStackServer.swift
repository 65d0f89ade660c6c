import Foundation
import TestKit

@testable import S3

/// MiniStack: S3 that sends notifications, and SQS, on a free port of this machine. One for each test that asks.
///
/// TRIBUTARY_MINISTACK names another binary than the one in .venv. It does not check signatures.
final class MiniStackServer: Sendable {
  let port: Int
  let session: S3Session
  private let process: LeashedProcess

  init() throws {
    let binary =
      ProcessInfo.processInfo.environment["TRIBUTARY_MINISTACK"]
      ?? LeashedProcess.root.appending(path: ".venv/bin/ministack").path
    guard FileManager.default.isExecutableFile(atPath: binary) else {
      throw SeaweedServer.Unusable(
        description: "\(binary) is missing; `make test` installs it from PyPI; TRIBUTARY_MINISTACK names another")
    }
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "tributary-ministack-\(UInt64.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    port = try SeaweedServer.freePorts(1)[0]
    // Beside the directory, which is gone when the server has ended.
    let log = directory.appendingPathExtension("log")
    defer { try? FileManager.default.removeItem(at: log) }
    process = try LeashedProcess(
      [
        "env", "BIND_HOST=127.0.0.1", "GATEWAY_PORT=\(port)", "S3_DATA_DIR=\(directory.path)/s3",
        "STATE_DIR=\(directory.path)/state", "TMPDIR=\(directory.path)", binary,
      ], removing: directory, log: log)
    var options = S3Options(endpoint: "http://127.0.0.1:\(port)", region: "us-east-1")
    options.stallSeconds = 10
    options.retry = RetryPolicy(attemptsMax: 4, baseMilliseconds: 20, capMilliseconds: 300)
    var environment = S3Environment.process()
    environment.variables = ["AWS_ACCESS_KEY_ID": "AKTEST", "AWS_SECRET_ACCESS_KEY": "secret-of-the-test"]
    session = try S3Session(options: options, environment: environment)
    try waitUntilReady(log: log)
  }

  deinit { process.stop() }

  /// A new bucket whose objects' events go to a new queue; gives the queue's URL.
  func bucketWithQueue(_ name: String) throws -> (store: S3Store, queueURL: String) {
    let answer = try queueAction("CreateQueue", "{\"QueueName\":\"\(name)\"}")
    guard let url = try FlatJSON.parse(answer)["QueueUrl"] else {
      throw SeaweedServer.Unusable(description: "no queue: \(String(decoding: answer, as: UTF8.self))")
    }
    _ = try session.client.perform { S3Call(operation: "PUT", method: "PUT", bucket: name) }
    let configuration = """
      <NotificationConfiguration><QueueConfiguration><Id>n</Id>\
      <Queue>arn:aws:sqs:us-east-1:000000000000:\(name)</Queue><Event>s3:ObjectCreated:*</Event>\
      <Event>s3:ObjectRemoved:*</Event></QueueConfiguration></NotificationConfiguration>
      """
    _ = try session.client.perform {
      S3Call(
        operation: "PUT", method: "PUT", bucket: name, query: [("notification", "")], body: Array(configuration.utf8))
    }
    return (S3Store(bucket: name, session: session), url)
  }

  private func queueAction(_ action: String, _ body: String) throws -> [UInt8] {
    let request = HTTPRequest(
      method: "POST", isTLS: false, authority: "127.0.0.1:\(port)", path: "/",
      headers: [
        ("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.\(action)"),
        // By which the server tells the service.
        ("Authorization", "AWS4-HMAC-SHA256 Credential=AKTEST/20260101/us-east-1/sqs/aws4_request"),
      ], body: Array(body.utf8))
    return try session.client.environment.transport.perform(request, into: BodySink(), cancellation: Cancellation())
      .body
  }

  private func waitUntilReady(log: URL) throws {
    let deadline = Date.now.addingTimeInterval(60)
    while Date.now < deadline, process.isRunning {
      if let answer = try? queueAction("ListQueues", "{}"), (try? FlatJSON.parse(answer)) != nil { return }
      Thread.sleep(forTimeInterval: 0.1)
    }
    let output = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
    throw SeaweedServer.Unusable(description: "MiniStack did not become ready: \(output.suffix(2000))")
  }
}
