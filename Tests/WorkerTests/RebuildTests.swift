import Definition
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Snapshots of streams made again: from topics and stores, and from segments where those have lost what was there (I1).
@Suite(.serialized) struct RebuildTests {
  @Test("from topics and stores, at any later time", arguments: 0..<8)
  func fromTheOrigin(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let history = try StreamHistory(seed: seed)
    try history.change(&random)
    let manifest = try history.snapshot("one")
    // For the rows of visits that are removed, and count all the same.
    try history.checkpoint()
    #expect(manifest.ranges?.count == 4, "seed \(seed)")
    let again = try history.rebuild(manifest)
    #expect(again.manifest.fingerprint == manifest.fingerprint, "seed \(seed)")
    #expect(again.manifest.ranges == manifest.ranges)
    #expect(again.manifest.inputs.map(\.rowsApplied) == manifest.inputs.map(\.rowsApplied))
    #expect(again.manifest.rejected.reasons == manifest.rejected.reasons)
    #expect(again.manifest.checks.allSatisfy { $0.passed })
    #expect(again.retained == [] || manifest.inputs.contains { $0.source == "visits" }, "seed \(seed)")
    // What comes later is not of it.
    for _ in 0..<20 {
      try history.world.produce("k\(random.int(0...20))", "{\"n\":1,\"city\":\"later\"}", partition: random.int(0...1))
    }
    #expect(try history.rebuild(manifest).manifest.fingerprint == manifest.fingerprint, "seed \(seed)")
  }

  @Test("what is gone comes out of segments", arguments: 0..<8)
  func fromSegments(seed: Int) throws {
    var random = SeededGenerator(seed: seed + 100)
    let history = try StreamHistory(seed: seed)
    for _ in 0..<random.int(1...4) {
      try history.change(&random)
      if random.chance(2) { try history.checkpoint() }
    }
    let manifest = try history.snapshot("one")
    try history.checkpoint()
    try history.truncate()
    for key in history.world.objects.keys where key.hasPrefix("people/") || key.hasPrefix("visits/") {
      if random.chance(2) { history.world.objects.remove(key) } else { history.world.put(key, "k1,1\n") }
    }
    let again = try history.rebuild(manifest, to: "s3://lake/again")
    #expect(again.manifest.fingerprint == manifest.fingerprint, "seed \(seed)")
    #expect(again.manifest.inputs == manifest.inputs && again.manifest.ranges == manifest.ranges)
    #expect(again.manifest.rejected.rows == manifest.rejected.rows)
    #expect(again.manifest.checks.allSatisfy { $0.passed }, "\(again.manifest.checks)")
    let ranges = manifest.ranges ?? []
    #expect(again.retained.count == manifest.inputs.count + ranges.count { $0.from < $0.to }, "seed \(seed)")
    // Without a broker at all it is the same.
    let alone = try history.rebuild(manifest, topics: .none("there is no broker"))
    #expect(alone.manifest.fingerprint == manifest.fingerprint, "seed \(seed)")
    #expect(alone.retained.contains { $0.contains("there is no broker") })
  }

  @Test("an old snapshot is the same or is refused, never another, whatever the stream did since", arguments: 0..<24)
  func sameOrRefused(seed: Int) throws {
    var random = SeededGenerator(seed: seed + 200)
    let history = try StreamHistory(seed: seed)
    var manifests: [Manifest] = []
    for round in 0..<random.int(2...5) {
      try history.change(&random)
      if random.chance(2) { try history.checkpoint() }
      manifests.append(try history.snapshot("s\(round)"))
      if random.chance(2) { try history.checkpoint() }
    }
    if random.chance(2) { try history.truncate() }
    for manifest in manifests {
      do {
        let again = try history.rebuild(manifest).manifest
        #expect(again.fingerprint == manifest.fingerprint, "seed \(seed), \(manifest.snapshot)")
      } catch let error as BatchError {
        #expect(error.problems.allSatisfy { $0.hasPrefix("input ") }, "seed \(seed): \(error)")
      }
    }
  }

  @Test("what is nowhere is named, and nothing is written")
  func nowhere() throws {
    var random = SeededGenerator(seed: 3)
    let history = try StreamHistory(seed: 3)
    try history.change(&random)
    try history.checkpoint()
    for n in 0..<10 { try history.world.produce("k\(n)", "{\"n\":\(n)}") }
    try history.settle()
    let manifest = try history.snapshot("one")
    try history.truncate()
    let before = history.world.objects.keys
    // The checkpoint lies before the last ten records of one partition, which two sources read.
    do {
      _ = try history.rebuild(manifest, to: "s3://lake/again")
      Issue.record("it was rebuilt")
    } catch let error as BatchError {
      #expect(error.problems.count == 2, "\(error)")
      for problem in error.problems {
        #expect(problem.hasPrefix("input app.clicks[0], offsets 0 to "), "\(error)")
        #expect(problem.contains(" is gone: the topic holds "), "\(error)")
        #expect(problem.contains("the segments retained in out/_tributary/ hold "), "\(error)")
      }
    }
    #expect(history.world.objects.keys == before)
    // With nothing retained it is the same, shortly.
    for key in history.world.objects.keys where key.contains("_tributary") { history.world.objects.remove(key) }
    do {
      _ = try history.rebuild(manifest)
      Issue.record("it was rebuilt")
    } catch let error as BatchError {
      #expect(error.problems.allSatisfy { $0.contains("is gone") }, "\(error)")
    }
  }

  @Test("an object that vanishes while it is read comes out of segments, too")
  func goneWhileReading() throws {
    var random = SeededGenerator(seed: 4)
    let history = try StreamHistory(seed: 4)
    for _ in 0..<3 { try history.change(&random) }
    history.world.put("people/x.csv", "k1,x\nk2,x\n")
    history.node.offer("people/x.csv")
    try history.settle()
    let manifest = try history.snapshot("one")
    try history.checkpoint()
    history.world.onStore { (operation, key) throws(StoreError) in
      guard operation == .read, key == "people/x.csv" else { return }
      throw StoreError(.notFound, operation: "GET", location: key, message: "no such key")
    }
    let again = try history.rebuild(manifest)
    #expect(again.manifest.fingerprint == manifest.fingerprint)
    #expect(again.retained.contains { $0.contains("s3://lake/people/x.csv") })
  }

  @Test(
    "what a manifest says is missing stays missing; what it holds of removed and failed objects comes out of segments")
  func missing() throws {
    let history = try StreamHistory(seed: 8)
    for key in ["people/x.csv", "people/y.csv", "visits/x.csv", "visits/y.csv"] {
      history.world.put(key, "k1,1\nk2,2\n")
      history.node.offer(key)
    }
    try history.settle()
    try history.checkpoint()
    // A newer version that cannot be read, one that is forbidden, and an object that is gone but counts all the same.
    history.world.objects.set("people/x.csv", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 2, 3])
    history.world.put("people/new.csv", "k9,9\n")
    history.world.objects.remove("visits/y.csv")
    history.world.onStore { (operation, key) throws(StoreError) in
      guard operation == .read, key == "people/new.csv" else { return }
      throw StoreError(.forbidden, operation: "GET", location: key, message: "403")
    }
    for key in ["people/x.csv", "people/new.csv", "visits/y.csv"] { history.node.offer(key) }
    for _ in 0..<8 { try history.settle() }
    let manifest = try history.snapshot("one")
    #expect(manifest.missing.map(\.state) == ["failed", "failed"])
    #expect(manifest.inputs.count == 4)
    history.world.onStore { _, _ in }
    let again = try history.rebuild(manifest)
    #expect(again.manifest.fingerprint == manifest.fingerprint)
    #expect(again.manifest.missing == manifest.missing)
    #expect(again.retained.count == 2)
    #expect(again.retained.contains { $0.contains("people/x.csv changed") })
    #expect(again.retained.contains { $0.contains("visits/y.csv is gone") })
  }

  @Test("records that compaction took since are noticed by their number")
  func compacted() throws {
    let history = try StreamHistory(seed: 5)
    history.world.put("people/x.csv", "k1,x\nk2,x\n")
    history.node.offer("people/x.csv")
    for n in 0..<20 { try history.world.produce("k\(n % 3)", "{\"n\":\(n),\"city\":\"c\(n)\"}") }
    try history.settle()
    let manifest = try history.snapshot("one")
    try history.checkpoint()
    // One record fewer than there were.
    var edited = manifest
    edited.ranges = manifest.ranges?.map {
      var range = $0
      if range.partition == 0 { range.rowsRead += 1 }
      return range
    }
    let again = try history.rebuild(edited)
    #expect(again.manifest.fingerprint == manifest.fingerprint)
    #expect(again.retained.count == 2 && again.retained.allSatisfy { $0.contains("changed: 21 rows were read") })
  }

  @Test("offsets that were passed over stay out, whether they are there or not")
  func skipped() throws {
    let history = try StreamHistory(seed: 7)
    history.world.put("people/x.csv", "k1,x\nk2,x\n")
    history.node.offer("people/x.csv")
    for n in 0..<20 { try history.world.produce("k\(n % 3)", "{\"n\":\(n),\"city\":\"c\(n)\"}") }
    try history.settle()
    let whole = try history.snapshot("one")
    try history.checkpoint()
    // As if they had been given up: the manifest of a stream that has not got three of them.
    var part = whole
    part.ranges = whole.ranges?.map {
      var range = $0
      if range.partition == 0 {
        range.skipped = [.init(from: 0, to: 2), .init(from: 7, to: 8)]
        range.rowsRead -= 3
        range.rowsApplied -= 3
      }
      return range
    }
    let fromTopics = try history.rebuild(part)
    #expect(fromTopics.retained == [] && fromTopics.manifest.ranges == part.ranges)
    #expect(fromTopics.manifest.fingerprint != whole.fingerprint)
    // What was never wanted need not be there.
    try history.world.broker.truncate(TopicPartition("app.clicks", 0), before: 2)
    #expect(try history.rebuild(part).retained == [])
    try history.truncate()
    let retained = try history.rebuild(part)
    #expect(retained.retained.count == 2)
    #expect(retained.manifest.fingerprint == fromTopics.manifest.fingerprint)
  }

  @Test("a batch over topics reads what they hold now")
  func batchOverTopics() throws {
    let history = try StreamHistory(seed: 6)
    history.world.put("people/x.csv", "k1,x\nk2,x\n")
    history.world.put("visits/x.csv", "k1,7\n")
    for key in ["people/x.csv", "visits/x.csv"] { history.node.offer(key) }
    for n in 0..<50 {
      try history.world.produce("k\(n % 3)", n % 9 == 0 ? "{" : "{\"n\":\(n),\"city\":\"c\(n)\"}", partition: n % 2)
    }
    try history.settle()
    let manifest = try history.snapshot("one")
    var definition = history.node.context.definition
    definition.asOf = history.asOf["one"]
    definition.snapshot.to = "s3://lake/batch"
    let context = history.node.context
    func run(_ topics: TopicAccess) throws -> BatchOutcome {
      let run = BatchRun(
        definition, record: manifest.definition, semanticHash: "h",
        options: BatchOptions(
          id: "one", now: 0, threads: 2, temporaryDirectory: "/tmp", programVersion: "test", dryRun: true),
        stores: context.stores, topics: topics)
      return try withDeadline(seconds: 60, "a batch") { try run.run() }
    }
    let batch = try run(.broker(history.world.broker)).manifest
    #expect(batch.ranges == manifest.ranges)
    #expect(batch.fingerprint == manifest.fingerprint)
    #expect(throws: BatchError.self) { _ = try run(.none("a worker uses it")) }
  }
}
