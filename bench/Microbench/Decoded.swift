import Columns
import Definition
import Formats
import Pipeline

/// The blocks of one source as typed columns: what ingest's threads make of them, by the same scanners and casts.
final class Decoded {
  let source: Lake.Source
  /// One a block.
  let scanned: [FieldBlock]
  /// By block, then by the source's columns.
  let columns: [[Column]]
  let keys: [UnsafeMutablePointer<ByteView>]
  let hashes: [UnsafeMutablePointer<UInt64>]
  let casts: [Cast]
  let scan: (FieldBlock) throws -> Void
  /// Where each column stands among a record's fields.
  let positions: [Int]

  var rows: Int { scanned.reduce(0) { $0 + $1.rows } }

  init(_ source: Lake.Source, maxRowBytes: Int) throws {
    self.source = source
    let declared = source.plan.source.columns
    casts = try declared.map { try Cast(type: $0.type, time: $0.time) }
    if case .csv(let options) = source.plan.source.format {
      let scanner = CSVScanner(options, maxRowBytes: maxRowBytes)
      let width = source.header.count
      scan = { scanner.scan($0, width: width) }
      positions = try declared.map { column in
        guard case .named(let name) = column.location, let at = source.header.firstIndex(of: name) else {
          throw MicrobenchError("'\(source.name)' has no column '\(column.name)'")
        }
        return at
      }
    } else {
      let scanner = try JSONScanner(extractions: JSONExtraction.all(of: declared), maxRowBytes: maxRowBytes)
      scan = { try scanner.scan($0) }
      positions = Array(declared.indices)
    }
    var scanned: [FieldBlock] = []
    var columns: [[Column]] = []
    var keys: [UnsafeMutablePointer<ByteView>] = []
    var hashes: [UnsafeMutablePointer<UInt64>] = []
    for text in source.blocks {
      let block = FieldBlock()
      block.text = text
      try scan(block)
      scanned.append(block)
      columns.append(declared.map { Column(type: $0.type, capacity: block.rows) })
      keys.append(.allocate(capacity: block.rows))
      hashes.append(.allocate(capacity: block.rows))
    }
    self.scanned = scanned
    self.columns = columns
    self.keys = keys
    self.hashes = hashes
    for column in declared.indices { try cast(column) }
    try makeKeys()
  }

  deinit {
    for pointer in keys { pointer.deallocate() }
    for pointer in hashes { pointer.deallocate() }
  }

  /// Types one column of all blocks.
  func cast(_ column: Int) throws {
    let declared = source.plan.source.columns[column]
    for (block, columns) in zip(scanned, columns) {
      if let reduction = JSONReduction(column: declared, cast: casts[column]) {
        reduction.run(block, field: positions[column], into: columns[column], columnIndex: UInt16(column))
      } else {
        casts[column].run(
          text: block.text, textIsValidUTF8: true, fields: block.fields + positions[column], stride: block.width,
          rows: block.rows, into: columns[column], faults: block.faults, columnIndex: UInt16(column))
      }
      try require(block.faults.count == 0, "'\(source.name)' has rows that cannot be read")
    }
  }

  /// Scans all blocks once more.
  func scanAgain() throws {
    var rows = 0
    for (block, length) in zip(scanned, source.lengths) {
      block.text.setCount(length)
      try scan(block)
      rows += block.rows
    }
    try require(rows == self.rows, "\(rows) rows of '\(source.name)', then \(self.rows)")
  }

  func hash() {
    for (index, block) in scanned.enumerated() {
      Hashing.hash64(of: keys[index], block.rows, in: block.text, into: hashes[index])
    }
  }

  /// Text of one column, all blocks.
  func textBytes(_ column: Int) -> Int {
    scanned.reduce(0) { sum, block in
      sum + (0..<block.rows).reduce(0) { $0 + block.fields[$1 * block.width + positions[column]].length }
    }
  }

  func column(_ name: String) throws -> Int {
    guard let at = source.plan.source.columns.firstIndex(where: { $0.name == name }) else {
      throw MicrobenchError("'\(source.name)' has no column '\(name)'")
    }
    return at
  }

  /// Deals all rows to shards, as one input of one attempt.
  func deal(_ splitter: ShardSplitter) -> [RowBatch] {
    var firstRow: UInt64 = 1
    for (index, block) in scanned.enumerated() {
      let times = source.plan.timeColumn.map { UnsafePointer(columns[index][$0].int64s) }
      splitter.append(
        rows: block.rows, faults: block.faults, keyArena: block.text, keys: keys[index], hashes: hashes[index],
        times: times, columns: source.plan.carried.map { columns[index][$0] }, input: 0, firstRow: firstRow)
      firstRow += UInt64(block.rows)
    }
    return splitter.finish()
  }

  private func makeKeys() throws {
    let indices = source.plan.keyColumns
    guard indices.count == 1, source.plan.source.columns[indices[0]].type == .string else {
      throw MicrobenchError("the key must be one column of text")
    }
    for (index, block) in scanned.enumerated() {
      keys[index].update(from: columns[index][indices[0]].views, count: block.rows)
    }
    hash()
  }
}
