import Definition
import Foundation
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// The whole batch over lakes in memory: what comes out depends on the rows alone (I1), and every row is accounted for
/// (I3).
@Suite(.serialized) struct EngineTests {
  struct Way: CustomStringConvertible {
    var threads: Int
    var shards: Int
    var readMax: Int
    var bucket: String
    var description: String {
      "\(threads) threads, \(shards) shards, reads of \(readMax), bucket '\(bucket)'"
    }
  }

  static let ways: [Way] = [
    Way(threads: 1, shards: 1, readMax: 1 << 20, bucket: ""),
    Way(threads: 2, shards: 3, readMax: 1000, bucket: ""),
    Way(threads: 8, shards: 16, readMax: 77, bucket: ""),
    Way(threads: 2, shards: 64, readMax: 1 << 20, bucket: "lake"),
    Way(threads: 8, shards: 3, readMax: 9999, bucket: "lake"),
  ]

  @Test("threads, shards and chunks do not matter", arguments: 0..<6)
  func ways(seed: Int) throws {
    var first: (rows: [String], rejected: [String], fingerprint: String)?
    for way in Self.ways {
      var lake = Lake(seed: UInt64(seed), bucket: way.bucket, shards: way.shards)
      lake.visits = [0, 50, 2000, 5000][seed % 4]
      lake.files = 1 + seed * 3
      let objects = MemoryObjects()
      let contents = lake.fill(objects)
      let outcome = try lake.outcome(
        lake.options(threads: way.threads), lake.stores(objects, readMax: way.readMax))
      let published = Published(objects: objects)
      #expect(try published.problems("one") == [], "\(way)")
      #expect(outcome.rowsRead == UInt64(contents.rows), "\(way)")
      #expect(outcome.rowsRejected == UInt64(contents.rejected), "\(way)")
      #expect(outcome.manifest.inputs.allSatisfy { $0.rowsRead == $0.rowsApplied + $0.rowsRejected })
      #expect(outcome.manifest.rows == contents.customers.count, "\(way)")
      let rejected = try published.rejected("one").split(separator: "\n").map(String.init)
      #expect(rejected.count == contents.rejected)
      let rows = try published.rows("one")
      for row in rows {
        let cells = row.split(separator: " ", maxSplits: 1)[1].split(separator: ",", omittingEmptySubsequences: false)
        #expect(Int(cells[5]) == contents.visits[String(cells[0]), default: 0], "\(row)")
      }
      // A bucket's name stands in the rejected rows.
      let plain = rejected.map { $0.split(separator: "s3://lake/").joined() }
      let found = (rows, plain, outcome.manifest.fingerprint)
      if let first { #expect(first == found, "seed \(seed), \(way)") }
      first = first ?? found
    }
  }

  /// A line of `rejected/`, as far as a reader needs it to find the row again.
  struct Rejected: Decodable {
    var object: String
    var row: Int
    var byte: Int
    var reason: String
    var raw: String?
    /// Where the bytes are no text.
    var rawBase64: Data?

    enum CodingKeys: String, CodingKey {
      case object, row, byte, reason, raw
      case rawBase64 = "raw_base64"
    }

    var bytes: [UInt8] { raw.map { Array($0.utf8) } ?? Array(rawBase64 ?? Data()) }
  }

  @Test("a rejected row lies where its line says, with its number and its bytes", arguments: 0..<4)
  func rejectedRows(seed: Int) throws {
    var lake = Lake(seed: UInt64(seed) + 40, shards: 3, visits: 3000, files: 3)
    lake.maxRowBytes = 300
    let objects = MemoryObjects()
    lake.fill(objects)
    // Rows over max_row, within a block and beyond it, and bytes that are no text.
    let long = String(repeating: "long ", count: seed % 2 == 0 ? 100 : 100_000)
    for key in ["visits/part-1.jsonl", "customers/part-2.csv"] {
      var bytes = try #require(objects[key])
      let middle = try #require(bytes[(bytes.count / 2)...].firstIndex(of: 0x0a))
      bytes.insert(contentsOf: Array("\(long)\n".utf8) + [0x63, 0xff, 0x0a], at: middle + 1)
      // No quote follows that could close this one.
      objects.set(key, bytes + Array("c-1,\"open\nc-2,a,b,2020-01-01\n\(long)".utf8))
    }
    let outcome = try lake.outcome(lake.options(), lake.stores(objects, readMax: 3000))
    let lines = try Published(objects: objects).rejected("one").split(separator: "\n")
    #expect(UInt64(lines.count) == outcome.rowsRejected)
    var reasons: Set<String> = []
    for line in lines {
      let rejected = try JSONDecoder().decode(Rejected.self, from: Data(line.utf8))
      reasons.insert(rejected.reason)
      let bytes = try #require(objects[rejected.object])
      #expect(rejected.byte == 0 || bytes[rejected.byte - 1] == 0x0a, "\(rejected)")
      #expect(!rejected.bytes.isEmpty && bytes[rejected.byte...].starts(with: rejected.bytes), "\(rejected)")
      // No field of these tables holds a line end, so rows are lines (the header is none).
      let before = bytes[..<rejected.byte].filter { $0 == 0x0a }.count
      #expect(rejected.row == before + (rejected.object.hasSuffix(".csv") ? 0 : 1), "\(rejected)")
    }
    #expect(
      reasons.isSuperset(of: ["row_too_long", "unclosed_quote", "invalid_json", "too_few_fields", "key_is_null"]))
  }

  @Test("the same parts, byte for byte, whatever the threads")
  func sameBytes() throws {
    var parts: Set<[Manifest.PartRecord]> = []
    for threads in [1, 2, 8] {
      let lake = Lake(seed: 3)
      let objects = MemoryObjects()
      lake.fill(objects)
      parts.insert(try lake.outcome(lake.options(threads: threads), lake.stores(objects)).manifest.parts)
    }
    #expect(parts.count == 1)
  }

  @Test("a temporary directory that is not there is an error where it is needed")
  func noTemporaryDirectory() throws {
    let lake = Lake(seed: 3)
    let objects = MemoryObjects()
    lake.fill(objects)
    _ = try lake.outcome(lake.options(temporaryDirectory: "/nowhere/at/all"), lake.stores(objects))
    // More rejected rows than are kept in memory.
    let bad = "{" + String(repeating: "bad ", count: 1000) + "\n"
    objects.set("visits/part-bad.jsonl", Array(String(repeating: bad, count: 400).utf8))
    #expect(throws: BatchError.self) {
      try lake.outcome(lake.options(id: "two", temporaryDirectory: "/nowhere/at/all"), lake.stores(objects))
    }
    #expect(try Published(objects: objects).manifest("two") == nil)
    let outcome = try lake.outcome(lake.options(id: "two"), lake.stores(objects))
    #expect(try Published(objects: objects).rejected("two").split(separator: "\n").count == Int(outcome.rowsRejected))
  }

  @Test("keys of several parts are told apart, whatever bytes they hold")
  func listKeys() throws {
    let objects = MemoryObjects()
    let text = "a,b,v\nx,y,1\n\"x\u{1f}y\",z,2\nx,\"y\u{1f}z\",3\n"
    objects.set("in/one.csv", Array(text.utf8))
    let definition = try DefinitionReader.read(
      text: """
        dataset: d
        key: [a, b]
        sources: {s: {objects: in/, format: csv, keep: latest, columns: {a: string, b: string, v: int}}}
        features: {s: [v]}
        rows: {from: s}
        split: {train: 1}
        snapshot: {to: out, format: csv}
        max_rejects: 100
        """, file: "d.yaml"
    ).get().definition
    let lake = Lake(seed: 0)
    let run = BatchRun(
      definition, record: .init(text: "", variables: [:], directory: ""), semanticHash: "h", options: lake.options(),
      stores: lake.stores(objects))
    let outcome = try withDeadline(seconds: 60, "run") { try run.run() }
    // No two rows may meet in one key: a part that holds the separator is rejected.
    #expect(outcome.rowsRead == 3)
    #expect(outcome.manifest.rows + Int(outcome.rowsRejected) == 3)
    #expect(try Published(objects: objects).rows("one").contains("train x,y,1"))
  }
}
