import Foundation
import Synchronization
import TestKit
import Testing

@testable import Monitor

/// Clients that take their time, and the server's end.
@Suite struct HTTPServerTimeTests {
  static var hasty: HTTPLimits {
    var limits = HTTPLimits()
    limits.threads = 2
    limits.connections = 8
    limits.exchangeMilliseconds = 300
    limits.stopMilliseconds = 300
    return limits
  }

  /// All connections are taken by clients that send a byte now and then; the server gets rid of them.
  @Test func slowClientsDoNotKeepOthersOut() throws {
    let server = try HTTPServer(address: "127.0.0.1", port: 0, limits: Self.hasty) { _ in .text("here") }
    defer { server.stop() }
    let port = server.port
    let isOver = Guarded(false)
    defer { isOver.withLock { $0 = true } }
    for _ in 0..<16 {
      Thread.detachNewThread {
        while !isOver.withLock({ $0 }) {
          guard let connection = RawConnection(port: port) else { return }
          connection.send("GET / HTTP/1.1\r\nX: ")
          while connection.send("x"), !isOver.withLock({ $0 }) { Thread.sleep(forTimeInterval: 0.02) }
        }
      }
    }
    try withDeadline(seconds: 60, "requests beside slow clients") {
      for _ in 0..<5 {
        let answer = try LocalHTTPClient.request(host: "127.0.0.1", port: port, path: "/")
        #expect(answer.status == 200)
      }
    }
  }

  @Test func idleAndUnreadConnectionsEnd() throws {
    let large = [UInt8](repeating: 0x61, count: 32 << 20)
    let server = try HTTPServer(address: "127.0.0.1", port: 0, limits: Self.hasty) { _ in
      HTTPResponse(contentType: "text/plain", body: large)
    }
    defer { server.stop() }
    let silent = try #require(RawConnection(port: server.port))
    #expect(silent.receiveAll() == "")
    let unread = try #require(RawConnection(port: server.port))
    unread.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let deadline = Date(timeIntervalSinceNow: 30)
    while server.openConnections > 0, Date() < deadline { Thread.sleep(forTimeInterval: 0.01) }
    #expect(server.openConnections == 0)
  }

  /// The time of an exchange does not count what the handler takes.
  @Test func aSlowHandlerIsWaitedFor() throws {
    let server = try HTTPServer(address: "127.0.0.1", port: 0, limits: Self.hasty) { _ in
      Thread.sleep(forTimeInterval: 1)
      return .text("late")
    }
    defer { server.stop() }
    let answer = try LocalHTTPClient.request(host: "127.0.0.1", port: server.port, path: "/")
    #expect(answer.body == Array("late\n".utf8))
  }

  @Test func stopWaitsForRequestsAndThenNothingIsCalled() throws {
    let isInside = DispatchSemaphore(value: 0)
    let mayLeave = DispatchSemaphore(value: 0)
    let calls = Atomic(0)
    let server = try HTTPServer(port: 0) { _ in
      calls.add(1, ordering: .relaxed)
      isInside.signal()
      mayLeave.wait()
      return .text("done")
    }
    let port = server.port
    let answer = Guarded<String?>(nil)
    let isAnswered = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      let result = try? LocalHTTPClient.request(host: "127.0.0.1", port: port, path: "/")
      answer.withLock { $0 = result.map { String(decoding: $0.body, as: UTF8.self) } }
      isAnswered.signal()
    }
    #expect(isInside.wait(timeout: .now() + 10) == .success)
    let isStopped = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      server.stop()
      isStopped.signal()
    }
    #expect(isStopped.wait(timeout: .now() + 0.2) == .timedOut)
    mayLeave.signal()
    #expect(isStopped.wait(timeout: .now() + 10) == .success)
    #expect(isAnswered.wait(timeout: .now() + 10) == .success)
    #expect(answer.withLock { $0 } == "done\n")
    let error = #expect(throws: MonitorError.self) {
      try LocalHTTPClient.request(host: "127.0.0.1", port: port, path: "/")
    }
    #expect(error?.code == .refused)
    #expect(calls.load(ordering: .relaxed) == 1)
    server.stop()
  }

  /// Servers come and go under fire; what the handler holds is let go of with each.
  @Test func startsAndStopsUnderLoad() throws {
    final class Token: Sendable {
      let alive: Guarded<Int>
      init(_ alive: Guarded<Int>) {
        self.alive = alive
        alive.withLock { $0 += 1 }
      }
      deinit { alive.withLock { $0 -= 1 } }
    }
    let alive = Guarded(0)
    try withDeadline(seconds: 60, "starting and stopping") {
      for _ in 0..<20 {
        let token = Token(alive)
        let server = try HTTPServer(address: "127.0.0.1", port: 0, limits: Self.hasty) { [token] request in
          .text("\(request.path) \(withExtendedLifetime(token) { "here" })")
        }
        let port = server.port
        let clients = DispatchGroup()
        for _ in 0..<4 {
          clients.enter()
          Thread.detachNewThread {
            // Until the server is gone.
            while (try? LocalHTTPClient.request(host: "127.0.0.1", port: port, path: "/")) != nil {}
            clients.leave()
          }
        }
        Thread.sleep(forTimeInterval: 0.02)
        server.stop()
        #expect(clients.wait(timeout: .now() + 20) == .success)
      }
    }
    #expect(alive.withLock { $0 } == 0)
  }

  /// Requests that break off at every place leave nothing behind.
  @Test func brokenRequestsAreFreed() throws {
    let server = try HTTPServer(address: "127.0.0.1", port: 0, limits: Self.hasty) { _ in .text("x") }
    let request = Array("POST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".utf8)
    for length in 0...request.count {
      let connection = try #require(RawConnection(port: server.port))
      connection.send(Array(request[..<length]))
    }
    server.stop()
    #expect(server.openRequests == 0)
    #expect(server.openConnections == 0)
  }
}
