import Columns
import Definition
import Logging
import Pipeline
import Platform
import TestKit

@testable import Worker

/// A streaming dataset's workers over a broker and a store in memory, moved on by hand, a step at a time.
final class StreamWorld: Sendable {
  typealias BrokerFault = @Sendable (MemoryBroker.Operation, MemoryBroker.Moment, String) throws(BrokerError) -> Void

  /// In a struct: a function by itself is wrapped anew each time it passes through a generic type.
  private struct Hooks {
    var broker: BrokerFault = { _, _, _ in }
    var store: MemoryStore.Hook = { _, _ in }
  }

  let clock = VirtualClock()
  let objects = MemoryObjects()
  let broker: MemoryBroker
  let text: String
  private let fault: Guarded<Hooks>
  private let random: Guarded<SeededGenerator>

  static let text = """
    dataset: w
    key: id
    shards: 2
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
        columns: {id: string, n: int}
      clicks:
        records: app.clicks
        format: json
        keep: events
        columns: {id: {path: $key, type: string}, n: int}
      taps:
        records: app.clicks
        format: json
        keep: events
        on_gap: skip
        columns: {id: {path: $key, type: string}, n: int}
    features:
      people: [name]
      visits: {visits: sum(n)}
      clicks: {clicks: sum(n)}
      taps: {taps: count()}
    rows: {from: people}
    split: {train: 1}
    snapshot: {to: "s3://lake/out", format: csv}
    """

  init(seed: Int = 1, text: String = StreamWorld.text) throws {
    let fault = Guarded(Hooks())
    self.fault = fault
    self.text = text
    random = Guarded(SeededGenerator(seed: seed))
    broker = try MemoryBroker(clock: clock) { operation, moment, place throws(BrokerError) in
      try fault.withLock { $0 }.broker(operation, moment, place)
    }
    try broker.create([TopicSpec(name: "app.clicks", partitions: 2)])
  }

  func onBroker(_ fault: @escaping BrokerFault) { self.fault.withLock { $0.broker = fault } }
  func onStore(_ hook: @escaping MemoryStore.Hook) { fault.withLock { $0.store = hook } }

  static func unavailable(_ place: String) -> BrokerError {
    BrokerError(.unavailable, operation: "test", location: place, message: "it is away")
  }

  func context(
    member: String = "a", hash: String = "h", clock: (any WallClock)? = nil, change: (String) -> String = { $0 },
    options change2: (inout StreamOptions) -> Void = { _ in }
  ) throws -> StreamContext {
    let definition = try DefinitionReader.read(text: change(text), file: "w.yaml").get().definition
    var options = StreamOptions(member: member, programVersion: "test", threads: 1)
    options.hasThreads = false
    options.emitsFeatures = false
    options.commitEvery = 0
    options.checkpointEvery = .max / 2
    change2(&options)
    let objects = objects
    let hooks = fault
    return try StreamContext(
      definition, semanticHash: hash, record: .init(text: text, variables: [:], directory: ""), broker: broker,
      stores: MemoryDirectory { bucket in
        MemoryStore(objects, bucket: bucket) { operation, key throws(StoreError) in
          try hooks.withLock { $0 }.store(operation, key)
        }
      }, clock: clock ?? self.clock,
      attempts: AttemptSource { [random] in random.withLock { ($0.next(), $0.next()) } }, options: options, log: .none)
  }

  func node(
    member: String = "a", hash: String = "h", clock: (any WallClock)? = nil, change: (String) -> String = { $0 },
    options: (inout StreamOptions) -> Void = { _ in }
  ) throws -> Node {
    let context = try context(member: member, hash: hash, clock: clock, change: change, options: options)
    return Node(self, try StreamParts(context, files: MemorySegmentFiles()))
  }

  func put(_ key: String, _ rows: String) {
    objects.set(key, Array(((key.hasPrefix("people") ? "id,name\n" : "id,n\n") + rows).utf8), modified: clock.now())
  }

  func produce(_ key: String, _ value: String, partition: Int = 0) throws {
    _ = try broker.append([
      OutgoingMessage(topic: "app.clicks", partition: partition, key: Array(key.utf8), value: Array(value.utf8))
    ])
  }

  /// The ledger's entries, judged anew.
  func ledger() throws -> [LedgerView.Judged] {
    let view = LedgerView(broker: broker, topic: "w.ledger")
    while try view.step(milliseconds: 0) {}
    return Array(view.entries(from: 0, most: .max))
  }

  /// All values of a topic's partition.
  func values(_ topic: String, _ partition: Int = 0) throws -> [(key: String, value: [UInt8]?)] {
    let reader = try broker.reader(TopicPartition(topic, partition), from: 0)
    var values: [(key: String, value: [UInt8]?)] = []
    while let block = try reader.poll(milliseconds: 0, maxBytes: 1 << 20) {
      for index in 0..<block.count {
        values.append((String(decoding: block.key(index) ?? [], as: UTF8.self), block.value(index)))
      }
    }
    return values
  }

  /// Appends an entry to the ledger.
  @discardableResult
  func append(_ entry: LedgerEntry) throws -> Int64 { try LedgerWriter.append(entry, to: broker, "w.ledger") }

  /// A worker whose parts are moved on by hand.
  struct Node {
    let world: StreamWorld
    let parts: StreamParts
    var context: StreamContext { parts.context }

    init(_ world: StreamWorld, _ parts: StreamParts) {
      self.world = world
      self.parts = parts
    }

    /// Each part once; whether anything happened.
    @discardableResult
    func round() throws -> Bool {
      try parts.define()
      var moved = try context.ledger.step(milliseconds: 0)
      moved = try parts.ingest.step(milliseconds: 0) || moved
      while try parts.objects.step() { moved = true }
      moved = try parts.records.step() || moved
      return moved
    }

    /// The same with its shards and cuts, and as a publisher.
    @discardableResult
    func fullRound() throws -> Bool {
      var moved = try round()
      moved = try parts.join.poll(milliseconds: 0) || moved
      while try parts.join.work() { moved = true }
      while try parts.cuts.step() { moved = true }
      return try parts.control.step(milliseconds: 0) || moved
    }

    func offer(_ key: String, again: Bool = false, token: OffsetTracker.Token? = nil) {
      let source = key.hasPrefix("people") ? 0 : 1
      parts.objects.offer(
        ObjectIdentity(source: source == 0 ? "people" : "visits", bucket: "lake", key: key), source: source,
        again: again, isRepair: false, token: token)
    }
  }

  /// Moves nodes until nothing has happened for a while; time passes. `whole`: also their shards, cuts and publishers.
  func settle(_ nodes: [Node], whole: Bool = false, rounds: Int = 400) throws {
    var quiet = 0
    for _ in 0..<rounds {
      var moved = false
      for node in nodes { moved = try (whole ? node.fullRound() : node.round()) || moved }
      quiet = moved ? 0 : quiet + 1
      clock.advance(milliseconds: quiet > 2 ? 1000 : 10)
      if quiet > 8 { return }
    }
    throw BatchError(["the workers did not come to rest"])
  }
}

/// Segments at hand, in memory.
final class MemorySegmentFiles: SegmentFiles {
  let files = Guarded<[String: [UInt8]]>([:])

  func load(_ name: String) -> SegmentBytes? { files.withLock { $0[name] }.map { SegmentBytes(copying: $0) } }
  func save(_ name: String, _ pieces: [ArraySlice<UInt8>]) { save(name, Array(pieces.joined())) }
  func save(_ name: String, _ bytes: [UInt8]) { files.withLock { $0[name] = bytes } }
  func remove(_ name: String) { files.withLock { _ = $0.removeValue(forKey: name) } }
  func names() -> [String] { files.withLock { $0.keys.sorted() } }
}

/// A shard with its partition of `rows`, moved on by hand.
final class ShardDriver {
  let shard: JoinShard
  private var reader: (any PartitionReader)?
  private var feed = OwnFeed()
  private let takesOwn: Bool
  /// Messages of `rows` that were read.
  private(set) var fetched = 0

  /// Recovers; the ledger must have been read to its end. `takesOwn`: what its worker sends itself is taken as it was sent.
  init(
    _ context: StreamContext, shard: Int = 0, files: MemorySegmentFiles, stagingBytes: Int = 64 << 20,
    takesOwn: Bool = false
  ) throws {
    self.takesOwn = takesOwn
    context.own.close(shard)
    self.shard = JoinShard(context, shard: shard, files: files, stagingBytes: stagingBytes)
    let from = try self.shard.recover()
    let at = TopicPartition(context.topics.rows, shard)
    let first = try context.broker.bounds([at])[at]?.first ?? 0
    if first > from { self.shard.noteFirst(first) }
    reader = try context.broker.reader(at, from: max(from, first))
  }

  /// Brings what there is and folds what can be.
  func settle() throws {
    var moved = true
    while moved {
      moved = false
      try chooseFeed()
      while !feed.isFeeding, let block = try reader?.poll(milliseconds: 0, maxBytes: 1 << 16) {
        shard.take(block)
        fetched += block.count
        moved = true
      }
      if takesOwn {
        shard.take(shard.context.own.take(shard.shard))
        if shard.rowsTaken.ownFrom != nil { feed.begin(shard.context.clock.now()) }
      }
      // The ledger may be on its way again, for us.
      while try shard.context.ledger.step(milliseconds: 0) { moved = true }
      moved = try shard.step() || moved
      if feed.isFeeding && shard.wantsFetching(shard.context.clock.now()) { moved = true }
    }
  }

  private func chooseFeed() throws {
    let now = shard.context.clock.now()
    if feed.isFeeding {
      guard shard.wantsFetching(now) else { return feed.wantsNothing() }
      guard feed.needsOthers(at: shard.position, ownWait: shard.context.own.bytes(shard.shard) > 0) else { return }
      feed.end(now)
      shard.context.own.close(shard.shard)
      shard.fetchAll()
      reader = try shard.context.broker.reader(
        TopicPartition(shard.context.topics.rows, shard.shard), from: shard.rowsOffset)
    } else if takesOwn, shard.position >= shard.context.ledger.position, feed.opens(now) {
      shard.missedRows = false
      shard.context.own.open(shard.shard)
    }
  }

  /// Live rows as "source input row key", with how often there are any.
  func contents(_ refs: [SegmentRef]? = nil) throws -> [String: Int] {
    var rows = ShardRows(shard.context, storage: shard.storage)
    var found: [String: Int] = [:]
    for ref in refs ?? shard.segments.refs {
      try rows.each(ref) { batch, source, inputs, table in
        for row in 0..<batch.count {
          let origin = batch.origins[row]
          let name = String(decoding: table.entries[Int(inputs[origin.input])].name, as: UTF8.self)
          let column = batch.columns.compactMap { $0.literal(row: row).map { "\($0)" } }.joined(separator: ",")
          found["\(source) \(name) \(origin.row) \(column)", default: 0] += 1
        }
      }
    }
    return found
  }
}
