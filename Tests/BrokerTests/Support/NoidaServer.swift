import Foundation
import Glibc
import KafkaBroker
import Platform
import TestKit

/// A real server that speaks Kafka's protocol: noida-db. It can be killed and started again on the same data and port.
final class NoidaServer: @unchecked Sendable {
  // Sendable: `process` is changed (and `port` set) by the test that owns the server alone.
  private(set) var port = 0
  private let directory: URL
  private var process: LeashedProcess?

  struct Unusable: Error, CustomStringConvertible { var description: String }

  /// One for all tests that do not harm it; ended with this process.
  static func shared() throws -> NoidaServer {
    let server = try started.get()
    _ = stopsAtExit
    return server
  }

  private static let started = Result { try NoidaServer() }
  private static let stopsAtExit: Bool = {
    atexit { if case .success(let server) = NoidaServer.started { server.stop() } }
    return true
  }()

  init() throws {
    directory = FileManager.default.temporaryDirectory.appending(
      path: "tributary-kafka-\(UInt64.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    // Another program may take a port between the look and the start.
    for _ in 0..<3 {
      port = try Self.freePort()
      process = try Self.launch(directory, port)
      if isReady(port) { return }
      kill()
    }
    throw Unusable(description: "noida-db did not become ready: \(log())")
  }

  deinit { stop() }

  func broker(
    _ properties: [String: String] = [:], log: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> KafkaBroker {
    try KafkaBroker(brokers: "127.0.0.1:\(port)", properties: properties, clientID: "test", log: log)
  }

  /// Ends the server without a chance to write anything.
  func kill() {
    if let pid = process?.command { Glibc.kill(pid, SIGKILL) }
    process?.stop()
    process = nil
  }

  func start() throws {
    process = try Self.launch(directory, port)
    guard isReady(port) else { throw Unusable(description: "noida-db did not come back: \(log())") }
  }

  func stop() {
    process?.stop()
    process = nil
    try? FileManager.default.removeItem(at: directory)
  }

  private func log() -> String {
    ((try? String(contentsOf: directory.appending(path: "log"), encoding: .utf8)) ?? "").suffix(2000).description
  }

  private func isReady(_ port: Int) -> Bool {
    let deadline = Date.now.addingTimeInterval(30)
    while Date.now < deadline, process?.isRunning == true {
      if let broker = try? KafkaBroker(
        brokers: "127.0.0.1:\(port)", properties: ["message.timeout.ms": "1000"], clientID: "ready", log: { _ in })
      {
        defer { broker.close() }
        if (try? broker.describe([])) != nil { return true }
      }
      Thread.sleep(forTimeInterval: 0.05)
    }
    return false
  }

  private static func launch(_ directory: URL, _ port: Int) throws -> LeashedProcess {
    try LeashedProcess(
      [
        try binary(), "start", "--data-dir", directory.path, "--host", "127.0.0.1", "--only", "kafka", "--kafka-port",
        String(port),
      ], log: directory.appending(path: "log"))
  }

  /// The server itself: the command of that name is a launcher, whose end leaves the server running.
  private static func binary() throws -> String {
    let library = LeashedProcess.root.appending(path: ".venv/lib")
    let pythons = (try? FileManager.default.contentsOfDirectory(atPath: library.path)) ?? []
    for python in pythons.sorted() where python.hasPrefix("python3") {
      let file = library.appending(path: "\(python)/site-packages/noida_db/noida-db").path
      if FileManager.default.isExecutableFile(atPath: file) { return file }
    }
    throw Unusable(description: "noida-db is missing in \(library.path); `make test` installs it from PyPI")
  }

  /// A port that was free a moment ago, below those that Linux gives to outgoing connections.
  static func freePort() throws -> Int {
    for _ in 0..<1000 {
      let port = Int.random(in: 12_000..<32_000)
      if isFree(port) { return port }
    }
    throw Unusable(description: "no free port")
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
