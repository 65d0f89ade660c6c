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
      let memory = TableMemory(byteCount: byteCount, isShared: random.chance(2), isLarge: random.chance(4))
      #expect(Int(bitPattern: memory.base) % 64 == 0 && memory.byteCount == byteCount)
      #expect(isFilled(memory, with: 0), "seed \(seed), step \(step): \(byteCount) bytes")
      let mark = UInt8(1 + step % 255)
      memory.base.initializeMemory(as: UInt8.self, repeating: mark, count: byteCount)
      held.append((memory, mark))
    }
  }

  @Test("pieces lie apart in their regions, larger ones than a region too, and are zeros", arguments: [false, true])
  func regions(isLarge: Bool) {
    let regions = isLarge ? TableRegions.large : TableRegions.ordinary
    var random = SeededGenerator(seed: testSeed())
    var held: [(base: UnsafeMutableRawPointer, byteCount: Int, mark: UInt8)] = []
    for step in 0..<60 {
      let byteCount = step == 30 ? 70 << 20 : random.int(1...9 << 20)
      guard let base = regions.take(byteCount) else {
        Issue.record("there is no memory")
        return
      }
      #expect(Int(bitPattern: base) % 4096 == 0)
      let bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
      #expect(stride(from: 0, to: byteCount, by: 1009).allSatisfy { bytes[$0] == 0 } && bytes[byteCount - 1] == 0)
      let mark = UInt8(step + 1)
      for at in stride(from: 0, to: byteCount, by: 1009) { bytes[at] = mark }
      bytes[byteCount - 1] = mark
      held.append((base, byteCount, mark))
      if random.chance(3) {
        let (base, byteCount, _) = held.remove(at: random.int(0...held.count - 1))
        TableRegions.giveBack(base, byteCount)
      }
    }
    for (base, byteCount, mark) in held {
      let bytes = UnsafeRawBufferPointer(start: base, count: byteCount)
      #expect(stride(from: 0, to: byteCount, by: 1009).allSatisfy { bytes[$0] == mark } && bytes[byteCount - 1] == mark)
      TableRegions.giveBack(base, byteCount)
    }
  }

  @Test("a block begins where a large page could")
  func blocks() {
    for _ in 0..<40 {
      let base = TableRegions.blocks.take(SystemPages.largeBytes)
      #expect(base.map { Int(bitPattern: $0) % SystemPages.largeBytes } == 0)
      if let base { TableRegions.giveBack(base, SystemPages.largeBytes) }
    }
  }

  @Test("halves that were given back, in any order, are a whole again")
  func halves() {
    for order in [[0, 1, 2, 3], [3, 1, 0, 2], [2, 0, 3, 1]] {
      let pool = TableMemoryPool()
      let quarters = (0..<4).compactMap { _ in pool.take(SystemPages.largeBytes / 4) }
      for index in order { pool.giveBack(quarters[index], SystemPages.largeBytes / 4) }
      let whole = pool.take(SystemPages.largeBytes)
      #expect(whole == quarters.min(), "given back in the order \(order)")
      let isZeroed = whole.map { base in
        UnsafeRawBufferPointer(start: base, count: SystemPages.largeBytes).allSatisfy { $0 == 0 }
      }
      #expect(isZeroed == true)
    }
  }
}
