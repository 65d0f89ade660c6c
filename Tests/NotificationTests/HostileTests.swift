import Notifications
import TestKit
import Testing

/// Documents that no server sends.
struct HostileTests {
  private func record(key: [UInt8]) -> [UInt8] {
    Array("{\"Records\":[{\"eventSource\":\"ceph:s3\",\"eventName\":\"ObjectCreated:Put\",".utf8)
      + Array("\"s3\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"".utf8) + key + Array("\"}}}]}".utf8)
  }

  @Test(arguments: [
    "", " \n", "{", "}", "[]", "7", "null", "\"x\"", "{}", "{\"Records\":7}", "{\"Records\":null}", "{\"Records\":{}}",
    "{\"Records\":[7]}", "{\"Records\":[", "{\"Records\":[]", "{\"Records\":[]}}", "{\"Records\":[]}{}", "{\"a\"}",
    "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":nul}", "{\"a\":\"\\x\"}x", "{\"Message\":\"\"}", "{\"Message\":7}",
    "{\"Message\":\"{\"}", "{\"Event\":\"other\"}", "{\"Type\":\"SubscriptionConfirmation\",\"Message\":\"hello\"}",
    "{\"\\ud800\":1}", "{\"Records\":[{\"eventName\":\"\\u12\"}]}", "\u{feff}", "{\"tributary\":null}",
  ])
  func isUnreadable(_ text: String) { #expect(parse(text).isUnreadable, "\(text): \(parse(text))") }

  @Test func aByteOrderMarkIsPassedOver() {
    #expect(parse(Array("\u{feff}".utf8) + record(key: Array("k".utf8))).hints.map(\.key) == ["k"])
  }

  @Test func keysThatCannotBe() {
    for key in [
      Array("\\u0000".utf8), [0xff], [0xc3], Array("\\ud800".utf8), Array("\\udc00\\ud800".utf8), [],
      [UInt8](repeating: 0x61, count: 5000),
    ] { #expect(parse(record(key: key)).isUnreadable) }
    // Raw control characters are not JSON.
    for byte in UInt8(0)..<0x20 { #expect(parse(record(key: [byte])).isUnreadable) }
    #expect(parse(record(key: Array("\\u0001".utf8))).hints.map(\.key) == ["\u{1}"])
  }

  /// Ten thousand levels need no stack; a hundred are passed over.
  @Test func nesting() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      func nested(_ depth: Int) -> String {
        "{\"x\":" + String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
          + ",\"Event\":\"s3:TestEvent\"}"
      }
      #expect(parse(nested(100)) == .test)
      #expect(parse(nested(10_000)).isUnreadable)
      #expect(parse("{\"Records\":[" + String(repeating: open, count: 2_000_000)).isUnreadable)
    }
  }

  @Test func envelopesWithinEnvelopes() {
    var text = "{\"Event\":\"s3:TestEvent\"}"
    for _ in 0..<3 { text = "{\"Message\":\(quoted(Array(text.utf8)))}" }
    #expect(parse(text) == .test)
    #expect(parse("{\"Message\":\(quoted(Array(text.utf8)))}").isUnreadable)
  }

  /// Ten megabytes of each kind of thing are read in one pass; quadratic work would not end.
  @Test func large() throws {
    @Sendable func repeated(_ piece: String) -> String {
      String(repeating: piece, count: (10 << 20) / piece.utf8.count)
    }
    let documents = [
      "{\"x\":\"" + repeated("\\u00e9") + "\",\"Event\":\"s3:TestEvent\"}",
      "{\"x\":[" + repeated("[{\"a\":{}}],") + "1],\"Event\":\"s3:TestEvent\"}",
      "{" + repeated("\"key\":1,") + "\"Event\":\"s3:TestEvent\"}",
      "{\"Event\":\"s3:TestEvent\"" + repeated("    ") + "}",
    ]
    try withDeadline(seconds: 120, "reading large documents") {
      for document in documents { #expect(parse(document) == .test) }
      let many = parse(
        "{\"Records\":[" + repeated("{\"eventName\":\"ObjectTagging:Put\"},") + "{\"eventName\":\"x\"}]}")
      guard case .hints(let hints, let skipped) = many else {
        Issue.record("many records are unreadable")
        return
      }
      #expect(hints.isEmpty && skipped > 200_000)
    }
    #expect(parse([UInt8](repeating: 0x20, count: NotificationParser.bytesMax + 1)).isUnreadable)
  }

  /// Damage of every kind to every sample ends in an answer, whose hints can be sent on.
  @Test(arguments: 0..<20) func damage(_ seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let samples = try Samples.files.flatMap { try Samples.documents($0) }
    let pieces = ["{", "}", "[", "]", "\"", "\\", "\\u", "\\ud800", ",", ":", "null", "%", "+", "\u{0}", "\"key\":"]
    for _ in 0..<300 {
      var bytes = random.pick(samples)
      for _ in 0..<random.int(1...6) {
        let at = random.int(0...bytes.count - 1)
        switch random.int(0...4) {
        case 0: bytes[at] ^= 1 << UInt8(random.int(0...7))
        case 1: bytes.removeSubrange(at..<min(at + random.int(1...30), bytes.count))
        case 2: bytes.insert(contentsOf: random.pick(pieces).utf8, at: at)
        case 3: bytes.insert(contentsOf: Array(bytes[random.int(0...at)...at]), at: at)
        default: bytes = Array(bytes.prefix(at + 1))
        }
        if bytes.isEmpty { bytes = [0x7b] }
      }
      for hint in parse(bytes).hints {
        #expect(!hint.key.isEmpty && !hint.key.utf8.contains(0), "seed \(seed): \(bytes)")
        #expect(parse(NotificationParser.encode(hint)) == .hints([hint], skipped: 0), "seed \(seed): \(bytes)")
      }
    }
  }
}
