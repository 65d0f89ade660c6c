import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

@Suite struct OffsetTrackerTests {
  private static let at = TopicPartition("s3.events", 0)

  @Test("only the unbroken run of finished records is ever committed, whatever order they finish in", arguments: 0..<40)
  func prefix(seed: Int) {
    var random = SeededGenerator(seed: seed)
    var tracker = OffsetTracker()
    tracker.begin(Self.at)
    /// Parts of each taken record that are not finished, by offset.
    var open: [Int64: Int] = [:]
    var tokens: [OffsetTracker.Token] = []
    var taken: [Int64] = []
    var next: Int64 = 0
    var committed: Int64 = -1
    for _ in 0..<300 {
      switch random.int(0...3) {
      case 0, 1:
        next += Int64(random.chance(5) ? random.int(1...4) : 1)
        let parts = random.int(0...3)
        guard let token = tracker.take(Self.at, offset: next, parts: parts) else {
          Issue.record("seed \(seed): \(next) was refused")
          return
        }
        taken.append(next)
        if parts > 0 { open[next] = parts }
        tokens += Array(repeating: token, count: parts)
        // It comes a second time.
        let again = tracker.take(Self.at, offset: Int64(random.int(0...Int(next))), parts: 1)
        #expect(again == nil)
      case 2:
        guard !tokens.isEmpty else { continue }
        let token = tokens.remove(at: random.int(0...tokens.count - 1))
        tracker.finish(token)
        open[token.offset, default: 0] -= 1
        if open[token.offset] == 0 { open[token.offset] = nil }
      default:
        let due = tracker.due()
        tracker.note(committed: due)
        if let offset = due[Self.at] {
          #expect(offset > committed)
          committed = offset
        }
        #expect(tracker.due().isEmpty)
      }
      let firstOpen = open.keys.min()
      let done = taken.last { $0 < firstOpen ?? .max }
      #expect(tracker.due()[Self.at] ?? committed == done.map { $0 + 1 } ?? committed, "seed \(seed)")
    }
    for token in tokens { tracker.finish(token) }
    #expect(tracker.openCount == 0 && (tracker.due()[Self.at] ?? committed) == next + 1)
  }

  @Test("what belonged to an earlier ownership finishes nothing of a later one")
  func epochs() throws {
    var tracker = OffsetTracker()
    let early = tracker.take(Self.at, offset: 1, parts: 1)
    #expect(early == nil, "it is not ours")
    tracker.begin(Self.at)
    let first = tracker.take(Self.at, offset: 1, parts: 1)
    let old = try #require(first)
    tracker.end(Self.at)
    tracker.finish(old)
    #expect(tracker.due().isEmpty)
    tracker.begin(Self.at)
    let second = tracker.take(Self.at, offset: 1, parts: 1)
    let new = try #require(second)
    tracker.finish(old)
    #expect(tracker.due().isEmpty && tracker.openCount == 1)
    tracker.finish(new)
    tracker.finish(new)
    #expect(tracker.due() == [Self.at: 2])
  }
}

@Suite struct ShardStagingTests {
  private static func frame(_ attempt: UInt64, _ number: Int, bytes: Int = 100) -> ArraySlice<UInt8> {
    let batch = RowBatch(shard: 0, types: [], capacity: 1)
    let frame = RowFrame(attempt: AttemptID(high: 0, low: attempt), number: number, schema: 0, generation: 1)
    return frame.encode(batch)[...] + Array(repeating: 0, count: bytes)
  }

  private static func numbers(_ frames: [ArraySlice<UInt8>]) throws -> [Int] {
    try frames.map { frame in try frame.withUnsafeBytes { try RowFrame($0).number } }
  }

  @Test("batches come out in order of their numbers, each once")
  func order() throws {
    var staging = ShardStaging(bytesMax: 1 << 20)
    for (offset, number) in [2, 0, 2, 1, 0].enumerated() { staging.add(Self.frame(7, number), offset: Int64(offset)) }
    staging.add(Self.frame(8, 5), offset: 9)
    staging.add([1, 2, 3], offset: 10)
    staging.add([], offset: 11)
    let (attempt, other) = (AttemptID(high: 0, low: 7), AttemptID(high: 0, low: 8))
    #expect(staging.isWhole(attempt, end: 5) && !staging.isWhole(attempt, end: 6) && !staging.isWhole(other, end: 10))
    #expect(try Self.numbers(staging.take(attempt)) == [0, 1, 2] && !staging.isWhole(attempt, end: 0))
    #expect(staging.take(AttemptID(high: 0, low: 7)).isEmpty)
    #expect(staging.bytes == Self.frame(8, 5).count)
    #expect(try Self.numbers(staging.take(AttemptID(high: 0, low: 8))) == [5] && staging.bytes == 0)
  }

  @Test("the budget holds, the oldest attempts go, and the bytes are counted right", arguments: 0..<20)
  func budget(seed: Int) {
    var random = SeededGenerator(seed: seed)
    var staging = ShardStaging(bytesMax: 5000)
    for offset in 0..<400 {
      staging.add(
        Self.frame(UInt64(random.int(0...9)), random.int(0...9), bytes: random.int(0...900)), offset: Int64(offset))
      #expect(staging.bytes <= 5000 && staging.bytes >= 0)
      if random.chance(10) { _ = staging.take(AttemptID(high: 0, low: UInt64(random.int(0...9)))) }
    }
    var left = 0
    let before = staging.bytes
    for attempt in 0..<10 { left += staging.take(AttemptID(high: 0, low: UInt64(attempt))).reduce(0) { $0 + $1.count } }
    #expect(left == before && staging.bytes == 0, "seed \(seed)")
    // One that is larger than all there is room for.
    staging.add(Self.frame(1, 0, bytes: 6000), offset: 1000)
    #expect(staging.bytes == 0 && staging.take(AttemptID(high: 0, low: 1)).isEmpty)
  }

  @Test("a message that waits long does not keep what was fetched with it in memory")
  func waiting() {
    var staging = ShardStaging(bytesMax: 8000)
    // A piece of a block; it begins where it lay.
    let block = Array(repeating: UInt8(0), count: 50_000) + Self.frame(1, 0)
    let piece = block[50_000...]
    staging.add(piece, offset: 0)
    for offset in 1...80 {
      let other = UInt64(offset) + 10
      staging.add(Self.frame(other, 0, bytes: 200), offset: Int64(offset))
      _ = staging.take(AttemptID(high: 0, low: other))
      if offset == 5 { staging.add(Self.frame(2, 0), offset: 1000) }
    }
    let kept = staging.take(AttemptID(high: 0, low: 1))
    #expect(kept.map(\.startIndex) == [0] && kept.map { Array($0) } == [Array(piece)])
    #expect(staging.take(AttemptID(high: 0, low: 2)).count == 1 && staging.bytes == 0)
  }
}

@Suite struct SentBatchesTests {
  private static func attempt(_ number: Int) -> AttemptID { AttemptID(high: 1, low: UInt64(number)) }

  @Test("what was sent is known once, to its shard, under its number")
  func known() {
    let sent = SentBatches()
    let batches = (0..<6).map { SentBatches.Batch(hash: UInt64($0), rows: $0, checksum: UInt64($0) &* 77) }
    for (number, batch) in batches.enumerated() {
      sent.note(Self.attempt(number / 3), shard: number % 3, number: 4, batch)
    }
    #expect(sent.count == 6)
    #expect(
      sent.take(Self.attempt(0), shard: 0, number: 0) == nil && sent.take(Self.attempt(7), shard: 0, number: 4) == nil)
    for (number, batch) in batches.enumerated().reversed() {
      #expect(sent.take(Self.attempt(number / 3), shard: number % 3, number: 4) == batch)
      #expect(sent.take(Self.attempt(number / 3), shard: number % 3, number: 4) == nil)
    }
    #expect(sent.count == 0)
  }

  @Test("there are never more than so many: the oldest attempts are forgotten", arguments: 0..<10)
  func bounded(seed: Int) {
    var random = SeededGenerator(seed: seed)
    let sent = SentBatches(countMax: 20)
    for step in 0..<2_000 {
      let attempt = Self.attempt(step / 8 + random.int(0...2))
      sent.note(
        attempt, shard: random.int(0...3), number: random.int(0...9), SentBatches.Batch(hash: 1, rows: 1, checksum: 1))
      if random.chance(3) { _ = sent.take(attempt, shard: random.int(0...3), number: random.int(0...9)) }
      #expect(sent.count <= 20 && sent.count >= 0, "seed \(seed)")
    }
    // The newest is still there.
    sent.note(Self.attempt(5_000), shard: 0, number: 0, SentBatches.Batch(hash: 9, rows: 2, checksum: 3))
    #expect(sent.take(Self.attempt(5_000), shard: 0, number: 0)?.hash == 9)
  }

  @Test("a message's hash is that of its batch, and tells it from a damaged one")
  func hashes() {
    let batch = RowBatch(shard: 0, types: [], capacity: 1)
    let frame = RowFrame(attempt: Self.attempt(1), number: 3, schema: 0, generation: 1)
    let bytes = frame.encode(batch)
    let other = RowFrame(attempt: Self.attempt(2), number: 0, schema: 0, generation: 1).encode(batch)
    bytes.withUnsafeBytes { bytes in
      #expect(
        RowFrame.isWhole(bytes) && RowFrame.storedHash(bytes) == other.withUnsafeBytes { RowFrame.storedHash($0) })
    }
    for index in RowFrame.headerBytes..<bytes.count {
      var damaged = bytes
      damaged[index] ^= 0x10
      #expect(!damaged.withUnsafeBytes { RowFrame.isWhole($0) })
    }
    for count in [0, 10, RowFrame.headerBytes, RowFrame.headerBytes + 7, bytes.count - 1] {
      #expect(!Array(bytes.prefix(count)).withUnsafeBytes { RowFrame.isWhole($0) })
    }
  }
}
