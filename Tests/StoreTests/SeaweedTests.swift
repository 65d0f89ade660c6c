import Foundation
import Platform
import Testing

@testable import S3

/// Against a real server that checks signatures, conditions and ranges.
struct SeaweedTests {
  @Test func keysOfAllKindsGoThereAndBack() throws {
    let store = try SeaweedServer.shared().bucket()
    let keys = [
      "plain", "with space", "plus+plus", "percent%41%zz%", "ümlaut/日本語/🚰", "quote'and\"double", "a&b=c?d#e;f",
      "star*(paren)!~@$,:", "trailing dot.", "<xml>&amp;", "deep/er/and/deeper", "%2F", "tab\tkey",
    ]
    for (index, key) in keys.enumerated() {
      try store.put(key, Array("body \(index)".utf8), condition: .always)
    }
    for (index, key) in keys.enumerated() {
      let info = try store.head(key)
      #expect(try store.contents(info) == Array("body \(index)".utf8), "\(key)")
      #expect(info.size == Int64("body \(index)".utf8.count))
    }
    #expect(Set(try store.listAll("").map(\.key)) == Set(keys))
    #expect(try store.listAll("with ").map(\.key) == ["with space"])
    for key in keys { try store.delete(key) }
    #expect(try store.listAll("").isEmpty)
    #expect(code { () throws(StoreError) in try store.head("plain") } == .notFound)
    // Removing what is not there is no error.
    try store.delete("plain")
  }

  @Test func listingAndHeadDescribeAnObjectAlike() throws {
    let store = try SeaweedServer.shared().bucket()
    let tag = try store.put("a", [1, 2, 3], condition: .always)
    let listed = try #require(try store.listAll("").first)
    let head = try store.head("a")
    #expect(listed == head)
    #expect(head.etag == tag)
    #expect(tag == "5289df737df57326fcdd22597afb1fac")
    #expect(abs(Double(head.modifiedMicroseconds) / 1e6 - Date.now.timeIntervalSince1970) < 60)
  }

  @Test func aWrongSecretIsForbiddenAndNotShown() throws {
    let server = try SeaweedServer.shared()
    let good = try server.bucket()
    try good.put("a", [1], condition: .always)
    let secret = "wrongsecretwrongsecret+/=="
    let bad = S3Store(bucket: good.bucket, session: try server.session(secret: secret))
    for error in [
      failure { () throws(StoreError) in try bad.listAll("") },
      failure { () throws(StoreError) in try bad.head("a") },
      failure { () throws(StoreError) in try bad.put("b", [1], condition: .always) },
      failure { () throws(StoreError) in try bad.contents(try good.head("a")) },
    ] {
      let error = try #require(error)
      #expect(error.code == .forbidden)
      #expect(!"\(error)".contains(secret))
      #expect(!"\(error)".contains(SeaweedServer.accessKey))
      #expect(!error.hint.isEmpty)
    }
  }

  @Test func aMissingBucketSaysSo() throws {
    let session = try SeaweedServer.shared().session()
    let store = S3Store(bucket: "never-was-there", session: session)
    let error = failure { () throws(StoreError) in try store.listAll("") }
    #expect(error?.code == .notFound)
    #expect(error?.message.contains("bucket") == true)
  }

  @Test(arguments: [0, 1, 999, 1000, 1001, 2000, 2001, 10_000, 65_537])
  func rangesMakeUpTheWhole(size: Int) throws {
    let server = try SeaweedServer.shared()
    let store = try server.bucket(try server.session { $0.rangeBytes = 1000 })
    var random = SeededRandom(seed: UInt64(size))
    let bytes = random.bytes(size)
    try store.put("object", bytes, condition: .always)
    let info = try store.head("object")
    for piece in [7, 1000, 4096, 1 << 20] where piece > 100 || size < 5000 {
      #expect(try store.contents(info, piece: piece) == bytes)
    }
  }

  @Test func aRangeIsReadAlone() throws {
    let server = try SeaweedServer.shared()
    let store = try server.bucket(try server.session { $0.rangeBytes = 1000 })
    var random = SeededRandom(seed: 9)
    let bytes = random.bytes(20_000)
    let writer = try store.writer("rows/file")
    try writer.write(bytes)
    try writer.finish()
    // What a message says of it: neither its entity tag nor its time.
    func info(_ size: Int64) -> ObjectInfo {
      ObjectInfo(bucket: "", key: "rows/file", size: size, modifiedMicroseconds: 0)
    }
    for range in [0..<20_000, 0..<1, 19_999..<20_000, 4_097..<8_000] as [Range<Int64>] {
      #expect(try store.bytes(info(20_000), range) == Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]))
    }
    #expect(code { () throws(StoreError) in try store.bytes(info(20_001), 5..<10) } == .changed)
    try store.delete("rows/file")
    #expect(code { () throws(StoreError) in try store.bytes(info(20_000), 5..<10) } == .notFound)
  }

  @Test func fortyMegabytesInParts() throws {
    let store = try SeaweedServer.shared().bucket()
    var random = SeededRandom(seed: 40)
    let bytes = random.bytes(40 << 20 | 12_345)
    let writer = try store.writer("large/object")
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = min(rest.count, 1_234_567)
      try writer.write(Array(rest.prefix(count)))
      rest = rest.dropFirst(count)
      // Nothing is visible before the end.
      if rest.count < 1_000_000 && !rest.isEmpty {
        #expect(code { () throws(StoreError) in try store.head("large/object") } == .notFound)
      }
    }
    try writer.finish()
    let info = try store.head("large/object")
    #expect(info.size == Int64(bytes.count))
    #expect(info.etag?.hasSuffix("-6") == true)
    #expect(try store.contents(info) == bytes)
    // Harmless behind the end, and a second end is an error.
    writer.abort()
    #expect(code { () throws(StoreError) in try writer.finish() } == .other)
    #expect(try store.head("large/object") == info)
  }

  @Test func anAbandonedUploadLeavesNothing() throws {
    let store = try SeaweedServer.shared().bucket()
    let piece = [UInt8](repeating: 7, count: 9 << 20)
    let aborted = try store.writer("aborted")
    try aborted.write(piece)
    try aborted.write(piece)
    aborted.abort()
    do {
      let dropped = try store.writer("dropped")
      try dropped.write(piece)
      try dropped.write(piece)
      #expect(try uploads(store) == 1)
    }
    #expect(try uploads(store) == 0)
    #expect(try store.listAll("").isEmpty)
  }

  /// Multipart uploads that the bucket still holds.
  private func uploads(_ store: S3Store) throws -> Int {
    let response = try store.session.client.perform {
      S3Call(operation: "LIST", method: "GET", bucket: store.bucket, query: [("uploads", "")])
    }
    return String(decoding: response.body, as: UTF8.self).components(separatedBy: "<UploadId>").count - 1
  }

  @Test func oneOfTwelveRacingWritersWins() throws {
    let store = try SeaweedServer.shared().bucket()
    for round in 0..<2 {
      let key = "race/\(round)"
      let codes = onThreads(12) { index in
        code { () throws(StoreError) in try store.put(key, [UInt8(index)], condition: .ifAbsent) }
      }
      #expect(codes.count { $0 == nil } == 1)
      #expect(codes.count { $0 == .exists } == 11)
      let winner = codes.firstIndex { $0 == nil }
      #expect(try store.contents(try store.head(key)) == [UInt8(try #require(winner))])
    }
  }

  @Test func oneOfTwelveMovesThePointer() throws {
    let store = try SeaweedServer.shared().bucket()
    let first = try #require(try store.put("latest.json", [0], condition: .ifAbsent))
    let codes = onThreads(12) { index in
      code { () throws(StoreError) in
        try store.put("latest.json", [UInt8(index), 1], condition: .ifMatch(etag: first))
      }
    }
    #expect(codes.count { $0 == nil } == 1)
    #expect(codes.count { $0 == .changed } == 11)
    #expect(code { () throws(StoreError) in try store.put("none", [1], condition: .ifMatch(etag: first)) } == .changed)
  }

  @Test func twoThousandFiveHundredKeysComeInPages() throws {
    let store = try SeaweedServer.shared().bucket()
    let failures = onThreads(16) { thread in
      failure { () throws(StoreError) in
        for number in stride(from: thread, to: 2500, by: 16) {
          try store.put("keys/number \(number)+\(number % 7)%", [UInt8(number % 251)], condition: .always)
        }
      }
    }
    #expect(failures.allSatisfy { $0 == nil })
    let expected = Set((0..<2500).map { "keys/number \($0)+\($0 % 7)%" })
    var pages: [Int] = []
    var found: [String] = []
    try store.list(prefix: "keys/") { page in
      pages.append(page.count)
      found += page.map(\.key)
      return true
    }
    #expect(found.count == 2500)
    #expect(Set(found) == expected)
    #expect(pages.count >= 3)
    var stopped = 0
    try store.list(prefix: "keys/") { _ in
      stopped += 1
      return false
    }
    #expect(stopped == 1)
  }

  @Test func aVersionIsReadThoughANewerOneIsThere() throws {
    let store = try SeaweedServer.shared().bucket(versioned: true)
    try store.put("object", Array("first".utf8), condition: .always)
    let first = try store.head("object")
    #expect(first.version != nil)
    try store.put("object", Array("the second".utf8), condition: .always)
    let second = try store.head("object")
    #expect(second.version != first.version)
    #expect(try store.contents(first) == Array("first".utf8))
    #expect(try store.contents(second) == Array("the second".utf8))
  }

  @Test func anObjectThatIsReplacedWhileItIsReadIsNotMixed() throws {
    let server = try SeaweedServer.shared()
    let session = try server.session {
      $0.rangeBytes = 100_000
      $0.rangesAhead = 2
    }
    let store = try server.bucket(session)
    let old = [UInt8](repeating: 1, count: 2_000_000)
    try store.put("object", old, condition: .always)
    let info = try store.head("object")
    let reader = try store.open(info)
    var start = [UInt8](repeating: 0, count: 50_000)
    let count = try start.withUnsafeMutableBytes { try reader.read(into: $0) }
    #expect(count == 50_000)
    try store.put("object", [UInt8](repeating: 2, count: 2_000_000), condition: .always)
    #expect(code { () throws(StoreError) in try reader.rest() } == .changed)
    #expect(code { () throws(StoreError) in try store.contents(info) } == .changed)
    // Removed while it is read: neither the end nor plain absence.
    let again = try store.open(try store.head("object"))
    _ = try start.withUnsafeMutableBytes { try again.read(into: $0) }
    try store.delete("object")
    #expect(code { () throws(StoreError) in try again.rest() } == .changed)
    #expect(code { () throws(StoreError) in try store.contents(info) } == .notFound)
  }

  @Test func theBucketMayStandInTheHostName() throws {
    let server = try SeaweedServer.shared()
    let store = try server.bucket()
    try store.put("a b", [5], condition: .always)
    let session = try server.session {
      $0.endpoint = "http://localhost:\(server.port)"
      $0.pathStyle = false
    }
    let virtual = S3Store(bucket: store.bucket, session: session)
    #expect(try virtual.contents(try virtual.head("a b")) == [5])
    #expect(try virtual.listAll("a").map(\.key) == ["a b"])
  }

  @Test func aConditionHoldsForALargeObjectToo() throws {
    let server = try SeaweedServer.shared()
    let store = try server.bucket()
    let bytes = [UInt8](repeating: 3, count: 65 << 20)
    #expect(try store.put("large", bytes, condition: .ifAbsent) != nil)
    #expect(code { () throws(StoreError) in try store.put("large", bytes, condition: .ifAbsent) } == .exists)
    #expect(try uploads(store) == 0)
  }
}
