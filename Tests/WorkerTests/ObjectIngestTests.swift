import Notifications
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Objects on their way into the ledger.
@Suite struct ObjectIngestTests {
  private static func object(_ key: String) -> ObjectIdentity {
    ObjectIdentity(source: key.hasPrefix("people") ? "people" : "visits", bucket: "lake", key: key)
  }

  private static func token(_ offset: Int64) -> OffsetTracker.Token {
    OffsetTracker.Token(at: TopicPartition("s3.events", 0), offset: offset, epoch: 1)
  }

  private static func commits(_ node: StreamWorld.Node) -> Int {
    node.context.ledger.entries(from: 0, most: .max / 2).count { if case .commit = $0.entry { true } else { false } }
  }

  @Test(
    "hints in any number and order, refusals and failures: the ledger ends in what the store holds, and every hint is done with",
    arguments: 0..<12)
  func anything(seed: Int) throws {
    try withDeadline(seconds: 60, "seed \(seed)") {
      var random = SeededGenerator(seed: seed)
      let world = try StreamWorld(seed: seed)
      let nodes = [try world.node(member: "a"), try world.node(member: "b")]
      try world.settle(nodes)
      let dice = Guarded(random.fork())
      let isFaulty = Guarded(true)
      world.onStore { operation, key throws(StoreError) in
        guard isFaulty.withLock({ $0 }), key.hasPrefix("people") || key.hasPrefix("visits"),
          dice.withLock({ $0.chance(6) })
        else { return }
        throw StoreError(.unavailable, operation: operation.rawValue, location: key, message: "it is away")
      }
      world.onBroker { operation, _, place throws(BrokerError) in
        if isFaulty.withLock({ $0 }), operation == .append, place.hasPrefix("w."), dice.withLock({ $0.chance(8) }) {
          throw StreamWorld.unavailable(place)
        }
      }
      var given: Set<Int64> = []
      var finished: [Int64] = []
      for step in 0..<150 {
        world.clock.advance(milliseconds: 100)
        let key = "\(random.pick(["people", "visits"]))/\(random.int(0...4)).csv"
        switch random.int(0...4) {
        case 0, 1: world.put(key, (0..<random.int(0...3)).map { "k\($0),\(step)\n" }.joined())
        case 2: world.objects.remove(key)
        default: break
        }
        for node in nodes where random.chance(3) {
          given.insert(Int64(given.count))
          node.offer(key, again: random.chance(10), token: Self.token(Int64(given.count - 1)))
        }
        for node in nodes where random.chance(2) { _ = try node.parts.objects.step() }
        for node in nodes where random.chance(3) { _ = try node.context.ledger.step(milliseconds: 0) }
      }
      isFaulty.withLock { $0 = false }
      for number in 0...4 { for folder in ["people", "visits"] { nodes[number % 2].offer("\(folder)/\(number).csv") } }
      // Not through the loop, which would take the finished tokens.
      var quiet = 0
      while quiet < 20 {
        var moved = false
        for node in nodes {
          moved = try node.context.ledger.step(milliseconds: 0) || moved
          moved = try node.parts.objects.step() || moved
        }
        quiet = moved ? 0 : quiet + 1
        world.clock.advance(milliseconds: 2000)
      }
      for node in nodes { finished += node.parts.objects.takeFinished().map(\.offset) }
      #expect(finished.sorted() == given.sorted(), "seed \(seed): a hint is never done with, or twice")
      for node in nodes {
        #expect(node.parts.objects.openCount == 0)
        for number in 0...4 {
          for folder in ["people", "visits"] {
            let key = "\(folder)/\(number).csv"
            let stored = try? MemoryStore(world.objects, bucket: "lake").head(key)
            let accepted = node.context.ledger.accepted(Self.object(key))
            #expect(accepted?.version == stored.map { ObjectVersion.text(of: $0) }, "seed \(seed), \(key)")
          }
        }
      }
    }
  }

  @Test("a hint of what is accepted is dropped; with `again` it is read once more")
  func again() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    world.put("people/0.csv", "k1,a\n")
    for _ in 0..<5 { node.offer("people/0.csv") }
    try world.settle([node])
    #expect(Self.commits(node) == 1)
    for _ in 0..<5 { node.offer("people/0.csv") }
    try world.settle([node])
    #expect(Self.commits(node) == 1 && node.parts.objects.totals.objectsSkipped == 1)
    node.offer("people/0.csv", again: true)
    try world.settle([node])
    #expect(Self.commits(node) == 2)
    world.objects.remove("people/0.csv")
    node.offer("people/0.csv")
    node.offer("people/never.csv")
    try world.settle([node])
    #expect(node.context.ledger.accepted(Self.object("people/0.csv"))?.version == nil)
    #expect(node.context.ledger.accepted(Self.object("people/never.csv")) != nil, "an absence is an entry")
    let count = Self.commits(node)
    node.offer("people/never.csv")
    try world.settle([node])
    #expect(Self.commits(node) == count)
  }

  @Test(
    "an object that changes while it is read is looked at again, and one that always does is not looked at all the time"
  )
  func changing() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    world.put("people/0.csv", "k1,a\n")
    let opens = Guarded(0)
    world.onStore { operation, key throws(StoreError) in
      guard operation == .open, key.hasPrefix("people") else { return }
      opens.withLock { $0 += 1 }
      world.put(key, "k1,b\n")
    }
    node.offer("people/0.csv")
    for _ in 0..<300 {
      try node.round()
      world.clock.advance(milliseconds: 10)
    }
    #expect(opens.withLock { $0 } > 1 && opens.withLock { $0 } < 10)
    #expect(Self.commits(node) == 0)
    world.onStore { _, _ in }
    try world.settle([node])
    #expect(Self.commits(node) == 1 && node.parts.objects.openCount == 0)
  }

  @Test("a store that is away is asked less and less often, and its objects are not set aside")
  func away() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    world.put("people/0.csv", "k1,a\n")
    let heads = Guarded(0)
    world.onStore { operation, key throws(StoreError) in
      guard key.hasPrefix("people") else { return }
      heads.withLock { $0 += 1 }
      throw StoreError(.unavailable, operation: "HEAD", location: key, message: "it is away")
    }
    node.offer("people/0.csv")
    for _ in 0..<1200 {
      try node.round()
      world.clock.advance(milliseconds: 100)
    }
    #expect(heads.withLock { $0 } < 15 && heads.withLock { $0 } > 5)
    #expect(node.context.ledger.read { $0.failed.isEmpty })
    world.onStore { _, _ in }
    for _ in 0..<10 {
      world.clock.advance(milliseconds: 30_000)
      try node.round()
    }
    #expect(Self.commits(node) == 1)
  }

  @Test("what cannot be read is set aside once, others are not held up, other columns get another chance")
  func setAside() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    world.objects.set("people/bad.csv", Array("nothing,of,this\n1,2,3\n".utf8), modified: 1)
    world.put("people/0.csv", "k1,a\n")
    node.offer("people/bad.csv", token: Self.token(1))
    node.offer("people/0.csv", token: Self.token(2))
    for _ in 0..<100 {
      try node.round()
      world.clock.advance(milliseconds: 1000)
    }
    let failed = node.context.ledger.read { $0.failed }
    #expect(failed.keys.map(\.key) == ["people/bad.csv"])
    #expect(node.context.ledger.accepted(Self.object("people/0.csv"))?.version != nil)
    #expect(node.parts.objects.openCount == 0)
    let position = node.context.ledger.position
    // Listings speak of it again and again.
    for again in [false, false, true, true] {
      node.offer("people/bad.csv", again: again)
      for _ in 0..<100 {
        try node.round()
        world.clock.advance(milliseconds: 1000)
      }
    }
    #expect(node.context.ledger.position == position, "the ledger does not grow of it")
    let fixed = try world.node(member: "b", hash: "i") {
      $0.replacing(
        "columns: {id: string, name: string}",
        with: "columns: {id: {from: nothing, type: string}, name: {from: of, type: string}}")
    }
    try world.settle([fixed])
    fixed.offer("people/bad.csv")
    try world.settle([fixed])
    #expect(fixed.context.ledger.read { $0.failed.isEmpty })
    #expect(fixed.context.ledger.accepted(Self.object("people/bad.csv"))?.version != nil)
  }
}

extension ObjectIngestTests {
  /// `times` hints, and time for what cannot be read to be tried as often as it is.
  private func settle(_ world: StreamWorld, _ node: StreamWorld.Node, _ key: String) throws {
    node.offer(key)
    for _ in 0..<100 {
      try node.round()
      world.clock.advance(milliseconds: 1000)
    }
  }

  @Test("the accepted version that comes back in front of one that is set aside is read again, and clears it")
  func backFromAside() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    world.put("people/0.csv", "k1,a\n")
    world.objects.copy("people/0.csv", to: "kept")
    try settle(world, node, "people/0.csv")
    let object = ObjectIdentity(source: "people", bucket: "lake", key: "people/0.csv")
    let first = try #require(node.context.ledger.accepted(object))
    world.objects.set("people/0.csv", Array("nothing,of,this\n1,2,3\n".utf8), modified: 2)
    try settle(world, node, "people/0.csv")
    #expect(node.context.ledger.read { $0.failed[object] != nil })
    #expect(node.context.ledger.accepted(object) == first, "the older version's rows stay")
    world.objects.copy("kept", to: "people/0.csv")
    try settle(world, node, "people/0.csv")
    #expect(node.context.ledger.read { $0.failed.isEmpty }, "or it would be told as set aside for ever")
    let now = try #require(node.context.ledger.accepted(object))
    #expect(now.version == first.version && now.position > first.position)
  }

  @Test("a version that is set aside by older columns is hinted at by a listing, and tried and set aside by the newer")
  func asideByOlderColumns() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    world.put("people/0.csv", "k1,a\n")
    try settle(world, node, "people/0.csv")
    world.objects.set("people/0.csv", Array("nothing,of,this\n1,2,3\n".utf8), modified: 2)
    try settle(world, node, "people/0.csv")
    node.parts.ingest.close()
    let other = try world.node(member: "b", hash: "i") {
      $0.replacing("columns: {id: string, name: string}", with: "columns: {id: string, name: string, more: string}")
    }
    other.parts.control.request(.init(id: "one", asOf: 1 << 50, notBefore: .min, listsFirst: false))
    var cutAt: Int?
    for _ in 0..<300 where cutAt == nil {
      try other.fullRound()
      world.clock.advance(milliseconds: 1000)
      cutAt = other.context.ledger.read { $0.cuts["one"]?.position ?? $0.published.first?.position }
    }
    let object = ObjectIdentity(source: "people", bucket: "lake", key: "people/0.csv")
    let failed = other.context.ledger.read { $0.failed[object] }
    #expect(failed?.schema == other.context.plan.sources[0].schemaHash)
    let asideAt = try world.ledger().last { if case .setAside = $0.entry { $0.verdict == .accepted } else { false } }
    #expect(try #require(asideAt).position < #require(cutAt), "the cut waits until it was tried")
  }
}

/// Notifications between the consumer and those who look at objects.
@Suite struct IngestLoopTests {
  private func notify(_ world: StreamWorld, _ key: String) throws {
    let hint = ObjectHint(bucket: "lake", key: key, kind: .created)
    _ = try world.broker.append([
      OutgoingMessage(
        topic: "s3.events", partition: 0, key: Array("lake/\(key)".utf8), value: NotificationParser.encode(hint))
    ])
  }

  @Test("a dead letter that cannot be sent loses none of what was polled with it")
  func deadLetterFails() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    world.put("people/0.csv", "k1,a\n")
    world.put("people/1.csv", "k2,a\n")
    try notify(world, "people/0.csv")
    _ = try world.broker.append([
      OutgoingMessage(topic: "s3.events", partition: 0, value: Array("{ what".utf8)),
      OutgoingMessage(topic: "s3.events", partition: 0, value: nil),
      OutgoingMessage(topic: "s3.events", partition: 0, value: [0xff]),
    ])
    try notify(world, "people/1.csv")
    for n in 0..<5 { try world.produce("k", "{\"n\":\(n)}") }
    let failures = Guarded(3)
    world.onBroker { operation, moment, place throws(BrokerError) in
      guard operation == .append, place == "w.dead-letters", moment == .before else { return }
      let fails = failures.withLock { left -> Bool in
        left -= 1
        return left >= 0
      }
      if fails { throw StreamWorld.unavailable(place) }
    }
    for _ in 0..<60 {
      do { try node.round() } catch let error as BrokerError { #expect(error.isTransient) }
      world.clock.advance(milliseconds: 100)
    }
    for key in ["people/0.csv", "people/1.csv"] {
      let object = ObjectIdentity(source: "people", bucket: "lake", key: key)
      #expect(node.context.ledger.accepted(object)?.version != nil, "\(key)")
    }
    #expect(node.context.ledger.acceptedEnd(RangeIdentity(source: "clicks", topic: "app.clicks", partition: 0)) == 5)
    let at = TopicPartition("s3.events", 0)
    #expect(try world.broker.committed(group: "w-ingest", [at]) == [at: 5])
    let letters = try world.broker.bounds((0..<16).map { TopicPartition("w.dead-letters", $0) }).values.reduce(0) {
      $0 + $1.end
    }
    #expect(letters == 2)
  }

  @Test("where to read from is asked for until it is granted")
  func beginFails() throws {
    let world = try StreamWorld()
    let node = try world.node()
    let failures = Guarded(7)
    world.onBroker { operation, _, place throws(BrokerError) in
      guard operation == .begin else { return }
      let fails = failures.withLock { left -> Bool in
        left -= 1
        return left >= 0
      }
      if fails { throw StreamWorld.unavailable(place) }
    }
    world.put("people/0.csv", "k1,a\n")
    var topicsMade = false
    for _ in 0..<100 {
      do { try node.round() } catch let error as BrokerError {
        #expect(error.isTransient || error.code == .noSuchTopic)
      }
      world.clock.advance(milliseconds: 100)
      if !topicsMade, node.context.ledger.generation != nil {
        topicsMade = true
        for partition in 0..<16 {
          let hint = ObjectHint(bucket: "lake", key: "people/\(partition).csv", kind: .created)
          world.put("people/\(partition).csv", "k1,a\n")
          _ = try world.broker.append([
            OutgoingMessage(topic: "s3.events", partition: partition, value: NotificationParser.encode(hint))
          ])
        }
        for partition in 0..<2 { try world.produce("k", "{\"n\":1}", partition: partition) }
      }
    }
    let (objects, ranges) = node.context.ledger.read { ($0.objects.count, $0.ranges.values.map(\.end)) }
    #expect(objects == 16 && ranges == [1, 1, 1, 1])
  }
}
