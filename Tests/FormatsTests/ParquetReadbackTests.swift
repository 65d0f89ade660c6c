import Columns
import Foundation
import TestKit
import Testing

@testable import Formats

/// What we write is read back equal, types and statistics included, by pyarrow, DuckDB, Polars and pandas.
@Suite struct ParquetReadbackTests {
  @Test func everyReaderSeesTheSameTable() throws {
    let seed = testSeed(below: 1_000_000)
    try WriterPython.withDirectory { directory in
      var cases = 0
      for codec in [ParquetCodec.zstd, .snappy, .uncompressed] {
        var shapes = [[], [0], [1], [2, 0, 1], [1000], [3000, 777]]
        if codec == .zstd { shapes.append([35_000, 5000]) }
        for sizes in shapes {
          cases += 1
          try write("\(codec)-\(cases)", codec, sizes, seed: seed + UInt64(cases), to: directory)
        }
      }
      let output: String
      do {
        output = try WriterPython.run("parquet_readback.py", [directory.path])
      } catch {
        Issue.record("seed \(seed): \(error)")
        return
      }
      #expect(output.contains("\(cases) files"), "the script saw other files: \(output)")
    }
  }

  /// A file whose row groups were encoded apart, in the wrong order and by two encoders.
  private func write(
    _ name: String, _ codec: ParquetCodec, _ sizes: [Int], seed: UInt64, to directory: URL
  ) throws {
    var tables = RandomTables(seed: seed)
    let expected = tables.table(rows: sizes.reduce(0, +))
    var options = ParquetEncoder.Options()
    options.codec = codec
    options.zstdLevel = [1, 3, 9].randomElement(using: &tables.random)!
    options.pageBytes = [64, 4096, 1 << 20].randomElement(using: &tables.random)!
    options.usesDictionary = Int.random(in: 0..<5, using: &tables.random) > 0
    let required = Set(expected.fields.map(\.name).filter { $0.hasSuffix("_none") && $0.utf8.count % 2 == 0 })
    let columns = expected.fields.map { ParquetColumn(field: $0, required: required.contains($0.name)) }
    var starts: [Int] = [0]
    for size in sizes { starts.append(starts.last! + size) }
    var groups: [Int: EncodedRowGroup] = [:]
    let encoders = [
      ParquetEncoder(columns: columns, options: options), ParquetEncoder(columns: columns, options: options),
    ]
    for index in sizes.indices.reversed() {
      let part = expected.rows(starts[index]..<starts[index + 1])
      groups[index] = try encoders[index % 2].encode(part.table)
    }
    var file = ParquetFileAssembler(columns: columns, keyValues: [ParquetKeyValue("dataset", "test ü")])
    var bytes = file.begin()
    for index in sizes.indices {
      let group = groups[index]!
      #expect(group.bytes.count == group.metadata.compressedBytes)
      try file.append(group.metadata)
      bytes += group.bytes
    }
    #expect(bytes.count == file.bytes)
    bytes += file.finish()
    try Data(bytes).write(to: directory.appendingPathComponent("\(name).parquet"))
    try WriterPython.description(of: expected, groups: sizes.filter { $0 > 0 }, required: required)
      .write(to: directory.appendingPathComponent("\(name).json"))
  }
}
