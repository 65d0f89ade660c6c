import Definition
import Digests
import Formats
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Snapshots that many workers write and one publishes: the same rows as a batch's (I1), whole or not at all (I6).
@Suite(.serialized) struct CutPublishTests {
  static let csv = SnapshotTarget.Format.csv(CSVOutputOptions(header: true))
  static let parquet = SnapshotTarget.Format.parquet(ParquetOptions(compression: .zstd, rowGroupRows: 7))

  @Test("the same rows and profile as a batch's, for any shards and sizes of files", arguments: [1, 5, 64])
  func asBatch(shards: Int) throws {
    let lake = Lake(seed: 31, shards: shards, visits: 900, files: 3)
    let objects = MemoryObjects()
    lake.fill(objects)
    let batch = try lake.outcome(lake.options(), lake.stores(objects)).manifest
    let rows = try Published(objects: objects).rows("one")
    for partTarget in [1, 900, 1 << 20] {
      var bytes: Set<[Manifest.PartRecord]> = []
      for threads in [1, 3] {
        let cut = try StreamCut(lake, format: Self.csv, partTarget: partTarget)
        let objects = MemoryObjects()
        let place = cut.place(objects)
        let reports = try cut.reports(place, threads: threads)
        let outcome = try cut.publisher(reports.shuffled(), place).publish()
        let manifest = outcome.manifest
        #expect(!outcome.alreadyPublished)
        #expect(manifest.fingerprint == batch.fingerprint)
        #expect(manifest.profile == batch.profile)
        #expect(manifest.splits == batch.splits && manifest.rows == batch.rows)
        #expect(manifest.schema == batch.schema)
        #expect(manifest.ranges == cut.facts.ranges && manifest.cut == 7)
        let published = Published(objects: objects)
        #expect(try published.problems("one") == [])
        #expect(try published.rows("one") == rows)
        #expect(try published.latest()?.snapshot == "one")
        #expect(manifest.checks.allSatisfy(\.passed) && manifest.checks.count == 3)
        if partTarget == 1 << 20 { #expect(manifest.parts.count == 2) }
        bytes.insert(manifest.parts)
      }
      #expect(bytes.count == 1, "part target \(partTarget)")
    }
  }

  @Test("of parts in memory the same files come, however many of them there is room for", arguments: 0..<24)
  func held(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let lake = Lake(seed: 33, shards: 5, visits: 700, files: 2)
    let format = random.pick([Self.csv, Self.parquet])
    let cut = try StreamCut(lake, format: format, partTarget: random.pick([1, 900, 1 << 20]))
    let written = MemoryObjects()
    let fromFiles = try cut.publisher(cut.reports(cut.place(written)), cut.place(written)).publish().manifest

    let objects = MemoryObjects()
    let place = cut.place(objects)
    let threads = random.int(1...3)
    let room = PartRoom(random.pick([0, 2000, 6000, 1 << 20]))
    let inMemory = cut.states.indices.filter { _ in !random.chance(4) }
    let held = try cut.held(inMemory, room, place, threads: threads)
    let reports = try cut.states.indices.filter { held[$0] == nil }
      .map { try cut.shard($0, place).write { false } }
    let manifest = try cut.publisher(reports, held: held, place, threads: threads).publish().manifest
    let comment: Comment = "seed \(seed)"
    #expect(manifest.fingerprint == fromFiles.fingerprint && manifest.profile == fromFiles.profile, comment)
    #expect(manifest.splits == fromFiles.splits && manifest.checks == fromFiles.checks, comment)
    #expect(manifest.parts.map(\.sha256) == fromFiles.parts.map(\.sha256), comment)
    #expect(manifest.parts.map(\.bytes) == fromFiles.parts.map(\.bytes), comment)
    #expect(manifest.parts.map(\.split) == fromFiles.parts.map(\.split), comment)
    for (part, other) in zip(manifest.parts, fromFiles.parts) {
      #expect(objects["out/snapshot=one/\(part.key)"] == written["out/snapshot=one/\(other.key)"], comment)
    }
    #expect(try Published(objects: objects).problems("one") == [], comment)
  }

  @Test("row groups of Parquet parts are joined as they are; lines of JSON too")
  func formats() throws {
    let lake = Lake(seed: 32, shards: 6, visits: 900, files: 2)
    for partTarget in [1, 4000, 1 << 20] {
      let cut = try StreamCut(lake, format: Self.parquet, partTarget: partTarget)
      let objects = MemoryObjects()
      let place = cut.place(objects)
      let reports = try cut.reports(place)
      let groups = try reports.flatMap(\.parts).flatMap { part in
        try footer(objects["out/snapshot=one/\(part.key)"]).groups.map(\.group)
      }
      let manifest = try cut.publisher(reports, place).publish().manifest
      let joined = try manifest.parts.flatMap { part in
        let footer = try footer(objects["out/snapshot=one/\(part.key)"])
        #expect(footer.rows == part.rows)
        return footer.groups.map(\.group)
      }
      #expect(Set(joined) == Set(groups) && joined.count == groups.count)
      #expect(try Published(objects: objects).problems("one") == [])
      if partTarget == 1 << 20 { #expect(manifest.parts.count == 2) }
    }
    let cut = try StreamCut(lake, format: .json, partTarget: 1 << 20)
    let objects = MemoryObjects()
    let place = cut.place(objects)
    let manifest = try cut.publisher(try cut.reports(place), place).publish().manifest
    for part in manifest.parts {
      let text = String(decoding: objects["out/snapshot=one/\(part.key)"] ?? [], as: UTF8.self)
      #expect(text.split(separator: "\n").count == part.rows)
    }
  }

  private func footer(_ bytes: [UInt8]?) throws -> ParquetFooter {
    let bytes = try #require(bytes)
    let length = try ParquetFooter.metadataBytes(trailer: Array(bytes.suffix(8)))
    let offset = bytes.count - 8 - length
    return try ParquetFooter(metadata: Array(bytes[offset..<bytes.count - 8]), fileOffset: offset)
  }

  @Test("shards without rows report, and a cut without rows has a file with the schema in each split")
  func empty() throws {
    let lake = Lake(seed: 33, shards: 64, visits: 20, files: 1)
    let cut = try StreamCut(lake, format: Self.parquet)
    let objects = MemoryObjects()
    let place = cut.place(objects)
    let reports = try cut.reports(place)
    #expect(reports.contains { $0.parts.isEmpty && $0.splits.values.allSatisfy { $0 == 0 } })
    _ = try cut.publisher(reports, place).publish()

    var none = try StreamCut(Lake(seed: 33, shards: 3, visits: 0, files: 1), format: Self.parquet)
    none.states = (0..<3).map { ShardState(shard: $0, plan: none.plan) }
    let other = MemoryObjects()
    let manifest = try none.publisher(try none.reports(none.place(other)), none.place(other)).publish().manifest
    #expect(manifest.rows == 0 && manifest.parts.map(\.split) == ["train", "eval"])
    #expect(try Published(objects: other).problems("one") == [])
  }

  @Test("reports of another cut, ledger or shard count are refused, and so are gaps and contradictions")
  func refused() throws {
    let cut = try StreamCut(Lake(seed: 34, visits: 100, files: 1), format: Self.csv)
    let objects = MemoryObjects()
    let place = cut.place(objects)
    let good = try cut.reports(place)
    let changes: [(String, (inout ShardReport) -> Void)] = [
      ("hash chain", { $0.chain = "other" }), ("ledger position", { $0.cutPosition = 8 }),
      ("shard count", { $0.shards = 5 }), ("generation", { $0.generation = 2 }), ("as-of", { $0.asOf = 1 }),
      ("dataset", { $0.dataset = "x" }), ("the cut", { $0.cut = "two" }), ("does not exist", { $0.shard = 4 }),
      ("not hexadecimal", { $0.fingerprint = "zz" }), ("damaged", { $0.fingerprint.removeLast(2) }),
    ]
    for (name, change) in changes {
      var reports = good
      change(&reports[2])
      #expect("\(name)") {
        _ = try cut.publisher(reports, place)
      } throws: { error in
        (error as? PublishError)?.code == .reports && "\(error)".contains("shard")
          && ("\(error)".contains(name) || name == "damaged")
      }
    }
    #expect(throws: PublishError.self) { try cut.publisher(Array(good.dropLast()), place) }
    var twice = good + [good[1]]
    twice[4].writer = "another"
    _ = try cut.publisher(twice, place)
    twice[4].fingerprint = good[0].fingerprint
    #expect(throws: PublishError.self) { try cut.publisher(twice, place) }
    // A report that contradicts its state object, or names files that are none of a shard's.
    let more: [(inout ShardReport) -> Void] = [
      { $0.splits["train", default: 0] += 1 }, { $0.partCount += 1 }, { $0.parts.removeLast() },
      { $0.parts[0].key = "manifest.json" }, { $0.parts[0].key = "_shards/../manifest.json" },
      { $0.parts[0].split = "other" }, { $0.parts[0].rows += 1 }, { $0.state.sha256 = "" },
      { $0.state.key = "_shards/none" },
    ]
    for (number, change) in more.enumerated() {
      var reports = good
      change(&reports[0])
      #expect(throws: PublishError.self, "change \(number)") { try cut.publisher(reports, place).publish() }
    }
    #expect(try Published(objects: objects).manifest("one") == nil)
    _ = try cut.publisher(good, place).publish()
  }

  @Test("parts and states that were damaged since are found, whatever the damage, before anything is visible")
  func damaged() throws {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    for format in [Self.csv, Self.parquet, .json] {
      let cut = try StreamCut(Lake(seed: 35, shards: 2, visits: 200, files: 1), format: format)
      let objects = MemoryObjects()
      let place = cut.place(objects)
      let reports = try cut.reports(place)
      for _ in 0..<40 {
        let key = random.pick(objects.keys.filter { $0.contains("_shards") })
        let good = try #require(objects[key])
        var bad = good
        switch random.int(0...2) {
        case 0: bad[random.int(0...bad.count - 1)] ^= UInt8(1 << random.int(0...7))
        case 1: bad.removeLast()
        default: bad.append(0)
        }
        objects.set(key, bad)
        #expect(throws: PublishError.self, "seed \(seed), \(key)") { try cut.publisher(reports, place).publish() }
        #expect(try Published(objects: objects).manifest("one") == nil)
        objects.remove(key)
        #expect(throws: PublishError.self) { try cut.publisher(reports, place).publish() }
        objects.set(key, good)
      }
      _ = try cut.publisher(reports, place).publish()
      #expect(try Published(objects: objects).problems("one") == [])
    }
  }

  @Test("parts that another worker has written once more since they were listed are read as they are now")
  func writtenOnceMore() throws {
    let lake = Lake(seed: 36, shards: 4, visits: 300, files: 1)
    let cut = try StreamCut(lake, format: Self.csv, partTarget: 1 << 20)
    let objects = MemoryObjects()
    // A real S3 says so at the first read.
    let refused = Guarded<Set<String>>([])
    let place = cut.place(objects) { operation, key throws(StoreError) in
      guard operation == .read, key.contains("/_shards/"), key.hasSuffix(".csv") else { return }
      if refused.withLock({ $0.insert(key).inserted }) {
        throw StoreError(.changed, operation: "GET", location: key, message: "412")
      }
    }
    let reports = try cut.reports(place)
    _ = try cut.publisher(reports, place).publish()
    #expect(try Published(objects: objects).problems("one") == [])
    #expect(refused.withLock { $0 }.count == reports.reduce(0) { $0 + $1.parts.count })

    // What changes again and again, or behind the first read, is tried again by the next publisher.
    let others = MemoryObjects()
    let changing = cut.place(others) { operation, key throws(StoreError) in
      guard operation == .read, key.contains("/_shards/"), key.hasSuffix(".csv") else { return }
      throw StoreError(.changed, operation: "GET", location: key, message: "412")
    }
    let again = try cut.reports(changing)
    #expect(throws: StoreError.self) { try cut.publisher(again, changing).publish() }
    #expect(others["out/snapshot=one/manifest.json"] == nil)
  }

  @Test("a check that fails stops the publication")
  func checks() throws {
    var cut = try StreamCut(Lake(seed: 36, visits: 100, files: 1, maxRejects: .rows(0)), format: Self.csv)
    let objects = MemoryObjects()
    let place = cut.place(objects)
    var reports = try cut.reports(place)
    cut.facts.rejected.rows += 1
    #expect { try cut.publisher(reports, place).publish() } throws: {
      ($0 as? PublishError)?.code == .check && "\($0)".contains("rows_accounted")
    }
    cut.facts.rejected.rows -= 1
    for shard in reports.indices { reports[shard].sourceRows = ["clicks": 1] }
    #expect { try cut.publisher(reports, place).publish() } throws: { "\($0)".contains("rows_joined") }
    var applied: [String: UInt64] = ["clicks": 5]
    for input in cut.facts.inputs { applied[input.source, default: 0] += input.rowsApplied }
    for shard in reports.indices { reports[shard].sourceRows = shard == 0 ? applied : [:] }
    let outcome = try cut.publisher(reports, place).publish()
    #expect(outcome.manifest.checks.last?.name == "rows_joined")
    #expect(outcome.tooManyRejects == (cut.facts.rejected.rows > 0) && cut.facts.rejected.rows > 0)
  }

  @Test("a report of many parts stays a small message")
  func largeReport() throws {
    let cut = try StreamCut(
      Lake(seed: 37, shards: 1, visits: 25_000, files: 1),
      format: .parquet(ParquetOptions(compression: .none, rowGroupRows: 1)), partTarget: 1)
    let objects = MemoryObjects()
    let place = cut.place(objects)
    let reports = try cut.reports(place)
    #expect(reports[0].partCount > ShardReport.partsListedMax)
    #expect(reports[0].parts.count == ShardReport.partsListedMax)
    let message = try reports[0].message()
    #expect(message.count < 900 << 10)
    #expect(try ShardReport(message: message) == reports[0])
    #expect(throws: PublishError.self) { try ShardReport(message: Array(message.dropLast())) }
    let publisher = try cut.publisher(reports, place)
    #expect(try publisher.publish().manifest.parts.count == reports[0].partCount)
  }

  @Test("the tag tells other contents apart, and a repeated write is the same")
  func tags() throws {
    let cut = try StreamCut(Lake(seed: 38, visits: 100, files: 1), format: Self.csv)
    let objects = MemoryObjects()
    let place = cut.place(objects)
    let first = try cut.shard(0, place).write { false }
    let bytes = objects.keys.map { objects[$0] }
    #expect(try cut.shard(0, place, threads: 4).write { false } == first)
    #expect(objects.keys.map { objects[$0] } == bytes)
    var tags = [cut.shard(0, place).tag]
    var other = cut
    other.facts.chain = "x"
    tags.append(other.shard(0, place).tag)
    other = cut
    other.facts.cutPosition += 1
    tags.append(other.shard(0, place).tag)
    other = cut
    other.facts.semanticHash = "x"
    tags.append(other.shard(0, place).tag)
    other = cut
    other.programVersion = "x"
    tags += [other.shard(0, place).tag, cut.shard(1, place).tag]
    #expect(Set(tags).count == tags.count)
    #expect(throws: BatchError.self) { try cut.shard(0, place).write { true } }
  }
}
