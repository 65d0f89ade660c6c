import Platform
import TestKit
import Testing

/// A member as an application drives it: takes what it is assigned, notes what it is given.
final class TestMember {
  let consumer: any GroupConsumer
  private(set) var owned: Set<TopicPartition> = []
  private(set) var texts: [String] = []
  private(set) var next: [TopicPartition: Int64] = [:]
  private(set) var losses = 0
  var start: StartOffset = .committed

  init(_ consumer: any GroupConsumer) { self.consumer = consumer }

  /// One poll, and what an application does after it.
  @discardableResult
  func step(milliseconds: Int = 20, commits: Bool = true) throws -> ConsumerEvent {
    let event = try consumer.poll(milliseconds: milliseconds, maxBytes: 1 << 20)
    switch event {
    case .assigned(let partitions):
      #expect(owned.isDisjoint(with: partitions))
      owned.formUnion(partitions)
      for partition in partitions { try consumer.begin(partition, at: start) }
    case .revoked(let partitions, let lost):
      #expect(owned.isSuperset(of: partitions))
      if lost { losses += 1 } else if commits { try consumer.commit(next.filter { partitions.contains($0.key) }) }
      owned.subtract(partitions)
      for partition in partitions { next[partition] = nil }
    case .records(let blocks):
      for block in blocks {
        #expect(owned.contains(block.at))
        texts += (0..<block.count).map { BrokerConformance.text(block, $0) }
        next[block.at] = block.nextOffset
      }
    case .nothing, .outOfRange: break
    }
    return event
  }
}

extension BrokerConformance {
  static let groups: [(String, @Sendable (BrokerUnderTest) throws -> Void)] = [
    ("members share partitions: 1, 3, 1", sharing),
    ("a member that gets nothing hears that it is one", idleMember),
    ("nothing comes before begin", nothingBeforeBegin),
    ("what was committed is where the next member goes on", takeover),
    ("revoked partitions are owned until the next poll", revokedIsOwned),
    ("a consumer seeks", consumerSeeks),
    ("paused partitions give nothing, and lose nothing", pausing),
    ("a torn head is an event", outOfRange),
    ("groups know nothing of each other", twoGroups),
  ]

  private static func member(
    _ kind: BrokerUnderTest, _ broker: any Broker, _ topic: String, _ name: String, group: String? = nil
  ) throws -> TestMember {
    TestMember(try broker.consumer(group: group ?? topic + ".group", topics: [topic], member: name))
  }

  /// Polls all members in turn until something holds.
  private static func poll(
    _ members: [TestMember], _ kind: BrokerUnderTest, _ what: String, until holds: () -> Bool
  ) throws {
    let deadline = ContinuousClock.now + .seconds(kind.patienceSeconds)
    while !holds() {
      guard ContinuousClock.now < deadline else { throw DeadlineError(description: "not in time: \(what)") }
      for member in members { try member.step() }
      let owned = members.flatMap(\.owned)
      #expect(Set(owned).count == owned.count, "two members own a partition")
    }
  }

  @Sendable static func sharing(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("sharing")
    try broker.create([spec(topic, 6)])
    let a = try member(kind, broker, topic, "a")
    try poll([a], kind, "one owns all") { a.owned.count == 6 }
    let before = a.owned
    let b = try member(kind, broker, topic, "b")
    let c = try member(kind, broker, topic, "c")
    try poll([a, b, c], kind, "three own two each") { [a, b, c].allSatisfy { $0.owned.count == 2 } }
    #expect(a.owned.isSubset(of: before))
    // While it works: each record once.
    let offsets = try broker.append((0..<60).map { message(topic, $0 % 6, "\($0)") })
    #expect(offsets.count == 60)
    try poll([a, b, c], kind, "all is read") { [a, b, c].reduce(0) { $0 + $1.texts.count } >= 60 }
    #expect(Set([a, b, c].flatMap(\.texts)) == Set((0..<60).map(String.init)))
    try b.consumer.commit(b.next)
    try c.consumer.commit(c.next)
    let kept = a.owned
    b.consumer.close()
    c.consumer.close()
    try poll([a], kind, "one owns all again") { a.owned.count == 6 }
    #expect(a.owned.isSuperset(of: kept) && a.losses == 0)
    #expect([a, b, c].reduce(0) { $0 + $1.texts.count } == 60)
    a.consumer.close()
  }

  @Sendable static func idleMember(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("idle")
    try broker.create([spec(topic, 1)])
    let members = try ["a", "b"].map { try member(kind, broker, topic, $0) }
    try poll(members, kind, "both are members") { members.allSatisfy(\.consumer.isMember) }
    try poll(members, kind, "one owns it") { members.contains { !$0.owned.isEmpty } }
    for member in members { member.consumer.close() }
  }

  @Sendable static func nothingBeforeBegin(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("begin")
    try broker.create([spec(topic, 2)])
    _ = try broker.append([message(topic, 0, "x"), message(topic, 1, "y")])
    let consumer = try broker.consumer(group: topic, topics: [topic], member: "m")
    var assigned: [TopicPartition] = []
    try until(seconds: kind.patienceSeconds) {
      if case .assigned(let more) = try consumer.poll(milliseconds: 100, maxBytes: 100) { assigned += more }
      return assigned.count == 2 ? true : nil
    }
    for _ in 0..<3 {
      guard case .nothing = try consumer.poll(milliseconds: 50, maxBytes: 100) else {
        Issue.record("something came before begin")
        return
      }
    }
    try consumer.begin(TopicPartition(topic, 1), at: .first)
    var texts: [String] = []
    try until(seconds: kind.patienceSeconds) {
      if case .records(let blocks) = try consumer.poll(milliseconds: 100, maxBytes: 100) {
        texts += blocks.map { text($0, 0) }
      }
      return texts.isEmpty ? nil : true
    }
    #expect(texts == ["y"])
    consumer.close()
  }

  @Sendable static func takeover(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("takeover")
    try broker.create([spec(topic)])
    let at = TopicPartition(topic, 0)
    let offsets = try broker.append((0..<10).map { message(topic, 0, "\($0)") })
    #expect(try broker.committed(group: topic + ".group", [at]).isEmpty)
    let a = try member(kind, broker, topic, "a")
    try poll([a], kind, "all is read") { a.texts.count == 10 }
    try a.consumer.commit([at: offsets[4]])
    #expect(try broker.committed(group: topic + ".group", [at]) == [at: offsets[4]])
    a.consumer.close()
    let b = try member(kind, broker, topic, "b")
    try poll([b], kind, "the rest is read") { b.texts.count == 6 }
    #expect(b.texts == (4..<10).map(String.init))
    b.consumer.close()
    let error = #expect(throws: BrokerError.self) { try a.consumer.commit([at: 1]) }
    #expect(error?.code == .closed || error?.code == .fenced)
    #expect(try broker.committed(group: topic + ".group", [at]) == [at: offsets[4]])
  }

  @Sendable static func revokedIsOwned(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("revoked")
    try broker.create([spec(topic, 2)])
    let offsets = try broker.append([message(topic, 0, "x"), message(topic, 1, "y")])
    let a = try member(kind, broker, topic, "a")
    try poll([a], kind, "one has both") { a.texts.count == 2 }
    let b = try member(kind, broker, topic, "b")
    // The event, then nothing of it for a while: the other must not have it.
    var revoked: [TopicPartition] = []
    try until(seconds: kind.patienceSeconds) {
      try b.step()
      if case .revoked(let partitions, lost: false) = try a.step(commits: false) { revoked = partitions }
      return revoked.isEmpty ? nil : true
    }
    #expect(!revoked.isEmpty)
    for _ in 0..<5 { try b.step(milliseconds: 10) }
    #expect(b.owned.isDisjoint(with: revoked))
    let ends = Dictionary(uniqueKeysWithValues: revoked.map { ($0, offsets[$0.partition] + 1) })
    try a.consumer.commit(ends)
    try poll([a, b], kind, "the other has its share") { b.owned.count == 1 && a.owned.count == 1 }
    #expect(b.texts.isEmpty)
    #expect(throws: BrokerError.self) { try a.consumer.commit([b.owned.first ?? TopicPartition("", 0): 0]) }
    a.consumer.close()
    b.consumer.close()
  }

  @Sendable static func consumerSeeks(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("consumer-seek")
    try broker.create([spec(topic)])
    let offsets = try broker.append((0..<10).map { message(topic, 0, "\($0)") })
    let a = try member(kind, broker, topic, "a")
    a.start = .at(offsets[8])
    try poll([a], kind, "two are read") { a.texts.count == 2 }
    try a.consumer.begin(TopicPartition(topic, 0), at: .at(offsets[9]))
    try poll([a], kind, "one is read again") { a.texts.count == 3 }
    try a.consumer.begin(TopicPartition(topic, 0), at: .first)
    try poll([a], kind, "all are read again") { a.texts.count == 13 }
    #expect(a.texts == ["8", "9", "9"] + (0..<10).map(String.init))
    a.consumer.close()
  }

  @Sendable static func pausing(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("pause")
    try broker.create([spec(topic, 2)])
    let a = try member(kind, broker, topic, "a")
    try poll([a], kind, "assigned") { a.owned.count == 2 }
    let held = TopicPartition(topic, 0)
    try a.consumer.pause([held])
    _ = try broker.append((0..<20).map { message(topic, $0 % 2, "\($0 % 2)") })
    try poll([a], kind, "the other is read") { a.texts.count == 10 }
    for _ in 0..<5 { try a.step() }
    #expect(a.texts.allSatisfy { $0 == "1" } && a.texts.count == 10)
    try a.consumer.resume([held])
    try poll([a], kind, "both are read") { a.texts.count == 20 }
    for _ in 0..<3 { try a.step() }
    #expect(a.texts.filter { $0 == "0" }.count == 10 && a.texts.count == 20)
    a.consumer.close()
  }

  @Sendable static func outOfRange(_ kind: BrokerUnderTest) throws {
    guard let truncate = kind.truncate else { return }
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("torn")
    try broker.create([spec(topic)])
    let at = TopicPartition(topic, 0)
    let offsets = try broker.append((0..<5).map { message(topic, 0, "\($0)") })
    try truncate(broker, at, offsets[3])
    let a = try member(kind, broker, topic, "a")
    a.start = .at(offsets[1])
    let event = try until(seconds: kind.patienceSeconds) { () throws -> ConsumerEvent? in
      let event = try a.step()
      if case .outOfRange = event { return event } else { return nil }
    }
    guard case .outOfRange(at, wanted: offsets[1], OffsetBounds(first: offsets[3], end: offsets[4] + 1)) = event else {
      Issue.record("another event: \(String(describing: event))")
      return
    }
    for _ in 0..<3 { try a.step() }
    #expect(a.texts.isEmpty)
    try a.consumer.begin(at, at: .first)
    try poll([a], kind, "what is left is read") { a.texts.count == 2 }
    #expect(a.texts == ["3", "4"])
    a.consumer.close()
  }

  @Sendable static func twoGroups(_ kind: BrokerUnderTest) throws {
    let broker = try kind.make()
    defer { broker.close() }
    let topic = kind.topic("two-groups")
    try broker.create([spec(topic, 3)])
    _ = try broker.append((0..<9).map { message(topic, $0 % 3, "\($0)") })
    let a = try member(kind, broker, topic, "same", group: topic + ".1")
    let b = try member(kind, broker, topic, "same", group: topic + ".2")
    try poll([a], kind, "one reads all") { a.texts.count == 9 }
    try poll([b], kind, "the other reads all") { b.texts.count == 9 }
    try a.consumer.commit(a.next)
    #expect(try broker.committed(group: topic + ".2", Array(a.owned)).isEmpty)
    a.consumer.close()
    b.consumer.close()
  }
}
