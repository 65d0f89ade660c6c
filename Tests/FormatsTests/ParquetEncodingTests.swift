import Columns
import TestKit
import Testing

@testable import Formats

/// Pieces of the Parquet writer that whole files do not corner: wide indices, and statistics of odd doubles.
@Suite struct ParquetEncodingTests {
  /// A decoder of the hybrid after Encodings.md, sharing nothing with the encoder.
  private func decode(_ bytes: [UInt8], bitWidth: Int, count: Int) -> [UInt32] {
    var values: [UInt32] = []
    var at = 0
    while values.count < count {
      var head = 0
      var shift = 0
      repeat {
        head |= Int(bytes[at] & 0x7f) << shift
        shift += 7
        at += 1
      } while bytes[at - 1] >= 0x80
      if head & 1 == 0 {
        let width = (bitWidth + 7) / 8
        let value = (0..<width).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
        values += repeatElement(value, count: head >> 1)
        at += width
      } else {
        for index in 0..<(head >> 1) * 8 {
          var value: UInt32 = 0
          for bit in 0..<bitWidth {
            let position = index * bitWidth + bit
            if bytes[at + position / 8] >> UInt8(position % 8) & 1 == 1 { value |= 1 << UInt32(bit) }
          }
          values.append(value)
        }
        at += (head >> 1) * bitWidth
      }
    }
    #expect(at == bytes.count, "bytes are left over")
    // The last group is filled up with zeros.
    #expect(values.count - count < 8 && values[count...].allSatisfy { $0 == 0 })
    return Array(values.prefix(count))
  }

  @Test func hybridOfEveryWidth() {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    for bitWidth in 1...24 {
      for _ in 0..<20 {
        var values: [UInt32] = []
        while values.count < 200 {
          let value = UInt32.random(in: 0..<1 << UInt32(bitWidth), using: &random)
          values += repeatElement(
            value, count: Bool.random(using: &random) ? 1 : Int.random(in: 1...70, using: &random))
        }
        values = Array(values.prefix(Int.random(in: 0...200, using: &random)))
        let out = OutputBuffer()
        ParquetHybrid.encode(values, values.count, bitWidth: bitWidth, to: out)
        #expect(
          decode(out.contents, bitWidth: bitWidth, count: values.count) == values,
          "seed \(seed), width \(bitWidth)")
        let levels = values.map { UInt8($0 & 1) }
        out.removeAll()
        ParquetHybrid.encode(validity: levels, levels.count, to: out)
        #expect(
          decode(out.contents, bitWidth: 1, count: levels.count) == levels.map(UInt32.init), "seed \(seed)")
      }
    }
  }

  @Test func bitWidths() {
    #expect([0, 1, 2, 3, 4, 5, 256, 257].map(ParquetHybrid.bitWidth) == [1, 1, 1, 2, 2, 3, 8, 9])
  }

  @Test("I1: columns taken from a group of the same rows give the bytes of columns encoded anew")
  func keptColumns() throws {
    let seed = testSeed(below: 1_000_000)
    var tables = RandomTables(seed: seed)
    for rows in [0, 1, 20, 3000] {
      let (before, after) = (tables.table(rows: rows), tables.table(rows: rows))
      let columns = before.fields.map { ParquetColumn(field: $0) }
      let encoder = ParquetEncoder(columns: columns)
      let kept = try encoder.encode(before.table)
      for _ in 0..<5 {
        let share = Int.random(in: 0...4, using: &tables.random)
        let anew = columns.map { _ in Int.random(in: 0..<4, using: &tables.random) < share }
        let changed = ExpectedTable(
          fields: before.fields, columns: anew.indices.map { anew[$0] ? after.columns[$0] : before.columns[$0] },
          count: rows)
        let wanted = try encoder.encode(changed.table)
        // What is not anew is not looked at.
        let partial = Table(
          fields: before.fields,
          columns: zip(changed.table.columns, anew).map { $1 ? $0 : Column(type: $0.type, capacity: 0) }, count: rows)
        let found = try encoder.encode(partial, kept, anew: anew)
        #expect(found.bytes == wanted.bytes && found.metadata == wanted.metadata, "seed \(seed), \(rows) rows")
      }
    }
  }

  @Test("a dictionary's counts are the rows' own")
  func counts() throws {
    let seed = testSeed(below: 1_000_000)
    var tables = RandomTables(seed: seed)
    let expected = tables.table(rows: 5001)
    let group = try ParquetEncoder(columns: expected.fields.map { ParquetColumn(field: $0) }).encode(expected.table)
    var found = 0
    for (index, counts) in group.counts.enumerated() {
      guard let counts else { continue }
      found += 1
      var wanted: [Literal: UInt32] = [:]
      for case .some(let value) in expected.columns[index] { wanted[value, default: 0] += 1 }
      var had: [Literal: UInt32] = [:]
      for (entry, count) in counts.counts.enumerated() {
        guard let value = counts.values.literal(row: entry) else { continue }
        had[value, default: 0] += count
      }
      let place: Comment = "seed \(seed), \(expected.fields[index].name)"
      // NaN equals nothing, itself neither.
      #expect(had.filter { $0.key == $0.key } == wanted.filter { $0.key == $0.key }, place)
      #expect(had.reduce(0) { $0 + $1.value } == wanted.reduce(0) { $0 + $1.value }, place)
      #expect(counts.nulls == expected.columns[index].count { $0 == nil }, place)
    }
    #expect(found > 0, "seed \(seed)")
  }

  private func statistics(_ values: [Double?]) throws -> ParquetStatistics {
    let field = Field(name: "d", type: .double)
    let table = ExpectedTable(
      fields: [field], columns: [values.map { $0.map(Literal.double) }], count: values.count)
    return try ParquetEncoder(columns: [ParquetColumn(field: field)]).encode(table.table).metadata.columns[0]
      .statistics
  }

  private func bytes(_ value: Double) -> [UInt8] {
    withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
  }

  @Test func doublesBounds() throws {
    let zeros = try statistics([0.0, nil, .nan, 0.0])
    #expect(
      zeros.min == bytes(-0.0) && zeros.max == bytes(0.0) && zeros.nanCount == 1 && zeros.nullCount == 1)
    let negativeZero = try statistics([-0.0, 1])
    #expect(negativeZero.min == bytes(-0.0) && negativeZero.max == bytes(1) && negativeZero.nanCount == 0)
    let belowZero = try statistics([-1, -0.0])
    #expect(belowZero.min == bytes(-1) && belowZero.max == bytes(0.0))
    let nothing = try statistics([.nan, nil, .nan])
    #expect(nothing.min == nil && nothing.max == nil && nothing.nanCount == 2)
    let infinite = try statistics([.infinity, .nan])
    #expect(infinite.min == bytes(.infinity) && infinite.max == bytes(.infinity))
  }

  /// Many distinct values among many rows take a dictionary, unique ones do not.
  @Test func dictionariesWhereTheyPay() throws {
    var random = SeededGenerator(seed: 5)
    let fields = ["few", "many", "unique", "words", "names"].map {
      Field(name: $0, type: $0 == "words" || $0 == "names" ? .string : .int)
    }
    let rows = 100_000
    let table = ExpectedTable(
      fields: fields,
      columns: [
        (0..<rows).map { _ in .int(Int64.random(in: 0..<50, using: &random)) },
        (0..<rows).map { _ in .int(Int64.random(in: 0..<20_000, using: &random)) },
        (0..<rows).map { .int(Int64($0) * 7919) },
        (0..<rows).map { _ in .string("word \(Int.random(in: 0..<5000, using: &random))") },
        (0..<rows).map { .string("name \($0)") },
      ], count: rows)
    let group = try ParquetEncoder(columns: fields.map { ParquetColumn(field: $0) }).encode(table.table)
    #expect(
      group.metadata.columns.map { $0.dictionaryPageOffset != nil } == [true, true, false, true, false])
  }
}
