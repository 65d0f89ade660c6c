import Columns
import Definition
import Foundation
import Pipeline
import TestKit
import Testing

@testable import Formats

/// The fingerprint of the tables is the one that `fingerprint.py` computes from the Parquet parts made of them.
@Suite struct WriterFingerprintTests {
  @Test func pythonAgrees() throws {
    let seed = testSeed(below: 1_000_000)
    var tables = RandomTables(seed: seed)
    for (round, rows) in [0, 1, 2500].enumerated() {
      let train = tables.table(rows: rows)
      let eval = tables.table(rows: 40 * round)
      try WriterPython.withDirectory { directory in
        var fingerprint = Fingerprint()
        var arguments: [String] = []
        // Parts of either split, cut anywhere; the fingerprint must not show it.
        let cut = Int.random(in: 0...rows, using: &tables.random)
        let parts = [("train", train.rows(0..<cut)), ("eval", eval), ("train", train.rows(cut..<rows))]
        for (index, (split, part)) in parts.enumerated() {
          let encoder = SnapshotEncoder(format: .parquet(.init(compression: .snappy)), fields: part.fields)
          var assembler = PartAssembler(encoder)
          var bytes: [UInt8] = []
          try assembler.append(try encoder.encode(part.table)) { bytes += $0 }
          try assembler.finish { bytes += $0 }
          #expect(assembler.bytes == bytes.count && assembler.rows == part.count)
          let path = directory.appendingPathComponent("\(index).parquet")
          try Data(bytes).write(to: path)
          arguments.append("\(split)=\(path.path)")
          fingerprint.add(table: part.table, split: split)
        }
        let python = try WriterPython.run("fingerprint.py", arguments.shuffled(using: &tables.random))
        #expect(
          python.trimmingCharacters(in: .whitespacesAndNewlines) == fingerprint.hex(fields: train.fields),
          "seed \(seed), \(rows) rows")
      }
    }
  }
}
