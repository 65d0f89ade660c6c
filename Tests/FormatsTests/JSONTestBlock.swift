import Columns
import Definition

@testable import Formats

/// What a scan left, in the notation of `json_golden.py`, so that tests compare text with text.
struct ScannedRow: Equatable, CustomStringConvertible {
  var fault: RowFault
  /// Of a wrong shape.
  var column: UInt16?
  /// `N`, `T…`, `Q…`, `L…,…` or `C…` a field, bytes in hexadecimal.
  var cells: [String]
  /// The record's own bytes.
  var record: [UInt8]

  var description: String {
    "\(fault) \(cells) of \(String(decoding: record, as: UTF8.self).debugDescription)"
  }
}

extension JSONPath {
  /// A path without quoting: `a.b[].c[3]`.
  init(_ text: String) {
    var steps: [Step] = []
    for part in text.split(separator: ".", omittingEmptySubsequences: false) {
      let pieces = part.split(separator: "[", omittingEmptySubsequences: false)
      steps.append(.member(String(pieces[0])))
      for bracket in pieces.dropFirst() {
        if let index = Int(bracket.dropLast()) {
          steps.append(.index(index))
        } else {
          steps.append(.elements)
        }
      }
    }
    self.init(steps: steps)
  }
}

extension JSONExtraction {
  init(_ path: String, _ shape: Shape = .value, container: Bool = false, nulls: Bool = false, index: Int = 0) {
    self.init(
      path: JSONPath(path), shape: shape, allowsContainer: container, setsNullOnWrongShape: nulls,
      columnIndex: UInt16(index))
  }
}

extension FieldBlock {
  /// A block that holds `text`. `filler` stands in the arena's unused bytes, where nothing may be read as text.
  convenience init(_ text: [UInt8], filler: UInt8 = UInt8(ascii: "7")) {
    self.init()
    self.text = ByteArena(capacity: text.count)
    (self.text.base).update(repeating: filler, count: self.text.capacity + ByteArena.padding)
    text.withUnsafeBufferPointer { if let base = $0.baseAddress { _ = self.text.append(base, text.count) } }
  }

  func rows(_ extractions: [JSONExtraction]) -> [ScannedRow] {
    (0..<rows).map { row in
      let fault = RowFault(rawValue: faults.codes[row]) ?? .none
      return ScannedRow(
        fault: fault, column: fault == .wrongShape ? faults.columns[row] : nil,
        cells: extractions.enumerated().map { field, extraction in
          cell(fields[row * width + field], extraction)
        },
        record: bytes(records[row]))
    }
  }

  private func cell(_ view: ByteView, _ extraction: JSONExtraction) -> String {
    if view.isNull { return "N" }
    if extraction.shape == .count { return "C\(view.length)" }
    if extraction.path.hasElements {
      return "L"
        + items[Int(view.start)..<(Int(view.start) + view.length)].map { text($0) }.joined(separator: ",")
    }
    return text(view)
  }

  private func text(_ view: ByteView) -> String {
    view.isNull ? "N" : (view.isQuoted ? "Q" : "T") + hex(bytes(view))
  }

  func bytes(_ view: ByteView) -> [UInt8] {
    Array(UnsafeBufferPointer(start: text.base + Int(view.start), count: view.length))
  }
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { byte in
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }.joined()
}

/// Scans lines as one block.
func scanJSON(
  _ text: [UInt8], _ extractions: [JSONExtraction], maxRowBytes: Int = 900 * 1024
) throws -> [ScannedRow] {
  let block = FieldBlock(text)
  try JSONScanner(extractions: extractions, maxRowBytes: maxRowBytes).scan(block)
  return block.rows(extractions)
}

func scanJSON(_ text: String, _ extractions: [JSONExtraction]) throws -> [ScannedRow] {
  try scanJSON(Array(text.utf8), extractions)
}
