import Definition
import Formats
import Foundation
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// One object at a time, as a stream reads them: by one thread, or with its blocks cut ahead by another.
@Suite struct ObjectReadingTests {
  private struct Outcome: Equatable {
    var read: UInt64 = 0
    var rejected: UInt64 = 0
    var sha256: String?
    var rows: [[UInt8]] = []
    var rejects: [UInt8] = []
    var failure: String?
  }

  private struct Stop: Error {}

  private static func outcome(
    _ lake: Lake, source: Int, _ objects: MemoryObjects, _ key: String, readMax: Int = 1 << 20,
    aheadFrom: Int?,
    hook: @escaping MemoryStore.Hook = { _, _ in }, each: (Int) throws -> Void = { _ in }
  ) throws -> Outcome {
    let definition = try lake.definition()
    let plan = try DatasetPlan(definition, asOf: .max, carriesAll: true)
    let store = MemoryStore(objects, bucket: lake.bucket, readMax: readMax)
    let file = InputFile(
      source: source, info: try store.head(key), number: 0,
      store: MemoryStore(objects, bucket: lake.bucket, readMax: readMax, hook: hook))
    let reading = ObjectReading(
      plan: try DecodingPlan(plan.sources[source], maxRowBytes: definition.maxRowBytes, zones: ZoneFiles.system.rules),
      maxRowBytes: definition.maxRowBytes)
    let packer = RowPacker(shards: lake.shards, types: plan.sources[source].carriedTypes)
    var rejects = RejectBuffer()
    var outcome = Outcome()
    let frame = RowFrame(attempt: AttemptID(high: 1, low: 2), number: 0, schema: 3, generation: 4)
    let room = EncodingRoom()
    var blocks = 0
    do {
      func beginAhead() -> Bool { aheadFrom.map { blocks >= $0 } ?? false }
      let counts = try reading.read(file, number: 0, into: packer, rejects: &rejects, beginAhead: beginAhead) {
        batches, _ in
        blocks += 1
        try each(blocks)
        outcome.rows += batches.map { frame.encode($0, in: room) }
      }
      outcome.read = counts.read
      outcome.rejected = counts.rejected
      outcome.sha256 = counts.sha256
    } catch let failure as ObjectReading.Failure {
      outcome.failure = "\(failure)"
    }
    outcome.rows += packer.finish().map { frame.encode($0, in: room) }
    outcome.rejects = rejects.lines
    return outcome
  }

  @Test("blocks that are cut ahead give the same rows, faults, hashes and errors", arguments: 0..<12)
  func ahead(seed: Int) throws {
    try withDeadline(seconds: 120, "seed \(seed)") {
      var random = SeededGenerator(seed: seed)
      // Of some objects, more blocks than are cut ahead.
      let lake = Lake(
        seed: random.next(), bucket: random.pick(["", "lake"]), visits: seed == 0 ? 60_000 : random.int(0...9000),
        files: 1, maxRowBytes: random.pick([900 << 10, 90]))
      let objects = MemoryObjects()
      lake.fill(objects)
      let source = seed == 0 ? 1 : random.int(0...1)
      let key = source == 0 ? "customers/part-0.csv" : "visits/part-0.jsonl"
      var bytes = objects[key] ?? []
      switch seed == 0 ? 9 : random.int(0...5) {
      case 0: bytes = []
      case 1: bytes = Array("id,name\n".utf8) + bytes.dropFirst(20)
      case 2: bytes = [0x1f, 0x8b, 8, 0] + bytes
      case 3: bytes.removeLast(min(bytes.count, random.int(1...100)))
      default: break
      }
      objects.set(key, bytes)
      let readMax = seed == 0 ? 1 << 20 : random.pick([1000, 1 << 20])
      // The object is away, or another one, at some read.
      let fault: StoreError.Code? = seed == 0 ? nil : random.pick([nil, nil, .unavailable, .changed])
      let faultAt = random.int(1...max(bytes.count / readMax, 1))
      func outcome(aheadFrom: Int?) throws -> Outcome {
        let reads = Guarded(0)
        return try Self.outcome(lake, source: source, objects, key, readMax: readMax, aheadFrom: aheadFrom) {
          operation, key throws(StoreError) in
          guard operation == .read, let fault else { return }
          let count = reads.withLock { reads in
            reads += 1
            return reads
          }
          if count == faultAt {
            throw StoreError(fault, operation: "GET", location: key, message: "it is not there")
          }
        }
      }
      let alone = try outcome(aheadFrom: nil)
      for block in [0, 1, 3] { #expect(try outcome(aheadFrom: block) == alone, "seed \(seed), from block \(block)") }
      if seed == 0 { #expect(alone.failure == nil && alone.read == 60_000 && !alone.rejects.isEmpty) }
      if fault != nil { #expect(alone.failure != nil, "seed \(seed)") }
    }
  }

  @Test("who stops taking blocks does not wait for those that are ahead", arguments: [1, 2, 10])
  func stopping(after: Int) throws {
    try withDeadline(seconds: 60, "reading") {
      let lake = Lake(seed: 7, visits: 60_000, files: 1)
      let objects = MemoryObjects()
      lake.fill(objects)
      let reads = Guarded(0)
      #expect(throws: Stop.self) {
        _ = try Self.outcome(
          lake, source: 1, objects, "visits/part-0.jsonl", readMax: 64 << 10, aheadFrom: 0,
          hook: { operation, _ in if operation == .read { reads.withLock { $0 += 1 } } },
          each: { if $0 == after { throw Stop() } })
      }
      // Four reads make a block of 256 KiB; what was ahead was bounded.
      #expect(reads.withLock { $0 } <= 4 * (after + 3) + BlocksAhead.bytesMax / (64 << 10))
    }
  }

  @Test("who stops waits for the read that the store is at, not for the end of a record that is too long")
  func endless() throws {
    let lake = Lake(seed: 9, maxRowBytes: 100)
    let objects = MemoryObjects()
    let line = "{\"customer\":{\"id\":\"a\"},\"at\":\"2025-01-01T00:00:00Z\"}\n"
    let good = String(repeating: line, count: 6000)
    objects.set("visits/part-0.jsonl", Array(good.utf8) + [UInt8](repeating: 0x20, count: 20 << 20))
    let (reads, isAnswered) = (Guarded(0), Guarded(false))
    _ = try withDeadline(seconds: 60, "stopping") {
      #expect(throws: Stop.self) {
        _ = try Self.outcome(
          lake, source: 1, objects, "visits/part-0.jsonl", aheadFrom: 0,
          hook: { operation, _ in
            guard operation == .read else { return }
            let number = reads.withLock { reads in
              reads += 1
              return reads
            }
            while number == 20, !isAnswered.withLock({ $0 }) { Thread.sleep(forTimeInterval: 0.01) }
          },
          each: { _ in
            while reads.withLock({ $0 }) < 20 { Thread.sleep(forTimeInterval: 0.01) }
            Thread.detachNewThread {
              Thread.sleep(forTimeInterval: 0.3)
              isAnswered.withLock { $0 = true }
            }
            throw Stop()
          })
      }
    }
    #expect(reads.withLock { $0 } == 20, "the thread went on")
  }
}
