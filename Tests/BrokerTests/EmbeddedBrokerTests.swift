import Foundation
import LogBroker
import Platform
import TestKit
import Testing
import Threads

@testable import EmbeddedBroker

/// What only a broker in a file must withstand.
@Suite struct EmbeddedBrokerTests {
  private static let at = TopicPartition("t", 0)

  private func open(_ path: String, _ clock: any WallClock = VirtualClock()) throws(BrokerError) -> EmbeddedBroker {
    try EmbeddedBroker(path: path, clock: clock)
  }

  private func numbers(_ broker: any Broker, _ partition: TopicPartition = at) throws -> [String] {
    guard let bounds = try broker.bounds([partition])[partition] else { return [] }
    let reader = try broker.reader(partition, from: bounds.first)
    var texts: [String] = []
    while let block = try reader.poll(milliseconds: 0, maxBytes: 1 << 20) {
      texts += (0..<block.count).map { BrokerConformance.text(block, $0) }
    }
    return texts
  }

  @Test("what was appended, made and committed is there after it was opened again")
  func reopened() throws {
    let path = TemporaryPath.new()
    var broker = try open(path)
    try broker.create([TopicSpec(name: "t", partitions: 2, config: ["retention.ms": "-1", "min.insync.replicas": "2"])])
    _ = try broker.append((0..<10).map { BrokerConformance.message("t", 0, "\($0)") })
    let consumer = try broker.consumer(group: "g", topics: ["t"], member: "m")
    _ = try consumer.poll(milliseconds: 0, maxBytes: 1)
    try consumer.commit([Self.at: 7])
    try broker.truncate(Self.at, before: 10)
    broker.close()
    #expect(!FileManager.default.fileExists(atPath: path + "-wal"))

    broker = try open(path)
    #expect(try broker.describe(["t"])["t"]?.config["min.insync.replicas"] == "2")
    #expect(try broker.committed(group: "g", [Self.at]) == [Self.at: 7])
    // All records are gone, yet no offset is given twice.
    #expect(try broker.bounds([Self.at])[Self.at] == OffsetBounds(first: 10, end: 10))
    #expect(try broker.append([BrokerConformance.message("t", 0, "10")]) == [10])
    #expect(!FileManager.default.fileExists(atPath: path + "-shm"))
    broker.close()
  }

  @Test("kill -9 in the midst of appends loses nothing that was acknowledged, and tears no append", arguments: 0..<3)
  func killed(_ round: Int) throws {
    let path = TemporaryPath.new()
    var end = 0
    // The same file is killed again and again: what a crash left is what the next process begins with.
    for _ in 0..<3 {
      let child = try Trial(["append", path])
      try child.lines { line in
        end = max(end, Int(line) ?? 0)
        return Int(line).map { $0 < 60 * (round + 1) || $0 % 7 != 0 } ?? true
      }
      child.kill()
      // What it said and nobody had read yet.
      try child.lines { line in
        end = max(end, Int(line) ?? 0)
        return true
      }
      let broker = try open(path)
      let bounds = try broker.bounds([Self.at, TopicPartition("t", 1)])
      #expect(bounds[Self.at] == bounds[TopicPartition("t", 1)])
      let found = try numbers(broker).count
      #expect(found >= end && found % 3 == 0 && found > 0)
      #expect(try numbers(broker, TopicPartition("t", 1)).count == found)
      broker.close()
    }
  }

  @Test("a second process is refused, with a reason")
  func secondProcess() throws {
    let path = TemporaryPath.new()
    let child = try Trial(["hold", path])
    try child.lines { $0 != "open" }
    let error = #expect(throws: BrokerError.self) { try open(path) }
    #expect(error?.message.contains(path) == true && error?.message.contains("one process owns it") == true)
    child.kill()
    let broker = try open(path)
    let again = #expect(throws: BrokerError.self) { try open(path) }
    #expect(again?.message.contains("one process owns it") == true)
    broker.close()
  }

  @Test("a full device is an error; nothing is lost, and it goes on when there is room")
  func full() throws {
    let path = TemporaryPath.new()
    let child = try Trial(["full", path, "2000000"])
    var said: [String] = []
    try child.lines {
      said.append($0)
      return true
    }
    try #require(said.count == 4, "\(said)")
    #expect(said[0] == "full")
    let acknowledged = try #require(Int(said[1]))
    #expect(acknowledged > 0 && Int(said[2]) == acknowledged && Int(said[3]) == acknowledged + 3)
    let broker = try open(path)
    #expect(try numbers(broker).count == acknowledged + 3)
    broker.close()
  }

  @Test(
    "a damaged file is an error that says so", arguments: ["garbage", "truncated", "foreign", "directory", "nowhere"])
  func damaged(_ how: String) throws {
    let path = TemporaryPath.new()
    var code: BrokerError.Code = .damaged
    switch how {
    case "garbage":
      try Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }).write(to: URL(fileURLWithPath: path))
    case "truncated":
      let broker = try open(path)
      try broker.create([TopicSpec(name: "t", partitions: 1)])
      for _ in 0..<10 {
        let value = [UInt8](repeating: 1, count: 100_000)
        _ = try broker.append([OutgoingMessage(topic: "t", partition: 0, value: value)])
      }
      broker.close()
      try #require(truncate(path, 300_000) == 0)
    case "foreign":
      let connection = try Connection(path: path)
      try connection.execute("CREATE TABLE other (x)")
      code = .other
    case "directory":
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      code = .forbidden
    default:
      let error = #expect(throws: BrokerError.self) { try open(path + "/none/x.db") }
      #expect(error?.code == .other && error?.hint.contains("directory") == true)
      return
    }
    let error = #expect(throws: BrokerError.self) { try open(path) }
    #expect(error?.code == code && error?.location == path, "\(String(describing: error))")
    #expect(error?.hint.isEmpty == false)
  }

  @Test("records go when they are older than the topic keeps them, also of partitions nobody writes to")
  func retention() throws {
    let clock = VirtualClock()
    let broker = try open(TemporaryPath.new(), clock)
    try broker.create([
      TopicSpec(name: "t", partitions: 2, config: ["retention.ms": "1000"]),
      TopicSpec(name: "kept", partitions: 1, config: ["retention.ms": "-1"]),
    ])
    let idle = TopicPartition("t", 1)
    func add(_ text: String) throws {
      _ = try broker.append((0..<50).map { BrokerConformance.message("t", 0, "\(text) \($0)") })
    }
    try add("old")
    _ = try broker.append([BrokerConformance.message("t", 1, "idle"), BrokerConformance.message("kept", 0, "kept")])
    clock.advance(milliseconds: 800)
    try add("young")
    #expect(try broker.bounds([Self.at])[Self.at] == OffsetBounds(first: 0, end: 100))
    clock.advance(milliseconds: 500)
    for _ in 0..<3 { _ = try broker.append([BrokerConformance.message("t", 0, "new")]) }
    #expect(try broker.bounds([Self.at])[Self.at] == OffsetBounds(first: 50, end: 103))
    #expect(try broker.bounds([idle])[idle] == OffsetBounds(first: 1, end: 1))
    #expect(try numbers(broker).first == "young 0")
    #expect(try numbers(broker, TopicPartition("kept", 0)) == ["kept"])
    // Kept longer from now on.
    try broker.alter("t", config: ["retention.ms": "100000"])
    clock.advance(milliseconds: 5000)
    try add("newer")
    #expect(try broker.bounds([Self.at])[Self.at]?.first == 50)
    broker.close()
  }

  @Test("the file gives back what retention freed; one of an older layout goes on as it is", arguments: [false, true])
  func shrinks(isOld: Bool) throws {
    let path = TemporaryPath.new()
    let clock = VirtualClock()
    if isOld {
      try open(path, clock).close()
      try Connection(path: path).execute("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM")
    }
    var broker = try open(path, clock)
    try broker.create([TopicSpec(name: "t", partitions: 1, config: ["retention.ms": "1000"])])
    let large = OutgoingMessage(topic: "t", partition: 0, value: [UInt8](repeating: 7, count: 400_000))
    for _ in 0..<30 { _ = try broker.append(Array(repeating: large, count: 5)) }
    func bytes() throws -> Int {
      // Closed, its log is carried over.
      broker.close()
      let bytes = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
      broker = try open(path, clock)
      return bytes
    }
    let most = try bytes()
    #expect(most > 60_000_000)
    clock.advance(milliseconds: 2000)
    for n in 0..<200 { _ = try broker.append([BrokerConformance.message("t", 0, "\(n)")]) }
    let left = try bytes()
    #expect(isOld ? left == most : left < 30_000_000, "\(left) bytes of \(most)")
    #expect(try numbers(broker).count == 200)
    // What is free is used again.
    for _ in 0..<10 { _ = try broker.append([large]) }
    #expect(try bytes() <= max(left, 30_000_000))
    broker.close()
  }

  @Test("a compacted topic does not grow for ever, and keeps each key's newest value", arguments: 0..<3)
  func compaction(_ seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let path = TemporaryPath.new()
    func open() throws -> EmbeddedBroker {
      try EmbeddedBroker(
        SQLiteLog(path: path, clock: VirtualClock(), compactionRecordsMin: 200), sessionMilliseconds: 10_000,
        sessionClock: monotonicMicroseconds)
    }
    var broker = try open()
    try broker.create([TopicSpec(name: "t", partitions: 1, config: ["cleanup.policy": "compact"])])
    var newest: [String: String] = [:]
    var count = 0
    for call in 0..<300 {
      if random.chance(50) {
        broker.close()
        broker = try open()
      }
      let messages = (0..<random.int(1...40)).map { _ in
        count += 1
        let key = random.chance(10) ? "rare \(random.int(0...400))" : "often \(random.int(0...30))"
        newest[key] = "\(call) \(count)"
        return BrokerConformance.message("t", 0, "\(call) \(count)", key: key)
      }
      _ = try broker.append(messages)
    }
    var found: [String: String] = [:]
    var records = 0
    var last: Int64 = -1
    let reader = try broker.reader(Self.at, from: 0)
    while let block = try reader.poll(milliseconds: 0, maxBytes: 1000) {
      for index in 0..<block.count {
        #expect(block.entries[index].offset > last)
        last = block.entries[index].offset
        records += 1
        found[String(decoding: block.key(index) ?? [], as: UTF8.self)] = BrokerConformance.text(block, index)
      }
    }
    #expect(found == newest, "seed \(seed)")
    #expect(records < count / 2, "\(records) of \(count) are left; seed \(seed)")
    broker.close()
  }

  @Test("calls of many threads share transactions, and each gets its own answer")
  func groupCommit() throws {
    let broker = try open(TemporaryPath.new())
    try broker.create([TopicSpec(name: "t", partitions: 4), TopicSpec(name: "tiny", partitions: 1)])
    let given = Guarded<[Int: Set<Int64>]>([:])
    try inThreads(8) { thread in
      for call in 0..<40 {
        if call % 10 == 9 {
          #expect(throws: BrokerError.self) { try broker.append([BrokerConformance.message("none", 0, "x")]) }
        }
        let offset = try broker.append([BrokerConformance.message("t", thread % 4, "\(thread) \(call)")])[0]
        given.withLock { _ = $0[thread % 4, default: []].insert(offset) }
      }
    }
    for partition in 0..<4 {
      #expect(given.withLock { $0[partition] } == Set(0..<80))
      #expect(try numbers(broker, TopicPartition("t", partition)).count == 80)
    }
    broker.close()
  }
}
