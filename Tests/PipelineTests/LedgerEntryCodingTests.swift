import Foundation
import TestKit
import Testing

@testable import Pipeline

/// The ledger's wire form: what is in a topic today must be read by every later program.
@Suite struct LedgerEntryCodingTests {
  private static let range = RangeIdentity(source: "clicks", topic: "app.clicks", partition: 3)
  private static let object = ObjectIdentity(source: "usage", bucket: "lake", key: "a/ü \"b\".csv")

  /// Each type of entry, and what it is written as.
  private static let golden: [(LedgerEntry, String)] = [
    (
      .defined(generation: 2, semanticHash: "ab12", shards: 64),
      #"{"generation":2,"semantic_hash":"ab12","shards":64,"type":"defined","v":1}"#
    ),
    (
      .opened(range, offset: 17, schema: "5c", generation: 2),
      #"{"generation":2,"offset":17,"partition":3,"schema":"5c","source":"clicks","topic":"app.clicks","type":"opened","v":1}"#
    ),
    (
      .skipped(range, from: 17, to: 20, reason: "retention"),
      #"{"from":17,"partition":3,"reason":"retention","source":"clicks","to":20,"topic":"app.clicks","type":"skipped","v":1}"#
    ),
    (
      .setAside(object, version: "v1", reason: "no gzip", schema: "5c"),
      #"{"bucket":"lake","key":"a/ü \"b\".csv","reason":"no gzip","schema":"5c","source":"usage","type":"set_aside","v":1,"version":"v1"}"#
    ),
    (.cut(id: "one", asOf: -5), #"{"as_of":-5,"id":"one","type":"cut","v":1}"#),
    (.cut(id: "one", asOf: 5, notBefore: 7), #"{"as_of":5,"id":"one","not_before":7,"type":"cut","v":1}"#),
    (.published(cut: "one"), #"{"cut":"one","type":"published","v":1}"#),
    (
      .abandoned(cut: "one", reason: "a check failed"),
      #"{"cut":"one","reason":"a check failed","type":"abandoned","v":1}"#
    ),
    (
      .commit(
        Commit(
          generation: 2, attempt: AttemptID(high: 0x10, low: .max),
          inputs: [
            CommittedInput(
              object: object, version: "v1", base: 9, rowsRead: 5, rowsApplied: 4, rowsRejected: 1,
              facts: ObjectFacts(size: 10, modified: 11, etag: "e", versionID: "v1", sha256: "s", reasons: ["type": 1])),
            CommittedInput(
              object: ObjectIdentity(source: "usage", bucket: "lake", key: "gone"), version: nil, base: nil,
              rowsRead: 0, rowsApplied: 0, rowsRejected: 0),
          ], schema: "5c",
          shards: [ShardReceipt(), ShardReceipt(rows: 4, checksum: .max, first: 8, end: 10), ShardReceipt()])),
      #"{"attempt":"0000000000000010ffffffffffffffff","generation":2,"objects":[{"base":9,"bucket":"lake","facts":{"etag":"e","modified":11,"reasons":{"type":1},"sha256":"s","size":10,"versionID":"v1"},"key":"a/ü \"b\".csv","r":5,"version":"v1","x":1},{"bucket":"lake","key":"gone","r":0,"x":0}],"schema":"5c","shard_count":3,"shards":[{"c":18446744073709551615,"e":10,"f":8,"n":4,"s":1}],"source":"usage","type":"commit","v":1}"#
    ),
    (
      .commit(
        Commit(
          generation: 1, attempt: AttemptID(high: 0, low: 1), inputs: [],
          ranges: [CommittedRange(range: range, from: 4, to: 9, rowsRead: 3, rowsRejected: 3, reasons: ["json": 3])],
          schema: "5c", shards: [])),
      #"{"attempt":"00000000000000000000000000000001","generation":1,"ranges":[{"from":4,"partition":3,"r":3,"reasons":{"json":3},"to":9,"topic":"app.clicks","x":3}],"schema":"5c","shard_count":0,"shards":[],"source":"clicks","type":"commit","v":1}"#
    ),
    (
      .supplied(
        Supply(
          position: 12, attempt: AttemptID(high: 0, low: 1),
          shards: [ShardReceipt(), ShardReceipt(rows: 4, checksum: .max, first: 8, end: 10)])),
      #"{"attempt":"00000000000000000000000000000001","position":12,"shard_count":2,"shards":[{"c":18446744073709551615,"e":10,"f":8,"n":4,"s":1}],"type":"supplied","v":1}"#
    ),
    (
      .lost(Loss(position: 12, reason: "given up", objects: [object])),
      #"{"objects":[{"bucket":"lake","key":"a/ü \"b\".csv"}],"position":12,"reason":"given up","source":"usage","type":"lost","v":1}"#
    ),
    (
      .lost(
        Loss(
          position: 12, reason: "given up", objects: [],
          ranges: [CommittedRange(range: range, from: 4, to: 9, rowsRead: 3, rowsRejected: 1, reasons: ["json": 1])])),
      #"{"position":12,"ranges":[{"from":4,"partition":3,"r":3,"reasons":{"json":1},"to":9,"topic":"app.clicks","x":1}],"reason":"given up","source":"clicks","type":"lost","v":1}"#
    ),
    (
      .defined(generation: 2, semanticHash: "ab12", shards: 64, schemas: ["usage": "77e0", "clicks": "5c"]),
      #"{"generation":2,"schemas":{"clicks":"5c","usage":"77e0"},"semantic_hash":"ab12","shards":64,"type":"defined","v":2}"#
    ),
  ]

  private static func decode(_ text: String) throws -> LedgerEntry {
    try JSONDecoder().decode(LedgerEntry.self, from: Data(text.utf8))
  }

  @Test("each type of entry is written as it always was, and read back", arguments: golden.indices)
  func roundTrip(index: Int) throws {
    let (entry, text) = Self.golden[index]
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    #expect(String(decoding: try encoder.encode(entry), as: UTF8.self) == text)
    #expect(try Self.decode(text) == entry)
    // A later program may say more.
    #expect(try Self.decode(text.replacing("\"v\":", with: "\"more\":{\"a\":[1]},\"v\":")) == entry)
  }

  @Test("an unknown version or type is never passed over")
  func unknown() {
    for text in [
      #"{"type":"published","cut":"a","v":2}"#, #"{"type":"published","cut":"a"}"#,
      #"{"type":"defined","generation":2,"semantic_hash":"ab12","shards":64,"schemas":{},"v":3}"#,
      #"{"type":"defined","generation":2,"semantic_hash":"ab12","shards":64,"v":2}"#,
      #"{"type":"gone","v":1}"#,
      #"{"type":1,"v":1}"#, #"{"v":1}"#, "{}", "[]", "null", "", "1", "\u{feff}{}",
    ] {
      #expect(throws: (any Error).self, "\(text)") { try Self.decode(text) }
    }
    #expect(throws: LedgerEntry.UnknownForm.self) { try Self.decode(#"{"type":"published","cut":"a","v":2}"#) }
    #expect(throws: LedgerEntry.UnknownForm.self) { try Self.decode(#"{"type":"Lost","v":1}"#) }
  }

  @Test("a commit that cannot be is refused before anybody counts with it")
  func impossible() throws {
    let text = Self.golden[8].1
    #expect(throws: Never.self) { try Self.decode(text) }
    for (good, bad) in [
      (#""x":1"#, #""x":6"#), (#""x":1"#, #""x":-1"#), (#""r":5"#, #""r":1e30"#),
      (#""shard_count":3"#, #""shard_count":1"#),
      (#""shard_count":3"#, #""shard_count":-1"#), (#""shard_count":3"#, #""shard_count":4000000000"#),
      (#""s":1"#, #""s":3"#), (#""s":1"#, #""s":-1"#), (#""n":4"#, #""n":0"#), (#""n":4"#, #""n":-4"#),
      (#""e":10"#, #""e":8"#), (#""f":8"#, #""f":-1"#), ("0000000000000010f", "+000000000000010f"),
      ("0000000000000010f", "000000000000010f"), ("0000000000000010f", "000000000000001gf"),
      (#"[{"c""#, #"[{"c":1,"e":2,"f":1,"n":1,"s":1},{"c""#),
    ] {
      let damaged = text.replacing(good, with: bad, maxReplacements: 1)
      #expect(damaged != text)
      #expect(throws: (any Error).self, "\(bad)") { try Self.decode(damaged) }
    }
    let ranges = Self.golden[9].1
    for (good, bad) in [(#""x":3"#, #""x":4"#), (#""to":9"#, #""to":3"#), (#""from":4"#, #""from":-4"#)] {
      #expect(throws: (any Error).self, "\(bad)") { try Self.decode(ranges.replacing(good, with: bad)) }
    }
  }

  @Test("damaged and cut documents throw; they end no process", arguments: 0..<20)
  func hostile(seed: Int) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      var bytes = Array(random.pick(Self.golden).1.utf8)
      for _ in 0..<random.int(1...4) where !bytes.isEmpty {
        let at = random.int(0...bytes.count - 1)
        switch random.int(0...3) {
        case 0: bytes[at] = UInt8(random.int(0...255))
        case 1: bytes.removeSubrange(at...)
        case 2: bytes.insert(contentsOf: Array("9e99[{\"-".utf8), at: at)
        default: bytes.remove(at: at)
        }
      }
      guard let entry = try? JSONDecoder().decode(LedgerEntry.self, from: Data(bytes)) else { continue }
      // What is read may still be nonsense: the fold takes it without a trap.
      var fold = LedgerFold()
      _ = fold.judge(.defined(generation: 2, semanticHash: "h", shards: 3))
      _ = fold.judge(.opened(Self.range, offset: 4, schema: "5c", generation: 2))
      _ = fold.judge(entry)
      _ = fold.judge(entry)
    }
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: (any Error).self) { try Self.decode("{\"v\":1,\"type\":\"published\",\"cut\":\(deep)") }
  }

  @Test func names() {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<100 {
      let id = AttemptID(high: random.next() >> UInt64(random.int(0...63)), low: random.next())
      #expect(AttemptID(id.description) == id && id.description.utf8.count == 32)
    }
    #expect(AttemptID("-0000000000000010000000000000001") == nil && AttemptID("") == nil)
  }

  @Test func checkpoint() throws {
    let checkpoint = Checkpoint(
      dataset: "d", shard: 1, shards: 4, position: 9, chain: LedgerChain().description, rowsOffset: 77,
      segments: [.init(name: "a", bytes: 5, dead: [2, 1]), .init(name: "b", bytes: 1, dead: [])],
      cuts: [.init(id: "one", segments: [.init(name: "b", bytes: 1, dead: [0]), .init(name: "c", bytes: 2, dead: [])])])
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let data = try encoder.encode(checkpoint)
    #expect(
      String(decoding: data, as: UTF8.self)
        == #"{"chain":"243f6a8885a308d313198a2e03707344","cuts":[{"id":"one","segments":[{"bytes":1,"dead":[0],"name":"b"},{"bytes":2,"dead":[],"name":"c"}]}],"dataset":"d","position":9,"rowsOffset":77,"segments":[{"bytes":5,"dead":[2,1],"name":"a"},{"bytes":1,"dead":[],"name":"b"}],"shard":1,"shards":4,"version":1}"#
    )
    #expect(try JSONDecoder().decode(Checkpoint.self, from: data) == checkpoint)
    #expect(checkpoint.names == ["a", "b", "c"])
    #expect(LedgerChain(checkpoint.chain) == LedgerChain() && LedgerChain("x") == nil)
  }
}
