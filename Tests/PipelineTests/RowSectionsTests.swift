import CScan
import Columns
import Definition
import Foundation
import TestKit
import Testing

@testable import Pipeline

/// Each way in which a section of a row batch is written gives the values back, to the bit.
@Suite struct RowSectionsTests {
  private static func batch(
    _ types: [ColumnType], _ columns: [[Literal?]], keys: [String], steps: [UInt64]? = nil
  ) -> RowBatch {
    let rows = keys.count
    let batch = RowBatch(shard: 3, types: types, capacity: max(rows, 1))
    let arena = ByteArena()
    let views = keys.map { arena.append($0) }
    let hashes = views.map { Hashing.hash64(UnsafePointer(arena.base) + Int($0.start), $0.length) }
    let made = zip(types, columns).map { Column($0, $1) }
    let origins = (0..<rows).map { RowOrigin(packed: steps?[$0] ?? UInt64($0)) }
    let times = [Int64](repeating: 0, count: rows)
    let chosen = (0..<rows).map { UInt32($0) }
    views.withUnsafeBufferPointer { views in
      hashes.withUnsafeBufferPointer { hashes in
        origins.withUnsafeBufferPointer { origins in
          times.withUnsafeBufferPointer { times in
            chosen.withUnsafeBufferPointer { chosen in
              guard let views = views.baseAddress, let hashes = hashes.baseAddress else { return }
              batch.append(
                chosen,
                of: RowColumns(
                  count: rows, keyArena: arena, keys: views, hashes: hashes, times: times.baseAddress, columns: made,
                  origins: origins.baseAddress))
            }
          }
        }
      }
    }
    return batch
  }

  /// Bytes of the batch, once it has come back as it was.
  private static func bytes(_ batch: RowBatch, _ comment: Comment) throws -> Int {
    let bytes = RowBatchCodec.encode(batch)
    let back = try bytes.withUnsafeBytes { try RowBatchCodec.decode($0, types: batch.columns.map(\.type)) }
    #expect(ShardSplitterTests.rows(back) == ShardSplitterTests.rows(batch), comment)
    #expect(back.checksum == batch.checksum && back.shard == batch.shard, comment)
    #expect((0..<batch.count).allSatisfy { back.hashes[$0] == batch.hashes[$0] }, comment)
    return bytes.count
  }

  /// Of each form of section one: numbers of each width, few and many texts, with and without nulls.
  static func golden() -> RowBatch {
    var random = SeededGenerator(seed: 7)
    let rows = 40
    let columns: [[Literal?]] = [
      (0..<rows).map { .int(Int64($0 * 5)) },
      (0..<rows).map { $0 == 3 ? nil : .int(Int64($0 * 1_000 - 70)) },
      (0..<rows).map { .double(Double($0 * 100_003) / 100) },
      (0..<rows).map { _ in .timestamp(Int64(random.int(1_700_000_000...1_760_000_000)) * 1_000_000) },
      (0..<rows).map { .int(Int64($0) << 50) },
      (0..<rows).map { $0 == 5 ? nil : .string(["tax", "banking", "payroll"][$0 % 3]) },
      (0..<rows).map { .string("note \($0 * $0 * 7_919)") },
    ]
    return batch(
      [.int, .int, .double, .timestamp, .int, .string, .string], columns,
      keys: (0..<rows).map { "c\(100_000 + $0 * 1_237)" }, steps: (0..<rows).map { UInt64($0 * $0 * 9 + 1) })
  }

  private static let goldenOfVersion3 = """
    VFJCMwMAAAAoAAAA+AIAAAcAAAAQBwJjMTAwMDAwMDEyMzcwMjQ3NDAzNzExMDQ5NDgwNjE4NTA3NDIyMDg2NTkwOTg5NjExMTMzMTIzNzAxMz
    YwNzE0ODQ0MTYwODExNzMxODE4NTU1MTk3OTIyMTAyOTIyMjY2MjM1MDMyNDc0MDI1OTc3MjcyMTQyODQ1MTI5Njg4MzA5MjUzMjE2MjMzMzk5
    MzQ2MzYzNTg3MzM3MTEwMzgzNDczOTU4NDQwODIxNDIwNTg0MzI5NTQ0NTMyNDU3Njk0NzAwNjQ4MjQzAQIAAAAAAQAJABsALQA/AFEAYwB1AI
    cAmQCrAL0AzwDhAPMABQEXASkBOwFNAV8BcQGDAZUBpwG5AcsB3QHvAQECEwIlAjcCSQJbAm0CfwKRAqMCtQIBAQAAAAAAAAAAAAUKDxQZHiMo
    LTI3PEFGS1BVWl9kaW5zeH2Ch4yRlpugpaqvtLm+wwABAQEAAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBArr/////////AA
    DoA9AHRgCgD4gTcBdYG0AfKCMQJ/gq4C7IMrA2mDqAPmhCUEY4SiBOCFLwVdhZwF2oYZBleGlgbUhxMHUYeQB96IDQhLiIoIyIkHCUWJgBAwMA
    AAAAAAAAAAAAAKOGAUYNA+mTBIwaBi+hB9InCXWuChg1DLu7DV5CDwHJEKRPEkfWE+pcFY3jFjBqGNPwGXZ3Gxn+HLyEHl8LIAKSIaUYI0ifJO
    slJo6sJzEzKdS5KndALBrHLb1NL2DUMANbMqbhM0loNezuNo91ODL8OdWCOwGEQPCz5Z8NBgAk3H4ABfsEAeCiQwFABHUCHGcjARZBXQHIRpsB
    68MjAoMurgIcg4wC/rQlA9JOugLMJNcBs7ffAUr3UgIxvlEAwaoeAkBSzQECU+ICyfDnAvVj/gEvtHMBkUZ0AFQwqgK9tHoBWk/EAt4BCADl7W
    QASg9uAOgC3gEn0SkCU9ZnAJo/vwEHHWkBK05xAVm+XwEAAAAA6Sk7AQh5SQFVRSwAAQgAAAAAAAAAAAAAAAAAAAQAAAAAAAAACAAAAAAAAAAM
    AAAAAAAAABAAAAAAAAAAFAAAAAAAAAAYAAAAAAAAABwAAAAAAAAAIAAAAAAAAAAkAAAAAAAAACgAAAAAAAAALAAAAAAAAAAwAAAAAAAAADQAAA
    AAAAAAOAAAAAAAAAA8AAAAAAAAAEAAAAAAAAAARAAAAAAAAABIAAAAAAAAAEwAAAAAAAAAUAAAAAAAAABUAAAAAAAAAFgAAAAAAAAAXAAAAAAA
    AABgAAAAAAAAAGQAAAAAAAAAaAAAAAAAAABsAAAAAAAAAHAAAAAAAAAAdAAAAAAAAAB4AAAAAAAAAHwAAAAAAAAAgAAAAAAAAACEAAAAAAAAAI
    gAAAAAAAAAjAAAAAAAAACQAAAAAAAAAJQAAAAAAAAAmAAAAAAAAACcAAABAQEBAQABAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB
    EQMDBwcAdGF4YmFua2luZ3BheXJvbGwAAQIAAQMAAQIAAQIAAQIAAQIAAQIAAQIAAQIAAQIAAQIAAQIAAQIAAREnBgkKCgsLCwsLCwsLDAwMDA
    wMDAwMDAwMDAwMDAwMDAwMDAwMDQ0NDW5vdGUgMG5vdGUgNzkxOW5vdGUgMzE2NzZub3RlIDcxMjcxbm90ZSAxMjY3MDRub3RlIDE5Nzk3NW5v
    dGUgMjg1MDg0bm90ZSAzODgwMzFub3RlIDUwNjgxNm5vdGUgNjQxNDM5bm90ZSA3OTE5MDBub3RlIDk1ODE5OW5vdGUgMTE0MDMzNm5vdGUgMT
    MzODMxMW5vdGUgMTU1MjEyNG5vdGUgMTc4MTc3NW5vdGUgMjAyNzI2NG5vdGUgMjI4ODU5MW5vdGUgMjU2NTc1Nm5vdGUgMjg1ODc1OW5vdGUg
    MzE2NzYwMG5vdGUgMzQ5MjI3OW5vdGUgMzgzMjc5Nm5vdGUgNDE4OTE1MW5vdGUgNDU2MTM0NG5vdGUgNDk0OTM3NW5vdGUgNTM1MzI0NG5vdG
    UgNTc3Mjk1MW5vdGUgNjIwODQ5Nm5vdGUgNjY1OTg3OW5vdGUgNzEyNzEwMG5vdGUgNzYxMDE1OW5vdGUgODEwOTA1Nm5vdGUgODYyMzc5MW5v
    dGUgOTE1NDM2NG5vdGUgOTcwMDc3NW5vdGUgMTAyNjMwMjRub3RlIDEwODQxMTExbm90ZSAxMTQzNTAzNm5vdGUgMTIwNDQ3OTkAAQIDBAUGBw
    gJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnActNhOC2AAPG
    """

  private static func keys(_ rows: Int) -> [String] { (0..<rows).map { "k\($0)" } }

  @Test("doubles come back to the bit, with few decimals or many", arguments: 0..<40)
  func doubles(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let rows = random.pick([1, 2, 63, 64, 65, 300])
    let decimals = random.int(0...8)
    let odd: [Double] = [
      -0.0, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1 + 0.2, 1e15, 1e16,
      9_007_199_254_740_994,
      -9_007_199_254_740_992, 1 / 3,
    ]
    let oddness = random.pick([0, 0, 1, 20])
    let oddest = random.chance(3) ? [-0.0] : odd
    let values = (0..<rows).map { _ -> Literal? in
      if random.chance(9) { return nil }
      if oddness > 0 && random.chance(oddness) { return .double(random.pick(oddest)) }
      var text = "\(random.int(-999_999...999_999))"
      if decimals > 0 {
        text += "." + (0..<decimals).map { _ in "\(random.int(0...9))" }.joined()
      }
      return .double(Double(text) ?? 0)
    }
    _ = try Self.bytes(Self.batch([.double], [values], keys: Self.keys(rows)), "seed \(seed)")
  }

  @Test("numbers come back whatever their range", arguments: 0..<40)
  func numbers(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let rows = random.pick([1, 2, 64, 300])
    let bits = random.int(0...64)
    let least = random.pick([0, .min, .max - (bits < 63 ? 1 << bits : .max), -5])
    let values = (0..<rows).map { _ -> Literal? in
      if random.chance(9) { return nil }
      let above = bits == 64 ? random.next() : random.next() & ((1 << UInt64(bits)) - 1)
      return .int(Int64(least) &+ Int64(bitPattern: above))
    }
    let seconds = (0..<rows).map { _ in Literal.timestamp(Int64(random.int(-9_000_000...9_000_000)) * 1_000_000) }
    _ = try Self.bytes(
      Self.batch([.int, .timestamp], [values, seconds], keys: Self.keys(rows)), "seed \(seed), \(bits) bits")
  }

  @Test("texts come back, be they few, alike in length or neither", arguments: 0..<60)
  func texts(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let rows = random.pick([1, 31, 32, 300, 2000])
    let distinct = random.pick([1, 2, 255, 256, 257, 100_000])
    let length = random.pick([-1, 0, 1, 7, 8, 9, 15, 16, 17, 40, 255, 256, 300])
    let beginning = String(repeating: "p", count: random.pick([0, 1, 8, 15, 16, 20]))
    func text(_ number: Int) -> String {
      var text = beginning + "\(number)é"
      if length >= 0 {
        text = String(text.prefix(length))
        text += String(repeating: "-", count: max(0, length - text.utf8.count))
      }
      return text
    }
    let nulls = random.pick([0, 0, 5])
    let values = (0..<rows).map { _ -> Literal? in
      nulls > 0 && random.chance(nulls) ? nil : .string(text(random.int(0...distinct - 1)))
    }
    let keys = (0..<rows).map { _ in text(random.int(0...distinct - 1)) }
    let same = keys.map { Literal.string($0) }
    _ = try Self.bytes(
      Self.batch([.string, .string], [values, same], keys: keys),
      "seed \(seed): \(rows) rows, \(distinct) texts of \(length) bytes")
  }

  @Test("origins come back, whatever the steps", arguments: 0..<20)
  func origins(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let rows = random.pick([1, 5, 300])
    let small = random.pick([1, 200, 300, 60_000])
    let rarely = random.pick([1, 2, 40, 10_000])
    var at: UInt64 = 0
    let steps = (0..<rows).map { _ -> UInt64 in
      at = random.chance(rarely) ? random.next() : at &+ UInt64(random.int(0...small))
      return at
    }
    _ = try Self.bytes(Self.batch([], [], keys: Self.keys(rows), steps: steps), "seed \(seed)")
  }

  @Test("a row of usage takes no more than 11 bytes")
  func size() throws {
    var random = SeededGenerator(seed: 1)
    let rows = 4096
    func digits(_ number: Int, _ count: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: count - text.count) + text
    }
    let keys = (0..<rows).map { _ in "c" + digits(random.int(0...499_999), 8) }
    let columns: [[Literal?]] = [
      keys.map { .string($0) },
      (0..<rows).map { _ in .timestamp(Int64(random.int(1_700_000_000...1_760_000_000)) * 1_000_000) },
      (0..<rows).map { _ in .string(random.pick(["invoicing", "banking", "payroll", "tax"])) },
      (0..<rows).map { _ in .int(Int64(random.int(1...9))) },
      (0..<rows).map { _ in .double(Double(random.int(0...360_000)) / 100) },
    ]
    let steps = (1...rows).map { UInt64($0 * 16 + random.int(0...15)) }
    let bytes = try Self.bytes(
      Self.batch([.string, .timestamp, .string, .int, .double], columns, keys: keys, steps: steps), "usage")
    #expect(Double(bytes) / Double(rows) < 11)
  }

  @Test("batches of version 3 are read as they were written")
  func version3() throws {
    let bytes = try #require(Data(base64Encoded: Self.goldenOfVersion3, options: .ignoreUnknownCharacters))
    let batch = Self.golden()
    let back = try bytes.withUnsafeBytes { try RowBatchCodec.decode($0, types: batch.columns.map(\.type)) }
    #expect(ShardSplitterTests.rows(back) == ShardSplitterTests.rows(batch))
    #expect(back.checksum == batch.checksum && back.shard == batch.shard)
    // And as it is written now.
    #expect(try Self.bytes(batch, "golden") < bytes.count)
  }

  @Test("keys of one length that end in digits come back, with what is no digit beside them", arguments: 0..<60)
  func digits(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let rows = random.pick([1, 2, 31, 300])
    let digits = random.int(1...20)
    let beginning = String("customer-number-:x".prefix(random.pick([0, 1, 7, 8, 9, 15, 16, 17])))
    let isOdd = random.chance(4)
    func key() -> String {
      var text = (0..<digits).map { _ in "\(random.int(0...9))" }.joined()
      if isOdd && random.chance(rows) {
        // The neighbours of the digits, and others that differ from one in a bit.
        let at = text.index(text.startIndex, offsetBy: random.int(0...digits - 1))
        text.replaceSubrange(at...at, with: String(random.pick(["/", ":", "\u{1b}", " ", "p", "Y"])))
      }
      return beginning + text
    }
    let keys = (0..<rows).map { _ in key() }
    let values = (0..<rows).map { _ in Literal.string(key()) }
    _ = try Self.bytes(
      Self.batch([.string], [values], keys: keys), "seed \(seed): \(digits) digits behind '\(beginning)'")
  }

  @Test("up to eight digits behind beginnings of every length that are two words at most", arguments: 0...15)
  func short(prefix: Int) throws {
    var random = SeededGenerator(seed: prefix)
    let beginning = String("customer-number-".prefix(prefix))
    for digits in 1...min(8, 16 - prefix) {
      let rows = random.pick([1, 7, 8, 9, 200])
      let keys = (0..<rows).map { row in
        beginning + (0..<digits).map { _ in row == 0 ? "9" : row == 1 ? "0" : "\(random.int(0...9))" }.joined()
      }
      _ = try Self.bytes(Self.batch([], [], keys: keys), "\(prefix) and \(digits), \(rows) rows")
    }
  }

  @Test("damaged numbers of more than eight digits are left to the loop over rows, with those behind them")
  func nineDigits() {
    let packed = [UInt8](0..<24) + [UInt8](repeating: 0, count: 8)
    var shape = cscan_numbered_texts(
      first: UInt64(UInt8(ascii: "c")), second: 0, least: 99_999_990, length: 9, prefix: 1, width: 8)
    var target = [UInt8](repeating: 0, count: 9 * 24 + 16)
    var views = [cscan_view](repeating: cscan_view(), count: 24)
    let done = cscan_texts_of_numbers(packed, 24, &shape, &target, 100, &views, nil)
    #expect(done == (cscan_is_wide() != 0 ? 8 : 0))
    for row in 0..<done {
      #expect(String(decoding: target[9 * row..<9 * row + 9], as: UTF8.self) == "c\(99_999_990 + row)")
      #expect(views[row].start == UInt32(100 + 9 * row) && views[row].length_and_flags == 9)
    }
  }

  @Test("large batches go into a segment as they are, small ones together, and what is dropped is dropped")
  func takenOver() throws {
    func batch(_ rows: Int, _ input: Int) -> EncodedBatch {
      EncodedBatch(
        Self.batch(
          [.int], [(0..<rows).map { .int(Int64($0)) }], keys: Self.keys(rows),
          steps: (0..<rows).map { RowOrigin(input: input, row: UInt64($0)).packed }))
    }
    func part(_ position: Int, _ batches: [EncodedBatch], dead: Set<Int> = []) -> (SegmentRef, [SegmentBuilder.Placed])
    {
      let inputs = (0..<2).map {
        SegmentInput(bucket: "b", key: "\(position)-\($0)", position: position, modified: 0)
      }
      let header = SegmentHeader(
        source: "s", schema: "c", first: position, last: position, rows: batches.reduce(0) { $0 + $1.rows },
        inputs: inputs, batches: [])
      let placed: [SegmentBuilder.Placed] = batches.map { ($0, 0) }
      return (SegmentRef(name: nil, bytes: 0, header: header, dead: dead, batches: placed), placed)
    }
    let large = SegmentBuilder.rowsTakenOver
    let parts = [
      part(1, [batch(large, 0), batch(10, 1)]), part(2, [batch(5, 0), batch(large + 1, 1)]),
      part(3, [batch(large, 0), batch(large, 1)], dead: [0]),
    ]
    let (content, dead) = try SegmentBuilder.join(parts, types: [.int], dropsDead: true)
    #expect(dead.isEmpty && content.header.inputs.map(\.key) == ["1-0", "1-1", "2-0", "2-1", "3-1"])
    var rows: [Int: Int] = [:]
    for (batch, base) in content.batches {
      for row in ShardSplitterTests.rows(try batch.decode(types: [.int])) { rows[base + row.input, default: 0] += 1 }
    }
    #expect(rows == [0: large, 1: 10, 2: 5, 3: large + 1, 4: large])
    // Two as they were, the second's numbers moved by two; the small ones and what is left of the third in one.
    #expect(content.batches.map(\.batch.rows) == [large, large + 1, 15 + large])
    #expect(content.batches.map(\.inputBase) == [0, 2, 0])
  }
}
