internal import Platform

/// Which of a group's records are done: only the unbroken run of finished ones may be committed, so that a crash repeats
/// what was not finished and skips nothing.
struct OffsetTracker: Sendable {
  /// A record that was taken from a partition. It is of one ownership of the partition; later ones ignore it.
  struct Token: Sendable, Hashable {
    var at: TopicPartition
    var offset: Int64
    var epoch: Int
  }

  private struct Progress {
    var epoch: Int
    /// Offsets taken and not finished, ascending as they were taken.
    var open: [Int64] = []
    var done: Set<Int64> = []
    /// The next offset to commit.
    var next: Int64?
    var committed: Int64?
  }

  private var partitions: [TopicPartition: Progress] = [:]
  private var epoch = 0

  /// The partition is ours from now on.
  mutating func begin(_ at: TopicPartition) {
    epoch += 1
    partitions[at] = Progress(epoch: epoch)
  }

  mutating func end(_ at: TopicPartition) { partitions.removeValue(forKey: at) }

  /// Takes a record in; nil if the partition is not ours.
  mutating func take(_ at: TopicPartition, offset: Int64) -> Token? {
    guard var progress = partitions[at] else { return nil }
    progress.open.append(offset)
    partitions[at] = progress
    return Token(at: at, offset: offset, epoch: progress.epoch)
  }

  mutating func finish(_ token: Token) {
    guard var progress = partitions[token.at], progress.epoch == token.epoch else { return }
    partitions[token.at] = nil
    progress.done.insert(token.offset)
    var finished = 0
    while finished < progress.open.count, progress.done.remove(progress.open[finished]) != nil {
      progress.next = progress.open[finished] + 1
      finished += 1
    }
    progress.open.removeFirst(finished)
    partitions[token.at] = progress
  }

  /// Records taken and not finished.
  var openCount: Int { partitions.values.reduce(0) { $0 + $1.open.count } }

  /// Offsets to commit that were not before.
  func due() -> [TopicPartition: Int64] {
    partitions.compactMapValues { $0.next != $0.committed ? $0.next : nil }
  }

  /// These were committed.
  mutating func note(committed: [TopicPartition: Int64]) {
    for (at, offset) in committed { partitions[at]?.committed = offset }
  }
}
