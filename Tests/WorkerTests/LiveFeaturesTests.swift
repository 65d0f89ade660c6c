import Columns
import Definition
import Foundation
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Changed customers' rows as JSON.
@Suite struct LiveFeaturesTests {
  private static let text = """
    dataset: d
    key: [id, part]
    sources:
      people:
        records: app.people
        format: json
        keep: latest
        time: at
        columns:
          id: {path: $key, type: string}
          part: {path: $key, type: string}
          at: {path: $timestamp, type: timestamp}
          name: string
          score: double
          price: decimal(10,2)
    features: {people: [name, score, price, at]}
    rows: {from: people}
    split: {train: 1}
    snapshot: {to: out, format: csv}
    """

  private static func definition(_ change: (String) -> String = { $0 }) throws -> Definition {
    switch DefinitionReader.read(text: change(text), file: "d.yaml") {
    case .success(let reading): return reading.definition
    case .failure(let failure): throw BatchError(failure.problems.map(\.description))
    }
  }

  private struct Feed {
    let live: LiveFeatures
    let decoder: RecordDecoder
    let splitter: ShardSplitter
    var table = InputTable()
    var offset: Int64 = 0

    init() throws {
      let definition = try LiveFeaturesTests.definition()
      live = try LiveFeatures(definition: definition, shards: 1, shard: 0, asOf: 0)
      let plan = try DatasetPlan(definition, asOf: .max, carriesAll: true)
      decoder = try RecordDecoder(
        DecodingPlan(plan.sources[0], maxRowBytes: 1000, zones: { _ in nil }), maxRowBytes: 1000)
      splitter = ShardSplitter(shards: 1, types: plan.sources[0].carriedTypes)
      _ = table.add(.init(topic: "app.clicks", partition: 3))
    }

    mutating func send(_ key: String, _ value: String?, seconds: Int64) throws {
      let record = ModelRecord(
        offset: offset, timestamp: seconds * 1000, key: Array(key.utf8), value: value.map { Array($0.utf8) })
      offset += 1
      var rejects = RejectBuffer()
      _ = try decoder.decode(
        RecordBlock(RecordModel.at, [record]), 0..<1, input: 0, into: splitter, rejects: &rejects)
      #expect(rejects.count == 0)
      for batch in splitter.finish() { live.apply(batch, source: 0, inputs: [0], table: table) }
    }

    func rows(seconds: Int64, position: Int = 7) throws -> [String: String?] {
      var rows: [String: String?] = [:]
      try live.rows(asOf: seconds * 1_000_000, ledgerPosition: position, tables: [table]) { key, json in
        rows[String(decoding: key, as: UTF8.self)] = .some(json.map { String(decoding: $0, as: UTF8.self) })
      }
      return rows
    }
  }

  @Test func rowsAreJSON() throws {
    var feed = try Feed()
    try feed.send("a", #"{"name":"x\"\n\u0001é","score":0.1,"price":"12.5"}"#, seconds: 10)
    try feed.send("b", "{}", seconds: 20)
    let first = try feed.rows(seconds: 20)
    #expect(
      first == [
        "a\u{1f}a":
          #"{"id":"a","part":"a","name":"x\"\n\u0001é","score":0.1,"price":12.50,"at":"1970-01-01T00:00:10Z","_ledger":7,"_as_of":"1970-01-01T00:00:20Z"}"#
      ])
    #expect(try feed.rows(seconds: 20) == [:])
    let second = try feed.rows(seconds: 21, position: 8)
    #expect(
      second == [
        "b\u{1f}b":
          #"{"id":"b","part":"b","name":null,"score":null,"price":null,"at":"1970-01-01T00:00:20Z","_ledger":8,"_as_of":"1970-01-01T00:00:21Z"}"#
      ])
    try feed.send("a", nil, seconds: 25)
    try feed.send("never", nil, seconds: 25)
    #expect(try feed.rows(seconds: 30) == ["a\u{1f}a": nil])
    #expect(try feed.rows(seconds: 30) == [:])
  }

  @Test func manyRows() throws {
    var feed = try Feed()
    for key in 0..<9000 { try feed.send("k\(key)", #"{"name":"line\nline","score":\#(key)}"#, seconds: 1) }
    let rows = try feed.rows(seconds: 2)
    #expect(rows.count == 9000)
    for (key, json) in rows {
      let object = try JSONSerialization.jsonObject(with: Data((json ?? "").utf8)) as? [String: Any]
      #expect(key == "k\(object?["score"] as? Int ?? -1)\u{1f}k\(object?["score"] as? Int ?? -1)")
    }
  }

  @Test func namesOfItsOwn() throws {
    let definition = try LiveFeaturesTests.definition {
      $0.replacing("[name, score, price, at]", with: "{_ledger: name}")
    }
    #expect(throws: PlanError.self) { try LiveFeatures(definition: definition, shards: 1, shard: 0, asOf: 0) }
  }
}
