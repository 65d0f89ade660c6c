import Columns
import Platform
import TestKit
import Testing

/// What a simulator does to a broker in memory.
@Suite struct MemoryBrokerTests {
  private let clock = VirtualClock()
  private let at = TopicPartition("t", 0)

  private func broker(_ fault: @escaping MemoryBroker.Fault = { _, _, _ in }) throws -> MemoryBroker {
    let broker = try MemoryBroker(clock: clock, fault: fault)
    try broker.create([TopicSpec(name: "t", partitions: 2)])
    return broker
  }

  @Test("an append fails before it takes effect, or after")
  func faults() throws {
    let next = Guarded<MemoryBroker.Moment?>(nil)
    let broker = try broker { operation, moment, topic throws(BrokerError) in
      guard operation == .append, moment == next.withLock({ $0 }) else { return }
      throw BrokerError(.unavailable, operation: "append", location: topic, message: "planted")
    }
    next.withLock { $0 = .before }
    #expect(throws: BrokerError.self) { try broker.append([BrokerConformance.message("t", 0, "a")]) }
    #expect(try broker.bounds([at])[at]?.end == 0)
    next.withLock { $0 = .after }
    #expect(throws: BrokerError.self) { try broker.append([BrokerConformance.message("t", 0, "a")]) }
    #expect(try broker.bounds([at])[at]?.end == 1)
    next.withLock { $0 = nil }
    try broker.duplicate([BrokerConformance.message("t", 0, "a")])
    #expect(try broker.bounds([at])[at]?.end == 2)
  }

  @Test("holes are stepped over")
  func holes() throws {
    let broker = try broker()
    _ = try broker.append([BrokerConformance.message("t", 0, "a")])
    broker.skip(at, offsets: 5)
    let reader = try broker.reader(at, from: 0)
    #expect(try reader.poll(milliseconds: 0, maxBytes: 100)?.nextOffset == 1)
    #expect(try reader.poll(milliseconds: 0, maxBytes: 100) == nil)
    #expect(try broker.append([BrokerConformance.message("t", 0, "b")]) == [6])
    let block = try #require(try reader.poll(milliseconds: 0, maxBytes: 100))
    #expect(block.entries.map(\.offset) == [6] && block.nextOffset == 7)
  }

  @Test("a member that is no longer called loses its session in virtual time")
  func killed() throws {
    let broker = try broker()
    let a = TestMember(try broker.consumer(group: "g", topics: ["t"], member: "a"))
    try a.step(milliseconds: 0)
    #expect(a.owned.count == 2)
    let b = TestMember(try broker.consumer(group: "g", topics: ["t"], member: "b"))
    clock.advance(milliseconds: 9999)
    try b.step(milliseconds: 0)
    #expect(b.owned.isEmpty)
    clock.advance(milliseconds: 1)
    try b.step(milliseconds: 0)
    #expect(b.owned.count == 2)
    let error = #expect(throws: BrokerError.self) { try a.consumer.commit([at: 1]) }
    #expect(error?.code == .fenced)
    try a.step(milliseconds: 0)
    #expect(a.losses == 1 && a.owned.isEmpty)
  }

  @Test("retention follows virtual time")
  func retention() throws {
    let broker = try broker()
    _ = try broker.append([BrokerConformance.message("t", 0, "old")])
    clock.advance(milliseconds: 8 * 86_400_000)
    _ = try broker.append([BrokerConformance.message("t", 0, "new")])
    #expect(try broker.bounds([at])[at] == OffsetBounds(first: 1, end: 2))
  }

  @Test("both of our murmur2 are the same")
  func murmur2() {
    var random = SeededGenerator(seed: 3)
    for length in 0..<100 {
      let bytes = (0..<length).map { _ in UInt8(random.int(0...255)) }
      #expect(Partitioner.murmur2(bytes) == Hashing.murmur2(bytes, length))
      #expect(Partitioner.partition(of: bytes, among: 7) == Hashing.shard(bytes, length, of: 7))
    }
  }
}
