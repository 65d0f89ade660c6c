import Columns
import Foundation
import TestKit
import Testing

@testable import Formats

/// Footers are read back as they were written, row groups move between files, and no bytes make the reader crash.
@Suite struct ParquetFooterTests {
  private func file(seed: UInt64, sizes: [Int]) throws -> (bytes: [UInt8], expected: ExpectedTable) {
    var tables = RandomTables(seed: seed)
    let expected = tables.table(rows: sizes.reduce(0, +))
    var columns = expected.fields.map { ParquetColumn(field: $0) }
    columns[0].required = true
    let encoder = ParquetEncoder(columns: columns)
    var assembler = ParquetFileAssembler(
      columns: columns, keyValues: [ParquetKeyValue("k", "v"), ParquetKeyValue("", "ü")])
    var bytes = assembler.begin()
    var start = 0
    for size in sizes {
      let group = try encoder.encode(expected.rows(start..<start + size).table)
      try assembler.append(group.metadata)
      bytes += group.bytes
      start += size
    }
    return (bytes + assembler.finish(), expected)
  }

  private func footer(of bytes: [UInt8]) throws(WriteError) -> ParquetFooter {
    let length = try ParquetFooter.metadataBytes(trailer: Array(bytes.suffix(ParquetFooter.trailerBytes)))
    guard length <= bytes.count - ParquetFooter.trailerBytes else {
      throw WriteError(.invalidFooter, "longer than the file")
    }
    let start = bytes.count - ParquetFooter.trailerBytes - length
    return try ParquetFooter(metadata: Array(bytes[start..<start + length]), fileOffset: start)
  }

  @Test func roundTrip() throws {
    for sizes in [[], [1], [500, 3, 800]] {
      let (bytes, _) = try file(seed: 7, sizes: sizes)
      let footer = try footer(of: bytes)
      #expect(footer.rows == sizes.reduce(0, +) && footer.groups.count == sizes.count)
      #expect(footer.keyValues == [ParquetKeyValue("k", "v"), ParquetKeyValue("", "ü")])
      #expect(footer.createdBy == ParquetFileAssembler.createdBy)
      #expect(footer.columns.count == 52 && footer.columns[0].required && !footer.columns[1].required)
      #expect(Array(bytes.suffix(footer.encoded().count)) == footer.encoded())
    }
  }

  /// Two files' row groups in a third are the bytes that one writer would have written.
  @Test func rowGroupsMoveBetweenFiles() throws {
    let (first, _) = try file(seed: 8, sizes: [300, 40])
    let (second, _) = try file(seed: 8, sizes: [340])
    var joined: [UInt8] = []
    var assembler = ParquetFileAssembler(columns: try footer(of: first).columns)
    joined += assembler.begin()
    for source in [second, first] {
      let footer = try footer(of: source)
      for placed in footer.groups {
        try assembler.append(placed.group, of: footer)
        joined += source[placed.offset..<placed.offset + placed.group.compressedBytes]
      }
    }
    joined += assembler.finish()
    let result = try footer(of: joined)
    #expect(result.groups.map(\.group.rows) == [340, 300, 40])
    #expect(result.groups[1].group == (try footer(of: first).groups[0].group))
    var other = ParquetFileAssembler(columns: Array(result.columns.dropLast()))
    #expect(throws: WriteError.self) { try other.append(result.groups[0].group, of: result) }
  }

  /// Every cut and many flipped bits: an error or another footer, never a trap.
  @Test func badBytesAreErrors() throws {
    let (bytes, _) = try file(seed: 9, sizes: [20, 5])
    let length = try ParquetFooter.metadataBytes(trailer: Array(bytes.suffix(8)))
    let start = bytes.count - 8 - length
    let metadata = Array(bytes[start..<start + length])
    for cut in stride(from: 0, to: metadata.count, by: 7) {
      #expect(throws: WriteError.self) {
        _ = try ParquetFooter(metadata: Array(metadata[..<cut]), fileOffset: start)
      }
    }
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    var refused = 0
    for _ in 0..<4000 {
      var broken = metadata
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 0..<broken.count, using: &random)
        broken[at] = Bool.random(using: &random) ? UInt8.random(in: 0...255, using: &random) : 0xff
      }
      do {
        let footer = try ParquetFooter(metadata: broken, fileOffset: start)
        for placed in footer.groups {
          #expect(placed.offset >= 4 && placed.offset + placed.group.compressedBytes <= start, "seed \(seed)")
        }
        _ = footer.encoded()
      } catch {
        refused += 1
      }
    }
    #expect(refused > 1000)
    // Nesting without end, lists of absurd length.
    for byte in [UInt8(0x1c), 0x19, 0xf9, 0xfc, 0x1b] {
      #expect(throws: WriteError.self) {
        _ = try ParquetFooter(metadata: [UInt8](repeating: byte, count: 1 << 16), fileOffset: start)
      }
    }
    for trailer in [[], [UInt8](repeating: 0, count: 8), Array("PAR1".utf8)] {
      #expect(throws: WriteError.self) { _ = try ParquetFooter.metadataBytes(trailer: trailer) }
    }
  }

  @Test func valuesThatCannotBeWritten() throws {
    let fields = [Field(name: "m", type: .decimal(precision: 4, scale: 2)), Field(name: "s", type: .string)]
    let columns = [ParquetColumn(field: fields[0]), ParquetColumn(field: fields[1], required: true)]
    let encoder = ParquetEncoder(columns: columns)
    func encode(_ decimals: [Literal?], _ strings: [Literal?]) throws {
      let table = ExpectedTable(fields: fields, columns: [decimals, strings], count: 2).table
      _ = try encoder.encode(table)
    }
    let text = Literal?.some(.string("x"))
    #expect(
      throws: WriteError(.decimalOutOfRange, column: "m", row: 1, "-10000 (unscaled) has more than 4 digits")
    ) {
      try encode([.decimal(9999), .decimal(-10_000)], [text, text])
    }
    #expect(throws: WriteError(.nullInRequiredColumn, column: "s", row: 0, "a null where none may be")) {
      try encode([nil, nil], [nil, text])
    }
    try encode([.decimal(9999), .decimal(-9999)], [text, text])
  }

  /// The same rows give the same bytes, whatever the encoder wrote before.
  @Test func bytesAreAFunctionOfTheRows() throws {
    var tables = RandomTables(seed: 21)
    let one = tables.table(rows: 5000)
    let two = tables.table(rows: 300)
    let columns = one.fields.map { ParquetColumn(field: $0) }
    let used = ParquetEncoder(columns: columns)
    _ = try used.encode(two.table)
    let again = try used.encode(one.table)
    let fresh = try ParquetEncoder(columns: columns).encode(one.table)
    #expect(again.bytes == fresh.bytes && again.metadata == fresh.metadata)
  }

  @Test func raisedBounds() {
    #expect(ParquetBounds.raised(Array("abc".utf8)) == Array("abd".utf8))
    #expect(ParquetBounds.raised(Array("a\u{10ffff}".utf8)) == Array("b".utf8))
    #expect(ParquetBounds.raised(Array("a\u{d7ff}".utf8)) == Array("a\u{e000}".utf8))
    #expect(ParquetBounds.raised(Array("\u{10ffff}\u{10ffff}".utf8)) == nil)
  }
}
