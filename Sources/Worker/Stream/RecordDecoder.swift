internal import Columns
internal import Definition
internal import Formats
internal import Pipeline
internal import Platform

/// Decodes records of a topic's partitions into row batches, one row or one rejected row a record.
///
/// Values are joined as lines of one text and parsed many at a time by the scanners for objects, without allocation a
/// record. What could not be told apart again by its line (nothing, several lines, a tombstone) gets a stand-in
/// line beforehand, so line n is record n whatever a value holds. Reused from block to block; one thread at a time,
/// hence `@unchecked Sendable`.
final class RecordDecoder: @unchecked Sendable {
  /// What no record's bytes can bring about by being bad data.
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  let plan: DecodingPlan
  private let decoder: BlockDecoder
  private let positions: [Int]
  private let width: Int
  private let rowsMax: Int
  private var lines: RecordLines

  /// Bytes of records that are parsed at a time, near enough: what a processor's cache holds.
  static let textBytes = 256 << 10

  init(_ plan: DecodingPlan, maxRowBytes: Int) throws(Failure) {
    self.plan = plan
    do {
      decoder = try BlockDecoder(plan, maxRowBytes: maxRowBytes)
      if case .csv(let options) = plan.source.source.format {
        guard let names = options.names, !options.header else {
          throw Failure(description: "source '\(plan.source.source.name)': a record has no header line; give names")
        }
        positions = try plan.positions(in: names)
        width = names.count
      } else {
        positions = Array(repeating: -1, count: plan.origins.count)
        width = 0
      }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(description: "\(error)")
    }
    lines = RecordLines(plan, width: width, maxRowBytes: maxRowBytes)
    rowsMax = max(1, min(16_384, BlockCutter.cellsMax / max(width, plan.origins.count, 1)))
  }

  /// Deals the rows of `records`' entries in `range` to the batches of `dealer`, as rows of the attempt's n-th `input`:
  /// a row's number is its offset + 1. Counts read, rejected and rows at or after the as-of time.
  func decode(
    _ records: RecordBlock, _ range: Range<Int>, input: Int, into dealer: any RowDealer,
    rejects: inout RejectBuffer
  ) throws(Failure) -> InputCounts {
    var counts = InputCounts()
    var from = range.lowerBound
    while from < range.upperBound {
      let to = end(of: records, from: from, limit: range.upperBound)
      try decode(records, from..<to, input, dealer, &rejects, &counts)
      from = to
    }
    return counts
  }

  /// As many records as are parsed at a time.
  private func end(of records: RecordBlock, from: Int, limit: Int) -> Int {
    let entries = records.entries
    var bytes = 0
    var to = from
    while to < limit && to - from < rowsMax && bytes < RecordDecoder.textBytes {
      let entry = entries[to]
      bytes += 1 + Int(max(entry.valueLength, 0)) + Int(max(entry.keyLength, 0)) + Int(entry.headersLength)
      to += 1
    }
    return to
  }

  private func decode(
    _ records: RecordBlock, _ range: Range<Int>, _ input: Int, _ dealer: any RowDealer,
    _ rejects: inout RejectBuffer, _ counts: inout InputCounts, isHopeless: Bool = false
  ) throws(Failure) {
    try lines.join(records, range, input: input, standInForAll: isHopeless)
    do {
      try decoder.scan(lines.text, width: width)
    } catch {
      throw Failure(description: error.description)
    }
    if decoder.rows != range.count {
      // A line was taken for none or for several. Scanners must not; if one does, it costs its own record only.
      guard !isHopeless else { throw Failure(description: "\(range.count) lines were scanned as \(decoder.rows)") }
      let middle = range.lowerBound + range.count / 2
      if range.count == 1 {
        try decode(records, range, input, dealer, &rejects, &counts, isHopeless: true)
      } else {
        try decode(records, range.lowerBound..<middle, input, dealer, &rejects, &counts)
        try decode(records, middle..<range.upperBound, input, dealer, &rejects, &counts)
      }
      return
    }
    type(records, range)
    deal(dealer, input: input)
    counts.read += UInt64(range.count)
    counts.rejected += UInt64(decoder.faults.count)
    if let asOf = plan.source.asOf { counts.afterAsOf += decoder.rowsAtOrAfter(asOf) }
    if decoder.faults.count > 0 { reject(records, range, &rejects) }
  }

  /// Typed columns, keys and times of the scanned lines.
  private func type(_ records: RecordBlock, _ range: Range<Int>) {
    let block = decoder.block
    for (row, fault) in lines.faults { block.faults.note(row: row, fault, column: RowFaults.record) }
    if plan.csv != nil {
      // The stand-in's fields are not the record's.
      for row in lines.standIns {
        for field in 0..<width { block.fields[row * width + field] = .null }
      }
    }
    lines.appendTexts(records, range)
    decoder.cast(positions: positions, recordTexts: lines.texts)
    for (index, origin) in plan.origins.enumerated() {
      guard case .recordTime = origin else { continue }
      fillTimes(decoder.columns[index], UInt16(index), records, range)
    }
    if let time = plan.source.timeColumn {
      // A removal's time is the record's, put in below; until then there must be one.
      let column = decoder.columns[time]
      for (row, _) in lines.tombstones {
        column.validity[row] = 1
        if column.type == .date { column.int32s[row] = 0 } else { column.int64s[row] = 0 }
      }
    }
    decoder.complete()
    for (row, time) in lines.tombstones { decoder.times[row] = time }
  }

  private func deal(_ dealer: any RowDealer, input: Int) {
    lines.origins.withUnsafeBufferPointer { origins in
      dealer.append(
        decoder.rowColumns(input: input, firstRow: 0, origins: origins.baseAddress, hashed: true), decoder.faults)
    }
  }

  /// `$timestamp`: the record's own time, in microseconds or, as an int, as it came.
  private func fillTimes(_ column: Column, _ index: UInt16, _ records: RecordBlock, _ range: Range<Int>) {
    let source = plan.source.source.columns[Int(index)]
    var fallback: Int64?
    if case .int(let value)? = source.defaultValue { fallback = value }
    if case .timestamp(let value)? = source.defaultValue { fallback = value }
    for (row, entry) in records.entries[range].enumerated() {
      column.int64s[row] = fallback ?? 0
      column.validity[row] = fallback == nil ? 0 : 1
      // −1 stands for none.
      if entry.timestamp < 0 || entry.valueLength < 0 { continue }
      if column.type == .int {
        column.int64s[row] = entry.timestamp
        column.validity[row] = 1
      } else if let micros = RecordTime.microseconds(entry.timestamp) {
        column.int64s[row] = micros
        column.validity[row] = 1
      } else {
        column.validity[row] = 0
        if source.onError == .reject { decoder.block.faults.note(row: row, .outOfRange, column: index) }
      }
    }
  }

  private func reject(_ records: RecordBlock, _ range: Range<Int>, _ rejects: inout RejectBuffer) {
    let source = plan.source.source
    let faults = decoder.faults
    let place = records.at.description
    records.bytes.withUnsafeBufferPointer { bytes in
      for (row, entry) in records.entries[range].enumerated() where faults.codes[row] != 0 {
        let index = Int(faults.columns[row])
        let column = index < source.columns.count ? source.columns[index] : nil
        let start = Int(entry.valueStart)
        let value = bytes[start..<start + Int(max(entry.valueLength, 0))]
        rejects.add(
          source: source.name, object: place, row: UInt64(bitPattern: entry.offset), byte: nil,
          fault: RowFault(rawValue: faults.codes[row]) ?? .none, column: column.map { ($0.name, $0.type) },
          raw: UnsafeBufferPointer(rebasing: value), length: UInt64(value.count))
      }
    }
  }
}

/// Times of records, which Kafka keeps as milliseconds.
enum RecordTime {
  /// nil: the record has none (−1), or one that no timestamp can hold.
  static func microseconds(_ milliseconds: Int64) -> Int64? {
    milliseconds < 0 || milliseconds > Calendar.lastTimestamp / 1000 ? nil : milliseconds * 1000
  }
}
