internal import Platform

/// Where a group's member stands in the partitions it owns.
struct ReadPositions {
  private var next: [TopicPartition: Int64] = [:]
  private var paused: Set<TopicPartition> = []
  /// Partitions with a position, the one that waited longest first.
  private var turns: [TopicPartition] = []

  /// What may be read now, in the order it should be.
  var readable: [(TopicPartition, Int64)] {
    turns.compactMap { partition in
      guard !paused.contains(partition), let offset = next[partition] else { return nil }
      return (partition, offset)
    }
  }

  mutating func begin(_ partition: TopicPartition, at offset: Int64) {
    if next.updateValue(offset, forKey: partition) == nil { turns.append(partition) }
  }

  /// Records were given: the next time, others go first.
  mutating func advance(_ partition: TopicPartition, to offset: Int64) {
    next[partition] = offset
    turns.removeAll { $0 == partition }
    turns.append(partition)
  }

  /// Nothing more of a partition before it begins again; it stays paused if it was.
  mutating func stop(_ partition: TopicPartition) {
    next[partition] = nil
    turns.removeAll { $0 == partition }
  }

  /// The partition has gone to another.
  mutating func forget(_ partitions: [TopicPartition]) {
    for partition in partitions {
      stop(partition)
      paused.remove(partition)
    }
  }

  mutating func pause(_ partitions: [TopicPartition]) { paused.formUnion(partitions) }
  mutating func resume(_ partitions: [TopicPartition]) { paused.subtract(partitions) }
}
