import Columns
import Definition
import TestKit
import Testing

@testable import Formats

/// Parts that are joined without being read have the bytes of a file that was written at once.
@Suite struct PartJoinerTests {
  struct Part {
    var bytes: [UInt8]
    var rows: Int
    var footerBytes: Int
  }

  static func encoders(_ fields: [Field]) -> [SnapshotEncoder] {
    [
      .parquet(ParquetEncoder(columns: fields.map { ParquetColumn(field: $0) })),
      .csv(CSVEncoder(fields: fields), header: true), .csv(CSVEncoder(fields: fields), header: false),
      .json(JSONLinesEncoder(fields: fields)),
    ]
  }

  static func part(_ encoder: SnapshotEncoder, _ chunks: [EncodedChunk]) throws -> Part {
    var assembler = PartAssembler(encoder)
    var bytes: [UInt8] = []
    for chunk in chunks { try assembler.append(chunk) { bytes += $0 } }
    let body = assembler.bytes
    try assembler.finish { bytes += $0 }
    return Part(bytes: bytes, rows: assembler.rows, footerBytes: chunks.isEmpty ? 0 : bytes.count - body)
  }

  static func join(
    _ encoder: SnapshotEncoder, _ parts: [Part], _ random: inout SeededGenerator
  ) throws -> (bytes: [UInt8], rows: Int) {
    var joiner = PartJoiner(encoder)
    var joined: [UInt8] = []
    for part in parts {
      try joiner.begin(rows: part.rows, bytes: part.bytes.count, footerBytes: part.footerBytes)
      var at = 0
      while at < part.bytes.count {
        let end = min(part.bytes.count, at + random.int(1...random.pick([3, 100, 100_000])))
        try Array(part.bytes[at..<end]).withUnsafeBytes { piece in try joiner.append(piece) { joined += $0 } }
        at = end
      }
      try joiner.end()
    }
    try joiner.finish { joined += $0 }
    #expect(joiner.bytes == joined.count)
    return (joined, joiner.rows)
  }

  @Test func sameAsWrittenAtOnce() throws {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    for sizes in [[], [[5]], [[1], [2, 3], [1]], [[400, 30], [7], [300, 1, 1]]] as [[[Int]]] {
      var tables = RandomTables(seed: random.next())
      let expected = tables.table(rows: sizes.joined().reduce(0, +))
      for encoder in Self.encoders(expected.fields) {
        var row = 0
        let chunks = try sizes.map { part in
          try part.map { size in
            defer { row += size }
            return try encoder.encode(expected.rows(row..<row + size).table)
          }
        }
        let whole = try Self.part(encoder, Array(chunks.joined()))
        let (bytes, rows) = try Self.join(encoder, try chunks.map { try Self.part(encoder, $0) }, &random)
        #expect(bytes == whole.bytes && rows == whole.rows, "seed \(seed), \(encoder.fileExtension) of \(sizes)")
      }
    }
  }

  @Test("bytes that are no part are an error or another part, never a crash")
  func damaged() throws {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    var tables = RandomTables(seed: seed)
    let expected = tables.table(rows: 40)
    for encoder in Self.encoders(expected.fields) {
      let chunks = try [expected.rows(0..<30), expected.rows(30..<40)].map { try encoder.encode($0.table) }
      let good = try Self.part(encoder, chunks)
      for _ in 0..<300 {
        var bad = good
        switch random.int(0...4) {
        case 0: bad.bytes[random.int(0...bad.bytes.count - 1)] ^= UInt8(1 << random.int(0...7))
        case 1:
          // In the footer, where the offsets are.
          bad.bytes[bad.bytes.count - 1 - random.int(0...min(bad.footerBytes + 10, bad.bytes.count - 1))] =
            random.pick([0, 1, 0x7f, 0x80, 0xff])
        case 2: bad.bytes.removeLast(random.int(1...bad.bytes.count))
        case 3: bad.footerBytes = random.pick([-1, 0, 7, 8, bad.bytes.count - 4, bad.bytes.count, Int.max])
        default: bad.bytes += [UInt8](repeating: 0x41, count: random.int(1...20))
        }
        _ = try? Self.join(encoder, [good, bad, good], &random)
      }
    }
    // What can be told is told.
    let parquet = Self.encoders(expected.fields)[0]
    let good = try Self.part(parquet, [try parquet.encode(expected.table)])
    for change: (inout Part) -> Void in [
      { $0.rows += 1 }, { $0.footerBytes -= 1 }, { $0.footerBytes += 1 }, { $0.bytes[0] = 0 },
      { $0.bytes[$0.bytes.count - 1] = 0 }, { $0.bytes.insert(0, at: 4) },
    ] {
      var bad = good
      change(&bad)
      #expect(throws: WriteError.self) { try Self.join(parquet, [bad], &random) }
    }
    let other = Self.encoders([Field(name: "x", type: .int)])
    #expect(throws: WriteError.self) { try Self.join(other[0], [good], &random) }
    let csv = try Self.part(Self.encoders(expected.fields)[1], [])
    #expect(throws: WriteError.self) { try Self.join(other[1], [csv], &random) }
  }
}
