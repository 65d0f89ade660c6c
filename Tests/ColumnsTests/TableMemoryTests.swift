import TestKit
import Testing

@testable import Columns

/// Memory of tables: zeros, aligned, nobody else's, whatever was there before.
@Suite struct TableMemoryTests {
  /// Looks at a byte of every cache line, and at the last one.
  private func isFilled(_ memory: TableMemory, with mark: UInt8) -> Bool {
    let bytes = UnsafeRawBufferPointer(start: memory.base, count: memory.byteCount)
    return stride(from: 0, to: bytes.count, by: 61).allSatisfy { bytes[$0] == mark } && bytes[bytes.count - 1] == mark
  }

  @Test("what is taken is zeros, and nobody else writes to it", arguments: 0..<4)
  func zeros(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed) &+ 3)
    var held: [(memory: TableMemory, mark: UInt8)] = []
    for step in 0..<200 {
      if !held.isEmpty && random.chance(2) {
        let index = random.int(0...held.count - 1)
        let (memory, mark) = held.remove(at: index)
        #expect(isFilled(memory, with: mark), "seed \(seed), step \(step)")
        continue
      }
      let byteCount = random.chance(3) ? random.int(1...5 << 20) : 1 << random.int(10...21)
      let memory = TableMemory(byteCount: byteCount, isShared: random.chance(2))
      #expect(Int(bitPattern: memory.base) % 64 == 0 && memory.byteCount == byteCount)
      #expect(isFilled(memory, with: 0), "seed \(seed), step \(step): \(byteCount) bytes")
      let mark = UInt8(1 + step % 255)
      memory.base.initializeMemory(as: UInt8.self, repeating: mark, count: byteCount)
      held.append((memory, mark))
    }
  }

  @Test("halves that were given back, in any order, are a whole again")
  func halves() {
    for order in [[0, 1, 2, 3], [3, 1, 0, 2], [2, 0, 3, 1]] {
      let pool = TableMemoryPool()
      let quarters = (0..<4).compactMap { _ in pool.take(TableMemory.largePageBytes / 4) }
      for index in order { pool.giveBack(quarters[index], TableMemory.largePageBytes / 4) }
      let whole = pool.take(TableMemory.largePageBytes)
      #expect(whole == quarters.min(), "given back in the order \(order)")
      let isZeroed = whole.map { base in
        UnsafeRawBufferPointer(start: base, count: TableMemory.largePageBytes).allSatisfy { $0 == 0 }
      }
      #expect(isZeroed == true)
    }
  }
}
