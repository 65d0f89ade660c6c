import Columns
import Definition
import Formats
import TestKit

extension FuzzTarget {
  /// Damaged footers of Parquet files: an error or a footer that can be looked at.
  static let parquetFooter = FuzzTarget(name: "parquet") { fuzzCase in
    var bytes = fuzzCase.random.pick(ParquetSamples.files)
    Mutation(["\u{0}", "\u{7f}", "\u{15}", "\u{1c}"]).apply(
      &bytes, times: fuzzCase.random.pick([0, 1, 2, 6]), &fuzzCase.random)
    fuzzCase.give(bytes)
    guard bytes.count >= ParquetFooter.trailerBytes else { return }
    do {
      let length = try ParquetFooter.metadataBytes(trailer: Array(bytes.suffix(ParquetFooter.trailerBytes)))
      let end = bytes.count - ParquetFooter.trailerBytes
      guard length <= end else { return }
      let footer = try ParquetFooter(metadata: Array(bytes[(end - length)..<end]), fileOffset: end - length)
      try require(footer.rows >= 0 && footer.groups.allSatisfy { $0.offset >= 0 }, "negative counts")
    } catch is WriteError {
      return
    }
  }
}

private enum ParquetSamples {
  static let files: [[UInt8]] = {
    let fields = CastFuzz.types.enumerated().map { Field(name: "c\($0)", type: $1) }
    return [0, 1, 300].compactMap { rows in
      let columns = fields.map { field in
        let column = Column(type: field.type, capacity: rows)
        for row in 0..<rows where row % 3 != 0 {
          column.validity[row] = 1
          if field.type == .string { column.views[row] = column.arena.append("value \(row % 7)") }
        }
        return column
      }
      let encoder = SnapshotEncoder(format: .parquet(ParquetOptions()), fields: fields)
      var assembler = PartAssembler(encoder)
      var bytes: [UInt8] = []
      do {
        let chunk = try encoder.encode(Table(fields: fields, columns: columns, count: rows))
        try assembler.append(chunk) { bytes += $0 }
        try assembler.finish { bytes += $0 }
      } catch {
        return nil
      }
      return bytes
    }
  }()
}
