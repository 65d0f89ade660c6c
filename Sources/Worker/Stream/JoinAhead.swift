internal import Definition
internal import Formats
internal import Pipeline

/// The files of a cut whose parts are held in memory (``HeldParts``), written while shards are still at work: a shard's
/// parts once those of all shards before it are written. Whoever brings the next shard writes what has become ready.
///
/// It is work ahead and no more: nothing is visible before ``finish(_:threads:)``, which the publisher calls. Where anything
/// fails, or a part is not in memory, it gives up, and the publisher joins the parts as it always does. Any thread.
final class JoinAhead: @unchecked Sendable {
  // Sendable: what changes is guarded by `lock`; files are touched by the thread that has set `isWriting`.
  private let target: PublishTarget
  private let encoder: SnapshotEncoder
  private let naming: PartNaming
  private let splits: [String]
  private let partTarget: Int
  private let lock = ConditionLock()
  private var waiting: [Int: HeldParts.OfShard] = [:]
  /// Shards whose parts are written.
  private var written = 0
  private var isWriting = false
  private var hasGivenUp = false
  /// By split.
  private var files: [[GrowingFile]]

  /// `tag`: a function of everything that the files' bytes depend on (``ShardPartWriter/tag``).
  init(_ plan: DatasetPlan, _ target: PublishTarget, tag: String) throws {
    self.target = target
    encoder = try OutputShape(plan).encoder
    naming = .snapshot(tag: tag)
    splits = SplitRule(plan.definition.split).names
    partTarget = plan.definition.snapshot.partTarget
    files = splits.map { _ in [] }
  }

  /// Takes a shard, whose parts ``write()`` writes when it is its turn.
  func add(_ shard: HeldParts.OfShard) {
    lock.withLock {
      let number = shard.report.shard
      if shard.parts.count != shard.report.partCount || shard.report.parts.count != shard.report.partCount { giveUp() }
      if !hasGivenUp && number >= written { waiting[number] = shard }
    }
  }

  /// Writes what is ready, unless another thread is at it; that one writes this, too.
  func write() {
    lock.withLock {
      if isWriting { return }
      isWriting = true
      while !hasGivenUp, let next = waiting.removeValue(forKey: written) {
        lock.unlock()
        let isWritten = (try? write(next)) != nil
        lock.lock()
        if isWritten { written += 1 } else { giveUp() }
      }
      isWriting = false
      if hasGivenUp { files = splits.map { _ in [] } }
      lock.wakeAll()
    }
  }

  /// Lets go of what was written.
  func abandon() { lock.withLock { giveUp() } }

  /// Makes the files visible, all of them. nil where they are not those wanted, all shards' parts: then none is.
  func finish(_ wanted: [JoinedFile], threads: Int) throws -> [Manifest.PartRecord]? {
    write()
    let files: [[GrowingFile]]? = lock.withLock {
      while isWriting { lock.wait() }
      defer { giveUp() }
      return hasGivenUp ? nil : self.files
    }
    guard var files else { return nil }
    for split in files.indices where files[split].isEmpty { files[split].append(try open(split, 0)) }
    let all = files.flatMap { $0 }
    guard all.map(\.file) == wanted else { return nil }
    let records = Locked<[Manifest.PartRecord]>([])
    try ParallelTasks.run(
      count: all.count, threads: threads, task: { try all[$0].show() },
      consume: { _, record in records.withLock { $0.append(record) } })
    return records.withLock { $0 }
  }

  /// Within the lock.
  private func giveUp() {
    hasGivenUp = true
    waiting = [:]
    // Whoever is at a file lets go of it.
    if !isWriting { files = splits.map { _ in [] } }
  }

  private func write(_ shard: HeldParts.OfShard) throws {
    for part in shard.report.parts {
      guard let held = shard.parts[part.key], let split = splits.firstIndex(of: part.split) else {
        throw WriteError(.otherSchema, "a part that is not in memory")
      }
      let open = files[split].last
      if open.map({ JoinedFile.isFull($0.partBytes, before: part, target: partTarget) }) ?? true {
        try open?.seal()
        files[split].append(try self.open(split, files[split].count))
      }
      try files[split].last?.append(part, held, nil)
    }
  }

  private func open(_ split: Int, _ number: Int) throws -> GrowingFile {
    let key = naming.key(split: splits[split], number: number, fileExtension: encoder.fileExtension)
    return try GrowingFile(target, encoder, split: splits[split], key: key)
  }
}
