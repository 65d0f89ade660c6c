import Foundation
import Platform
import Synchronization
import Testing

@testable import S3

/// Readers against servers that answer ranges in all the ways there are.
struct S3ReaderTests {
  /// A server with one object that misbehaves as told.
  private final class RangeServer: Sendable {
    enum Fault: CaseIterable {
      case none, ignoresRanges, cutsBodies, wrongRange, wrongTotal, otherTag, shortWithoutError, longBody,
        noHeaders
    }

    let content: [UInt8]
    let fault: Fault
    /// Which of the requests are disturbed; all others are answered properly.
    let disturbs: @Sendable (Int) -> Bool

    init(_ content: [UInt8], _ fault: Fault, disturbs: @escaping @Sendable (Int) -> Bool = { _ in true }) {
      self.content = content
      self.fault = fault
      self.disturbs = disturbs
    }

    func answer(_ request: HTTPRequest, _ number: Int) throws(TransportFailure) -> FakeTransport.Reply {
      let fault = disturbs(number) ? self.fault : .none
      var range: ClosedRange<Int>?
      if let text = request.headers.first(where: { $0.name == "Range" })?.value, fault != .ignoresRanges {
        let ends = text.dropFirst(6).split(separator: "-").compactMap { Int($0) }
        range = ends[0]...ends[1]
      }
      var reply = FakeTransport.Reply(range == nil ? 200 : 206)
      reply.body = range.map { Array(content[$0]) } ?? content
      let first = (range?.lowerBound ?? 0) + (fault == .wrongRange ? 1 : 0)
      let total = content.count + (fault == .wrongTotal ? 1 : 0)
      if fault != .noHeaders || range != nil {
        if let range {
          reply.headers.append(("content-range", "bytes \(first)-\(range.upperBound)/\(total)"))
        }
        reply.headers.append(("etag", fault == .otherTag ? "\"other\"" : "\"tag\""))
      }
      switch fault {
      case .cutsBodies:
        // Half a body each time, so that progress is made.
        reply.body = Array(reply.body.prefix(max(1, reply.body.count / 2)))
        reply.breaks = reply.body.count > 1
      case .shortWithoutError: reply.body = Array(reply.body.dropLast())
      case .longBody: reply.body += [0]
      default: break
      }
      return reply
    }
  }

  private func read(
    _ server: RangeServer, size: Int? = nil, etag: String? = "tag", rangeBytes: Int = 1000
  ) throws -> (Result<[UInt8], StoreError>, FakeTransport) {
    let transport = FakeTransport { request, number throws(TransportFailure) in
      try server.answer(request, number)
    }
    var options = S3Options(endpoint: "http://x", region: "r")
    options.rangeBytes = rangeBytes
    options.retry = RetryPolicy(attemptsMax: 12, baseMilliseconds: 0, capMilliseconds: 0)
    let environment = S3Environment.fake(
      ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S"], transport: transport)
    let store = S3Store(bucket: "b", session: try S3Session(options: options, environment: environment))
    let info = ObjectInfo(
      bucket: "b", key: "k", size: Int64(size ?? server.content.count), modifiedMicroseconds: 0, etag: etag)
    let result = Result { () throws(StoreError) in try store.contents(info, piece: 333) }
    return (result, transport)
  }

  private static let content: [UInt8] = {
    var random = SeededRandom(seed: 5)
    return random.bytes(10_500)
  }()

  @Test(arguments: [RangeServer.Fault.none, .ignoresRanges, .cutsBodies]) private func theBytesAreRight(
    _ fault: RangeServer.Fault
  ) throws {
    for size in [0, 1, 999, 1000, 1001, 10_500] {
      let content = Array(Self.content.prefix(size))
      let (result, _) = try read(RangeServer(content, fault))
      #expect(try result.get() == content, "\(fault), \(size) bytes")
    }
  }

  @Test func aSmallObjectIsOneRequestAndALargeOneAsManyAsItHasRanges() throws {
    let (small, few) = try read(RangeServer(Array(Self.content.prefix(1000)), .none))
    #expect(try small.get().count == 1000)
    #expect(few.seen.count == 1)
    #expect(!few.seen[0].headers.contains { $0.name == "Range" })
    #expect(few.seen[0].headers.contains { $0.name == "If-Match" && $0.value == "\"tag\"" })
    let (large, many) = try read(RangeServer(Self.content, .none))
    #expect(try large.get() == Self.content)
    #expect(many.seen.count == 11)
    #expect(Set(many.seen.compactMap { $0.headers.first { $0.name == "Range" }?.value }).count == 11)
  }

  @Test(arguments: [RangeServer.Fault.none, .ignoresRanges, .cutsBodies]) private func oneRangeIsOneRequest(
    _ fault: RangeServer.Fault
  ) throws {
    let transport = FakeTransport { request, number throws(TransportFailure) in
      try RangeServer(Self.content, fault) { $0 % 8 < 5 }.answer(request, number)
    }
    var options = S3Options(endpoint: "http://x", region: "r")
    options.rangeBytes = 1000
    options.retry = RetryPolicy(attemptsMax: 12, baseMilliseconds: 0, capMilliseconds: 0)
    let environment = S3Environment.fake(
      ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S"], transport: transport)
    let store = S3Store(bucket: "b", session: try S3Session(options: options, environment: environment))
    let info = ObjectInfo(bucket: "", key: "k", size: Int64(Self.content.count), modifiedMicroseconds: 0)
    for range in [0..<10_500, 3_000..<9_000, 10_499..<10_500] {
      let before = transport.seen.count
      let found = try store.bytes(info, Int64(range.lowerBound)..<Int64(range.upperBound))
      #expect(found == Array(Self.content[range]), "\(fault) \(range)")
      #expect(fault == .cutsBodies || transport.seen.count == before + 1)
    }
  }

  @Test(arguments: [RangeServer.Fault.wrongTotal, .otherTag, .longBody]) private func anotherObjectIsSeen(
    _ fault: RangeServer.Fault
  ) throws {
    for disturbed in 0..<5 {
      let (result, _) = try read(RangeServer(Self.content, fault) { $0 == disturbed })
      #expect(throws: StoreError.self, "\(fault)") { try result.get() }
      guard case .failure(let error) = result else { continue }
      #expect(error.code == .changed)
    }
  }

  @Test func anotherRangeThanAskedForIsNotTaken() throws {
    let (result, _) = try read(RangeServer(Self.content, .wrongRange) { $0 == 3 })
    guard case .failure(let error) = result else {
      Issue.record("a wrong range was taken")
      return
    }
    #expect(error.code == .protocolViolation)
  }

  @Test func aBodyThatEndsEarlyIsGoneOnWith() throws {
    let (result, transport) = try read(RangeServer(Self.content, .shortWithoutError) { $0 < 4 })
    #expect(try result.get() == Self.content)
    // The missing byte only is asked for again, of whichever ranges came first.
    let lastBytes = Set((1...11).map { min($0 * 1000, Self.content.count) - 1 }.map { "bytes=\($0)-\($0)" })
    #expect(
      transport.seen.contains { $0.headers.contains { $0.name == "Range" && lastBytes.contains($0.value) } })
  }

  @Test func anObjectOfAnotherSizeIsChanged() throws {
    for size in [9_999, 11_000] {
      let (result, _) = try read(RangeServer(Self.content, .none), size: size)
      guard case .failure(let error) = result else {
        Issue.record("an object of another size was read")
        continue
      }
      #expect(error.code == .changed || error.code == .unavailable)
    }
  }

  @Test func withoutATagTheFirstAnswerPinsTheRest() throws {
    let (right, _) = try read(RangeServer(Self.content, .none), etag: nil)
    #expect(try right.get() == Self.content)
    let (mixed, _) = try read(RangeServer(Self.content, .otherTag) { $0 == 6 }, etag: nil)
    guard case .failure(let error) = mixed else {
      Issue.record("two versions were mixed")
      return
    }
    #expect(error.code == .changed)
  }

  @Test func manyReadersStayWithinTheBudget() throws {
    let content = Self.content
    let server = RangeServer(content, .none)
    let underWay = Mutex((now: 0, most: 0))
    let transport = FakeTransport { request, number throws(TransportFailure) in
      underWay.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      usleep(500)
      defer { underWay.withLock { $0.now -= 1 } }
      return try server.answer(request, number)
    }
    var options = S3Options(endpoint: "http://x", region: "r")
    options.rangeBytes = 1000
    options.transferBytesMax = 3000
    let environment = S3Environment.fake(
      ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S"], transport: transport)
    let session = try S3Session(options: options, environment: environment)
    let store = S3Store(bucket: "b", session: session)
    let info = ObjectInfo(bucket: "b", key: "k", size: 10_500, modifiedMicroseconds: 0, etag: "tag")
    let results = onThreads(8) { _ in (try? store.contents(info)) == content }
    #expect(results.allSatisfy { $0 })
    // Eight heads and three ranges ahead.
    #expect(underWay.withLock { $0.most } <= 11)
    // Readers that are dropped in the middle give back what they took.
    for _ in 0..<20 {
      let reader = try store.open(info)
      var start = [UInt8](repeating: 0, count: 10)
      _ = try start.withUnsafeMutableBytes { try reader.read(into: $0) }
    }
    #expect(session.budget.take(3000))
  }
}
