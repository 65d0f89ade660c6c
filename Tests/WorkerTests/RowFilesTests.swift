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
    "a store that does not take a file is as a broker that does not take the rows",
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
    node.offer("people/0.csv")
    for _ in 0..<20 {
      try node.round()
      world.clock.advance(milliseconds: 1000)
    }
    // Neither committed nor set aside, however often it was tried.
    func commits() throws -> [LedgerView.Judged] {
      try world.ledger().filter { if case .commit = $0.entry { true } else { false } }
    }
    #expect(try commits().isEmpty)
    world.onStore { _, _ throws(StoreError) in }
    try world.settle([node])
    #expect(try commits().count == 1)
    #expect(world.objects.keys.contains { $0.hasPrefix("out/_tributary/rows/") })
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
      // Now and then.
      world.clock.advance(milliseconds: 3_600_001)
      world.objects.set("out/_tributary/rows/old-0", [1], modified: world.clock.now() - kept + 60_000_000)
      try world.settle([node], whole: true)
    }
    #expect(
      world.objects.keys.filter { $0.contains("/rows/") } == [
        "out/_tributary/rows/old-0", "out/_tributary/rows/young-0",
      ])
  }
}
