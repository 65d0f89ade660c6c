import Columns
import Definition
import Formats
import TestKit

extension FuzzTarget {
  /// Tables with damage, through cutter, scanner and casts of every type.
  static let csv = FuzzTarget(name: "csv") { fuzzCase in
    var options = CSVOptions()
    options.delimiter = fuzzCase.random.pick(Array(",,;|\t".utf8))
    options.header = fuzzCase.random.chance(2)
    if fuzzCase.random.chance(4) { options.quote = nil }
    options.escape = fuzzCase.random.pick([nil, UInt8(ascii: "\""), UInt8(ascii: "\\")])
    options.nullValues = fuzzCase.random.pick([[""], [], ["", "NA", "null"]])
    options.skipLines = fuzzCase.random.chance(5) ? fuzzCase.random.int(1...3) : 0
    let width = fuzzCase.random.pick([1, 2, 5, 8, 100])
    if !options.header { options.names = (0..<width).map { "c\($0)" } }
    let bytes = CSVText.bytes(width: width, options, &fuzzCase.random)
    fuzzCase.give(bytes)

    let maxRowBytes = fuzzCase.random.pick([20, 300, 900 << 10])
    let scanner = CSVScanner(options, maxRowBytes: maxRowBytes)
    let casts = try CastFuzz.anyCasts(&fuzzCase.random, 4)
    try requireSameRecords(
      bytes, format: .csv(options), maxRowBytes: maxRowBytes,
      blockBytes: fuzzCase.random.pick([16, 100, 4096, 256 << 10]),
      &fuzzCase.random
    ) { block, width in
      scanner.scan(block, width: width)
      let isValid = isValidUTF8(block.text)
      for (field, cast) in casts.enumerated() where field < width {
        let column = Column(type: cast.type, capacity: block.rows)
        cast.run(
          text: block.text, textIsValidUTF8: isValid, fields: block.fields + field, stride: width, rows: block.rows,
          into: column, faults: block.faults, columnIndex: UInt16(field))
      }
      let bad = (0..<block.rows).filter { block.faults.codes[$0] != 0 }.count
      try require(bad == block.faults.count, "\(bad) rows at fault, \(block.faults.count) counted")
    }
  }
}

/// Random tables with damage.
private enum CSVText {
  static let mutation = Mutation([
    ",", "\"", "\"\"", "\n", "\r\n", "\r", "\\", "\\\"", "\",\"", "\u{feff}", "\u{0}", "NA",
  ])

  static func bytes(width: Int, _ options: CSVOptions, _ random: inout SeededGenerator) -> [UInt8] {
    var bytes: [UInt8] = []
    let quote = options.quote ?? UInt8(ascii: "\"")
    for row in 0..<random.pick([0, 1, 4, 40]) {
      for field in 0..<width {
        if field > 0 { bytes.append(options.delimiter) }
        let text = row == 0 && options.header ? Array("c\(field)".utf8) : random.pick(samples)
        bytes += random.chance(3) ? [quote] + text + [quote] : text
      }
      bytes += random.chance(5) ? [0x0d, 0x0a] : [0x0a]
    }
    mutation.apply(&bytes, times: random.pick([0, 1, 3, 12]), &random)
    return bytes
  }

  private static let samples: [[UInt8]] =
    [
      "", "a", "12", "-7.25", "2024-02-29", "2024-02-29T12:30:00.5+01:00", "true", "café", "1e300", "x\"y", "a\nb",
      "  ",
    ].map { Array($0.utf8) } + Mutation.numbers
}
