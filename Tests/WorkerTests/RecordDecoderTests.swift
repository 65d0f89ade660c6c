import Columns
import Definition
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Records of a topic, decoded many at a time, against an oracle that looks at each by itself.
@Suite struct RecordDecoderTests {
  private static func path(_ text: String...) -> SourceColumn.Location {
    .path(JSONPath(steps: text.map { .member($0) }))
  }

  static func json(keep: Source.Keep, keyType: ColumnType, timed: Bool) -> RecordModel {
    var columns = [
      SourceColumn(name: "id", location: .recordKey, type: keyType),
      SourceColumn(name: "at", location: .recordTimestamp, type: .timestamp),
      SourceColumn(name: "ms", location: .recordTimestamp, type: .int, defaultText: "-5", defaultValue: .int(-5)),
      SourceColumn(name: "n", location: path("n"), type: .int),
      SourceColumn(name: "b", location: path("a", "b"), type: .string),
      SourceColumn(name: "trace", location: .header("trace"), type: .string),
      SourceColumn(name: "try", location: .header("try"), type: .int, onError: .setNull),
    ]
    columns.append(
      SourceColumn(
        name: "sum", location: .path(JSONPath(steps: [.member("list"), .elements, .member("x")])), type: .int,
        reduce: .sum))
    return RecordModel(
      source: Source(
        name: "clicks", input: .records(topic: "app.clicks"), format: .json, keep: keep, time: timed ? "at" : nil,
        columns: columns), key: ["id"])
  }

  static func csv(_ options: CSVOptions, keep: Source.Keep, keyed: Bool) -> RecordModel {
    RecordModel(
      source: Source(
        name: "rows", input: .records(topic: "app.clicks"), format: .csv(options), keep: keep, time: nil,
        columns: [
          SourceColumn(name: "id", location: keyed ? .recordKey : .named("a"), type: .string),
          SourceColumn(name: "n", location: .named(options.names!.count > 1 ? "b" : "a"), type: .string),
          SourceColumn(
            name: "i", location: .named(options.names!.count > 1 ? "b" : "a"), type: .int, onError: .setNull),
        ]), key: ["id"])
  }

  static let hostileJSON: [String] = [
    "", " ", "\n", "\r\n", "\t \n", "{}", #"{"n":1}"#, "{\"n\":1}\n", "\n{\"n\":2}", "{\"n\":\n3\n}\r\n",
    "{\"n\":1}\n{\"n\":2}",
    "{\"n\":1}\n\n{\"n\":2}", #"{"n":1}{"n":2}"#, #"{"n":1},{"n":2}"#, "{\"a\":{\"b\":\"x\ny\"}}",
    "{\"a\":{\"b\":\"x\\\ny\"}}",
    #"{"a":{"b":"x"#, #"y"}}"#, "{\"a\":{\"b\":\"tab\there\"}}", "{\"a\":{\"b\":\"cr\rhere\"}}", "null", "[1]",
    #"[{"n":1}]"#,
    "{", "}", "\"", "\\", "\"\\", "\u{feff}{}", "{\"n\":1}\u{0}", "\u{0}", "\u{0c}", "{}\u{0b}", "\u{a0}", "//",
    "{} // x",
    #"{"n":"x"}"#, #"{"n":1.5}"#, #"{"n":null}"#, #"{"a":{"b":"\u00e9\n"}}"#, #"{"a":{"b":"\ud83d"}}"#,
    #"{"list":[{"x":1},{"x":2},{"x":null},{}]}"#, #"{"list":[]}"#, #"{"list":[{"x":"q"}]}"#, #"{"list":3}"#,
    String(repeating: "[", count: 1500), "{\"n\":\(String(repeating: " ", count: 2500))1}", "tru", "e", ",", ":",
  ]

  static let hostileCSV: [String] = [
    "", "\n", "\r", "\r\n", "\n\r\n", "\r\r", "a,b,c", "a,b,c\n", "a,b,c\r\n", "\na,b,c\r\n\r\n", "a,b,c\n\r",
    "a,7,c\r",
    "\"a\nb\",1,2", "\"a\nb\",1,2\n", "\"a", "\"a\n", "a,\"b\n", "a,b", "a,b,c,d", "a,b,c\nd,e,f", "a\nb", "\"a\"x,b,c",
    "\"a\"\"b\",1,2", "\"a\\\"b\",1,2", "\"a\\", "\"a\\\n", ",,", "\"\",,", "x", "NA,NA,NA", " , , ",
    "a,\"\n\n\",c\n\n", "\"\"\"",
    "\"a\"\n\"b\"", "a,b,c\n\"d", "\"", "a\"b,c,d", "a,b,\"c\"", "a,b,\"c\"\r\n", "a;b;c", "\u{0},1,2",
    "k," + String(repeating: "x", count: 2500) + ",z",
  ]

  private static let bytes = Array("{}[]\",:\\ntfalse01-.e \t\r\n\n\u{0}".utf8) + [0x80, 0xc3, 0xa9, 0xff]

  private func records(_ values: [String], count: Int, _ random: inout SeededGenerator) -> [ModelRecord] {
    var offset = Int64(random.int(0...5))
    return (0..<count).map { _ in
      var value: [UInt8]? = Array(random.pick(values).utf8)
      if random.chance(3) {
        for _ in 0..<random.int(1...3) {
          let at = random.int(0...(value?.count ?? 0))
          value?.insert(random.pick(RecordDecoderTests.bytes), at: at)
        }
      }
      if random.chance(5) { value = nil }
      // Holes, as compaction leaves them.
      offset += random.chance(4) ? Int64(random.int(1...1000)) : 1
      var key: [UInt8]? = Array(random.pick(["k1", "7", "-07", "", "é", "x\u{1f}y", "a b", "NA"]).utf8)
      if random.chance(8) { key = random.pick([nil, [0xc3], [0xa9], [0xff, 0x41]]) }
      var headers: [(name: String, value: [UInt8]?)] = []
      for _ in 0..<random.pick([0, 0, 1, 2, 4]) {
        headers.append(
          (
            random.pick(["trace", "try", "tr", "trace2", ""]),
            random.pick([nil, [], Array("12".utf8), Array("é".utf8), [0xc3]])
          ))
      }
      return ModelRecord(
        offset: offset, timestamp: random.chance(9) ? -1 : Int64(random.int(0...2_000_000_000_000)), key: key,
        value: value, headers: headers)
    }
  }

  private func compare(_ model: RecordModel, _ records: [ModelRecord], _ seed: Int, _ random: inout SeededGenerator)
    throws
  {
    let found = try model.decoded(records, random: &random)
    #expect(found.count == records.count, "seed \(seed)")
    for record in records {
      let wanted = try model.expected(record)
      if found[record.offset] == wanted { continue }
      // Several things may be wrong with one record; an unclosed quote is seen first.
      if found[record.offset] == .rejected("unclosed_quote", nil), case .rejected = wanted { continue }
      let value = record.value.map { String(decoding: $0, as: UTF8.self).debugDescription } ?? "null"
      Issue.record(
        "seed \(seed), \(value) of \(record): \(found[record.offset]?.description ?? "nothing") instead of \(wanted)")
    }
  }

  @Test("JSON: a value is one row or one reject, as if it stood alone", arguments: 0..<24)
  func json(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let model = RecordDecoderTests.json(
      keep: seed % 2 == 0 ? .latest : .events, keyType: seed % 3 == 0 ? .int : .string, timed: seed % 5 != 0)
    try compare(model, records(RecordDecoderTests.hostileJSON, count: 300, &random), seed, &random)
  }

  @Test("JSON: runs of objects, which are copied at once, with others among them", arguments: 0..<24)
  func objects(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let model = RecordDecoderTests.json(keep: .latest, keyType: .string, timed: seed % 2 == 0)
    let objects = RecordDecoderTests.hostileJSON.filter { $0.hasPrefix("{") }
    let good = objects.filter { !$0.contains("\n") }
    try compare(model, records(seed % 3 == 0 ? objects : good, count: 300, &random), seed, &random)
  }

  @Test("CSV: a value is one row or one reject, as if it stood alone", arguments: 0..<24)
  func csv(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    var options = CSVOptions(header: false, names: seed % 3 == 0 ? ["a"] : ["a", "b", "c"])
    if seed % 4 == 1 { options.escape = UInt8(ascii: "\\") }
    if seed % 4 == 2 { options.quote = nil }
    if seed % 4 == 3 { options.nullValues = ["NA"] }
    let model = RecordDecoderTests.csv(options, keep: seed % 2 == 0 ? .latest : .events, keyed: seed % 5 != 0)
    try compare(model, records(RecordDecoderTests.hostileCSV, count: 300, &random), seed, &random)
  }

  @Test func everyHostileValueBetweenGoodOnes() throws {
    var random = SeededGenerator(seed: 1)
    let json = RecordDecoderTests.json(keep: .events, keyType: .string, timed: true)
    let csv = RecordDecoderTests.csv(CSVOptions(header: false, names: ["a", "b", "c"]), keep: .events, keyed: true)
    for (model, good, hostile) in [
      (json, #"{"n":1}"#, RecordDecoderTests.hostileJSON), (csv, "a,1,c", RecordDecoderTests.hostileCSV),
    ] {
      var records: [ModelRecord] = []
      for value in hostile {
        for text in [good, value] {
          records.append(
            ModelRecord(offset: Int64(records.count), timestamp: 5, key: [0x6b], value: Array(text.utf8)))
        }
      }
      try compare(model, records, 0, &random)
      let found = try model.decoded(records, random: &random)
      for record in records where record.offset % 2 == 0 {
        guard case .row? = found[record.offset] else {
          Issue.record("the good record at \(record.offset) is \(found[record.offset]?.description ?? "lost")")
          continue
        }
      }
    }
  }

  @Test func offsetsBeyondRowNumbers() throws {
    let model = RecordDecoderTests.json(keep: .events, keyType: .string, timed: false)
    var random = SeededGenerator(seed: 2)
    let last = ModelRecord(offset: (1 << 40) - 2, timestamp: 5, key: [0x6b], value: Array("{}".utf8))
    #expect(try model.decoded([last], random: &random).count == 1)
    let beyond = ModelRecord(offset: (1 << 40) - 1, timestamp: 5, key: [0x6b], value: Array("{}".utf8))
    #expect(throws: RecordDecoder.Failure.self) { try model.decoded([beyond], random: &random) }
  }

  @Test func timesThatNoTimestampHolds() throws {
    let model = RecordDecoderTests.json(keep: .latest, keyType: .string, timed: true)
    var random = SeededGenerator(seed: 3)
    let records = [
      ModelRecord(offset: 0, timestamp: .max, key: [0x6b], value: Array("{}".utf8)),
      ModelRecord(offset: 1, timestamp: .max, key: [0x6b], value: nil),
      ModelRecord(offset: 2, timestamp: 253_402_300_799_999, key: [0x6b], value: nil),
    ]
    let found = try model.decoded(records, random: &random)
    #expect(found[0] == .rejected("out_of_range", "at"))
    #expect(found[1] == .rejected("time_is_null", nil))
    #expect(found[2] == .removal(key: "k", time: 253_402_300_799_999_000))
  }
}
