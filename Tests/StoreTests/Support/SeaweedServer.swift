import Foundation
import Glibc
import Platform
import TestKit

@testable import S3

/// A real S3 server for these tests: SeaweedFS, started once for the run, ended with it.
final class SeaweedServer: Sendable {
  static let accessKey = "TESTACCESSKEY"
  static let secretKey = "testsecretkey/with+signs=and0123456789"

  let port: Int
  private let process: LeashedProcess

  private static let started = Result {
    // Another program may take a port between the look and the start.
    for _ in 0..<2 {
      if let server = try? SeaweedServer() { return server }
    }
    return try SeaweedServer()
  }

  static func shared() throws -> SeaweedServer {
    let server = try started.get()
    // The leash ends the server when this process ends; this also waits for it, so that nothing is left running behind.
    _ = stopsAtExit
    return server
  }

  private static let stopsAtExit: Bool = {
    atexit { if case .success(let server) = SeaweedServer.started { server.process.stop() } }
    return true
  }()

  struct Unusable: Error, CustomStringConvertible { var description: String }

  /// A session with this server (or with a proxy before it, at `port`).
  func session(
    port: Int? = nil, secret: String = secretKey, _ adjust: (inout S3Options) -> Void = { _ in }
  ) throws -> S3Session {
    var options = S3Options(endpoint: "http://127.0.0.1:\(port ?? self.port)", region: "us-east-1")
    options.stallSeconds = 10
    options.retry = RetryPolicy(attemptsMax: 8, baseMilliseconds: 20, capMilliseconds: 300)
    adjust(&options)
    var environment = S3Environment.process()
    environment.variables = ["AWS_ACCESS_KEY_ID": Self.accessKey, "AWS_SECRET_ACCESS_KEY": secret]
    return try S3Session(options: options, environment: environment)
  }

  /// A new bucket.
  func bucket(_ session: S3Session? = nil, versioned: Bool = false) throws -> S3Store {
    let session = try session ?? self.session()
    let name = "t-" + String(UInt64.random(in: 0 ... .max), radix: 36)
    let administration = try self.session()
    _ = try administration.client.perform { S3Call(operation: "PUT", method: "PUT", bucket: name) }
    if versioned {
      let body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
      _ = try administration.client.perform {
        S3Call(
          operation: "PUT", method: "PUT", bucket: name, query: [("versioning", "")], body: Array(body.utf8))
      }
    }
    return S3Store(bucket: name, session: session)
  }

  private init() throws {
    let weed = try Self.binary()
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "tributary-weed-\(UInt64.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(
      at: directory.appending(path: "data"), withIntermediateDirectories: true)
    let configuration = """
      {"identities": [{"name": "admin", "credentials": [{"accessKey": "\(Self.accessKey)",
      "secretKey": "\(Self.secretKey)"}], "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}
      """
    let file = directory.appending(path: "s3.json")
    try Data(configuration.utf8).write(to: file)
    let ports = try Self.freePorts(8)
    port = ports[0]
    // Beside the directory, which is gone when the server has ended.
    let log = directory.appendingPathExtension("log")
    defer { try? FileManager.default.removeItem(at: log) }
    process = try LeashedProcess(
      [
        weed, "-logdir=\(directory.path)", "server", "-dir=\(directory.path)/data", "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.port=\(ports[0])", "-s3.port.grpc=\(ports[1])",
        "-s3.port.iceberg=0", "-s3.config=\(file.path)", "-s3.domainName=localhost",
        "-master.port=\(ports[2])", "-master.port.grpc=\(ports[3])", "-volume.port=\(ports[4])",
        "-volume.port.grpc=\(ports[5])", "-filer.port=\(ports[6])", "-filer.port.grpc=\(ports[7])",
        "-master.volumeSizeLimitMB=64", "-volume.max=0", "-volume.preStopSeconds=1", "-metricsPort=0",
      ], removing: directory, log: log)
    try waitUntilReady(log: log)
  }

  private func waitUntilReady(log: URL) throws {
    let store = S3Store(
      bucket: "ready", session: try session { $0.retry = RetryPolicy(attemptsMax: 1) })
    let deadline = Date.now.addingTimeInterval(60)
    while Date.now < deadline, process.isRunning {
      do {
        _ = try? store.session.client.perform { S3Call(operation: "PUT", method: "PUT", bucket: "ready") }
        _ = try store.put("key", [1], condition: .always)
        try store.delete("key")
        return
      } catch {
        Thread.sleep(forTimeInterval: 0.1)
      }
    }
    let output = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
    throw Unusable(description: "SeaweedFS did not become ready: \(output.suffix(2000))")
  }

  private static func binary() throws -> String {
    let chosen =
      ProcessInfo.processInfo.environment["TRIBUTARY_WEED"]
      ?? LeashedProcess.root.appending(path: ".venv/bin/weed").path
    guard FileManager.default.isExecutableFile(atPath: chosen) else {
      throw Unusable(
        description: "\(chosen) is missing; `make test` installs it from PyPI; TRIBUTARY_WEED names another")
    }
    return chosen
  }

  /// Ports that were free a moment ago, below those that Linux gives to outgoing connections.
  static func freePorts(_ count: Int) throws -> [Int] {
    var found: [Int] = []
    for _ in 0..<1000 where found.count < count {
      let port = Int.random(in: 12_000..<32_000)
      if !found.contains(port), isFree(port) { found.append(port) }
    }
    guard found.count == count else { throw Unusable(description: "no free ports") }
    return found
  }

  private static func isFree(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
