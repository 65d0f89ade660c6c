import Foundation
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Shards that come to a worker and go.
@Suite struct JoinLoopTests {
  private static func filled(_ world: StreamWorld, _ node: StreamWorld.Node) throws {
    for number in 0..<4 { world.put("people/\(number).csv", (0..<8).map { "k\(number)\($0),n\n" }.joined()) }
    for number in 0..<4 { node.offer("people/\(number).csv") }
    try world.settle([node], whole: true)
  }

  private static func checkpoints(_ world: StreamWorld, shard: Int) throws -> [Checkpoint] {
    try world.objects.keys.filter { $0.hasPrefix("out/_tributary/shards/\(shard)/checkpoints/") }.map { key in
      try JSONDecoder().decode(Checkpoint.self, from: Data(world.objects[key] ?? []))
    }.sorted { $0.position < $1.position }
  }

  @Test("who gives a shard away writes a checkpoint, so that the next owner has nothing to replay")
  func handingOver() throws {
    let world = try StreamWorld()
    let first = try world.node(member: "a")
    try world.settle([first], whole: true)
    try Self.filled(world, first)
    let position = first.context.ledger.position
    #expect(try Self.checkpoints(world, shard: 0).isEmpty && Self.checkpoints(world, shard: 1).isEmpty)
    let second = try world.node(member: "b")
    try world.settle([first, second], whole: true)
    let kept = first.parts.join.shards.map(\.shard)
    let given = second.parts.join.shards.map(\.shard)
    #expect(kept.count == 1 && given.count == 1 && kept != given)
    let last = try #require(try Self.checkpoints(world, shard: given[0]).last)
    #expect(last.position == position)
    #expect(second.parts.join.shards[0].rows + first.parts.join.shards[0].rows == 32)
    #expect(second.parts.totals.rowsApplied == 0, "all of it was in the checkpoint")
  }

  @Test("a shard whose checkpoint is ahead of what its new owner has read waits, and does not think the broker lost it")
  func behind() throws {
    let world = try StreamWorld()
    let first = try world.node(member: "a")
    let second = try world.node(member: "b")
    try world.settle([first, second], whole: true)
    // The second one reads nothing for a while.
    world.put("people/0.csv", (0..<20).map { "k\($0),n\n" }.joined())
    first.offer("people/0.csv")
    for _ in 0..<20 {
      try first.fullRound()
      _ = try second.parts.join.poll(milliseconds: 0)
      world.clock.advance(milliseconds: 100)
    }
    #expect(second.context.ledger.position < first.context.ledger.position)
    first.parts.join.close()
    for _ in 0..<20 {
      _ = try second.parts.join.poll(milliseconds: 0)
      while try second.parts.join.work() {}
      world.clock.advance(milliseconds: 1000)
    }
    #expect(second.parts.join.shards.count == 2)
    #expect(second.parts.join.shards.allSatisfy { $0.state != "stopped" })
    try world.settle([second], whole: true)
    #expect(second.parts.join.shards.allSatisfy { $0.state == "serving" && $0.reason == nil })
    #expect(second.parts.join.shards.reduce(0) { $0 + $1.rows } == 20)
  }

  @Test("what a worker sends to its own shards is not fetched, until others send to them, and later again")
  func ownRows() throws {
    let world = try StreamWorld()
    let (first, second) = (try world.node(member: "a"), try world.node(member: "b"))
    try world.settle([first], whole: true)
    let join = first.parts.join
    #expect(join.feeding.isEmpty)
    try Self.filled(world, first)
    #expect(join.feeding == [0, 1])
    func put(_ number: Int, by node: StreamWorld.Node) throws {
      world.put("visits/\(number).csv", (0..<8).map { "k\(number)\($0),1\n" }.joined())
      node.offer("visits/\(number).csv")
      // This one owns no shards.
      if node.parts.join !== join { try world.settle([node]) }
      try world.settle([first], whole: true)
      #expect(join.shards.allSatisfy { $0.state == "serving" && $0.position == first.context.ledger.position })
      #expect(join.shards.reduce(0) { $0 + $1.rows } == 40 + 8 * number)
    }
    try put(0, by: first)
    let rows = TopicPartition(first.context.topics.rows, 0)
    let end = try #require(try world.broker.bounds([rows])[rows]?.end)
    // Had it been fetched, the consumer would have it now; it stands before all of it.
    #expect(join.feeding == [0, 1] && end > 0)
    try put(1, by: second)
    #expect(join.feeding.isEmpty)
    world.clock.advance(milliseconds: OwnFeed.pauseMin / 1000)
    try put(2, by: first)
    try put(3, by: first)
    #expect(join.feeding == [0, 1])
    // Others' are wanted, and own ones never stop coming.
    world.put("visits/4.csv", (0..<8).map { "k4\($0),1\n" }.joined())
    second.offer("visits/4.csv")
    try world.settle([second])
    while try first.context.ledger.step(milliseconds: 0) {}
    for _ in 0..<20 {
      for shard in 0...1 {
        let message = OutgoingMessage(topic: first.context.topics.rows, partition: shard, value: [0])
        first.context.own.add([message], [1 << 40])
      }
      _ = try join.poll(milliseconds: 0)
      _ = try join.work()
    }
    #expect(join.feeding.isEmpty && join.shards.reduce(0) { $0 + $1.rows } == 72)
    // Who has them next reads all that is in no checkpoint, whoever sent it.
    Self.leave(first)
    try world.settle([second], whole: true)
    #expect(second.parts.join.shards.reduce(0) { $0 + $1.rows } == 72)
  }

  private static func leave(_ node: StreamWorld.Node) { node.parts.join.close() }

  @Test("who has lost a shard writes nothing of it any more")
  func losing() throws {
    let world = try StreamWorld()
    let first = try world.node(member: "a")
    try world.settle([first], whole: true)
    try Self.filled(world, first)
    world.clock.advance(milliseconds: 60_000)
    let second = try world.node(member: "b")
    try world.settle([second], whole: true)
    #expect(second.parts.join.shards.map(\.shard) == [0, 1])
    let before = try Self.checkpoints(world, shard: 0).count + Self.checkpoints(world, shard: 1).count
    do { _ = try first.parts.join.poll(milliseconds: 0) } catch let error as BrokerError { _ = error }
    first.parts.join.rejoin()
    while try first.parts.join.work() {}
    #expect(first.parts.join.shards.isEmpty)
    #expect(try Self.checkpoints(world, shard: 0).count + Self.checkpoints(world, shard: 1).count == before)
    #expect(second.parts.totals.rowsApplied == 32)
  }

  @Test("a checkpoint that fails when a shard is given away holds nobody up: the next owner replays")
  func handingOverFails() throws {
    let world = try StreamWorld()
    let first = try world.node(member: "a")
    try world.settle([first], whole: true)
    try Self.filled(world, first)
    world.onStore { operation, key throws(StoreError) in
      guard operation == .put, key.contains("/checkpoints/") else { return }
      throw StoreError(.unavailable, operation: "PUT", location: key, message: "it is away")
    }
    let second = try world.node(member: "b")
    for _ in 0..<10 { for node in [first, second] { try node.fullRound() } }
    world.onStore { _, _ in }
    try world.settle([first, second], whole: true)
    let shards = (first.parts.join.shards + second.parts.join.shards).sorted { $0.shard < $1.shard }
    #expect(shards.map(\.shard) == [0, 1] && shards.allSatisfy { $0.state == "serving" && $0.reason == nil })
    #expect(shards.reduce(0) { $0 + $1.rows } == 32)
    #expect(second.parts.totals.rowsApplied > 0)
  }

  @Test("a shard that stopped takes no turns from the others, and says why")
  func stopped() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node], whole: true)
    let base: Int? = nil
    // An entry that counts on rows of shard 0 that nobody sent.
    try world.append(
      .commit(
        Commit(
          generation: 1, attempt: AttemptID(high: 7, low: 7),
          inputs: [
            CommittedInput(
              object: ObjectIdentity(source: "people", bucket: "lake", key: "people/x.csv"), version: "v9", base: base,
              rowsRead: 3, rowsApplied: 3, rowsRejected: 0)
          ], schema: node.context.plan.sources[0].schemaHash,
          shards: [ShardReceipt(rows: 3, checksum: 5, first: 0, end: 1), ShardReceipt()])))
    try Self.filled(world, node)
    let shards = node.parts.join.shards
    #expect(shards[0].state == "stopped" && shards[0].reason?.contains("people/x.csv") == true)
    #expect(shards[1].state == "serving" && shards[1].position == node.context.ledger.position && shards[1].rows > 0)
  }

  @Test("a part of a cut that cannot be written is written later, and reported once it is")
  func cutAgain() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node], whole: true)
    try Self.filled(world, node)
    let fails = Guarded(3)
    world.onStore { operation, key throws(StoreError) in
      guard operation == .finish || operation == .put, key.contains("/_shards/") else { return }
      let isAway = fails.withLock { left in
        left -= 1
        return left >= 0
      }
      if isAway { throw StoreError(.unavailable, operation: "PUT", location: key, message: "it is away") }
    }
    node.parts.control.request(.init(id: "one", asOf: world.clock.now(), notBefore: .min, listsFirst: false))
    try world.settle([node], whole: true)
    #expect(fails.withLock { $0 } < 0)
    #expect(world.objects["out/snapshot=one/manifest.json"] != nil)
    let reports = try world.values("w.control")
    #expect(Set(reports.map(\.key)) == ["one/0", "one/1"] && reports.count == 2)
  }

  @Test("features are told before a checkpoint takes them as told")
  func toldFirst() throws {
    let world = try StreamWorld()
    let node = try world.node(options: {
      $0.emitsFeatures = true
      $0.checkpointEvery = 1_000_000
    })
    try world.settle([node], whole: true)
    let shard = Partitioner.partition(of: Array("k1".utf8), among: 2)
    let before = node.context.ledger.position
    world.onBroker { operation, moment, place throws(BrokerError) in
      if operation == .append && moment == .before && place == "w.features" { throw StreamWorld.unavailable(place) }
    }
    world.put("people/0.csv", "k1,a\n")
    node.offer("people/0.csv")
    for _ in 0..<20 {
      try node.fullRound()
      world.clock.advance(milliseconds: 2000)
    }
    #expect(node.parts.join.shards[shard].rows == 1)
    #expect(node.context.ledger.position > before)
    #expect(try Self.checkpoints(world, shard: shard).allSatisfy { $0.position <= before })
    world.onBroker { _, _, _ in }
    try world.settle([node], whole: true)
    #expect(try world.values("w.features", shard).map(\.key) == ["k1"], "what could not be told is told later")
    #expect(try Self.checkpoints(world, shard: shard).last?.position == node.context.ledger.position)
  }
}
