import Columns
import Definition
import TestKit

@testable import Formats

/// A field as a test states it.
enum Cell: Equatable, CustomStringConvertible {
  case null
  case text([UInt8], quoted: Bool)

  var description: String {
    switch self {
    case .null: "null"
    case .text(let bytes, let quoted):
      (quoted ? "quoted " : "") + String(decoding: bytes, as: UTF8.self).debugDescription
    }
  }
}

/// A record as the cutter and the scanner found it.
struct CutRow: Equatable, CustomStringConvertible {
  /// Of the record's first byte in the inflated object.
  var offset: UInt64
  var fault: RowFault
  var cells: [Cell]
  /// The record's bytes without the line end; the head of an oversized one.
  var record: [UInt8]

  var description: String {
    "\(fault) at \(offset): \(cells) of \(String(decoding: record.prefix(200), as: UTF8.self).debugDescription)"
  }
}

/// How a test feeds an object to the cutter.
enum Chunking: CustomStringConvertible {
  case whole
  case bytewise
  case random(seed: UInt64, most: Int)

  var description: String {
    switch self {
    case .whole: "whole"
    case .bytewise: "byte by byte"
    case .random(let seed, let most): "chunks of at most \(most), seed \(seed)"
    }
  }
}

/// Reads an object through ``BlockCutter`` and ``CSVScanner``, as the engine does.
struct CutReader {
  var options: CSVOptions
  var maxRowBytes = 900 * 1024
  var blockBytes = 256 << 10

  struct Outcome {
    var rows: [CutRow] = []
    var header: [String]?
    var blocks = 0
    /// The largest block's bytes.
    var blockBytesMax = 0
    /// The cells that the largest block needs room for.
    var cellsMax = 0
  }

  func read(_ bytes: [UInt8], _ chunking: Chunking = .whole) throws -> Outcome {
    let cutter = BlockCutter(format: .csv(options), maxRowBytes: maxRowBytes, blockBytes: blockBytes)
    let scanner = CSVScanner(options, maxRowBytes: maxRowBytes)
    let block = FieldBlock()
    var outcome = Outcome()
    func take(_ cut: CutBlock) {
      outcome.blocks += 1
      outcome.blockBytesMax = max(outcome.blockBytesMax, cut.text.count)
      switch cut.content {
      case .oversized(let length):
        outcome.rows.append(
          CutRow(
            offset: cut.offset, fault: .rowTooLong, cells: [],
            record: Array(UnsafeBufferPointer(start: cut.text.base, count: min(cut.text.count, Int(length)))))
        )
      case .records:
        block.text = cut.text
        scanner.scan(block, width: cutter.header?.count ?? 0)
        outcome.cellsMax = max(outcome.cellsMax, block.rows * block.width)
        outcome.rows += block.cutRows(offset: cut.offset)
      }
    }
    try feed(cutter, bytes, chunking, take)
    outcome.header = cutter.header
    return outcome
  }

  private func feed(_ cutter: BlockCutter, _ bytes: [UInt8], _ chunking: Chunking, _ take: (CutBlock) -> Void)
    throws
  {
    var random = SeededGenerator(seed: UInt64(0))
    if case .random(let seed, _) = chunking { random = SeededGenerator(seed: seed) }
    var at = 0
    while at < bytes.count {
      let size =
        switch chunking {
        case .whole: bytes.count
        case .bytewise: 1
        case .random(_, let most): random.int(1...most)
        }
      let chunk = Array(bytes[at..<min(at + size, bytes.count)])
      var used = 0
      while let cut = try chunk.withUnsafeBytes({ try cutter.next($0, used: &used) }) { take(cut) }
      at += chunk.count
    }
    while let cut = try cutter.finish() { take(cut) }
  }
}

extension FieldBlock {
  /// The scanned rows of a block that began at `offset`.
  func cutRows(offset: UInt64) -> [CutRow] {
    (0..<rows).map { row in
      CutRow(
        offset: offset + UInt64(records[row].start), fault: RowFault(rawValue: faults.codes[row]) ?? .none,
        cells: (0..<width).map { field in
          let view = fields[row * width + field]
          return view.isNull ? .null : .text(bytes(view), quoted: view.isQuoted)
        }, record: bytes(records[row]))
    }
  }
}
