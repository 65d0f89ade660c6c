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
}
