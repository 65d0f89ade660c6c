import Foundation
import Synchronization
import TestKit
import Testing

@testable import Monitor

/// Says back what the request was.
private func echo(_ request: HTTPRequest) -> HTTPResponse {
  let query = request.query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
  return .text("\(request.method) \(request.path) [\(query)] \(request.body.count)")
}

private func get(_ port: UInt16, _ path: String = "/") throws -> String {
  let answer = try LocalHTTPClient.request(host: "127.0.0.1", port: port, path: path)
  return "\(answer.status) \(String(decoding: answer.body, as: UTF8.self))"
}

@Suite struct HTTPServerTests {
  @Test func requestsArriveDecoded() throws {
    let server = try HTTPServer(port: 0, handler: echo)
    defer { server.stop() }
    #expect(server.port != 0)
    #expect(try get(server.port, "/a%20b/%C3%A9?x=1+2&y=%26&x=3&z") == "200 GET /a b/é [x=1 2,y=&,z=] 0\n")
    let asked = try LocalHTTPClient.request(
      host: "127.0.0.1", port: server.port, path: "/q", query: ["a b&=?": "é +%", "c": ""])
    #expect(String(decoding: asked.body, as: UTF8.self) == "GET /q [a b&=?=é +%,c=] 0\n")
    let posted = try LocalHTTPClient.request(
      host: "localhost", port: server.port, method: "POST", path: "/p", body: Array(repeating: 7, count: 1 << 20))
    #expect(posted.status == 200)
    #expect(String(decoding: posted.body, as: UTF8.self) == "POST /p [] 1048576\n")
  }

  @Test func pathsThatCannotBeDecodedAreRefused() throws {
    let server = try HTTPServer(port: 0, handler: echo)
    defer { server.stop() }
    for path in ["/healthz%00x", "/%", "/%f", "/%zz", "/%ff", "/a?b=%00", "*"] {
      let answer = RawConnection.exchange(
        port: server.port, "GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      #expect(answer?.hasPrefix("HTTP/1.1 400 ") == true, "\(path)")
    }
  }

  @Test func aBodyThatIsTooLargeIsRefused() throws {
    let server = try HTTPServer(port: 0, handler: echo)
    defer { server.stop() }
    // Announced: refused before it is sent.
    let announced = RawConnection.exchange(
      port: server.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n")
    #expect(announced?.hasPrefix("HTTP/1.1 413 ") == true)
    // In pieces of unknown number: refused at its end.
    let connection = try #require(RawConnection(port: server.port))
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
    let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 1, count: 0x10000) + Array("\r\n".utf8)
    for _ in 0..<32 { connection.send(chunk) }
    connection.send("0\r\n\r\n")
    #expect(connection.receiveAll()?.contains(" 413 ") == true)
    // Without an end: dropped.
    let endless = try #require(RawConnection(port: server.port))
    endless.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    var sent = 0
    while sent < 4096, endless.send(chunk) { sent += 1 }
    #expect(sent < 4096)
    #expect(try get(server.port) == "200 GET / [] 0\n")
  }

  @Test func hugeHeadsAreRefused() throws {
    let server = try HTTPServer(port: 0, handler: echo)
    defer { server.stop() }
    let long = String(repeating: "a", count: 1 << 20)
    for head in [
      "GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n",
      "\(long) / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A: b\r\n", count: 100_000) + "\r\n",
    ] {
      let answer = try #require(RawConnection.exchange(port: server.port, head))
      // The reset that follows may overtake the refusal.
      #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(40))")
    }
    #expect(try get(server.port) == "200 GET / [] 0\n")
  }

  @Test func anyMethodIsAnswered() throws {
    let server = try HTTPServer(port: 0, handler: echo)
    defer { server.stop() }
    for method in ["PUT", "DELETE", "BREW", "TRACE", "OPTIONS", "get"] {
      let answer = RawConnection.exchange(
        port: server.port, "\(method) /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      #expect(answer?.contains("\(method) /x") == true, "\(method)")
    }
    let head = RawConnection.exchange(port: server.port, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    #expect(head?.hasPrefix("HTTP/1.1 200 ") == true && head?.hasSuffix("\r\n\r\n") == true)
  }

  /// Random bytes, and requests with random bytes in them.
  @Test func noiseIsSurvived() throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    let server = try HTTPServer(port: 0, handler: echo)
    defer { server.stop() }
    let good = Array("POST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Y: z\r\n\r\nhello".utf8)
    for round in 0..<300 {
      var bytes = good
      if round % 3 == 0 {
        bytes = (0..<Int.random(in: 0...2000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      } else {
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        bytes.removeLast(Int.random(in: 0...3, using: &random))
      }
      let connection = try #require(RawConnection(port: server.port), "seed \(seed)")
      connection.send(bytes)
    }
    #expect(try get(server.port) == "200 GET / [] 0\n", "seed \(seed)")
  }

  @Test func connectionsAreKeptAndReused() throws {
    let server = try HTTPServer(port: 0, handler: echo)
    defer { server.stop() }
    let connection = try #require(RawConnection(port: server.port))
    for number in 0..<100 {
      connection.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(connection.receive(until: "GET /\(number) [] 0\n") != nil)
    }
  }

  @Test func aThousandRequests() throws {
    let count = Atomic(0)
    let server = try HTTPServer(port: 0) { request in
      count.add(1, ordering: .relaxed)
      return echo(request)
    }
    defer { server.stop() }
    let port = server.port
    let failures = Guarded<[String]>([])
    try withDeadline(seconds: 60, "a thousand requests") {
      DispatchQueue.concurrentPerform(iterations: 1000) { number in
        let answer = Result { try get(port, "/\(number)") }
        if (try? answer.get()) != "200 GET /\(number) [] 0\n" { failures.withLock { $0.append("\(answer)") } }
      }
    }
    #expect(failures.withLock { $0 } == [])
    #expect(count.load(ordering: .relaxed) == 1000)
  }

  @Test func aTakenPortIsSaid() throws {
    let server = try HTTPServer(port: 0, handler: echo)
    defer { server.stop() }
    let port = server.port
    let error = #expect(throws: MonitorError.self) { try HTTPServer(port: port, handler: echo) }
    #expect(error?.code == .portTaken)
    let wrong = #expect(throws: MonitorError.self) { try HTTPServer(address: "192.0.2.1", port: 0, handler: echo) }
    #expect(wrong?.code == .badAddress)
  }
}
