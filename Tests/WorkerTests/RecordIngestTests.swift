import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Records on their way into the ledger, through refusals, seeks, retention and failures.
@Suite struct RecordIngestTests {
  private static let at = TopicPartition("app.clicks", 0)
  private static func range(_ source: String, _ partition: Int = 0) -> RangeIdentity {
    RangeIdentity(source: source, topic: "app.clicks", partition: partition)
  }

  /// Values of `n` by source, each as often as it is in the shards.
  private static func found(_ context: StreamContext) throws -> [String: [Int]] {
    var found: [String: [Int]] = [:]
    for shard in 0..<2 {
      let driver = try ShardDriver(context, shard: shard, files: MemorySegmentFiles())
      try driver.settle()
      #expect(driver.shard.stopped == nil)
      for (row, count) in try driver.contents() {
        let words = row.split(separator: " ")
        // The column after the key.
        guard let last = words.last?.split(separator: ",").last, let n = Int(last.filter(\.isNumber)) else { continue }
        found[String(words[0]), default: []] += Array(repeating: n, count: count)
      }
      driver.shard.close()
    }
    return found.mapValues { $0.sorted() }
  }

  @Test("two sources, two workers, holes, failures and rebalances: each record once in each source", arguments: 0..<12)
  func anything(seed: Int) throws {
    try withDeadline(seconds: 60, "seed \(seed)") {
      var random = SeededGenerator(seed: seed)
      let world = try StreamWorld(seed: seed)
      var nodes = [try world.node(member: "a"), try world.node(member: "b")]
      let dice = Guarded(random.fork())
      let isFaulty = Guarded(true)
      world.onBroker { operation, moment, place throws(BrokerError) in
        let fails = isFaulty.withLock { $0 } && dice.withLock { $0.chance(15) }
        // An append that nobody knows of, a seek that was done, a poll that gave nothing.
        if fails && [.append, .begin, .commit, .bounds].contains(operation) && place != "app.clicks" {
          throw StreamWorld.unavailable("\(place) \(moment)")
        }
      }
      func attempt(_ body: () throws -> Void) throws {
        do { try body() } catch let error as BrokerError { #expect(error.isTransient, "\(error)") }
      }
      for n in 0..<150 {
        if n > 20, random.chance(4) { world.broker.skip(TopicPartition("app.clicks", random.int(0...1)), offsets: 2) }
        try world.produce("k\(random.int(0...9))", "{\"n\":\(n)}", partition: random.int(0...1))
        world.clock.advance(milliseconds: 20)
        for index in nodes.indices where random.chance(2) { try attempt { try nodes[index].round() } }
        if random.chance(25) {
          nodes[1].parts.ingest.close()
          nodes[1] = try world.node(member: random.pick(["b", "c"]))
        }
      }
      isFaulty.withLock { $0 = false }
      try world.settle(nodes)
      let found = try Self.found(nodes[0].context)
      #expect(found["2"] == Array(0..<150), "seed \(seed), clicks")
      #expect(found["3"] == Array(0..<150), "seed \(seed), taps")
    }
  }

  @Test("records that were read count as arriving until the ledger's verdict on them is known")
  func arriving() throws {
    let world = try StreamWorld()
    let node = try world.node()
    let large = String(repeating: "x", count: 1 << 19)
    for n in 0..<12 { try world.produce("k", "{\"n\":\(n),\"more\":\"\(large)\"}") }
    var seen = 0
    for _ in 0..<100 {
      _ = try node.fullRound()
      world.clock.advance(milliseconds: 10)
      if node.context.arriving.areMany { seen += 1 }
    }
    #expect(seen > 0 && !node.context.arriving.areMany)
    #expect(node.context.ledger.acceptedEnd(Self.range("clicks")) == 12)
    #expect(node.parts.records.isIdle)
  }

  @Test(
    "a feed that comes to want an earlier place while another one's seek is under way does not miss what lies between")
  func seekRace() throws {
    let world = try StreamWorld()
    let node = try world.node()
    for n in 0..<10 { try world.produce("k", "{\"n\":\(n)}") }
    while !node.context.ledger.isAtHead || node.context.ledger.generation == nil {
      try node.parts.define()
      _ = try node.context.ledger.step(milliseconds: 0)
    }
    let hash = { (source: Int) in node.context.plan.sources[source].schemaHash }
    try world.append(.opened(Self.range("clicks"), offset: 8, schema: hash(2), generation: 1))
    _ = try node.context.ledger.step(milliseconds: 0)
    let records = node.parts.records
    records.assign(Self.at)
    _ = try records.step()
    let wanted = records.seeksWanted()
    #expect(wanted == [Self.at: 8])
    // Meanwhile the other source's opening is folded.
    _ = try node.context.ledger.step(milliseconds: 0)
    _ = try records.step()
    records.sought(Self.at, 8)
    #expect(records.seeksWanted() == [Self.at: 0])
    let block = RecordBlock(Self.at)
    for n in 8..<10 {
      Array("{\"n\":\(n)}".utf8).withUnsafeBytes { block.append(offset: Int64(n), timestamp: 0, key: nil, value: $0) }
    }
    records.take(block)
    _ = try records.step()
    while try node.context.ledger.step(milliseconds: 0) {}
    #expect(
      node.context.ledger.acceptedEnd(Self.range("taps")) == 0, "nothing from behind a place that it has not read")
    #expect(node.context.ledger.acceptedEnd(Self.range("clicks")) == 10)
  }

  @Test("what retention took is skipped where the source says so, else it stops; what was read before is not lost")
  func gap() throws {
    let world = try StreamWorld()
    let node = try world.node()
    for n in 0..<10 { try world.produce("k", "{\"n\":\(n)}") }
    try world.settle([node])
    #expect(node.context.ledger.acceptedEnd(Self.range("taps")) == 10)
    // Read and waiting when retention strikes.
    for n in 10..<15 { try world.produce("k", "{\"n\":\(n)}") }
    _ = try node.parts.ingest.step(milliseconds: 0)
    for n in 15..<25 { try world.produce("k", "{\"n\":\(n)}") }
    try world.broker.truncate(Self.at, before: 20)
    try world.settle([node])
    #expect(node.parts.records.stoppedReasons.count == 1)
    #expect(node.parts.records.stoppedReasons.first?.contains("15 to 20") == true)
    let ranges = node.context.ledger.read { $0.ranges }
    #expect(ranges[Self.range("clicks")]?.end == 15)
    #expect(ranges[Self.range("taps")]?.skipped.map { [$0.from, $0.to] } == [[15, 20]])
    let found = try Self.found(node.context)
    #expect(found["2"] == Array(0..<15))
    #expect(found["3"] == Array(0..<15) + Array(20..<25))
    #expect(!node.parts.records.isFull && node.parts.records.isLow)
  }

  /// As long as a partition may be short.
  private static func pass(_ world: StreamWorld, _ node: StreamWorld.Node) throws {
    for _ in 0..<35 {
      try node.round()
      world.clock.advance(milliseconds: 2000)
    }
    try world.settle([node])
  }

  @Test("a partition whose end goes back for a moment is asked again, and read on", arguments: [0, 20, 50])
  func shortForAMoment(seconds: Int) throws {
    let world = try StreamWorld()
    let node = try world.node()
    for n in 0..<10 { try world.produce("k", "{\"n\":\(n)}") }
    try world.settle([node])
    for _ in 0...seconds {
      // A replica that is behind answers whoever asks for the lag.
      node.parts.records.gap(Self.at, OffsetBounds(first: 0, end: 7))
      _ = try node.parts.records.step()
      #expect(node.parts.records.stoppedReasons.isEmpty)
      world.clock.advance(milliseconds: 100)
    }
    for n in 10..<20 { try world.produce("k", "{\"n\":\(n)}") }
    try world.settle([node])
    #expect(node.parts.records.stoppedReasons.isEmpty)
    let found = try Self.found(node.context)
    #expect(found["2"] == Array(0..<20) && found["3"] == Array(0..<20))
  }

  @Test(
    "records that neither columns' reading reached before they were gone are a gap, also where a partition is opened anew"
  )
  func gapBeforeOpening() throws {
    let world = try StreamWorld()
    let node = try world.node()
    for n in 0..<10 { try world.produce("k", "{\"n\":\(n)}") }
    try world.settle([node])
    node.parts.ingest.close()
    for n in 10..<20 { try world.produce("k", "{\"n\":\(n)}") }
    try world.broker.truncate(Self.at, before: 15)
    let other = try world.node(member: "b", hash: "i") {
      $0.replacing("string}, n: int}", with: "string}, n: int, o: int}")
    }
    try world.settle([other])
    #expect(other.parts.records.stoppedReasons.count == 1)
    #expect(other.parts.records.stoppedReasons.first?.contains("10 to 15") == true, "'clicks' does not skip")
    let ranges = other.context.ledger.read { $0.ranges }
    #expect(ranges[Self.range("clicks")]?.end == 10 && other.context.acceptedEnd(Self.range("clicks")) == nil)
    let taps = ranges[Self.range("taps")]
    #expect(taps?.begin == 15 && taps?.end == 20 && taps?.skipped == [])
    let said = try world.ledger().compactMap { judged -> String? in
      switch (judged.entry, judged.verdict) {
      case (.skipped(let range, let from, let to, _), .accepted): "\(range.source) skipped \(from) to \(to)"
      case (.opened(let range, let offset, _, let generation), .accepted) where range.partition == 0 && generation == 2:
        "\(range.source) opened \(offset)"
      default: nil
      }
    }
    #expect(said == ["taps skipped 10 to 15", "taps opened 15"])
    #expect(try Self.found(other.context)["3"] == Array(15..<20))
  }

  @Test("gaps do not leave bytes counted that wait no longer")
  func bytesAreReturned() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    let large = String(repeating: "x", count: 800_000)
    for round in 0..<60 {
      for _ in 0..<3 { try world.produce("k", "{\"n\":\(round),\"x\":\"\(large)\"}") }
      _ = try node.parts.ingest.step(milliseconds: 0)
      // Somebody else's range is accepted first.
      let end = node.context.ledger.acceptedEnd(Self.range("taps")) ?? 0
      try world.append(
        .commit(
          Commit(
            generation: 1, attempt: AttemptID(high: 1, low: 1), inputs: [],
            ranges: [CommittedRange(range: Self.range("taps"), from: end, to: end + 1, rowsRead: 0, rowsRejected: 0)],
            schema: node.context.plan.sources[3].schemaHash, shards: [])))
      try world.settle([node])
    }
    #expect(node.parts.records.isLow && node.parts.records.isIdle)
  }

  @Test("a topic that was made anew is told, not read in circles")
  func shorterTopic() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    for (source, name) in [(2, "clicks"), (3, "taps")] {
      try world.append(
        .commit(
          Commit(
            generation: 1, attempt: AttemptID(high: 1, low: 1), inputs: [],
            ranges: [CommittedRange(range: Self.range(name), from: 0, to: 50, rowsRead: 0, rowsRejected: 0)],
            schema: node.context.plan.sources[source].schemaHash, shards: [])))
    }
    node.parts.ingest.close()
    let other = try world.node(member: "b")
    try world.settle([other])
    #expect(other.parts.records.stoppedReasons.isEmpty, "a replica that is behind may have answered")
    try Self.pass(world, other)
    #expect(other.parts.records.stoppedReasons.first?.contains("made anew") == true)
  }

  @Test(
    "a topic that was made anew is told by the source that is ahead of it, and read by none", arguments: [false, true])
  func shorterTopicOfTwo(isRunning: Bool) throws {
    let world = try StreamWorld()
    var node = try world.node()
    for n in 0..<10 { try world.produce("k", "{\"n\":\(n)}") }
    try world.settle([node])
    // What another worker has read before the topic was deleted, as far as this topic's own records say.
    try world.append(
      .commit(
        Commit(
          generation: 1, attempt: AttemptID(high: 1, low: 1), inputs: [],
          ranges: [CommittedRange(range: Self.range("taps"), from: 10, to: 50, rowsRead: 0, rowsRejected: 0)],
          schema: node.context.plan.sources[3].schemaHash, shards: [])))
    if isRunning {
      try world.settle([node])
      _ = node.parts.lag()
    } else {
      node.parts.ingest.close()
      node = try world.node(member: "b")
    }
    try world.settle([node])
    for n in 10..<20 { try world.produce("k", "{\"n\":\(n)}") }
    try world.settle([node])
    try Self.pass(world, node)
    #expect(node.parts.records.stoppedReasons.count == 2)
    #expect(node.parts.records.stoppedReasons.allSatisfy { $0.contains("made anew") && $0.contains("'taps'") })
    #expect(node.context.ledger.acceptedEnd(Self.range("clicks")) == 10)
  }
}
