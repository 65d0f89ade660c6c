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
    /// Of each open record, how many of its parts are not finished.
    var left: [Int64: Int] = [:]
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

  /// Takes a record in; nil if the partition is not ours, or it was taken already. It is done when ``finish(_:)`` was said
  /// as often as it has parts.
  mutating func take(_ at: TopicPartition, offset: Int64, parts: Int) -> Token? {
    guard let progress = partitions[at], offset > (progress.open.last ?? -1), offset >= (progress.next ?? 0) else {
      return nil
    }
    partitions[at]?.open.append(offset)
    partitions[at]?.left[offset] = parts
    if parts == 0 { advance(at) }
    return Token(at: at, offset: offset, epoch: progress.epoch)
  }

  mutating func finish(_ token: Token) {
    guard let progress = partitions[token.at], progress.epoch == token.epoch, let left = progress.left[token.offset]
    else { return }
    partitions[token.at]?.left[token.offset] = left - 1
    if left <= 1 { advance(token.at) }
  }

  private mutating func advance(_ at: TopicPartition) {
    guard let open = partitions[at]?.open else { return }
    var finished = 0
    while finished < open.count, (partitions[at]?.left[open[finished]] ?? 0) <= 0 {
      partitions[at]?.left.removeValue(forKey: open[finished])
      partitions[at]?.next = open[finished] + 1
      finished += 1
    }
    partitions[at]?.open.removeFirst(finished)
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
