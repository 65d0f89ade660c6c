internal import Definition
internal import Pipeline
internal import Platform

/// Waits until the ledger has the records that the sources' topics held when a snapshot was asked for.
///
/// Records keep coming, so there is no "all of them": the ends at the first look count. The ledger does not reach one that
/// lies behind a hole (a partition can end in markers of transactions), so where nothing moves it is asked whether there
/// are records before it at all. A source can have stopped, too: the wait is over when nothing has moved for long.
struct RecordsWatch {
  private var ends: [RangeIdentity: Int64]
  private var done: Int64 = -1
  private var movedAt: Int64 = 0
  private var probedAt: Int64 = 0

  static let patience: Int64 = 5_000_000
  static let probeAfter: Int64 = 500_000
  /// How long one partition may take to answer, in several tries, milliseconds.
  private static let probes = [0, 200, 400, 400]

  init(_ context: StreamContext) throws {
    let topics = context.definition.recordTopics
    guard !topics.isEmpty else {
      ends = [:]
      return
    }
    let found = try context.broker.describe(topics)
    let partitions = topics.flatMap { topic in
      (0..<(found[topic]?.partitions ?? 0)).map { TopicPartition(topic, $0) }
    }
    var ends: [RangeIdentity: Int64] = [:]
    for (at, bounds) in try context.broker.bounds(partitions) where bounds.end > bounds.first {
      for source in context.definition.sources where source.input == .records(topic: at.topic) {
        ends[RangeIdentity(source: source.name, topic: at.topic, partition: at.partition)] = bounds.end
      }
    }
    self.ends = ends
  }

  mutating func isOver(_ context: StreamContext) -> Bool {
    var left = false
    var sum: Int64 = 0
    for (identity, end) in ends {
      let accepted = context.acceptedEnd(identity) ?? 0
      sum += accepted
      left = left || accepted < end
    }
    guard left else { return true }
    let now = context.clock.now()
    if sum != done { (done, movedAt, probedAt) = (sum, now, now) }
    if now - probedAt >= RecordsWatch.probeAfter {
      probe(context)
      probedAt = context.clock.now()
    }
    return now - movedAt > RecordsWatch.patience
  }

  /// Forgets ends before which nothing is left to be read.
  private mutating func probe(_ context: StreamContext) {
    for (identity, end) in ends.sorted(by: { ($0.key.topic, $0.key.partition) < ($1.key.topic, $1.key.partition) }) {
      let accepted = context.acceptedEnd(identity) ?? 0
      let at = TopicPartition(identity.topic, identity.partition)
      // What cannot be asked, or has been removed meanwhile, is waited for.
      guard accepted < end, let reader = try? context.broker.reader(at, from: accepted) else { continue }
      defer { reader.close() }
      for milliseconds in Self.probes {
        let next = (try? reader.poll(milliseconds: milliseconds, maxBytes: 1))?.entries.first?.offset
        if (next ?? reader.position) >= end { ends[identity] = nil }
        if next != nil || reader.position >= end { break }
      }
    }
  }
}
