internal import Platform

/// Where partitions of a group's member are to be read from, until the consumer was told: a broker that does not answer
/// just then must not leave a partition without a place for good. One thread at a time.
struct StartOffsets {
  private var wanted: [TopicPartition: StartOffset] = [:]

  mutating func want(_ at: TopicPartition, from start: StartOffset) { wanted[at] = start }
  /// Takes over what another was not told; what is wanted here is newer.
  mutating func merge(_ older: StartOffsets) { wanted.merge(older.wanted) { newer, _ in newer } }
  mutating func forget(_ at: TopicPartition) { wanted.removeValue(forKey: at) }

  /// Tells the consumer; what it was not told it is told the next time. A partition that is not ours any more needs no
  /// place: the next poll says that it was taken away.
  mutating func tell(_ consumer: any GroupConsumer) throws(BrokerError) {
    for (at, start) in wanted.sorted(by: { $0.key < $1.key }) {
      try StartOffsets.begin(at, start, consumer)
      wanted.removeValue(forKey: at)
    }
  }

  /// False if the partition is not ours any more.
  @discardableResult
  static func begin(_ at: TopicPartition, _ start: StartOffset, _ consumer: any GroupConsumer) throws(BrokerError)
    -> Bool
  {
    do {
      try consumer.begin(at, at: start)
      return true
    } catch {
      guard error.code == .fenced else { throw error }
      return false
    }
  }
}
