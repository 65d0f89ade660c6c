import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

@Suite struct ShardSplitterTests {
  /// A row as it went in, to be found again.
  struct Dealt: Hashable {
    var key: String
    var input: Int
    var row: UInt64
    var time: Int64
    var cells: [String]
  }

  static func text(_ column: Column, _ row: Int) -> String {
    guard let literal = column.literal(row: row) else { return "null" }
    if case .double(let double) = literal { return "\(double.bitPattern)" }
    return "\(literal)"
  }

  static func rows(_ batch: RowBatch) -> [Dealt] {
    (0..<batch.count).map { row in
      Dealt(
        key: batch.arena.string(batch.keys[row]), input: batch.origins[row].input,
        row: batch.origins[row].row,
        time: batch.times[row], cells: batch.columns.map { text($0, row) })
    }
  }

  /// Random blocks with faulty rows among them; gives the batches and what must be in them.
  static func deal(seed: Int, shards: Int) -> (batches: [RowBatch], wanted: [Dealt]) {
    var values = RandomValues(seed: UInt64(seed) + 5000, isLarge: true)
    let types = ModelSource.types
    let rowsMax = values.random.pick([1, 7, 64, 4096])
    let splitter = ShardSplitter(shards: shards, types: types, rowsMax: rowsMax)
    var wanted: [Dealt] = []
    var taken: [RowBatch] = []
    var first: UInt64 = 1
    for input in 0..<values.random.int(1...4) {
      for _ in 0..<values.random.int(0...6) {
        let count = values.random.pick([0, 1, 30, 500])
        let keyArena = ByteArena()
        let texts = (0..<count).map { _ in "k\(values.random.int(0...99))" + values.text() }
        var keys = texts.map { keyArena.append($0) }
        var hashes = keys.map { Hashing.hash64(UnsafePointer(keyArena.base) + Int($0.start), $0.length) }
        var times = (0..<count).map { _ in Int64(values.random.int(-9...9)) }
        let cells = (0..<count).map { _ in values.cells() }
        let columns = types.indices.map { index in Column(types[index], cells.map { $0[index] }) }
        let faults = RowFaults(capacity: count)
        for row in 0..<count {
          if values.random.chance(5) {
            faults.note(row: row, .invalidUTF8, column: 0)
          } else {
            wanted.append(
              Dealt(
                key: texts[row], input: input, row: first + UInt64(row), time: times[row],
                cells: columns.map { text($0, row) }))
          }
        }
        splitter.append(
          rows: count, faults: faults, keyArena: keyArena, keys: &keys, hashes: &hashes, times: &times,
          columns: columns, input: input, firstRow: first)
        if values.random.chance(2) { taken += splitter.takeSealed() }
        first += UInt64(count)
      }
    }
    return (taken + splitter.finish(), wanted)
  }

  @Test("every good row is in one batch of its key's shard, in order, with its values", arguments: 0..<30)
  func deals(seed: Int) {
    for shards in [1, 2, 3, 16, 257] {
      let (batches, wanted) = Self.deal(seed: seed, shards: shards)
      var found: [Dealt] = []
      for shard in 0..<shards {
        let rows = batches.filter { $0.shard == shard }.flatMap(Self.rows)
        #expect(rows.map(\.row) == rows.map(\.row).sorted(), "a shard's rows stay in order")
        for row in rows {
          let bytes = Array(row.key.utf8)
          #expect(Int(Murmur2Tests.paper(bytes) & 0x7fff_ffff) % shards == shard)
        }
        found += rows
      }
      #expect(found.count == wanted.count && Set(found) == Set(wanted), "seed \(seed), \(shards) shards")
      #expect(batches.allSatisfy { $0.count > 0 && $0.count <= $0.capacity })
    }
  }

  @Test("batches of long strings stay small")
  func longStrings() throws {
    let splitter = ShardSplitter(shards: 2, types: [.string])
    let long = String(repeating: "x", count: 100_000)
    var bytesMax = 0
    for block in 0..<100 {
      let keyArena = ByteArena()
      var keys = (0..<3).map { keyArena.append("k\($0)") }
      var hashes: [UInt64] = [1, 2, 3]
      splitter.append(
        rows: 3, faults: RowFaults(capacity: 3), keyArena: keyArena, keys: &keys, hashes: &hashes, times: nil,
        columns: [Column(.string, [.string(long), .string(long), nil])], input: 0,
        firstRow: UInt64(block * 3 + 1))
      for batch in splitter.takeSealed() { bytesMax = max(bytesMax, batch.memoryBytes) }
    }
    for batch in splitter.finish() { bytesMax = max(bytesMax, batch.memoryBytes) }
    #expect(bytesMax < 4 << 20)
  }

  // MARK: The codec

  static let types = ModelSource.types

  @Test("a batch's bytes give the batch back", arguments: 0..<20)
  func roundTrip(seed: Int) throws {
    for batch in Self.deal(seed: seed, shards: 3).batches {
      let bytes = RowBatchCodec.encode(batch)
      let back = try bytes.withUnsafeBytes { try RowBatchCodec.decode($0, types: Self.types) }
      #expect(Self.rows(back) == Self.rows(batch))
      #expect(back.shard == batch.shard && back.checksum == batch.checksum)
      #expect((0..<batch.count).allSatisfy { back.hashes[$0] == batch.hashes[$0] })
    }
  }

  @Test("damaged, cut or lengthened bytes are an error")
  func damaged() throws {
    var random = SeededGenerator(seed: 3)
    var survived = 0
    for batch in Self.deal(seed: 4, shards: 2).batches {
      let bytes = RowBatchCodec.encode(batch)
      func decodes(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in (try? RowBatchCodec.decode(bytes, types: Self.types)) != nil }
      }
      #expect(decodes(bytes))
      for _ in 0..<100 {
        var changed = bytes
        changed[random.int(0...bytes.count - 1)] ^= 1 << UInt8(random.int(0...7))
        if decodes(changed) { survived += 1 }
      }
      for _ in 0..<30 { #expect(!decodes(Array(bytes.prefix(random.int(0...bytes.count - 1))))) }
      #expect(!decodes(bytes + [0]))
      #expect(!bytes.withUnsafeBytes { (try? RowBatchCodec.decode($0, types: [.int])) != nil })
    }
    #expect(survived == 0, "damaged batches that were read")
    for length in [0, 1, 19, 20, 28, 200] {
      for byte: UInt8 in [0, 0xff] {
        let junk =
          [UInt8]([0x54, 0x52, 0x42, 0x33].prefix(length))
          + [UInt8](repeating: byte, count: max(length - 4, 0))
        #expect(!junk.withUnsafeBytes { (try? RowBatchCodec.decode($0, types: Self.types)) != nil })
      }
    }
  }
}
