import Foundation
import Platform
import TestKit
import Testing

@testable import KafkaBroker

/// Members of a group: sharing, leaving, dying, coming back, pausing, seeking.
@Suite struct KafkaGroupTests {
  private func fill(
    _ broker: KafkaBroker, _ topic: String, partitions: Int, from: Int = 0, count: Int
  ) throws {
    for partition in 0..<partitions {
      _ = try broker.append(
        (0..<count).map {
          OutgoingMessage(topic: topic, partition: partition, value: bytes("\(partition)/\(from + $0)"))
        })
    }
  }

  @Test(arguments: ["cooperative-sticky", "range"])
  func membersShareAndTakeOverFromOneThatLeaves(assignor: String) throws {
    let broker = try NoidaServer.shared().broker(["partition.assignment.strategy": assignor])
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 4)
    try fill(broker, topic, partitions: 4, count: 100)
    let group = "g-\(topic)"
    let first = try Member(broker, group: group, topics: [topic], name: "one")
    defer { first.consumer.close() }
    try drive([first], "the first has all") { first.owned.count == 4 && first.count == 400 }
    let second = try Member(broker, group: group, topics: [topic], name: "two")
    try drive([first, second], "both have two") { first.owned.count == 2 && second.owned.count == 2 }
    // What the first had committed when it gave partitions up is not read again.
    try fill(broker, topic, partitions: 4, from: 100, count: 50)
    try drive([first, second], "the rest") { Set(first.values + second.values).count == 4 * 100 + 4 * 50 }
    #expect(first.owned.isDisjoint(with: second.owned))
    // This server refuses commits while an eager group rebalances (Kafka takes them), so then there are repeats.
    if assignor == "cooperative-sticky" { #expect(second.count == 100) }

    try second.consumer.commit(second.next)
    let left = Date.now
    second.consumer.close()
    try drive([first], "the first has all again") { first.owned.count == 4 }
    // Well before the session of ten seconds ended.
    #expect(Date.now.timeIntervalSince(left) < 8)
    try fill(broker, topic, partitions: 4, from: 150, count: 1)
    try drive([first], "and reads on") { Set(first.values + second.values).count == 604 }
    #expect(failure { _ = try second.consumer.poll(milliseconds: 1, maxBytes: 1) }?.code == .closed)
  }

  /// That others take over when the session ends is Kafka's work, and this server never ends one.
  @Test func oneThatDiedIsReplacedUnderItsNameAndOthersKeepTheirs() throws {
    let broker = try NoidaServer.shared().broker(["heartbeat.interval.ms": "500"])
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 2)
    try fill(broker, topic, partitions: 2, count: 10)
    let group = "g-\(topic)"
    let first = try Member(broker, group: group, topics: [topic], name: "one")
    defer { first.consumer.close() }
    var second: Member? = try Member(broker, group: group, topics: [topic], name: "two")
    var (lost, seen): (Set<TopicPartition>, Set<String>) = ([], [])
    if let second {
      try drive([first, second], "both have one") {
        first.owned.count == 1 && second.owned.count == 1 && Set(first.values + second.values).count == 20
      }
      lost = second.owned
      // Before it may have had the other one: the first to join has what the second then shares.
      seen = Set(second.values.filter { value in lost.contains { value.hasPrefix("\($0.partition)/") } })
      second.consumer.abandon()
    }
    second = nil
    let kept = first.owned
    let third = try Member(broker, group: group, topics: [topic], name: "two")
    defer { third.consumer.close() }
    // Nothing was committed by the one that died, so its partition is read from where it was given to it.
    try drive([first, third], "the name has its partition again") {
      third.owned.count == 1 && Set(third.values).isSuperset(of: seen)
    }
    #expect(first.owned == kept && third.owned == lost)
    try fill(broker, topic, partitions: 2, from: 10, count: 5)
    try drive([first, third], "both read on") {
      kept.allSatisfy { first.values.contains("\($0.partition)/14") }
        && lost.allSatisfy { third.values.contains("\($0.partition)/14") }
    }
  }

  @Test func aMemberThatComesBackGetsItsPartitionsBackAndGoesOnWhereItCommitted() throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 3)
    try fill(broker, topic, partitions: 3, count: 20)
    let group = "g-\(topic)"
    var member: Member? = try Member(broker, group: group, topics: [topic], name: "one")
    if let member {
      try drive([member], "all read") { member.count == 60 }
      try member.consumer.commit(Dictionary(uniqueKeysWithValues: (0..<3).map { (TopicPartition(topic, $0), 5) }))
      member.consumer.abandon()
    }
    member = nil
    let all = (0..<3).map { TopicPartition(topic, $0) }
    #expect(try broker.committed(group: group, all) == Dictionary(uniqueKeysWithValues: all.map { ($0, 5) }))
    #expect(try broker.committed(group: "nobody-\(topic)", all) == [:])
    let again = try Member(broker, group: group, topics: [topic], name: "one")
    defer { again.consumer.close() }
    try drive([again], "the rest read") { again.count == 45 }
    for at in all { #expect(again.records[at]?.map(\.offset) == (5..<20).map { Int64($0) }) }
    let other = TopicPartition(topic, 9)
    #expect(failure { try again.consumer.commit([other: 1]) }?.code == .fenced)
    #expect(failure { try again.consumer.begin(other, at: .first) }?.code == .fenced)
  }

  @Test func pausingLosesNothing() throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 3)
    let count = 20_000
    try fill(broker, topic, partitions: 3, count: count)
    let member = try Member(broker, group: "g-\(topic)", topics: [topic], name: "one")
    defer { member.consumer.close() }
    member.start = .first
    var random = SeededGenerator(seed: 11)
    var paused: Set<TopicPartition> = []
    try drive([], "all read in spite of pauses") {
      try member.step(milliseconds: 5, maxBytes: 20_000)
      for at in member.owned where random.int(0...9) == 0 {
        if paused.remove(at) != nil {
          try member.consumer.resume([at])
        } else {
          try member.consumer.pause([at])
          paused.insert(at)
        }
      }
      // Nothing comes of what is paused.
      let before = paused.map { member.records[$0]?.count ?? 0 }
      try member.step(milliseconds: 1, maxBytes: 20_000)
      #expect(paused.map { member.records[$0]?.count ?? 0 } == before)
      return member.count == 3 * count
    }
    for partition in 0..<3 {
      let offsets = member.records[TopicPartition(topic, partition)]?.map(\.offset)
      #expect(offsets == (0..<count).map { Int64($0) })
    }
  }

  @Test func nothingComesBeforeBeginAndBeginSeeks() throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 2)
    try fill(broker, topic, partitions: 2, count: 100)
    let consumer = try broker.consumer(group: "g-\(topic)", topics: [topic], member: "one")
    defer { consumer.close() }
    let deadline = Date.now.addingTimeInterval(30)
    var assigned: [TopicPartition] = []
    while assigned.isEmpty, Date.now < deadline {
      if case .assigned(let partitions) = try consumer.poll(milliseconds: 100, maxBytes: 1000) { assigned = partitions }
    }
    #expect(Set(assigned) == [TopicPartition(topic, 0), TopicPartition(topic, 1)])
    for _ in 0..<5 {
      if case .records = try consumer.poll(milliseconds: 50, maxBytes: 1000) { Issue.record("records before begin") }
    }
    func next(_ count: Int) throws -> [Int64] {
      var offsets: [Int64] = []
      while offsets.count < count, Date.now < deadline {
        guard case .records(let blocks) = try consumer.poll(milliseconds: 100, maxBytes: 300) else { continue }
        for block in blocks {
          #expect(block.at.partition == 1)
          offsets += block.entries.map(\.offset)
        }
      }
      return Array(offsets.prefix(count))
    }
    let at = TopicPartition(topic, 1)
    try consumer.begin(at, at: .at(40))
    #expect(try next(10) == (40..<50).map { Int64($0) })
    try consumer.begin(at, at: .at(3))
    #expect(try next(10) == (3..<13).map { Int64($0) })
    try consumer.begin(at, at: .first)
    #expect(try next(100) == (0..<100).map { Int64($0) })
    try consumer.begin(at, at: .at(98))
    #expect(try next(2) == [98, 99])
    // Paused before anything was fetched, and from a logical offset: release 2.0.2 alone would lose its place.
    try consumer.begin(at, at: .committed)
    try consumer.pause([at])
    _ = try consumer.poll(milliseconds: 100, maxBytes: 300)
    try consumer.resume([at])
    #expect(try next(100) == (0..<100).map { Int64($0) })
  }

  @Test func anOffsetThatIsNotThereIsToldWithTheBounds() throws {
    let broker = try NoidaServer.shared().broker()
    defer { broker.close() }
    let topic = try newTopic(broker)
    try fill(broker, topic, partitions: 1, count: 10)
    let member = try Member(broker, group: "g-\(topic)", topics: [topic], name: "one")
    defer { member.consumer.close() }
    member.start = .at(1000)
    try drive([member], "told, and begun again") { member.count == 10 }
    #expect(member.events == ["assigned 1", "out of range 1000 0 10"])

    let reader = try broker.reader(TopicPartition(topic, 0), from: 500)
    defer { reader.close() }
    for _ in 0..<2 {
      var code: BrokerError.Code?
      let deadline = Date.now.addingTimeInterval(30)
      while code == nil, Date.now < deadline {
        code = failure { _ = try reader.poll(milliseconds: 100, maxBytes: 1000) }?.code
      }
      #expect(code == .outOfRange(OffsetBounds(first: 0, end: 10)))
    }
    try reader.seek(to: 8)
    var offsets: [Int64] = []
    let deadline = Date.now.addingTimeInterval(30)
    while offsets.count < 2, Date.now < deadline {
      offsets += try reader.poll(milliseconds: 100, maxBytes: 1000)?.entries.map(\.offset) ?? []
    }
    #expect(offsets == [8, 9])
  }

  @Test func aSecondProcessUnderTheSameNameFencesTheFirst() throws {
    let broker = try NoidaServer.shared().broker(["heartbeat.interval.ms": "200"])
    defer { broker.close() }
    let topic = try newTopic(broker)
    let first = try Member(broker, group: "g-\(topic)", topics: [topic], name: "one")
    defer { first.consumer.close() }
    try drive([first], "assigned") { first.owned.count == 1 }
    let second = try Member(broker, group: "g-\(topic)", topics: [topic], name: "one")
    defer { second.consumer.close() }
    try drive([second], "the second has it") { second.owned.count == 1 }
    var code: BrokerError.Code?
    try drive([second], "the first is fenced") {
      do { try first.step(milliseconds: 20) } catch let error as BrokerError { code = error.code }
      return code != nil
    }
    #expect(code == .fenced)
  }
  /// A rebalance pauses and resumes what a member keeps, from another thread, while it reads.
  @Test func aMemberThatIsReadingMissesNothingWhileOthersComeAndGo() throws {
    let broker = try NoidaServer.shared().broker(["heartbeat.interval.ms": "100"])
    defer { broker.close() }
    let topic = try newTopic(broker, partitions: 2)
    let group = "g-\(topic)"
    let first = try Member(broker, group: group, topics: [topic], name: "one")
    defer { first.consumer.close() }
    try drive([first], "the first has all") { first.owned.count == 2 }
    var (sent, read): (Int, Set<String>) = (0, [])
    for round in 0..<4 {
      let other = try Member(broker, group: group, topics: [topic], name: "other \(round)")
      for isHere in [true, false] {
        if !isHere {
          try other.consumer.commit(other.next)
          other.consumer.close()
        }
        let members = isHere ? [first, other] : [first]
        try drive(members, "round \(round): \(isHere ? "one each" : "all again")") {
          try fill(broker, topic, partitions: 2, from: sent, count: 1_000)
          sent += 1_000
          return members.allSatisfy { $0.owned.count == 2 / members.count }
        }
      }
      read.formUnion(other.values)
    }
    try drive([first], "all is read") { first.count + read.count >= 2 * sent }
    read.formUnion(first.values)
    #expect(read.count == 2 * sent)
  }
}
