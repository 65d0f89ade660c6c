import Columns
import Definition
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// One shard's state, however often it is thrown away and made again.
@Suite struct JoinShardTests {
  /// What the store and the topics hold, as one shard must have it.
  private static func truth(_ world: StreamWorld, _ context: StreamContext, shard: Int) throws -> Set<String> {
    // A shard from nothing, in a view of the ledger of its own, is checked against the other by the caller.
    var truth: Set<String> = []
    for key in world.objects.keys where key.hasPrefix("people/") || key.hasPrefix("visits/") {
      let lines = String(decoding: world.objects[key] ?? [], as: UTF8.self).split(separator: "\n").dropFirst()
      for (row, line) in lines.enumerated() {
        let id = line.split(separator: ",")[0]
        guard ShardOf.key(String(id), shards: context.plan.shards) == shard else { continue }
        truth.insert("\(key) \(row + 1)")
      }
    }
    return truth
  }

  private enum ShardOf {
    static func key(_ key: String, shards: Int) -> Int { Partitioner.partition(of: Array(key.utf8), among: shards) }
  }

  @Test(
    "what this worker has sent itself is not read, what others sent is, and later all again; in files or not",
    arguments: [false, true])
  func ownRows(inFiles: Bool) throws {
    let world = try StreamWorld(seed: 1)
    let nodes = try ["a", "b"].map { try world.node(member: $0, options: { $0.rowFileLeast = inFiles ? 1 : .max }) }
    try world.settle(nodes)
    let (steady, mine) = (
      try ShardDriver(nodes[1].context, files: MemorySegmentFiles()),
      try ShardDriver(nodes[0].context, files: MemorySegmentFiles(), takesOwn: true)
    )
    try mine.settle()
    func put(_ number: Int, by node: Int) throws {
      world.put("people/\(number).csv", (0..<40).map { "k\($0),\(number)\n" }.joined())
      nodes[node].offer("people/\(number).csv")
      // Only one of them looks for it.
      try world.settle([nodes[node]])
      while try nodes[1 - node].context.ledger.step(milliseconds: 0) {}
      try steady.settle()
      try mine.settle()
      #expect(try mine.contents() == steady.contents() && steady.shard.position == mine.shard.position)
      #expect(mine.shard.stopped == nil)
    }
    // Its first settling takes what comes before anything is known to be its own.
    try put(0, by: 0)
    let before = mine.fetched
    for number in 1...3 { try put(number, by: 0) }
    #expect(mine.fetched == before && steady.fetched > before)
    #expect(mine.shard.rowsOffset == steady.shard.rowsOffset)
    // Another's are read, and its own for some time after that.
    try put(4, by: 1)
    #expect(mine.fetched > before)
    let (own, all) = (mine.fetched, steady.fetched)
    try put(5, by: 0)
    #expect(mine.fetched - own == steady.fetched - all && mine.shard.rowsOffset == steady.shard.rowsOffset)
    world.clock.advance(milliseconds: OwnFeed.pauseMin / 1000)
    try put(6, by: 0)
    let later = mine.fetched
    try put(7, by: 0)
    #expect(mine.fetched == later && mine.shard.rowsOffset == steady.shard.rowsOffset)
    // The files hold what is its own and nothing else, and whoever begins from nothing reads them.
    let filed = try world.values("w.rows").count { $0.value?.count == RowReference.bytes }
    #expect(inFiles == (filed > 0))
    #expect(world.objects.keys.count { $0.contains("/rows/") } == filed)
    let late = try ShardDriver(try world.context(member: "late"), files: MemorySegmentFiles())
    try late.settle()
    #expect(try late.contents() == steady.contents() && late.shard.position == steady.shard.position)
  }

  @Test("crashes and checkpoints anywhere change nothing, of the shard or of its cuts", arguments: 0..<12)
  func anywhere(seed: Int) throws {
    try withDeadline(seconds: 60, "seed \(seed)") { try Self.run(seed: seed) }
  }

  private static func run(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let world = try StreamWorld(seed: seed)
    let least = random.pick([1, 150, .max])
    let nodes = try ["a", "b"].map { try world.node(member: $0, options: { $0.rowFileLeast = least }) }
    try world.settle(nodes)
    // One that never stops, and one that does all the time.
    let steady = try ShardDriver(nodes[0].context, files: MemorySegmentFiles())
    var files = MemorySegmentFiles()
    var context = nodes[1].context
    // What its worker sends is not read, or all is.
    let takesOwn = random.chance(2)
    var other = try ShardDriver(context, files: files, takesOwn: takesOwn)
    var cuts: [String] = []
    var pending: [String: [String: Int]] = [:]
    var serial = 0
    for step in 0..<120 {
      world.clock.advance(milliseconds: 50)
      let key = "\(random.pick(["people", "visits"]))/\(random.int(0...4)).csv"
      switch random.int(0...11) {
      case 0...3:
        serial += 1
        let rows = (0..<random.int(0...6)).map { _ in "k\(random.int(0...9)),\(serial)\n" }.joined()
        world.put(key, rows)
        for node in nodes where random.chance(2) { node.offer(key) }
        // The two race for the same object.
        if random.chance(2) { for node in nodes { node.offer(key) } }
      case 4:
        world.objects.remove(key)
        for node in nodes { node.offer(key) }
      case 5, 6:
        for _ in 0..<random.int(1...5) {
          serial += 1
          try world.produce("k\(random.int(0...9))", "{\"n\":\(serial)}", partition: random.int(0...1))
        }
      case 7:
        let id = "cut-\(cuts.count)"
        cuts.append(id)
        try world.append(.cut(id: id, asOf: 0))
      case 8:
        guard let id = cuts.randomElement(using: &random) else { continue }
        try world.append(random.chance(2) ? .published(cut: id) : .abandoned(cut: id, reason: ""))
        pending[id] = nil
      case 9:
        try other.shard.checkpoint()
      case 10:
        // It dies, here or on another machine.
        other.shard.close()
        if random.chance(2) { files = MemorySegmentFiles() }
        if random.chance(2) {
          context = try world.context(member: "c\(step)")
          while try context.ledger.step(milliseconds: 0) {}
        }
        other = try ShardDriver(
          context, files: files, stagingBytes: random.chance(3) ? 10 : 64 << 20, takesOwn: takesOwn)
      default: break
      }
      for node in nodes {
        for _ in 0..<random.int(0...6) {
          switch random.int(0...3) {
          case 0: _ = try node.parts.objects.step()
          case 1: _ = try node.context.ledger.step(milliseconds: 0)
          case 2: _ = try node.parts.records.step()
          default: _ = try node.parts.ingest.step(milliseconds: 0)
          }
        }
      }
      if random.chance(3) {
        try steady.settle()
        while let work = steady.shard.takeCut() {
          pending[work.cut.id] = try steady.contents(work.segments)
        }
      }
      if random.chance(3) { try other.settle() }
    }
    for folder in ["people", "visits"] {
      for number in 0...4 { for node in nodes { node.offer("\(folder)/\(number).csv") } }
    }
    try world.settle(nodes)
    try steady.settle()
    try other.settle()
    while let work = steady.shard.takeCut() { pending[work.cut.id] = try steady.contents(work.segments) }
    let contents = try steady.contents()
    #expect(try other.contents() == contents, "seed \(seed)")
    #expect(contents.values.allSatisfy { $0 == 1 }, "seed \(seed): rows are doubled")
    // Against the store itself.
    let found = Set(
      contents.keys.filter { $0.hasPrefix("0 ") || $0.hasPrefix("1 ") }.map { line in
        line.split(separator: " ").dropFirst().prefix(2).joined(separator: " ")
      })
    #expect(found == (try truth(world, context, shard: 0)), "seed \(seed)")
    #expect(other.shard.stopped == nil && steady.shard.stopped == nil)
    // Cuts that have not ended: the same rows, whoever writes them.
    let open = Set(steady.shard.pendingCuts)
    #expect(Set(other.shard.pendingCuts) == open, "seed \(seed)")
    for _ in 0..<2 {
      try other.shard.checkpoint()
      other.shard.close()
      other = try ShardDriver(context, files: MemorySegmentFiles())
      try other.settle()
      var seen: Set<String> = []
      while let work = other.shard.takeCut() {
        seen.insert(work.cut.id)
        #expect(try other.contents(work.segments) == pending[work.cut.id], "seed \(seed), \(work.cut.id)")
      }
      #expect(seen == open, "seed \(seed)")
      #expect(try other.contents() == contents, "seed \(seed)")
    }
  }

  // MARK: Single cases

  /// A node with one people object of six keys in the ledger.
  private func started(_ world: StreamWorld) throws -> StreamWorld.Node {
    let node = try world.node()
    try world.settle([node])
    world.put("people/0.csv", (0..<6).map { "k\($0),first\n" }.joined())
    node.offer("people/0.csv")
    try world.settle([node])
    return node
  }

  @Test("a cut's rows are those at the cut, through replacement, checkpoint and crash")
  func cutAcrossCheckpoints() throws {
    let world = try StreamWorld()
    let node = try started(world)
    let files = MemorySegmentFiles()
    var driver = try ShardDriver(node.context, files: files)
    try driver.settle()
    let first = try driver.contents()
    #expect(!first.isEmpty)
    // The rows are in memory only.
    #expect(driver.shard.segments.memoryBytes > 0)
    try world.append(.cut(id: "one", asOf: 0))
    world.put("people/0.csv", "k0,second\n")
    node.offer("people/0.csv")
    try world.settle([node])
    try driver.settle()
    #expect(try driver.contents() != first)
    try driver.shard.checkpoint()
    let beforeCrash = try driver.contents()
    driver.shard.close()
    driver = try ShardDriver(node.context, files: MemorySegmentFiles())
    #expect(driver.shard.isStepDue)
    try driver.settle()
    #expect(try driver.contents() == beforeCrash)
    let work = try #require(driver.shard.takeCut())
    #expect(try driver.contents(work.segments) == first)
    #expect(driver.shard.takeCut() == nil)
    driver.shard.returnCut("one")
    #expect(driver.shard.takeCut() != nil)
    try world.append(.published(cut: "one"))
    try driver.settle()
    #expect(driver.shard.pendingCuts.isEmpty && driver.shard.takeCut() == nil)
    // What the cut alone held is not named any more.
    let names = files.names()
    try driver.shard.checkpoint()
    let last = try #require(try driver.shard.storage.checkpointKeys().first)
    #expect(try driver.shard.storage.checkpoint(last).cuts.isEmpty)
    #expect(driver.shard.segments.refs.allSatisfy { $0.name != nil }, "\(names)")
  }

  @Test("a cut that was pending is not forgotten by a shard that recovers while the ledger is read again")
  func recoveryWhileRewinding() throws {
    let world = try StreamWorld()
    let node = try started(world)
    let files = MemorySegmentFiles()
    var driver = try ShardDriver(node.context, files: files)
    try world.append(.cut(id: "one", asOf: 0))
    try driver.settle()
    try driver.shard.checkpoint()
    driver.shard.close()
    // Another shard of this worker needs older entries.
    node.context.ledger.rewind()
    driver = try ShardDriver(node.context, files: files)
    #expect(try !driver.shard.step())
    try driver.shard.checkpoint()
    try driver.settle()
    #expect(driver.shard.pendingCuts == ["one"] && driver.shard.stopped == nil)
  }

  @Test("a poisoned frame stops the shard, names the input, and applies nothing")
  func poisoned() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    world.put("people/0.csv", (0..<6).map { "k\($0),first\n" }.joined())
    node.offer("people/0.csv")
    try world.settle([node])
    let driver = try ShardDriver(node.context, files: MemorySegmentFiles())
    // The same attempt, damaged on its way.
    let reader = try world.broker.reader(TopicPartition("w.rows", 0), from: 0)
    let block = try #require(try reader.poll(milliseconds: 0, maxBytes: 1 << 20))
    let damaged = RecordBlock(block.at)
    for index in 0..<block.count {
      var bytes = try #require(block.value(index))
      bytes[bytes.count - 20] ^= 1
      bytes.withUnsafeBytes {
        damaged.append(offset: block.entries[index].offset, timestamp: 0, key: nil, value: $0)
      }
    }
    driver.shard.take(damaged)
    // What came was damaged, but the broker has it right: it is read again.
    try driver.settle()
    #expect(driver.shard.stopped == nil)
    #expect(try driver.contents().values.reduce(0, +) > 0)

    // An entry that counts on other rows than there are.
    let other = try ShardDriver(node.context, files: MemorySegmentFiles())
    try other.settle()
    let before = try other.contents()
    let base = node.context.ledger.accepted(ObjectIdentity(source: "people", bucket: "lake", key: "people/0.csv"))
    try world.append(
      .commit(
        Commit(
          generation: 1, attempt: AttemptID(high: 7, low: 7),
          inputs: [
            CommittedInput(
              object: ObjectIdentity(source: "people", bucket: "lake", key: "people/0.csv"), version: "v9",
              base: base?.position, rowsRead: 3, rowsApplied: 3, rowsRejected: 0)
          ], schema: node.context.plan.sources[0].schemaHash,
          shards: [ShardReceipt(rows: 3, checksum: 5, first: 0, end: 1), ShardReceipt()])))
    try other.settle()
    #expect(other.shard.stopped?.contains("people/0.csv") == true)
    #expect(try other.contents() == before)
    let position = other.shard.position
    try other.settle()
    #expect(other.shard.position == position && !other.shard.isStepDue)
    // It does not keep the ledger's entries from being forgotten.
    #expect(node.context.ledger.followers == 1)
  }

  @Test("rows that retention took stop the shard and are named")
  func retention() throws {
    let world = try StreamWorld()
    let node = try started(world)
    try world.broker.truncate(TopicPartition("w.rows", 0), before: 1)
    let shard = JoinShard(node.context, shard: 0, files: MemorySegmentFiles(), stagingBytes: 1 << 20)
    _ = try shard.recover()
    // Something later came.
    let block = RecordBlock(TopicPartition("w.rows", 0))
    block.append(offset: 5, timestamp: 0, key: nil, value: nil)
    shard.take(block)
    #expect(try shard.step())
    #expect(shard.stopped?.contains("people/0.csv") == true && shard.stopped?.contains("backfill --again") == true)
  }

  @Test("a shard does not pass over entries of a newer definition's columns")
  func redefinition() throws {
    let world = try StreamWorld()
    let old = try started(world)
    let driver = try ShardDriver(old.context, files: MemorySegmentFiles())
    try driver.settle()
    let new = try world.node(member: "b", hash: "i") {
      $0.replacing("{id: string, name: string}", with: "{id: string, name: string, part: {path: $row, type: int}}")
    }
    try world.settle([new])
    new.offer("people/0.csv")
    try world.settle([new])
    let position = driver.shard.position
    try driver.settle()
    #expect(driver.shard.position == position, "its checkpoint would say that those rows are in it")
    // The newer one's shard has them.
    let newer = try ShardDriver(new.context, files: MemorySegmentFiles())
    try newer.settle()
    #expect(try newer.contents().count == driver.contents().count && !newer.contents().isEmpty)
  }

  @Test("a topic read anew by other columns counts once, and once more by the first ones")
  func columnsThereAndBack() throws {
    let world = try StreamWorld()
    for number in 0..<10 { try world.produce("k\(number)", "{\"n\":\(number)}") }
    let wider = { (text: String) in
      text.replacing(
        "columns: {id: {path: $key, type: string}, n: int}",
        with: "columns: {id: {path: $key, type: string}, n: int, o: int}")
    }
    var contents: [[String: Int]] = []
    for (member, hash, change) in [("a", "h", { $0 }), ("b", "i", wider), ("c", "j", { $0 })]
      as [(String, String, (String) -> String)]
    {
      let node = try world.node(member: member, hash: hash, change: change)
      try world.settle([node])
      let driver = try ShardDriver(node.context, files: MemorySegmentFiles())
      try driver.settle()
      try driver.shard.checkpoint()
      contents.append(try driver.contents())
      #expect(driver.shard.stopped == nil)
      driver.shard.close()
      node.parts.ingest.close()
    }
    #expect(contents[0].values.allSatisfy { $0 == 1 } && !contents[0].isEmpty)
    #expect(contents[1].count == contents[0].count && contents[1].values.allSatisfy { $0 == 1 })
    #expect(contents[2] == contents[0])
  }

  @Test("columns that change back before anybody has read by them: all is committed again, whatever `rows` has lost")
  func columnsBackUnread() throws {
    let world = try StreamWorld()
    let files = MemorySegmentFiles()
    let first = try world.node()
    try world.settle([first])
    world.put("people/0.csv", (0..<20).map { "k\($0),a\n" }.joined())
    first.offer("people/0.csv")
    try world.settle([first])
    first.parts.ingest.close()
    // Its shard has not seen them; that of the columns between passes them over, and says in a checkpoint where it is.
    let second = try world.node(member: "b", hash: "i") {
      $0.replacing("{id: string, name: string}", with: "{id: string, name: string, part: {path: $row, type: int}}")
    }
    try world.settle([second])
    let between = try ShardDriver(second.context, files: files)
    try between.settle()
    #expect(try between.contents().isEmpty && between.shard.position == second.context.ledger.position)
    try between.shard.checkpoint()
    between.shard.close()
    second.parts.ingest.close()
    let at = TopicPartition("w.rows", 0)
    try world.broker.truncate(at, before: try #require(try world.broker.bounds([at])[at]?.end))
    let third = try world.node(member: "c", hash: "j")
    try world.settle([third])
    // From the checkpoint, and from nothing.
    for files in [files, MemorySegmentFiles()] {
      let driver = try ShardDriver(third.context, files: files)
      try driver.settle()
      #expect(driver.shard.stopped == nil && driver.shard.position == third.context.ledger.position)
      driver.shard.close()
    }
    third.offer("people/0.csv")
    try world.settle([third])
    let driver = try ShardDriver(third.context, files: files)
    try driver.settle()
    #expect(try driver.contents().count == Self.truth(world, third.context, shard: 0).count)
    #expect(try !driver.contents().isEmpty && driver.contents().values.allSatisfy { $0 == 1 })
  }

  @Test("a checkpoint that names what was swept is passed over for the one before")
  func sweptCheckpoint() throws {
    let world = try StreamWorld()
    let node = try started(world)
    let driver = try ShardDriver(node.context, files: MemorySegmentFiles())
    try driver.settle()
    try driver.shard.checkpoint()
    let contents = try driver.contents()
    let good = try #require(try driver.shard.storage.checkpointKeys().first)
    var bad = try driver.shard.storage.checkpoint(good)
    bad.position += 1
    bad.segments.append(.init(name: "000000000001-000000000001-00.seg", bytes: 1, dead: []))
    _ = try driver.shard.storage.write(bad)
    bad.position += 1
    let key = try #require(good.split(separator: "/").last)
    world.objects.set(good.replacing(key, with: "999999999999-00.json"), Array("{".utf8))
    #expect(try driver.shard.storage.checkpointKeys().count == 3)
    let next = try ShardDriver(node.context, files: MemorySegmentFiles())
    try next.settle()
    #expect(try next.contents() == contents && next.shard.stopped == nil)
    world.objects.remove(good)
    #expect(throws: StreamError.self) { try ShardDriver(node.context, files: MemorySegmentFiles()) }
  }

  @Test("the highest checkpoint wins; a sweep keeps what any kept checkpoint names")
  func sweeping() throws {
    let world = try StreamWorld()
    let node = try started(world)
    let storage = SegmentStorage(context: node.context, files: MemorySegmentFiles(), shard: 0)
    #expect(try storage.checkpointKeys().isEmpty)
    func checkpoint(_ position: Int, _ names: [String], cut: [String] = []) -> Checkpoint {
      Checkpoint(
        dataset: "w", shard: 0, shards: 2, position: position, chain: LedgerChain().description, rowsOffset: 0,
        segments: names.map { .init(name: $0, bytes: 1, dead: []) },
        cuts: [.init(id: "one", segments: cut.map { .init(name: $0, bytes: 1, dead: []) })])
    }
    let names = try (0..<4).map { try storage.save($0) }
    for name in names { try storage.upload(name) }
    _ = try storage.write(checkpoint(9, [names[0]]))
    _ = try storage.write(checkpoint(1000, [names[1]], cut: [names[2]]))
    _ = try storage.write(checkpoint(20, [names[3]]))
    let first = try #require(try storage.checkpointKeys().first)
    #expect(try storage.checkpoint(first).position == 1000)
    #expect(try storage.sweep(grace: world.clock.now()).deleted.isEmpty, "nothing is that old")
    #expect(try storage.checkpointKeys().count == 3)
    #expect(try storage.sweep(grace: 0).deleted.count == 4)
    #expect(try storage.checkpointKeys() == [first])
    #expect(
      Set(
        world.objects.keys.filter { $0.contains("/segments/") }.compactMap {
          $0.split(separator: "/").last.map(String.init)
        })
        == Set(names[1...2]))
    #expect(throws: SegmentStorage.Missing.self) { try storage.upload("nowhere") }
  }

  @Test("I3: a segment that was damaged at hand does not get into the store")
  func damagedBefore() throws {
    let world = try StreamWorld()
    let node = try started(world)
    let files = MemorySegmentFiles()
    let storage = SegmentStorage(context: node.context, files: files, shard: 0)
    let name = try storage.save(1)
    let file = try #require(files.names().first)
    let bytes = try #require(files.files.withLock { $0[file] })
    files.save(file, bytes.map { $0 ^ 1 })
    #expect(throws: SegmentStorage.Missing.self) { try storage.upload(name) }
    #expect(!world.objects.keys.contains { $0.hasSuffix(name) })
    files.save(file, bytes)
    try storage.upload(name)
    #expect(world.objects.keys.contains { $0.hasSuffix(name) })
  }

  @Test("damage of a segment is noticed, at hand and in the store", arguments: 0..<4)
  func damage(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let world = try StreamWorld()
    let node = try started(world)
    let files = MemorySegmentFiles()
    let driver = try ShardDriver(node.context, files: files)
    try driver.settle()
    try driver.shard.checkpoint()
    let contents = try driver.contents()
    let file = try #require(files.names().first)
    let name = String(file.dropFirst(2))
    let bytes = try #require(files.files.withLock { $0[file] })
    for _ in 0..<200 {
      var damaged = bytes
      damaged[random.int(0...bytes.count - 1)] ^= 1 << UInt8(random.int(0...7))
      if random.chance(5) { damaged.removeLast(random.int(1...bytes.count)) }
      #expect(!damaged.withUnsafeBytes { SegmentCodec.matches(name, $0) })
    }
    #expect(bytes.withUnsafeBytes { SegmentCodec.matches(name, $0) })
    // At hand: neither read nor merged, but fetched again by whoever reads it.
    for _ in 0..<20 {
      var damaged = bytes
      switch random.int(0...2) {
      case 0: damaged[random.int(0...3) + 4] ^= 1 << UInt8(random.int(0...7))
      case 1: damaged.removeLast(random.int(1...bytes.count - 1))
      default: damaged[bytes.count - 1 - random.int(0...20)] ^= 1 << UInt8(random.int(0...7))
      }
      files.save(file, damaged)
      #expect(throws: RowBatchCodec.CodecError.self) {
        for ref in driver.shard.segments.refs where ref.name == name { _ = try driver.shard.batches(of: ref) }
      }
      #expect(try driver.contents() == contents && files.files.withLock { $0[file] } == bytes)
    }
    // When a worker begins, too.
    files.save(file, Array(bytes.dropLast()))
    let again = try ShardDriver(node.context, files: files)
    try again.settle()
    #expect(try again.contents() == contents && files.files.withLock { $0[file] } == bytes)
    // In the store: said.
    let key = try #require(world.objects.keys.first { $0.hasSuffix(name) })
    world.objects.set(key, Array(bytes.dropFirst()))
    #expect(throws: StreamError.self) { try ShardDriver(node.context, files: MemorySegmentFiles()) }
  }
}

extension SegmentStorage {
  /// Bytes that make do for a segment; gives the name that they have as one.
  fileprivate func save(_ byte: UInt8) throws -> String {
    var hash = BulkHash()
    [byte].withUnsafeBytes { hash.add($0) }
    let name = "1-2-\(AttemptID(high: hash.value.high, low: hash.value.low)).seg"
    try saveLocally(name, [[byte]])
    return name
  }
}
