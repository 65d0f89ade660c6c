import Definition
import Pipeline
import Platform
import TestKit

@testable import Worker

/// A stream of objects and records in memory whose shards are kept, and snapshots of it.
final class StreamHistory {
  let world: StreamWorld
  let node: StreamWorld.Node
  private var shards: [ShardDriver] = []
  private var serial = 0
  /// Of each snapshot.
  private(set) var asOf: [String: Int64] = [:]

  /// Objects and records, newest rows and all rows, tombstones, ties, rows that are rejected.
  static let text = """
    dataset: w
    key: id
    shards: 3
    max_rejects: 100%
    sources:
      people:
        objects: "s3://lake/people/"
        format: csv
        keep: latest
        columns: {id: string, name: string}
      visits:
        objects: "s3://lake/visits/"
        format: csv
        keep: events
        on_remove: keep
        columns: {id: string, n: int}
      profile:
        records: app.clicks
        format: json
        keep: latest
        columns: {id: {path: $key, type: string}, city: string, n: {type: int, on_error: set_null}}
      clicks:
        records: app.clicks
        format: json
        keep: events
        time: at
        columns: {id: {path: $key, type: string}, n: int, at: {path: $timestamp, type: timestamp}}
    features:
      people: [name]
      visits: {visits: sum(n)}
      profile: [city]
      clicks: {clicks: sum(n), last_click: last(n), first_click: first(n)}
    rows: {from: people}
    split: {train: 0.7, eval: 0.3, salt: v1}
    snapshot: {to: "s3://lake/out", format: {csv: {header: true}}}
    """

  init(seed: Int) throws {
    world = try StreamWorld(seed: seed, text: StreamHistory.text)
    node = try world.node()
    try world.settle([node])
    shards = try (0..<3).map { try ShardDriver(node.context, shard: $0, files: MemorySegmentFiles()) }
  }

  /// Objects and records come, are replaced and removed.
  func change(_ random: inout SeededGenerator) throws {
    for _ in 0..<random.int(1...6) {
      let key = "\(random.pick(["people", "visits"]))/\(random.int(0...3)).csv"
      world.clock.advance(milliseconds: Int64(random.int(0...2000)))
      if random.chance(6) {
        world.objects.remove(key)
      } else {
        let isPeople = key.hasPrefix("people")
        let rows = (0..<random.int(0...8)).map { _ in
          serial += 1
          return "k\(random.int(0...20)),\(!isPeople && random.chance(10) ? "bad" : "\(serial)")\n"
        }
        world.put(key, rows.joined())
      }
      node.offer(key)
      for _ in 0..<random.int(0...12) { try produce(&random) }
      if random.chance(3) { try world.settle([node]) }
    }
    try settle()
  }

  private func produce(_ random: inout SeededGenerator) throws {
    serial += 1
    let partition = random.int(0...1)
    let value = random.pick(["{\"n\":\(serial),\"city\":\"c\(random.int(0...5))\"}", "{\"n\":\"x\"}", "{broken", nil])
    _ = try world.broker.append([
      OutgoingMessage(
        topic: "app.clicks", partition: partition, key: Array("k\(random.int(0...20))".utf8),
        value: value.map { Array($0.utf8) })
    ])
    if random.chance(10) {
      world.broker.skip(TopicPartition("app.clicks", partition), offsets: Int64(random.int(1...5)))
    }
  }

  func settle() throws {
    try world.settle([node])
    for shard in shards { try shard.settle() }
  }

  func checkpoint() throws { for shard in shards { try shard.shard.checkpoint() } }

  /// Cuts, has the shards write their parts, and publishes, as a worker does.
  func snapshot(_ id: String) throws -> Manifest {
    let asOf = world.clock.now()
    self.asOf[id] = asOf
    try world.append(.cut(id: id, asOf: asOf))
    try settle()
    let context = node.context
    let place = try context.stores.open("s3://lake/out")
    let plan = try DatasetPlan(context.definition, asOf: asOf, carriesAll: true)
    var reports: [ShardReport] = []
    for driver in shards {
      guard let work = driver.shard.takeCut() else { throw BatchError(["shard \(driver.shard.shard) has no cut"]) }
      let state = ShardState(shard: work.shard, plan: plan)
      var rows = ShardRows(context, storage: driver.shard.storage)
      for ref in work.segments {
        try rows.each(ref) { batch, source, inputs, table in
          state.apply(batch, source: source, inputs: inputs, table: table)
        }
      }
      reports.append(
        try ShardPartWriter(
          plan: plan,
          cut: .init(
            id: id, position: work.cut.position, generation: work.cut.generation,
            semanticHash: context.semanticHash, chain: work.cut.chain.description),
          shard: work.shard, state: state, target: place, contents: "", sourceRows: nil, writer: "w",
          programVersion: "test", threads: 1
        ).write { false })
    }
    guard let cut = context.ledger.read({ $0.cuts[id] }) else { throw BatchError(["no cut \(id)"]) }
    let publisher = try CutPublisher(
      plan: plan, facts: CutFacts(cut, context), reports: reports, place: place, programVersion: "test")
    let manifest = try publisher.publish().manifest
    try world.append(.published(cut: id))
    try settle()
    return manifest
  }

  /// Removes all that the topic has.
  func truncate() throws {
    for partition in 0...1 {
      let at = TopicPartition("app.clicks", partition)
      try world.broker.truncate(at, before: world.broker.bounds([at])[at]?.end ?? 0)
    }
  }

  func rebuild(_ manifest: Manifest, topics: TopicAccess? = nil, to target: String? = nil) throws -> BatchOutcome {
    let context = node.context
    var definition = context.definition
    definition.asOf = asOf[manifest.snapshot]
    if let target { definition.snapshot.to = target }
    let run = BatchRun(
      definition, record: manifest.definition, semanticHash: manifest.semanticHash,
      options: BatchOptions(
        id: manifest.snapshot, now: 0, threads: 2, temporaryDirectory: "/tmp", programVersion: "test",
        dryRun: target == nil, rebuilds: manifest, statePlaces: ["s3://lake/nothing-here", "s3://lake/out"]),
      stores: context.stores, topics: topics ?? .broker(world.broker))
    return try withDeadline(seconds: 60, "a rebuild") { try run.run() }
  }
}
