import Columns
import Definition
import Formats
import TestKit

/// A record as cutter and scanner found it.
struct FoundRecord: Equatable {
  var offset: UInt64
  var length: UInt64
  var fault: UInt8
}

/// Reads an object through the cutter in random chunks and hands each block of records to `scan`.
func cutRecords(
  _ bytes: [UInt8], format: Format, maxRowBytes: Int, blockBytes: Int, chunkMax: Int, _ random: inout SeededGenerator,
  scan: (FieldBlock, Int) throws -> Void
) throws -> [FoundRecord] {
  let cutter = BlockCutter(format: format, maxRowBytes: maxRowBytes, blockBytes: blockBytes)
  let block = FieldBlock()
  var found: [FoundRecord] = []
  func take(_ cut: CutBlock) throws {
    if case .oversized(let length) = cut.content {
      found.append(FoundRecord(offset: cut.offset, length: length, fault: RowFault.rowTooLong.rawValue))
      return
    }
    block.text = cut.text
    let count = cut.text.count
    try scan(block, cutter.header?.count ?? 0)
    for row in 0..<block.rows {
      let record = block.records[row]
      try require(Int(record.start) + record.length <= count, "record \(row) ends behind its block")
      for field in 0..<block.width {
        let view = block.fields[row * block.width + field]
        if case .json = format { continue }
        try require(view.isNull || Int(view.start) + view.length <= block.text.count, "field outside of the text")
      }
      found.append(
        FoundRecord(
          offset: cut.offset + UInt64(record.start), length: UInt64(record.length), fault: block.faults.codes[row]))
    }
  }
  var at = 0
  while at < bytes.count {
    let chunk = Array(bytes[at..<min(at + random.int(1...chunkMax), bytes.count)])
    at += chunk.count
    var used = 0
    while let cut = try chunk.withUnsafeBytes({ try cutter.next($0, used: &used) }) { try take(cut) }
  }
  while let cut = try cutter.finish() { try take(cut) }
  return found
}

/// Reads twice in different chunks: the same records or an error both times; each record lies where it says, none
/// overlaps another.
func requireSameRecords(
  _ bytes: [UInt8], format: Format, maxRowBytes: Int, blockBytes: Int, _ random: inout SeededGenerator,
  scan: (FieldBlock, Int) throws -> Void
) throws {
  var results: [Result<[FoundRecord], FormatError>] = []
  for chunkMax in [1 << 20, random.pick([1, 5, 100, 3000])] {
    do {
      results.append(
        .success(
          try cutRecords(
            bytes, format: format, maxRowBytes: maxRowBytes, blockBytes: blockBytes, chunkMax: chunkMax, &random,
            scan: scan)))
    } catch let error as FormatError {
      results.append(.failure(error))
    }
  }
  switch (results[0], results[1]) {
  case (.success(let a), .success(let b)):
    try require(a == b, "other records in other chunks: \(a.count) and \(b.count)")
    // Compressed bytes have other offsets.
    guard bytes.first != 0x1f, bytes.first != 0x28, bytes.first.map({ $0 & 0xf0 }) != 0x50 else { return }
    var end: UInt64 = 0
    for record in a {
      try require(record.offset >= end, "records overlap at \(record.offset)")
      end = record.offset + record.length
      try require(end <= UInt64(bytes.count), "a record ends behind the object")
    }
  case (.failure, .failure): break
  default: throw FuzzFailure(description: "an error in some chunks, records in others: \(results)")
  }
}
