import Columns
import TestKit
import Testing

@testable import Pipeline

/// What a message of the `rows` topic takes.
@Suite struct RowFrameTests {
  @Test("a row of no more text than is allowed fits a message, whatever its columns hold", arguments: 0..<60)
  func oneRowFits(seed: Int) {
    var random = SeededGenerator(seed: seed)
    let kinds: [ColumnType] = [
      .string, .int, .double, .bool, .date, .timestamp, .decimal(precision: 38, scale: 3),
    ]
    let types = (0..<random.pick([1, 2, 30, 300, 20_000])).map { _ in random.pick(kinds) }
    let most = RowFrame.textBytesMax(columns: types.count)
    let batch = RowBatch(shard: 0, types: types, capacity: 1)
    let texts = types.indices.filter { types[$0] == .string }
    // All the text that there may be, dealt out to the key and the columns.
    var left = most
    func text(_ length: Int) -> ByteView {
      left -= length
      return batch.arena.append(String(repeating: "x", count: length))
    }
    batch.keys[0] = text(random.pick([0, 1, 300, 70_000]))
    batch.hashes[0] = random.next()
    batch.origins[0] = RowOrigin(packed: random.next())
    batch.times[0] = Int64(bitPattern: random.next())
    for (index, column) in batch.columns.enumerated() {
      column.validity[0] = random.chance(5) ? 0 : 1
      if column.type == .string {
        let isLast = index == texts.last
        if isLast { column.validity[0] = 1 }
        column.views[0] = text(isLast ? left : random.int(0...left / texts.count))
      } else {
        for byte in 0..<column.type.stride {
          column.values.storeBytes(of: UInt8(truncatingIfNeeded: random.next()), toByteOffset: byte, as: UInt8.self)
        }
      }
    }
    batch.count = 1
    let frame = RowFrame(attempt: AttemptID(high: 1, low: 2), number: 0, schema: 3, generation: 1)
    let bytes = frame.encode(batch).count
    #expect(bytes <= RowFrame.bytesMax, "seed \(seed): \(bytes) bytes of \(types.count) columns")

  }

  /// A message with some bytes behind its header that end in a hash, as a batch's do.
  private static func message(_ random: inout SeededGenerator, bytes: Int) -> [UInt8] {
    let batch = RowBatch(shard: 0, types: [.int], capacity: 1)
    batch.keys[0] = batch.arena.append(String(repeating: "k", count: bytes))
    batch.count = 1
    return RowFrame(
      attempt: AttemptID(high: random.next(), low: random.next()), number: random.int(0...1_000_000),
      schema: random.next(), generation: random.int(1...4_000_000)
    ).encode(batch)
  }

  @Test("a reference says where a message lies, and is of no other")
  func references() throws {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<200 {
      let message = Self.message(&random, bytes: random.int(1...400))
      let offset = random.int(0...1 << 40)
      let made = try message.withUnsafeBytes {
        try RowReference(
          to: $0, file: random.int(0...1_000_000), fileBytes: offset + message.count + random.int(0...9),
          offset: offset)
      }
      let bytes = made.encode()
      #expect(bytes.count == RowReference.bytes && bytes.withUnsafeBytes { RowReference($0) } == made)
      let frame = try bytes.withUnsafeBytes { try RowFrame($0) }
      let meant = try message.withUnsafeBytes { try RowFrame($0) }
      #expect(frame.isReference && !meant.isReference)
      #expect(frame.attempt == meant.attempt && frame.number == meant.number && frame.schema == meant.schema)
      #expect(frame.generation == meant.generation)
      #expect(message.withUnsafeBytes { made.isOf($0) && RowReference($0) == nil })
      let other = Self.message(&random, bytes: message.count - 100)
      #expect(!other.withUnsafeBytes { made.isOf($0) } && !bytes.withUnsafeBytes { made.isOf($0) })
      // Whatever bit is wrong, and wherever it ends.
      var damaged = bytes
      damaged[random.int(0...bytes.count - 1)] ^= 1 << UInt8(random.int(0...7))
      #expect(damaged.withUnsafeBytes { RowReference($0) } == nil)
      #expect(bytes[..<random.int(0...bytes.count - 1)].withUnsafeBytes { RowReference($0) } == nil)
    }
  }

  @Test("the bytes of a reference are these")
  func referenceBytes() throws {
    var bytes = [UInt8](repeating: 0, count: RowReference.bytes)
    let message = RowFrame(attempt: AttemptID(high: 1, low: 2), number: 3, schema: 4, generation: 5).encode(
      RowBatch(shard: 0, types: [.int], capacity: 0))
    let made = try message.withUnsafeBytes { try RowReference(to: $0, file: 6, fileBytes: 7000, offset: 800) }
    func put(_ value: UInt64, at offset: Int, bytes count: Int) {
      for index in 0..<count { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
    put(0x3152_5254, at: 0, bytes: 4)
    for (offset, value) in [
      (4, 3), (8, 1), (16, 2), (24, 4), (32, 5), (48, 6), (52, message.count), (56, 800), (64, 7000),
    ] {
      put(UInt64(value), at: offset, bytes: 4)
    }
    let hash = message.withUnsafeBytes { RowFrame.storedHash($0) }
    put(hash, at: 72, bytes: 8)
    for end in [40, 80] {
      put(bytes.withUnsafeBufferPointer { Hashing.hash64($0.baseAddress!, end) }, at: end, bytes: 8)
    }
    #expect(made.encode() == bytes)
  }
}
