import Foundation
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Rows that the topic of rows lost before every shard had folded them: supplied again, replaced meanwhile, given up.
@Suite struct MissingRowsTests {
  /// One worker with all its loops.
  private struct Whole {
    let world: StreamWorld
    let node: StreamWorld.Node
    var parts: StreamParts { node.parts }

    init(_ world: StreamWorld, member: String = "a", options: (inout StreamOptions) -> Void = { _ in }) throws {
      self.world = world
      node = try world.node(member: member, options: options)
    }

    /// Until nothing happens any more. Without shards, `rows` only fills.
    func settle(shards: Bool = true) throws {
      var quiet = 0
      for _ in 0..<600 {
        var moved = try node.round()
        moved = try parts.control.step(milliseconds: 0) || moved
        if shards {
          moved = try parts.join.poll(milliseconds: 0) || moved
          while try parts.join.work() { moved = true }
          moved = try parts.cuts.step() || moved
          moved = try parts.supply.step() || moved
        }
        quiet = moved ? 0 : quiet + 1
        world.clock.advance(milliseconds: quiet > 2 ? 1000 : 10)
        if quiet > 8 { return }
      }
      throw BatchError(["the worker did not come to rest"])
    }

    func cut(_ id: String) { parts.control.request(.init(id: id, asOf: 1 << 50, notBefore: .min, listsFirst: false)) }

    func manifest(_ id: String) throws -> Manifest? {
      guard let bytes = world.objects["out/snapshot=\(id)/manifest.json"] else { return nil }
      return try JSONDecoder().decode(Manifest.self, from: Data(bytes))
    }

    func published(_ id: String) throws -> Manifest {
      cut(id)
      try settle()
      return try #require(try manifest(id), "\(parts.join.shards.compactMap(\.reason)) \(parts.control.status)")
    }
  }

  /// Objects and records; what stands in `leaving` is left out.
  private func world(leaving: Set<String> = [], objects: ClosedRange<Int> = 0...3) throws -> StreamWorld {
    let world = try StreamWorld()
    for number in objects {
      for folder in ["people", "visits"] where !leaving.contains("\(folder)/\(number).csv") {
        let rows = (0..<8).map { "k\(number * 2 + $0),\(number * 100 + $0)\n" }
        world.put("\(folder)/\(number).csv", rows.joined())
      }
    }
    return world
  }

  /// `records`: which are left out.
  private func produce(_ world: StreamWorld, _ range: Range<Int>, partition: Int = 0) throws {
    for n in range { try world.produce("k\(n % 11)", "{\"n\":\(n)}", partition: partition) }
  }

  /// Everything in the topics, `rows` empty, and no shard has seen any of it.
  private func bereft(_ world: StreamWorld) throws -> Whole {
    let whole = try Whole(world)
    try whole.settle(shards: false)
    try produce(world, 0..<20)
    try whole.settle(shards: false)
    try produce(world, 20..<50)
    try whole.settle(shards: false)
    try truncate(world)
    return whole
  }

  private func truncate(_ world: StreamWorld, shards: Range<Int> = 0..<2) throws {
    for shard in shards {
      let at = TopicPartition("w.rows", shard)
      let end = try #require(try world.broker.bounds([at])[at]?.end)
      try world.broker.truncate(at, before: end)
    }
  }

  private func fingerprint(leaving: Set<String> = [], records: [Range<Int>] = [0..<20, 20..<50]) throws -> String {
    let whole = try Whole(try world(leaving: leaving))
    for range in records { try produce(whole.world, range) }
    try whole.settle()
    return try whole.published("one").fingerprint
  }

  // MARK: Supplied

  @Test("shards without their rows wait and say so; supplied, the snapshot is the one it would have been")
  func supplied() throws {
    try withDeadline(seconds: 60, "supplied") {
      let whole = try bereft(try world())
      // A cut from before the loss waits for the shards.
      whole.cut("before")
      try whole.settle()
      for shard in whole.parts.join.shards {
        #expect(shard.state == "stopped" && shard.reason?.contains("tributary backfill --again") == true)
        #expect(shard.reason?.contains("people/0.csv") == true, "\(shard)")
      }
      let missing = whole.parts.missing
      #expect(Set(missing.map(\.input)).isSuperset(of: ["s3://lake/people/0.csv", "s3://lake/visits/3.csv"]))
      #expect(missing.contains { $0.input == "app.clicks[0]:20-50" && $0.rows == 30 && $0.source == "taps" })
      #expect(missing.allSatisfy { $0.shards == [0, 1] && $0.problem == nil })
      let position = whole.parts.join.shards[0].position
      #expect(try whole.manifest("before") == nil)
      // It stands still, and costs nothing.
      #expect(try !whole.parts.join.work())

      whole.parts.supply.request()
      try whole.settle()
      #expect(whole.parts.missing.isEmpty && whole.parts.supply.failures.isEmpty)
      #expect(whole.parts.join.shards.allSatisfy { $0.state == "serving" && $0.position > position })
      let truth = try fingerprint()
      #expect(try whole.manifest("before")?.fingerprint == truth)
      let after = try whole.published("after")
      #expect(after.fingerprint == truth && after.missing.isEmpty)
      // Another worker, later: from the checkpoints, or from nothing but the ledger.
      let other = try ShardDriver(try world2(whole), files: MemorySegmentFiles())
      try other.settle()
      #expect(other.shard.stopped == nil)
    }
  }

  private func world2(_ whole: Whole) throws -> StreamContext {
    let context = try whole.world.context(member: "z")
    while try context.ledger.step(milliseconds: 0) {}
    return context
  }

  @Test("rows in files that are gone are missed as those that are gone from the topic; supplied, all is as it was")
  func filesGone() throws {
    try withDeadline(seconds: 60, "files gone") {
      let world = try world()
      let whole = try Whole(world, options: { $0.rowFileLeast = 1 })
      // As if its shards took what it sends itself, and died.
      for shard in 0..<2 { whole.parts.context.own.open(shard) }
      try whole.settle(shards: false)
      try produce(whole.world, 0..<20)
      try whole.settle(shards: false)
      try produce(whole.world, 20..<50)
      try whole.settle(shards: false)
      let files = whole.world.objects.keys.filter { $0.hasPrefix("out/_tributary/rows/") }
      // Records do not go to files.
      #expect(!files.isEmpty)
      for key in files { whole.world.objects.remove(key) }
      let other = try Whole(whole.world, member: "b", options: { $0.rowFileLeast = 1 })
      try other.settle()
      #expect(other.parts.join.shards.allSatisfy { $0.state == "serving" }, "they may yet come")
      for _ in 0..<40 {
        try other.settle()
        world.clock.advance(milliseconds: 2000)
      }
      for shard in other.parts.join.shards {
        #expect(shard.state == "stopped" && shard.reason?.contains("is gone; `tributary backfill --again") == true)
        #expect(shard.reason?.contains("out/_tributary/rows/") == true, "\(shard)")
      }
      let missing = other.parts.missing
      #expect(Set(missing.map(\.input)).isSuperset(of: ["s3://lake/people/0.csv", "s3://lake/visits/3.csv"]))
      #expect(missing.allSatisfy { !$0.input.hasPrefix("app.clicks") })
      other.parts.supply.request()
      try other.settle()
      #expect(other.parts.missing.isEmpty && other.parts.supply.failures.isEmpty)
      #expect(try other.published("one").fingerprint == fingerprint())
    }
  }

  @Test("other rows are not taken, whoever supplies them")
  func mismatch() throws {
    let whole = try bereft(try world())
    try whole.settle()
    let missing = try #require(whole.parts.join.missing.first { $0.shard == 0 }).rows
    // Its counts are right, its rows are not: they are those of nobody.
    var receipts = missing.commit.shards
    receipts[0].first = 0
    receipts[0].end = 3
    try whole.world.append(
      .supplied(Supply(position: missing.position, attempt: AttemptID(high: 5, low: 5), shards: receipts)))
    receipts[0].checksum &+= 1
    try whole.world.append(
      .supplied(Supply(position: missing.position, attempt: AttemptID(high: 5, low: 6), shards: receipts)))
    try whole.settle()
    let shard = whole.parts.join.shards[0]
    #expect(shard.state == "stopped" && shard.position == missing.position && shard.rows == 0)
    whole.parts.supply.request()
    try whole.settle()
    #expect(try whole.published("one").fingerprint == fingerprint())
  }

  @Test("rows of a version that was replaced are missed by nobody")
  func replaced() throws {
    let whole = try bereft(try world())
    // All objects are read anew; the records are still there.
    whole.parts.control.requestListing(again: true)
    try whole.settle()
    #expect(whole.parts.missing.allSatisfy { $0.input.hasPrefix("app.clicks") } && !whole.parts.missing.isEmpty)
    whole.parts.supply.request()
    let one = try whole.published("one")
    #expect(try one.fingerprint == fingerprint())
    #expect(one.missing.isEmpty)
  }

  @Test("rows that a topic made anew will never have are waited for a while, and missed then")
  func madeAnew() throws {
    let whole = try bereft(try world())
    let context = try world2(whole)
    let shard = JoinShard(context, shard: 0, files: MemorySegmentFiles(), stagingBytes: 1 << 20)
    _ = try shard.recover()
    // What the receipts name lies behind all that there is.
    let at = TopicPartition("w.rows", 0)
    let end = try #require(try whole.world.broker.bounds([at])[at]?.end)
    let receipt = ShardReceipt(rows: 1, checksum: 1, first: end + 5, end: end + 6)
    #expect(try !shard.isShort(of: receipt))
    whole.world.clock.advance(milliseconds: 59_000)
    #expect(try !shard.isShort(of: receipt) && !shard.isShort(of: receipt))
    whole.world.clock.advance(milliseconds: 1000)
    #expect(try shard.isShort(of: receipt))
    #expect(try !shard.isShort(of: ShardReceipt(rows: 1, checksum: 1, first: end - 1, end: end)), "asked once a second")
    whole.world.clock.advance(milliseconds: 1000)
    #expect(try !shard.isShort(of: ShardReceipt(rows: 1, checksum: 1, first: end - 1, end: end)))
    whole.world.clock.advance(milliseconds: 1000)
    #expect(try !shard.isShort(of: receipt), "from the beginning")
    // A broker that begins anew has none of them.
    whole.world.clock.advance(milliseconds: 100_000)
    try whole.world.append(
      .commit(
        Commit(
          generation: 1, attempt: AttemptID(high: 7, low: 7),
          inputs: [
            CommittedInput(
              object: ObjectIdentity(source: "people", bucket: "lake", key: "people/9.csv"), version: "v1", base: nil,
              rowsRead: 1, rowsApplied: 1, rowsRejected: 0)
          ], schema: context.plan.sources[0].schemaHash, shards: [receipt, ShardReceipt()])))
    shard.noteFirst(end)
    while try context.ledger.step(milliseconds: 0) {}
    _ = try shard.step()
    #expect(shard.waiting?.missing.contains { $0.names == ["s3://lake/people/9.csv"] } == false, "it may yet come")
  }

  @Test(
    "where the topic of rows was made anew, all that is missing is named at once, and can be supplied",
    arguments: [false, true])
  func allAtOnce(hasGrown: Bool) throws {
    try withDeadline(seconds: 60, "all at once, grown \(hasGrown)") {
      let whole = try Whole(try world())
      try whole.settle(shards: false)
      try produce(whole.world, 0..<20)
      try whole.settle(shards: false)
      try produce(whole.world, 20..<50)
      try whole.settle(shards: false)
      whole.world.broker.remake("w.rows")
      let before = whole.node.context.ledger.position
      if hasGrown {
        // What is committed now lies at offsets that older receipts name, too.
        for from in stride(from: 50, to: 80, by: 3) {
          try produce(whole.world, from..<from + 3)
          try whole.settle(shards: false)
        }
      }
      try whole.settle()
      // Until they count as such that will not come; sessions go on.
      for _ in 0..<40 {
        try whole.settle()
        whole.world.clock.advance(milliseconds: 2000)
      }
      for shard in 0..<2 {
        let missing = whole.parts.join.missing.filter { $0.shard == shard }.map(\.rows)
        let wanted = try whole.world.ledger().filter { judged in
          guard case .commit(let commit) = judged.entry, judged.position < before else { return false }
          return commit.shards[shard].rows > 0
        }
        #expect(missing.map(\.position) == wanted.map(\.position), "shard \(shard)")
        #expect(
          whole.parts.join.shards[shard].reason?.contains("and \(missing.reduce(0) { $0 + $1.names.count } - 3) more")
            == true)
      }
      whole.parts.supply.request()
      try whole.settle()
      #expect(whole.parts.missing.isEmpty && whole.parts.supply.failures.isEmpty)
      let records = [0..<20, 20..<50] + (hasGrown ? [50..<80] : [])
      #expect(try whole.published("one").fingerprint == fingerprint(records: records))
    }
  }

  @Test("what cannot be supplied says why; what passes is waited out")
  func supplyErrors() throws {
    let whole = try bereft(try world())
    try whole.settle()
    let missing = whole.parts.missing.count
    // A store or broker that is away ends nothing and says nothing of the inputs.
    whole.world.onStore { operation, key throws(StoreError) in
      if key.hasPrefix("people/") || key.hasPrefix("visits/") {
        throw StoreError(.unavailable, operation: operation.rawValue, location: key, message: "it is away")
      }
    }
    whole.parts.supply.request()
    #expect(throws: StoreError.self) { try whole.parts.supply.step() }
    #expect(whole.parts.supply.failures.isEmpty)
    whole.world.onStore { operation, key throws(StoreError) in
      if key == "visits/0.csv" {
        throw StoreError(.forbidden, operation: operation.rawValue, location: key, message: "no")
      }
    }
    whole.world.onBroker { operation, moment, place throws(BrokerError) in
      if operation == .bounds && moment == .before && place == "app.clicks" { throw StreamWorld.unavailable(place) }
    }
    var thrown = 0
    for _ in 0..<50 {
      do { _ = try whole.parts.supply.step() } catch is BrokerError { thrown += 1 }
    }
    #expect(thrown > 0 && whole.parts.supply.failures.count == 1, "\(whole.parts.supply.failures)")
    #expect(whole.parts.supply.failures.values.allSatisfy { $0.contains("visits/0.csv") || $0.contains("no") })
    // Another topic by the same name has other records, or none.
    whole.world.onBroker { _, _, _ in }
    whole.world.broker.remake("app.clicks")
    try whole.settle()
    let left = whole.parts.missing
    #expect(left.count < missing && left.allSatisfy { $0.problem != nil }, "\(left)")
    #expect(
      left.filter { $0.input.hasPrefix("app.clicks") }.allSatisfy {
        $0.problem?.contains("are no longer in app.clicks[0], which has 0 to 0") == true
      })
    whole.world.onBroker { operation, moment, place throws(BrokerError) in
      if operation == .bounds && moment == .before && place == "app.clicks" {
        throw BrokerError(.noSuchTopic, operation: "bounds", location: place, message: "there is no such topic")
      }
    }
    whole.parts.supply.request()
    while try whole.parts.supply.step() {}
    #expect(whole.parts.supply.failures.values.contains { $0.contains("there is no such topic") })
  }

  // MARK: Given up

  @Test("what cannot be supplied is given up, in every shard, and the manifest says so")
  func lost() throws {
    try withDeadline(seconds: 60, "lost") {
      let whole = try bereft(try world(objects: 0...0))
      // The shards of one object each, so that it is an entry of its own.
      try whole.settle()
      whole.world.objects.remove("visits/0.csv")
      try whole.world.broker.truncate(TopicPartition("app.clicks", 0), before: 20)
      whole.cut("before")
      whole.parts.supply.request()
      try whole.settle()
      let left = whole.parts.missing
      #expect(Set(left.map(\.input)) == ["s3://lake/visits/0.csv", "app.clicks[0]:0-20"], "\(left)")
      #expect(left.allSatisfy { $0.problem != nil })
      #expect(left.first { $0.source == "visits" }?.problem?.contains("gone from the store") == true)
      #expect(try whole.manifest("before") == nil)

      #expect(try whole.parts.giveUp(["app.clicks[1]", "people/0.csv"], all: false).isEmpty)
      let gone = try whole.parts.giveUp(["app.clicks[0]", "s3://lake/visits/0.csv"], all: false)
      #expect(gone.count == 3, "\(gone)")
      try whole.settle()
      #expect(whole.parts.missing.isEmpty)
      // What held them is over; what comes goes without.
      #expect(whole.node.context.ledger.read { $0.hasCut("before") && $0.cuts.isEmpty && $0.published.isEmpty })
      let after = try whole.published("after")
      let all = Set([
        "visits/0.csv", "people/1.csv", "people/2.csv", "people/3.csv", "visits/1.csv", "visits/2.csv", "visits/3.csv",
      ])
      #expect(try after.fingerprint == fingerprint(leaving: all, records: [20..<50]))
      #expect(
        Set(after.missing.map { "\($0.source) \($0.key) \($0.state)" }) == [
          "visits s3://lake/visits/0.csv lost", "clicks app.clicks[0] 0 to 20 lost", "taps app.clicks[0] 0 to 20 lost",
        ])
      #expect(after.missing.allSatisfy { $0.reason.contains("given up") })
      #expect(after.checks.allSatisfy { $0.passed })
      #expect(after.ranges?.allSatisfy { $0.partition == 1 || ($0.rowsRead == 30 && $0.to == 50) } == true)
      // A new version is read, and nothing is missed then.
      whole.world.put("visits/0.csv", "k1,5\n")
      whole.parts.control.requestListing(again: false)
      try whole.settle()
      let later = try whole.published("later")
      #expect(!later.missing.contains { $0.source == "visits" } && later.fingerprint != after.fingerprint)
    }
  }

  @Test("shards that had the rows let them go where others lost them", arguments: [false, true])
  func lostInOneShard(sealed: Bool) throws {
    try withDeadline(seconds: 60, "lost in one shard, sealed \(sealed)") {
      let whole = try bereft(try world())
      let files = MemorySegmentFiles()
      try whole.settle()
      whole.parts.supply.request()
      try whole.settle()
      let context = whole.node.context
      // Shard 0 as it is, in files or in memory; shard 1 begins anew, and `rows` has nothing left of what was supplied.
      let first = try ShardDriver(context, shard: 0, files: files)
      try first.settle()
      if sealed { try first.shard.checkpoint() }
      let before = try first.contents()
      try truncate(whole.world)
      let second = try ShardDriver(try world2(whole), shard: 1, files: files)
      try second.settle()
      let waiting = try #require(second.shard.waiting)
      #expect(waiting.missing.count > 3)
      // Of the partition's ranges the first of each source, and an object.
      for rows in waiting.missing where rows.names.contains("app.clicks[0]:0-20") || rows.commit.source == "visits" {
        try whole.world.append(.lost(rows.loss(reason: "gone")))
      }
      try first.settle()
      try second.settle()
      #expect(second.shard.waiting?.missing.allSatisfy { $0.commit.source != "visits" } == true)
      let after = try first.contents()
      // Rows of records are numbered by offset and 1.
      let expected = before.filter { row, _ in
        let words = row.split(separator: " ")
        if words[0] == "1" { return false }
        guard words[0] == "2" || words[0] == "3", let number = Int(words[words.count - 2]) else { return true }
        return number > 20
      }
      #expect(after == expected && after.count < before.count && !after.isEmpty)
      // And so it is after a crash.
      try first.shard.checkpoint()
      first.shard.close()
      let again = try ShardDriver(try world2(whole), shard: 0, files: MemorySegmentFiles())
      try again.settle()
      #expect(try again.contents() == expected)
    }
  }

  @Test("names of inputs, as people write them")
  func names() {
    func input(_ name: String) -> MissingInput {
      MissingInput(source: "s", input: name, rows: 1, position: 1, shards: [0])
    }
    #expect(input("app.clicks[3]:1-2").isCalled("app.clicks[3]"))
    #expect(input("app.clicks[3]:1-2").isCalled("app.clicks[3]:1-2"))
    #expect(
      !input("app.clicks[30]:1-2").isCalled("app.clicks[3]") && !input("app.clicks[3]:1-2").isCalled("app.clicks"))
    #expect(input("s3://lake/a.csv").isCalled("s3://lake/a.csv") && !input("s3://lake/a.csv").isCalled("s3://lake/a"))
  }
}
