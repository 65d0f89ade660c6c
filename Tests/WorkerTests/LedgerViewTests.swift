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

  @Test("what no follower needs is forgotten, and who needs it is told and has it read again")
  func forgetting() throws {
    let world = try world()
    let view = LedgerView(broker: world.broker, topic: "w.ledger")
    let bytes = try LedgerWriter.encode(.published(cut: "none"))
    func fill(_ count: Int) throws {
      _ = try world.broker.append(
        Array(repeating: OutgoingMessage(topic: "w.ledger", partition: 0, value: bytes), count: count))
      try read(view)
    }
    try fill(100)
    #expect(view.isAtHead && view.position == 100)
    // Nobody follows.
    try fill(20_000)
    #expect(!view.holds(0) && view.holds(view.position - 1))
    #expect(view.entries(from: 0, most: .max / 2).count < 5_000, "they do not pile up")
    // A follower from the beginning.
    let cursor = view.addCursor(at: 0)
    view.rewind()
    #expect(!view.isAtHead && view.position == 0 && view.readAtHead { $0.position } == nil)
    try read(view)
    #expect(view.holds(0) && view.entries(from: 0, most: .max / 2).map(\.position) == Array(0..<20_100))
    #expect(view.entries(from: 98, most: 2).map(\.position) == [98, 99])
    view.moveCursor(cursor, to: 15_000)
    try fill(1)
    #expect(!view.holds(0) && view.holds(15_000) && view.entries(from: 15_000, most: .max / 2).count == 5_101)
    view.removeCursor(cursor)
    try fill(1)
    #expect(!view.holds(15_000) && view.followers == 0)
  }

  @Test("a ledger that ends in a hole has been read to its end all the same", arguments: [0, 3])
  func endsInAHole(entries: Int) throws {
    let world = try world()
    let at = TopicPartition("w.ledger", 0)
    let bytes = try LedgerWriter.encode(.published(cut: "none"))
    for _ in 0..<entries {
      _ = try world.broker.append([OutgoingMessage(topic: "w.ledger", partition: 0, value: bytes)])
    }
    world.broker.skip(at, offsets: 2)
    let view = LedgerView(broker: world.broker, topic: "w.ledger")
    try read(view)
    #expect(view.isAtHead && view.position == entries)
    // What comes behind it is judged as ever.
    _ = try world.broker.append([OutgoingMessage(topic: "w.ledger", partition: 0, value: bytes)])
    try read(view)
    #expect(view.position == entries + 3)
  }

  @Test("two views that started at other times, one again from the beginning, judge alike", arguments: 0..<10)
  func alike(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let world = try world()
    let first = LedgerView(broker: world.broker, topic: "w.ledger", saved: { nil })
    let second = LedgerView(broker: world.broker, topic: "w.ledger", saved: { nil })
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
    let view = LedgerView(broker: world.broker, topic: "w.ledger", saved: { nil })
    try world.append(.defined(generation: 1, semanticHash: "h", shards: 1))
    _ = try world.broker.append([OutgoingMessage(topic: "w.ledger", partition: 0, value: text.map { Array($0.utf8) })])
    try world.append(.published(cut: "a"))
    for _ in 0..<3 {
      #expect(throws: StreamError.self) { try view.step(milliseconds: 0) }
      #expect(view.position == 1 && !view.isAtHead)
    }
  }
}
