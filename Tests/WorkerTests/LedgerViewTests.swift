import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// A worker's view of the ledger, as those who follow it see it.
@Suite struct LedgerViewTests {
  private func world() throws -> StreamWorld {
    let world = try StreamWorld()
    try world.broker.create([
      TopicSpec(name: "w.ledger", partitions: 1, config: ["message.timestamp.type": "LogAppendTime"])
    ])
    return world
  }

  private func read(_ view: LedgerView) throws { while try view.step(milliseconds: 0) {} }

  /// Entries of ten kilobytes.
  private func fill(_ world: StreamWorld, _ count: Int, bytes: Int = 10_000) throws {
    let reason = String(repeating: "x", count: bytes)
    for _ in 0..<count { try world.append(.abandoned(cut: "none", reason: reason)) }
  }

  @Test("what no follower needs is forgotten, and who needs it is told and has it read again")
  func forgetting() throws {
    let world = try world()
    let view = LedgerView(broker: world.broker, topic: "w.ledger")
    try world.append(.defined(generation: 1, semanticHash: "h", shards: 1))
    try fill(world, 40, bytes: 1_000_000 / 2)
    try fill(world, 60, bytes: 850_000)
    try read(view)
    #expect(view.isAtHead && view.position == 101)
    #expect(!view.holds(0), "they are more than are kept")
    #expect(view.holds(100) && view.holds(101))
    #expect(view.entries(from: 0, most: 1000).count < 60)
    // A follower from the beginning.
    let cursor = view.addCursor(at: 0)
    view.rewind()
    #expect(!view.isAtHead && view.position == 0 && view.holds(0) && view.verdict(at: 0) == nil)
    #expect(view.readAtHead { $0.position } == nil)
    try read(view)
    #expect(view.holds(0) && view.entries(from: 0, most: 1000).map(\.position) == Array(0...100))
    #expect(view.entries(from: 98, most: 2).map(\.position) == [98, 99])
    // It moves on: what is behind it may go with the next entry.
    view.moveCursor(cursor, to: 90)
    try fill(world, 1)
    try read(view)
    #expect(!view.holds(0) && view.holds(90) && view.entries(from: 90, most: 1000).count == 12)
    view.removeCursor(cursor)
    try fill(world, 80, bytes: 850_000)
    try read(view)
    #expect(!view.holds(90))
    // Verdicts outlive their entries.
    #expect(view.verdict(at: 0) == .accepted && view.verdict(at: 50) == .refused("no pending cut 'none'"))
    #expect(view.verdict(at: 181) != nil && view.verdict(at: 182) == nil && view.verdict(at: -1) == nil)
    #expect(view.followers == 0)
  }

  @Test("many small entries do not pile up where nobody follows")
  func bounded() throws {
    let world = try world()
    let view = LedgerView(broker: world.broker, topic: "w.ledger")
    let bytes = try LedgerWriter.encode(.published(cut: "none"))
    let messages = Array(repeating: OutgoingMessage(topic: "w.ledger", partition: 0, value: bytes), count: 1000)
    for _ in 0..<45 { _ = try world.broker.append(messages) }
    try read(view)
    #expect(view.position == 45_000)
    #expect(view.entries(from: 0, most: .max / 2).count <= LedgerView.entriesMax)
    #expect(!view.holds(10_000) && view.holds(44_000))
    #expect(view.verdict(at: 44_999) != nil && view.verdict(at: 30_000) != nil)
  }

  @Test("two views that started at other times, one again from the beginning, judge alike", arguments: 0..<10)
  func alike(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let world = try world()
    let first = LedgerView(broker: world.broker, topic: "w.ledger")
    let second = LedgerView(broker: world.broker, topic: "w.ledger")
    let cursors = [first.addCursor(at: 0), second.addCursor(at: 0)]
    #expect(cursors.count == 2)
    for step in 0..<100 {
      world.clock.advance(milliseconds: 10)
      let id = "c\(random.int(0...5))"
      try world.append(
        random.pick([
          .defined(generation: random.int(1...4), semanticHash: "h\(step)", shards: 1), .published(cut: id),
          .cut(id: id, asOf: 0, notBefore: world.clock.now() + Int64(random.int(-1...1))),
          .abandoned(cut: id, reason: ""),
        ]))
      if random.chance(3) { _ = try first.step(milliseconds: 0) }
      if random.chance(10) { second.rewind() }
      if random.chance(3) { _ = try second.step(milliseconds: 0) }
    }
    try read(first)
    try read(second)
    let (a, b) = (first.entries(from: 0, most: 1000), second.entries(from: 0, most: 1000))
    #expect(a.map(\.verdict) == b.map(\.verdict) && a.map(\.chain) == b.map(\.chain) && a.count == 100, "seed \(seed)")
    #expect(first.readAtHead { $0.chain } == second.readAtHead { $0.chain })
  }

  @Test(
    "what is no entry is never passed over, however often one asks",
    arguments: [nil, "", "{}", #"{"v":2,"type":"cut"}"#])
  func foreign(text: String?) throws {
    let world = try world()
    let view = LedgerView(broker: world.broker, topic: "w.ledger")
    try world.append(.defined(generation: 1, semanticHash: "h", shards: 1))
    _ = try world.broker.append([OutgoingMessage(topic: "w.ledger", partition: 0, value: text.map { Array($0.utf8) })])
    try world.append(.published(cut: "a"))
    for _ in 0..<3 {
      #expect(throws: StreamError.self) { try view.step(milliseconds: 0) }
      #expect(view.position == 1 && !view.isAtHead)
    }
  }
}
