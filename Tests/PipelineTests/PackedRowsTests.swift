import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// What is packed for a message is what a ``RowBatch`` of the same rows is, to the byte.
@Suite struct PackedRowsTests {
  typealias Dealt = ShardSplitterTests.Dealt

  static let types: [ColumnType] = [
    .string, .timestamp, .string, .string, .int, .double, .date, .bool, .decimal(precision: 12, scale: 2),
  ]

  /// What keys look like: of which kinds some are written as numbers.
  enum Keys: CaseIterable {
    case digits, plain, longBeginning, tooLongBeginning, lengths, words, equal, longDigits

    func make(_ random: inout SeededGenerator) -> String {
      func digits(_ count: Int) -> String { (0..<count).map { _ in String(random.int(0...9)) }.joined() }
      return switch self {
      case .digits: "c" + digits(8)
      case .plain: digits(12)
      case .longBeginning: "customer/north/0" + digits(6)
      case .tooLongBeginning: "customer/north/x/" + digits(4)
      case .lengths: "c\(random.int(0...1_000_000))"
      case .words: random.pick(["ann", "bob", "eve 12"])
      case .equal: "k0042"
      case .longDigits: "user-" + digits(16)
      }
    }
  }

  /// A block of rows, some at fault. The first column is the key, as its very views if `shares`; the second the time, if
  /// `hasOwnTimes` is false.
  private struct Block {
    let rows: RowColumns
    let faults: RowFaults
    let wanted: [Dealt]
    private let memory: [Memory]

    private final class Memory {
      let pointer: UnsafeMutableRawPointer
      init(_ pointer: UnsafeMutableRawPointer) { self.pointer = pointer }
      deinit { pointer.deallocate() }
    }

    init(_ random: inout SeededGenerator, keys kind: Keys, count: Int, first: UInt64, style: Style) {
      let arena = ByteArena()
      let keys = UnsafeMutablePointer<ByteView>.allocate(capacity: count + 1)
      let hashes = UnsafeMutablePointer<UInt64>.allocate(capacity: count + 1)
      let times = UnsafeMutablePointer<Int64>.allocate(capacity: count + 1)
      memory = [Memory(keys), Memory(hashes), Memory(times)]
      faults = RowFaults(capacity: max(count, 1))
      let texts = (0..<count).map { _ in kind.make(&random) }
      let key = Column(type: .string, capacity: max(count, 1), arena: style.shares ? arena : ByteArena())
      for (row, text) in texts.enumerated() {
        keys[row] = arena.append(text)
        hashes[row] = Hashing.hash64(UnsafePointer(arena.base) + Int(keys[row].start), keys[row].length)
        // No other column has the keys' texts as its own.
        key.views[row] = style.shares ? keys[row] : key.arena.append("z" + text)
        key.validity[row] = 1
      }
      var cells: [[Literal?]] = []
      for index in PackedRowsTests.types.indices.dropFirst() {
        cells.append((0..<count).map { _ in style.cell(index, &random) })
      }
      let columns = [key] + zip(PackedRowsTests.types.dropFirst(), cells).map { Column($0, $1) }
      for row in 0..<count {
        if style.hasOwnTimes || columns[1].validity[row] == 0 {
          times[row] = Int64(random.int(1...1_000)) - 5_000_000_000
        } else {
          times[row] = columns[1].int64s[row]
        }
        if style.hasFaults && random.chance(7) {
          faults.note(row: row, .invalidUTF8, column: 0)
          keys[row] = ByteView(start: 0, length: 0)
          key.validity[row] = 0
        }
      }
      rows = RowColumns(
        count: count, keyArena: arena, keys: keys, hashes: hashes, times: style.isTimeless ? nil : UnsafePointer(times),
        columns: columns, input: 2, firstRow: first)
      var wanted: [Dealt] = []
      for row in 0..<count where faults.codes[row] == 0 {
        wanted.append(
          Dealt(
            key: texts[row], input: 2, row: first + UInt64(row), time: style.isTimeless ? 0 : times[row],
            cells: columns.map { ShardSplitterTests.text($0, row) }))
      }
      self.wanted = wanted
    }
  }

  struct Style {
    var shares = true
    var hasOwnTimes = false
    var isTimeless = false
    var hasFaults = false
    var nulls = 0
    var texts = 8
    var isWhole = true

    func cell(_ index: Int, _ random: inout SeededGenerator) -> Literal? {
      if nulls > 0 && random.chance(nulls) { return nil }
      return switch PackedRowsTests.types[index] {
      case .timestamp:
        .timestamp(
          Int64(random.int(1_700_000_000...1_760_000_000)) * 1_000_000 + (isWhole ? 0 : Int64(random.int(0...9))))
      case .string where index == 2: .string("feature \(random.int(0...texts))")
      case .string: .string(String(repeating: "x", count: random.int(0...40)) + "\(random.int(0...99))")
      case .int: .int(isWhole ? Int64(random.int(1...9)) : Int64(bitPattern: random.next()))
      case .double:
        .double(isWhole ? Double(random.int(-9_999...99_999)) / 100 : Double(bitPattern: random.next() >> 2))
      case .date: .date(Int32(random.int(0...20_000)))
      case .bool: .bool(random.chance(2))
      case .decimal: .decimal(Int128(random.int(-500...500)))
      }
    }
  }

  @Test("packed rows are the rows, and their bytes those of a row batch that holds them", arguments: 0..<60)
  func packs(seed: Int) throws {
    var random = SeededGenerator(seed: seed + 90_000)
    let shards = random.pick([1, 2, 3, 16])
    let packer = RowPacker(shards: shards, types: Self.types, rowsMax: random.pick([1, 7, 33, 300, 4096]))
    let room = EncodingRoom()
    var kind = random.pick(Array(Keys.allCases))
    var style = Style()
    style.isTimeless = random.chance(4)
    var wanted: [Dealt] = []
    var found: [Int: [Dealt]] = [:]
    var first: UInt64 = 1
    func take(_ batches: [PackedRows]) throws {
      for batch in batches {
        let bytes = RowBatchCodec.encode(batch, reserving: 5, in: room)
        #expect(bytes.prefix(5).allSatisfy { $0 == 0 })
        let back = try bytes.withUnsafeBytes {
          try RowBatchCodec.decode(UnsafeRawBufferPointer(rebasing: $0[5...]), types: Self.types)
        }
        let isSame = RowBatchCodec.encode(back, reserving: 5) == bytes
        #expect(isSame || Self.isWidened(batch, back), "seed \(seed)")
        #expect(back.count == batch.count && back.shard == batch.shard && back.checksum == batch.checksum)
        for row in 0..<back.count {
          let key = back.keys[row]
          let hash = Hashing.hash64(UnsafePointer(back.arena.base) + Int(key.start), key.length)
          #expect(hash == back.hashes[row], "seed \(seed)")
        }
        found[batch.shard, default: []] += ShardSplitterTests.rows(back)
      }
    }
    for _ in 0..<random.int(1...12) {
      // Most blocks are like those before.
      if random.chance(6) { kind = random.pick(Array(Keys.allCases)) }
      if random.chance(6) { style.shares = random.chance(2) }
      if random.chance(6) { style.hasOwnTimes = random.chance(2) }
      if random.chance(4) { style.hasFaults = random.chance(2) }
      if random.chance(5) { style.nulls = random.pick([0, 0, 3, 50]) }
      if random.chance(5) { style.texts = random.pick([2, 8, 200, 900]) }
      if random.chance(5) { style.isWhole = random.chance(2) }
      let block = Block(
        &random, keys: kind, count: random.pick([0, 1, 2, 40, 700]), first: first, style: style)
      first += UInt64(block.rows.count)
      packer.append(block.rows, block.faults)
      wanted += block.wanted
      if random.chance(2) { try take(packer.takeSealed()) }
    }
    try take(packer.finish())
    for (shard, rows) in found {
      #expect(rows.map(\.row) == rows.map(\.row).sorted(), "a shard's rows stay in order")
      for row in rows { #expect(Int(Murmur2Tests.paper(Array(row.key.utf8)) & 0x7fff_ffff) % shards == shard) }
    }
    let all = found.values.flatMap { $0 }
    #expect(all.count == wanted.count && Set(all) == Set(wanted), "seed \(seed)")
  }

  /// Whether an earlier block has made the form wider than these rows need.
  private static func isWidened(_ batch: PackedRows, _ rows: RowBatch) -> Bool {
    let all = 0..<rows.count
    let areKeys = all.allSatisfy {
      rows.columns[0].validity[$0] != 0
        && rows.columns[0].arena.string(rows.columns[0].views[$0]) == rows.arena.string(rows.keys[$0])
    }
    let areTimes = all.allSatisfy { rows.columns[1].validity[$0] != 0 && rows.columns[1].int64s[$0] == rows.times[$0] }
    return batch.form.columns[0] != .keys && areKeys || batch.form.times == .own && areTimes
  }

  @Test("rows of the reference job's kind take a third of a row batch's memory")
  func narrow() {
    var random = SeededGenerator(seed: 5)
    let block = PackedBlock(types: Self.types)
    let rows = Block(&random, keys: .digits, count: 500, first: 1, style: Style())
    block.read(rows.rows, rows.faults)
    #expect(block.form?.keys?.prefix == 1 && block.form?.times == .column(1))
    #expect(block.form?.columns[0] == .keys && block.form?.columns[2] == .few && block.form?.columns[3] == .plain)
    // It gives way, and stays so.
    let others = Block(&random, keys: .words, count: 500, first: 501, style: Style(hasOwnTimes: true, nulls: 2))
    block.read(others.rows, others.faults)
    block.read(rows.rows, rows.faults)
    #expect(block.form?.keys == nil && block.form?.times == .own && block.form?.columns[2] == .few)
  }

  @Test("a time that is the 300th column is packed, as it is encoded")
  func manyColumns() throws {
    let types = Array(repeating: ColumnType.int, count: 299) + [.timestamp]
    let batch = RowBatch(shard: 0, types: types, capacity: 3)
    for row in 0..<3 {
      batch.keys[row] = batch.arena.append("key \(row)")
      batch.hashes[row] = Hashing.hash64(Array("key \(row)".utf8), 5)
      batch.times[row] = 1_700_000_000_000_000 + Int64(row)
      batch.origins[row] = RowOrigin(input: 0, row: UInt64(row + 1))
      for column in batch.columns {
        column.validity[row] = 1
        column.int64s[row] = batch.times[row]
      }
    }
    batch.count = 3
    let packer = RowPacker(shards: 1, types: types, rowsMax: 10)
    packer.append(batch.rows, RowFaults(capacity: 3))
    let packed = packer.finish()
    #expect(packed.count == 1)
    for rows in packed {
      let bytes = RowBatchCodec.encode(rows, in: EncodingRoom())
      let back = try bytes.withUnsafeBytes { try RowBatchCodec.decode($0, types: types) }
      #expect((0..<back.count).map { back.times[$0] } == (0..<3).map { batch.times[$0] })
      #expect(back.checksum == rows.checksum && back.columns[299].int64s[2] == batch.times[2])
    }
  }
}
