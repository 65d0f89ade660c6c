internal import Definition
internal import Pipeline
internal import Platform

/// Waits until the ledger has the records that the sources' topics held when a snapshot was asked for.
///
/// Records keep coming, so there is no "all of them": the ends at the first look count. The ledger may never reach one, for
/// a partition can end in markers of transactions, and a source can have stopped; so the wait is over, too, when nothing
/// has moved for a while.
struct RecordsWatch {
  private let ends: [RangeIdentity: Int64]
  private var done: Int64 = -1
  private var movedAt: Int64 = 0

  static let patience: Int64 = 5_000_000

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
      let accepted = context.ledger.acceptedEnd(identity) ?? 0
      sum += accepted
      left = left || accepted < end
    }
    guard left else { return true }
    let now = context.clock.now()
    if sum != done { (done, movedAt) = (sum, now) }
    return now - movedAt > RecordsWatch.patience
  }
}
