import Columns
import Definition
import Foundation
import Pipeline
import Platform
import TestKit

@testable import Formats
@testable import Worker

/// A record as a test states it.
struct ModelRecord {
  var offset: Int64
  var timestamp: Int64
  var key: [UInt8]?
  var value: [UInt8]?
  /// A header's value may be null.
  var headers: [(name: String, value: [UInt8]?)] = []

  /// Headers count where a column reads one.
  func size(withHeaders: Bool) -> Int {
    (key?.count ?? 0) + (value?.count ?? 0) + (withHeaders ? encodedHeaders.count : 0)
  }

  var encodedHeaders: [UInt8] {
    var bytes: [UInt8] = []
    func put(_ value: Int32) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
    for (name, value) in headers {
      put(Int32(name.utf8.count))
      bytes += Array(name.utf8)
      put(value.map { Int32($0.count) } ?? -1)
      bytes += value ?? []
    }
    return bytes
  }
}

extension RecordBlock {
  /// `asLines`: as a broker's reader lays them out that gathers values by themselves.
  convenience init(_ at: TopicPartition, _ records: [ModelRecord], asLines: Bool) {
    guard asLines else {
      self.init(at, records)
      return
    }
    var lines: [UInt8] = []
    var entries: [Entry] = []
    for record in records {
      entries.append(
        Entry(
          offset: record.offset, timestamp: record.timestamp, keyStart: 0,
          keyLength: Int32(record.key?.count ?? -1), valueStart: Int32(lines.count),
          valueLength: Int32(record.value?.count ?? -1), headersStart: 0, headersLength: 0))
      if let value = record.value { lines += value + [10] }
    }
    var bytes = lines
    for (index, record) in records.enumerated() {
      entries[index].keyStart = Int32(bytes.count)
      bytes += record.key ?? []
      entries[index].headersStart = Int32(bytes.count)
      bytes += record.encodedHeaders
      entries[index].headersLength = Int32(bytes.count) - entries[index].headersStart
    }
    self.init(at, entries: entries, bytes: bytes, valuesAreLines: true)
  }

  convenience init(_ at: TopicPartition, _ records: [ModelRecord]) {
    self.init(at)
    for record in records {
      func with(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Void) {
        guard let bytes else { return body(nil) }
        bytes.withUnsafeBytes { body($0) }
      }
      with(record.key) { key in
        with(record.value) { value in
          with(record.headers.isEmpty ? nil : record.encodedHeaders) { headers in
            append(
              offset: record.offset, timestamp: record.timestamp, key: key, value: value, headers: headers)
          }
        }
      }
    }
  }
}

/// What became of a record.
enum RecordVerdict: Equatable, CustomStringConvertible {
  case row(key: String, time: Int64?, cells: [Literal?])
  case removal(key: String, time: Int64?)
  /// By the reason's name, and the column's.
  case rejected(String, String?)

  var description: String {
    switch self {
    case .row(let key, let time, let cells): "row of '\(key)' at \(time ?? 0): \(cells)"
    case .removal(let key, let time): "removal of '\(key)' at \(time ?? 0)"
    case .rejected(let reason, let column): "rejected: \(reason) \(column ?? "")"
    }
  }
}

/// A source of records, decoded by the code under test and by an oracle that looks at one record at a time.
struct RecordModel {
  var source: Source
  var key: [String]
  var maxRowBytes = 2000

  static let at = TopicPartition("app.clicks", 3)

  func plan() throws -> DecodingPlan {
    // Whatever the source: one that is there for the dataset's rows.
    let rows = Source(
      name: "rows", input: .objects("x"), format: .json, keep: .latest,
      columns: key.map { SourceColumn(name: $0, location: .path(JSONPath(steps: [.member($0)])), type: .string) })
    let definition = Definition(
      dataset: "d", key: key, sources: [rows, source], features: [], rows: Rows(source: "rows"),
      split: Split(shares: [.init(name: "train", share: 1)]), snapshot: SnapshotTarget(to: "x", format: .json),
      maxRowBytes: maxRowBytes, shards: 3)
    let plan = try DatasetPlan(definition, asOf: .max, carriesAll: true)
    return try DecodingPlan(plan.sources[1], maxRowBytes: maxRowBytes, zones: { _ in nil })
  }

  // MARK: The code under test

  func decoded(_ records: [ModelRecord], random: inout SeededGenerator) throws -> [Int64: RecordVerdict] {
    let plan = try plan()
    let decoder = try RecordDecoder(plan, maxRowBytes: maxRowBytes)
    let splitter = ShardSplitter(shards: 3, types: plan.source.carriedTypes, rowsMax: random.int(1...100))
    var rejects = RejectBuffer()
    var counts = InputCounts()
    let block = RecordBlock(RecordModel.at, records, asLines: random.chance(2))
    var from = 0
    while from < records.count {
      let to = min(from + random.int(1...records.count), records.count)
      let some = try decoder.decode(block, from..<to, input: 5, into: splitter, rejects: &rejects)
      counts.read += some.read
      counts.rejected += some.rejected
      from = to
    }
    var verdicts: [Int64: RecordVerdict] = [:]
    func add(_ offset: Int64, _ verdict: RecordVerdict) {
      precondition(verdicts.updateValue(verdict, forKey: offset) == nil, "two verdicts on \(offset)")
    }
    let batches = splitter.finish()
    for batch in batches {
      for row in 0..<batch.count {
        let origin = batch.origins[row]
        precondition(origin.input == 5)
        let key = batch.arena.string(batch.keys[row])
        let time = plan.source.timeColumn == nil ? nil : batch.times[row]
        add(
          Int64(origin.row) - 1,
          origin.isRemoval
            ? .removal(key: key, time: time)
            : .row(key: key, time: time, cells: batch.columns.map { $0.literal(row: row) }))
      }
    }
    for line in rejects.lines.split(separator: 10) {
      let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] ?? [:]
      precondition(object["object"] as? String == "app.clicks[3]" && object["byte"] == nil)
      add(
        object["row"] as? Int64 ?? -1,
        .rejected(object["reason"] as? String ?? "", object["column"] as? String))
    }
    precondition(counts.read == UInt64(records.count))
    precondition(counts.rejected == rejects.count)
    precondition(counts.read - counts.rejected == UInt64(batches.reduce(0) { $0 + $1.count }))
    return verdicts
  }

  // MARK: The oracle

  func expected(_ record: ModelRecord) throws -> RecordVerdict {
    let plan = try plan()
    let readsHeaders = source.columns.contains { if case .header = $0.location { true } else { false } }
    if record.size(withHeaders: readsHeaders) > maxRowBytes { return .rejected("row_too_long", nil) }
    guard let value = record.value else { return removal(record) }
    let block = FieldBlock()
    if case .csv(let options) = source.format {
      block.text.append(value)
      CSVScanner(options, maxRowBytes: maxRowBytes).scan(block, width: options.names?.count ?? 0)
      if block.rows > 1 { return .rejected("several_records", nil) }
    } else {
      guard let line = RecordModel.line(value) else {
        return .rejected(String(validating: value, as: UTF8.self) == nil ? "invalid_utf8" : "invalid_json", nil)
      }
      block.text.append(line)
      try JSONScanner(extractions: plan.extractions, maxRowBytes: maxRowBytes).scan(block)
    }
    if block.rows == 0 { return .rejected("empty_value", nil) }
    var verdict = try cells(plan, block, record)
    if block.faults.count > 0, let fault = RowFault(rawValue: block.faults.codes[0]) {
      let column = Int(block.faults.columns[0])
      verdict = .rejected(fault.reason, column == 0xffff ? nil : source.columns[column].name)
    }
    return verdict
  }

  /// JSON with line ends outside of strings taken out; nil if one is within a string.
  static func line(_ value: [UInt8]) -> [UInt8]? {
    var isString = false
    var isEscaped = false
    var line: [UInt8] = []
    for byte in value {
      if isString {
        if byte == 10 { return nil }
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isString = false
        }
      } else if byte == UInt8(ascii: "\"") {
        isString = true
      }
      line.append(byte == 10 ? 32 : byte)
    }
    return line
  }

  private func removal(_ record: ModelRecord) -> RecordVerdict {
    let isOfKey = key.allSatisfy { source.column($0)?.location == .recordKey }
    guard source.keep == .latest, isOfKey, let bytes = record.key else { return .rejected("null_value", nil) }
    if source.time != nil && record.timestamp < 0 { return .rejected("time_is_null", nil) }
    let column = source.column(key[0])!
    guard let text = String(validating: bytes, as: UTF8.self) else {
      return .rejected(column.type == .string ? "invalid_utf8" : "not_an_int", key[0])
    }
    var canonical = text
    if column.type == .int {
      guard let number = Int64(text) else { return .rejected("not_an_int", key[0]) }
      canonical = String(number)
    }
    return .removal(key: canonical, time: source.time == nil ? nil : record.timestamp * 1000)
  }

  /// Casts each column by itself; faults are left in the block's.
  private func cells(_ plan: DecodingPlan, _ block: FieldBlock, _ record: ModelRecord) throws -> RecordVerdict {
    var cells: [Literal?] = []
    for (index, column) in source.columns.enumerated() {
      let typed = Column(type: column.type, capacity: 1)
      var field = ByteView.null
      func take(_ bytes: [UInt8]?) {
        guard let bytes else { return }
        field = ByteView(start: UInt32(block.text.count), length: UInt32(bytes.count), flags: ByteView.quotedFlag)
        block.text.append(bytes)
      }
      switch plan.origins[index] {
      case .csv(let name):
        guard case .csv(let options) = source.format else { continue }
        field = block.fields[options.names!.firstIndex(of: name)!]
      case .json(let extraction):
        if let reduction = plan.reductions[index] {
          reduction.run(block, field: extraction, into: typed, columnIndex: UInt16(index))
          cells.append(typed.literal(row: 0))
          continue
        }
        field = block.fields[extraction]
      case .recordText:
        if case .header(let name) = column.location {
          take(record.headers.last { $0.name == name }?.value)
        } else {
          take(record.key)
        }
      case .recordTime:
        if record.timestamp >= 0 {
          cells.append(column.type == .int ? .int(record.timestamp) : .timestamp(record.timestamp * 1000))
        } else {
          cells.append(column.defaultValue)
        }
        continue
      case .object, .row, .modified: continue
      }
      plan.casts[index].run(
        text: block.text, textIsValidUTF8: false, fields: &field, stride: 1, rows: 1, into: typed,
        faults: block.faults, columnIndex: UInt16(index))
      cells.append(typed.literal(row: 0))
    }
    var time: Int64?
    if let name = source.time, let at = source.columns.firstIndex(where: { $0.name == name }) {
      if case .timestamp(let micros)? = cells[at] { time = micros }
      if time == nil { block.faults.note(row: 0, .timeIsNull, column: UInt16(at)) }
    }
    var parts: [String] = []
    for name in key {
      let at = source.columns.firstIndex { $0.name == name }!
      guard let cell = cells[at] else {
        block.faults.note(row: 0, .keyIsNull, column: UInt16(at))
        continue
      }
      parts.append(ValueText.canonical(cell, type: source.columns[at].type))
    }
    return .row(key: parts.joined(separator: "\u{1f}"), time: time, cells: cells)
  }
}

extension ByteArena {
  fileprivate func append(_ bytes: [UInt8]) {
    bytes.withUnsafeBufferPointer { if let base = $0.baseAddress { append(base, $0.count) } }
  }
}
