import Foundation
import Platform
import Testing

@testable import S3

/// Through a proxy that answers 503, resets, truncates, stalls and loses responses: the same bytes, or a clear error.
struct FaultTests {
  /// What must be in the store, by key; two contents where a failed write leaves open which.
  private struct Model {
    var objects: [String: [[UInt8]?]] = [:]

    func allows(_ key: String, _ content: [UInt8]?) -> Bool { objects[key, default: [nil]].contains(content) }
    mutating func settle(_ key: String, _ content: [UInt8]?) { objects[key] = [content] }
    mutating func mayBe(_ key: String, _ content: [UInt8]?) {
      objects[key, default: [nil]].append(content)
    }
  }

  @Test(arguments: [1, 2]) func twoHundredOperationsGiveTheSameBytesOrAClearError(seed: Int) throws {
    let server = try SeaweedServer.shared()
    let proxy = try FaultProxy(
      upstream: server.port, seed: seed,
      faults: "503:0.12,429:0.03,early503:0.03,reset:0.08,lost:0.05,truncate:0.08,refuse:0.04,garbage:0.02,stall:0.005")
    let session = try server.session(port: proxy.port) {
      $0.stallSeconds = 3
      $0.retry = RetryPolicy(attemptsMax: 8, baseMilliseconds: 2, capMilliseconds: 20)
      $0.rangeBytes = 64 << 10
      $0.rangesAhead = 3
      $0.partBytes = 5 << 20
    }
    let store = S3Store(bucket: try server.bucket().bucket, session: session)
    let wide = S3Store(
      bucket: store.bucket, session: try server.session(port: proxy.port) { $0.rangeBytes = 2 << 20 })
    var random = SeededRandom(seed: UInt64(seed))
    var model = Model()
    var errors: [StoreError] = []
    for number in 0..<200 {
      let key = "key \(Int.random(in: 0..<12, using: &random))+%"
      do throws(StoreError) {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35:
          try put(store, key, random.bytes(Int.random(in: 0...300_000, using: &random)), &model)
        case 35..<70: try get(store, key, model)
        case 70..<80: try list(store, model)
        case 80..<83: try putInParts(store, "large", random.bytes(11 << 20 | number), &model)
        case 83..<86: try get(wide, "large", model)
        case 86..<94:
          // A key that nobody else writes: whatever answers are lost, the writer must learn that it won.
          let own = "own \(number)"
          let content = random.bytes(500)
          model.mayBe(own, content)
          #expect(try store.put(own, content, condition: .ifAbsent) != nil)
          model.settle(own, content)
          #expect(code { () throws(StoreError) in try store.put(own, [1], condition: .ifAbsent) } != nil)
        default:
          model.mayBe(key, nil)
          try store.delete(key)
          model.settle(key, nil)
        }
      } catch {
        #expect(error.code == .unavailable, "operation \(number), seed \(seed): \(error)")
        #expect(!"\(error)".contains(SeaweedServer.secretKey))
        errors.append(error)
      }
    }
    #expect(errors.count < 20, "\(errors.count) of 200 failed, seed \(seed): \(errors.first.map { "\($0)" } ?? "")")
    // Without the proxy: what is there is what was written.
    let direct = S3Store(bucket: store.bucket, session: try server.session())
    for key in model.objects.keys {
      let found: [UInt8]?
      if let info = try? direct.head(key) { found = try direct.contents(info) } else { found = nil }
      #expect(model.allows(key, found), "'\(key)' has other bytes than were written, seed \(seed)")
    }
  }

  private func put(_ store: S3Store, _ key: String, _ content: [UInt8], _ model: inout Model) throws(StoreError) {
    model.mayBe(key, content)
    try store.put(key, content, condition: .always)
    model.settle(key, content)
  }

  private func putInParts(
    _ store: S3Store, _ key: String, _ content: [UInt8], _ model: inout Model
  ) throws(StoreError) {
    let writer = try store.writer(key)
    model.mayBe(key, content)
    try writer.write(content)
    try writer.finish()
    model.settle(key, content)
  }

  private func get(_ store: S3Store, _ key: String, _ model: Model) throws(StoreError) {
    let content: [UInt8]?
    do throws(StoreError) {
      content = try store.contents(try store.head(key), piece: 50_000)
    } catch {
      guard error.code == .notFound else { throw error }
      content = nil
    }
    #expect(model.allows(key, content), "'\(key)' was read as other bytes than were written")
  }

  private func list(_ store: S3Store, _ model: Model) throws(StoreError) {
    let found = Set(try store.listAll("").map(\.key))
    for (key, contents) in model.objects {
      if contents.allSatisfy({ $0 != nil }) { #expect(found.contains(key), "'\(key)' is missing in the listing") }
      if contents.allSatisfy({ $0 == nil }) { #expect(!found.contains(key), "'\(key)' is listed") }
    }
  }

  @Test func aServerThatIsAlwaysBusyEndsInAClearError() throws {
    let server = try SeaweedServer.shared()
    let proxy = try FaultProxy(upstream: server.port, seed: 1, faults: "503:1", retryAfter: 1000)
    let session = try server.session(port: proxy.port) {
      $0.retry = RetryPolicy(attemptsMax: 4, baseMilliseconds: 1, capMilliseconds: 10)
    }
    let error = failure { () throws(StoreError) in try S3Store(bucket: "ready", session: session).head("key") }
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("4 attempts") == true)
    let text = failure { () throws(StoreError) in try S3Store(bucket: "ready", session: session).listAll("") }
    #expect(text?.message.contains("SlowDown (503)") == true)
  }

  @Test func aServerThatStallsEndsInAClearError() throws {
    let server = try SeaweedServer.shared()
    let proxy = try FaultProxy(upstream: server.port, seed: 1, faults: "stall:1", stallSeconds: 30)
    let session = try server.session(port: proxy.port) {
      $0.stallSeconds = 1
      $0.retry = RetryPolicy(attemptsMax: 2, baseMilliseconds: 1, capMilliseconds: 10)
    }
    let start = Date.now
    let store = S3Store(bucket: "ready", session: session)
    #expect(code { () throws(StoreError) in try store.listAll("") } == .unavailable)
    #expect(Date.now.timeIntervalSince(start) < 20)
  }

  @Test func nobodyListeningEndsInAClearError() throws {
    let server = try SeaweedServer.shared()
    let session = try server.session(port: 1) {
      $0.retry = RetryPolicy(attemptsMax: 3, baseMilliseconds: 1, capMilliseconds: 10)
    }
    let error = failure { () throws(StoreError) in try S3Store(bucket: "b", session: session).head("key") }
    #expect(error?.code == .unavailable)
    #expect(error?.hint.isEmpty == false)
  }
}
