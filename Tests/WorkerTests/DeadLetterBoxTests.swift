import Notifications
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Which dead letters are shown, and what a replay asks for.
@Suite struct DeadLetterBoxTests {
  private static let topics = DatasetTopics("lake")

  /// A dataset with a ledger and letters, and no worker.
  private struct World {
    let broker: MemoryBroker
    var position = 0

    init() throws {
      broker = try MemoryBroker(clock: VirtualClock())
      try broker.create(topics.specs(shards: 4))
      try append(.defined(generation: 1, semanticHash: "hash", shards: 4))
    }

    mutating func append(_ entry: LedgerEntry) throws {
      position = Int(try LedgerWriter.append(entry, to: broker, topics.ledger)) + 1
    }

    func letter(_ json: String) throws {
      _ = try broker.append([OutgoingMessage(topic: topics.deadLetters, partition: 3, value: Array(json.utf8))])
    }

    func row(_ attempt: UInt64, _ object: String, source: String = "visits", row: Int = 2) throws {
      try letter(
        """
        {"kind":"row","attempt":"\(AttemptID(high: 0, low: attempt))","source":"\(source)","object":"\(object)",\
        "row":\(row),"byte":9,"reason":"not_an_int","raw":"x"}
        """)
    }

    var box: DeadLetterBox { get throws { try DeadLetterBox(reading: try Lake(seed: 1).definition(), broker: broker) } }

    func shown(_ query: DeadLetterQuery = DeadLetterQuery()) throws -> [String] {
      try box.list(query).letters.map { "\($0.object ?? "") \($0.state.rawValue)" }.sorted()
    }

    func replayed(_ query: DeadLetterQuery = DeadLetterQuery()) throws -> (DeadLetterReplay, [ObjectHint]) {
      let replay = try box.replay(query)
      var hints: [ObjectHint] = []
      for partition in 0..<16 {
        let reader = try broker.reader(TopicPartition(DatasetTopics.events, partition), from: 0)
        guard let block = try reader.poll(milliseconds: 0, maxBytes: 1 << 20) else { continue }
        for index in 0..<block.count {
          let parsed = (block.value(index) ?? []).withUnsafeBytes { NotificationParser.parse($0, messageKey: nil) }
          if case .hints(let found, _) = parsed { hints += found }
        }
      }
      return (replay, hints)
    }
  }

  private static func object(_ key: String, bucket: String = "") -> ObjectIdentity {
    ObjectIdentity(source: "visits", bucket: bucket, key: key)
  }

  private static func commit(
    _ attempt: UInt64, _ inputs: [(ObjectIdentity, base: Int?)], ranges: [CommittedRange] = []
  ) -> LedgerEntry {
    .commit(
      Commit(
        generation: 1, attempt: AttemptID(high: 0, low: attempt),
        inputs: inputs.map {
          CommittedInput(object: $0.0, version: "v", base: $0.base, rowsRead: 2, rowsApplied: 1, rowsRejected: 1)
        }, ranges: ranges, shards: Array(repeating: ShardReceipt(), count: 4)))
  }

  @Test func lettersOfWhatTheLedgerNeverTookAreNotShown() throws {
    var world = try World()
    // Attempt 2 read b before attempt 1 was accepted with it; attempt 3 never came to an entry.
    try world.append(Self.commit(1, [(Self.object("visits/a"), nil), (Self.object("visits/b"), nil)]))
    try world.append(Self.commit(2, [(Self.object("visits/b"), nil), (Self.object("visits/c"), nil)]))
    for attempt: UInt64 in [1, 2, 3] {
      for object in ["visits/a", "visits/b", "visits/c"] where !(attempt == 1 && object == "visits/c") {
        try world.row(attempt, object)
      }
    }
    try world.letter("no json")
    try world.letter("{\"kind\":\"of another version\"}")
    #expect(try world.shown() == ["visits/a open", "visits/b open", "visits/c open"])
    #expect(try world.box.list(DeadLetterQuery(limit: 1)).letters.count == 1)
    #expect(try world.box.list(DeadLetterQuery(limit: 1)).counts.map(\.count) == [3])
    #expect(try world.shown(DeadLetterQuery(source: "customers")) == [])
    // By its id any one is told, with what became of it.
    #expect(try world.shown(DeadLetterQuery(id: "3:7")) == ["visits/c unaccepted"])
    #expect(try world.shown(DeadLetterQuery(id: "3:700")) == [])
    #expect(try world.shown(DeadLetterQuery(id: "99:0")) == [])
  }

  @Test func whatWasReadAnewIsSettled() throws {
    var world = try World()
    try world.append(Self.commit(1, [(Self.object("visits/a"), nil)]))
    let base = world.position - 1
    try world.row(1, "visits/a")
    try world.append(.setAside(Self.object("visits/d"), version: "v1", reason: "no gzip"))
    try world.letter(
      """
      {"kind":"object","source":"visits","object":"visits/d","version":"v1","reason":"no gzip","tries":5}
      """)
    #expect(try world.shown() == ["visits/a open", "visits/d open"])
    try world.append(Self.commit(2, [(Self.object("visits/a"), base), (Self.object("visits/d"), nil)]))
    #expect(try world.shown() == [])
    #expect(try world.shown(DeadLetterQuery(all: true)) == ["visits/a settled", "visits/d settled"])
    #expect(try world.replayed().0 == DeadLetterReplay())
  }

  @Test func aReplayAsksForEachObjectOnce() throws {
    var world = try World()
    let remote = Self.object("visits/ü +.jsonl", bucket: "lake")
    let range = RangeIdentity(source: "gone", topic: "clicks", partition: 3)
    try world.append(Self.commit(1, [(Self.object("visits/a"), nil), (remote, nil)]))
    try world.append(.opened(range, offset: 0))
    try world.append(
      Self.commit(
        2, [], ranges: [CommittedRange(range: range, from: 0, to: 5, rowsRead: 5, rowsRejected: 1)]))
    for row in 2...5 { try world.row(1, "visits/a", row: row) }
    try world.row(1, remote.location)
    try world.row(2, "clicks[3]", source: "gone")
    try world.letter(
      """
      {"kind":"message","topic":"s3.events","partition":1,"offset":2,"reason":"it is no object"}
      """)
    #expect(try world.box.list(DeadLetterQuery()).letters.count == 7)
    let (replay, hints) = try world.replayed()
    #expect(replay.objects == [remote.location, "visits/a"])
    #expect(replay.left.values.sorted() == [1, 1])
    #expect(Set(hints.map(\.key)) == ["visits/a", "visits/ü +.jsonl"] && hints.count == 2)
    #expect(hints.allSatisfy { $0.again && $0.kind == .created })
    #expect(hints.first { $0.key == remote.key }?.bucket == "lake")
  }
}
