import Columns
import Platform
import TestKit
import Testing

@testable import Pipeline
@testable import Worker

/// Row batches that lie in files, told of in `rows`.
@Suite struct RowFilesTests {
  private static func messages(_ random: inout SeededGenerator, _ attempt: AttemptID, count: Int, shards: Int = 3)
    -> [OutgoingMessage]
  {
    var numbers = Array(repeating: 0, count: shards)
    return (0..<count).map { _ in
      let shard = random.int(0...shards - 1)
      let batch = RowBatch(shard: shard, types: [.int], capacity: 1)
      batch.keys[0] = batch.arena.append(String(repeating: "k", count: random.int(1...300)))
      batch.count = 1
      defer { numbers[shard] += 1 }
      let frame = RowFrame(attempt: attempt, number: numbers[shard], schema: 1, generation: 1)
      return OutgoingMessage(topic: "w.rows", partition: shard, value: frame.encode(batch))
    }
  }

  private static func slices(_ messages: [OutgoingMessage], shard: Int) -> [ArraySlice<UInt8>] {
    messages.filter { $0.partition == shard }.compactMap { $0.value.map { $0[...] } }
  }

  private struct Failed: Error {}
  private static func whole(_ resolved: RowFiles.Resolved) throws -> [[UInt8]] {
    guard case .whole(let frames) = resolved else { throw Failed() }
    return frames.map { Array($0) }
  }

  @Test("what is written is read as it was, a shard's of a file in one piece", arguments: 0..<20)
  func thereAndBack(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let world = try StreamWorld(seed: seed)
    let files = RowFiles(try world.context())
    let attempt = AttemptID(high: 1, low: UInt64(seed))
    var sent: [OutgoingMessage] = []
    var told: [OutgoingMessage] = []
    for file in 0..<3 {
      let some = Self.messages(&random, attempt, count: random.int(1...40))
      let references = try files.write(some, attempt: attempt, file: file)
      #expect(references.map(\.partition) == some.map(\.partition))
      #expect(references.allSatisfy { $0.value?.count == RowReference.bytes })
      sent += some
      // Some come as they are.
      told += random.chance(2) ? references : zip(some, references).map { random.chance(4) ? $0 : $1 }
    }
    let opened = Guarded<[String]>([])
    world.onStore { operation, key throws(StoreError) in
      if operation == .open { opened.withLock { $0.append(key) } }
    }
    for shard in 0..<3 {
      opened.withLock { $0 = [] }
      let found = try Self.whole(try files.resolve(Self.slices(told, shard: shard)))
      #expect(found == sent.filter { $0.partition == shard }.map { $0.value ?? [] }, "seed \(seed)")
      let asked = opened.withLock { $0 }
      let areAll = told.allSatisfy { $0.value?.count == RowReference.bytes }
      #expect(!areAll || asked.count == Set(asked).count, "seed \(seed): \(asked)")
    }
  }

  @Test("what is gone, another, or cannot be asked for is told apart")
  func troubles() throws {
    var random = SeededGenerator(seed: 1)
    let world = try StreamWorld()
    let files = RowFiles(try world.context())
    let attempt = AttemptID(high: 1, low: 2)
    let sent = Self.messages(&random, attempt, count: 6, shards: 1)
    let told = Self.slices(try files.write(sent, attempt: attempt, file: 0), shard: 0)
    let key = try #require(world.objects.keys.first { $0.hasPrefix("out/_tributary/rows/") })
    let bytes = try #require(world.objects[key])
    #expect(bytes == sent.flatMap { $0.value ?? [] })
    let reference = try #require(told[0].withUnsafeBytes { RowReference($0) })
    #expect(try files.isThere(reference))
    // Any byte of what is meant may be another: a message's own hashes tell the rest.
    var damaged = bytes
    damaged[9] ^= 1
    world.objects.set(key, damaged)
    if case .damaged = try files.resolve(told) {} else { Issue.record("a damaged file passes") }
    world.objects.set(key, Array(bytes.dropLast()))
    if case .damaged = try files.resolve(told) {} else { Issue.record("a file that is cut short passes") }
    #expect(try !files.isThere(reference))
    var broken = Array(told[0])
    broken[60] ^= 1
    world.objects.set(key, bytes)
    if case .damaged = try files.resolve([broken[...]]) {} else { Issue.record("a damaged reference passes") }
    world.onStore { operation, key throws(StoreError) in
      throw StoreError(.unavailable, operation: operation.rawValue, location: key, message: "it is away")
    }
    #expect(throws: StoreError.self) { try files.resolve(told) }
    #expect(throws: StoreError.self) { try files.isThere(reference) }
    world.onStore { _, _ throws(StoreError) in }
    world.objects.remove(key)
    if case .gone(let file) = try files.resolve(told) { #expect(file == key) } else { Issue.record("it is gone") }
    #expect(try !files.isThere(reference))
  }

  @Test(
    "what a store does not take goes through the broker, and the store is let be for a while",
    arguments: [
      StoreError.Code.unavailable, .forbidden, .full,
    ])
  func notWritten(code: StoreError.Code) throws {
    let world = try StreamWorld()
    let node = try world.node(options: { $0.rowFileLeast = 1 })
    try world.settle([node])
    for shard in 0..<2 { node.context.own.open(shard) }
    world.put("people/0.csv", (0..<40).map { "k\($0),x\n" }.joined())
    world.onStore { operation, key throws(StoreError) in
      guard operation == .finish, key.contains("/rows/") else { return }
      throw StoreError(code, operation: "PUT", location: key, message: "it takes nothing")
    }
    func references() throws -> Int {
      try (0..<2).reduce(0) { count, shard in
        try count + world.values("w.rows", shard).count { $0.value?.count == RowReference.bytes }
      }
    }
    node.offer("people/0.csv")
    for _ in 0..<3 {
      try node.round()
      world.clock.advance(milliseconds: 1000)
    }
    let first = try world.ledger().filter { if case .commit = $0.entry { true } else { false } }
    #expect(try first.count == 1 && references() == 0)
    world.onStore { _, _ throws(StoreError) in }
    world.put("people/1.csv", (0..<40).map { "k\($0),y\n" }.joined())
    node.offer("people/1.csv")
    for _ in 0..<3 { try node.round() }
    #expect(try references() == 0)
    world.clock.advance(milliseconds: 60_000)
    world.put("people/2.csv", (0..<40).map { "k\($0),z\n" }.joined())
    node.offer("people/2.csv")
    try world.settle([node])
    #expect(try references() == 2)
    #expect(world.objects.keys.count { $0.hasPrefix("out/_tributary/rows/") } == 1)
  }

  @Test("of a batch and of where it lies, staging keeps the batch, in any order", arguments: 0..<20)
  func staging(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let world = try StreamWorld(seed: seed)
    let files = RowFiles(try world.context())
    let attempt = AttemptID(high: 1, low: UInt64(seed))
    let sent = Self.messages(&random, attempt, count: 12, shards: 1)
    let batches = Self.slices(sent, shard: 0)
    let references = Self.slices(try files.write(sent, attempt: attempt, file: 0), shard: 0)
    var arrivals: [(number: Int, frame: ArraySlice<UInt8>)] = []
    for number in 0..<12 {
      for _ in 0..<random.int(0...2) { arrivals.append((number, references[number])) }
      if random.chance(2) { arrivals.append((number, batches[number])) }
    }
    arrivals.shuffle(using: &random)
    var staging = ShardStaging(bytesMax: 1 << 20)
    var wanted: [Int: ArraySlice<UInt8>] = [:]
    for (number, frame) in arrivals {
      #expect(staging.lacksBatch(of: frame) == (wanted[number]?.count == RowReference.bytes))
      staging.add(frame, offset: Int64(number))
      if wanted[number] == nil || frame == batches[number] { wanted[number] = frame }
    }
    #expect(staging.bytes == wanted.values.reduce(0) { $0 + $1.count })
    #expect(staging.take(attempt) == wanted.sorted { $0.key < $1.key }.map(\.value), "seed \(seed)")
    #expect(staging.bytes == 0)
  }

  @Test(
    "a file that is not there for a moment is waited for, as is a store that does not answer", arguments: [true, false])
  func away(isGone: Bool) throws {
    let world = try StreamWorld()
    let node = try world.node(options: { $0.rowFileLeast = 1 })
    try world.settle([node])
    for shard in 0..<2 { node.context.own.open(shard) }
    world.put("people/0.csv", (0..<40).map { "k\($0),x\n" }.joined())
    node.offer("people/0.csv")
    try world.settle([node])
    let asked = Guarded(0)
    world.onStore { operation, key throws(StoreError) in
      guard key.contains("/rows/") else { return }
      asked.withLock { $0 += 1 }
      throw StoreError(isGone ? .notFound : .forbidden, operation: "GET", location: key, message: "away")
    }
    let context = try world.context(member: "z")
    while try context.ledger.step(milliseconds: 0) {}
    let driver = try ShardDriver(context, files: MemorySegmentFiles())
    for _ in 0..<200 {
      if isGone { try driver.settle() } else { #expect(throws: StoreError.self) { try driver.settle() } }
      world.clock.advance(milliseconds: 200)
    }
    #expect(driver.shard.stopped == nil && driver.shard.segments.rows == 0)
    // Once a second, where it is asked for at every step.
    if isGone { #expect(asked.withLock { $0 } < 60) }
    world.onStore { _, _ throws(StoreError) in }
    world.clock.advance(milliseconds: 1000)
    try driver.settle()
    #expect(driver.shard.stopped == nil && driver.shard.segments.rows > 0)
  }

  @Test("an attempt that fails leaves no files, and what it sent counts for nothing")
  func abandoned() throws {
    let world = try StreamWorld()
    let node = try world.node(options: {
      $0.rowFileLeast = 1
      $0.rowFileBytes = 1
      $0.appendBytes = 1
    })
    try world.settle([node])
    for shard in 0..<2 { node.context.own.open(shard) }
    world.put("people/0.csv", (0..<40).map { "k\($0),x\n" }.joined())
    let appends = Guarded(0)
    world.onBroker { operation, moment, place throws(BrokerError) in
      guard operation == .append, moment == .after, place.contains("rows") else { return }
      if appends.withLock({
        $0 += 1
        return $0
      }) == 1 {
        throw StreamWorld.unavailable(place)
      }
    }
    node.offer("people/0.csv")
    let seen = Guarded(0)
    world.onStore { operation, key throws(StoreError) in
      if operation == .delete, key.contains("/rows/") { seen.withLock { $0 += 1 } }
    }
    try world.settle([node])
    let files = world.objects.keys.filter { $0.hasPrefix("out/_tributary/rows/") }
    #expect(seen.withLock { $0 } > 0 && Set(files.map { $0.split(separator: "/")[3].prefix(32) }).count == 1)
    let driver = try ShardDriver(try world.context(member: "z"), files: MemorySegmentFiles())
    try driver.settle()
    #expect(driver.shard.stopped == nil && driver.shard.segments.rows > 0)
  }

  @Test("they are kept as long as the topic keeps what tells of them, by default")
  func asLongAsTheTopic() throws {
    let rows = try #require(DatasetTopics("w").specs(shards: 2).first { $0.name == "w.rows" })
    let retention = try #require(rows.config["retention.ms"].flatMap { Int64($0) })
    #expect(StreamOptions.rowFilesKept > retention * 1000)
    // One request of S3 takes a file that was full, and the batches that were open then.
    #expect(StreamOptions(member: "", programVersion: "", threads: 1).rowFileBytes + 1 << 20 <= 8 << 20)
  }

  @Test("files go when what tells of them is gone from the topic, and not before; both ways", arguments: [false, true])
  func sweeping(byCommand: Bool) throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node], whole: true)
    let now = world.clock.now()
    let kept = StreamOptions.rowFilesKept
    world.objects.set("out/_tributary/rows/young-0", [1], modified: now)
    world.objects.set("out/_tributary/rows/old-0", [1], modified: now - kept + 60_000_000)
    world.objects.set("out/_tributary/rows/older-0", [1], modified: now - kept - 60_000_000)
    if byCommand {
      let sweep = try StateSweep(node.context.definition, stores: node.context.stores, now: now, grace: 0)
      let removed = try sweep.run(localDirectory: nil).removed.map(\.key)
      #expect(removed.filter { $0.contains("/rows/") } == ["out/_tributary/rows/older-0"])
    } else {
      // Now and then, as far as the ledger has come by the broker's clock; more than one step takes, and one not now.
      for number in 0..<250 {
        world.objects.set("out/_tributary/rows/older-\(number + 1)", [1], modified: now - kept - 60_000_000)
      }
      world.onStore { operation, key throws(StoreError) in
        guard operation == .delete, key.hasSuffix("/older-77") else { return }
        throw StoreError(.forbidden, operation: "DELETE", location: key, message: "not this one")
      }
      world.clock.advance(milliseconds: 100 * 3_600_000)
      try world.settle([node], whole: true)
      #expect(world.objects.keys.contains("out/_tributary/rows/old-0"), "only our clock has gone on")
      #expect(world.objects.keys.contains("out/_tributary/rows/older-77"))
      let left = world.objects.keys.count { $0.hasPrefix("out/_tributary/rows/older-") }
      #expect(left <= 152, "the others of a step were removed")
      world.onStore { _, _ throws(StoreError) in }
      world.clock.advance(milliseconds: 3_600_001)
      try world.settle([node], whole: true)
    }
    #expect(
      world.objects.keys.filter { $0.contains("/rows/") } == [
        "out/_tributary/rows/old-0", "out/_tributary/rows/young-0",
      ])
  }
}
