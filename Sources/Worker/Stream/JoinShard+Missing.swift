internal import Definition
internal import Logging
internal import Pipeline
internal import Platform

/// An entry's rows: from staging, from `rows`, from whoever supplied them again. A shard that finds them nowhere waits,
/// unless nobody needs them any more.
///
/// What it may do without is told by the whole ledger, not by what it has folded: rows of an input that was replaced or
/// given up later, and that no cut holds which has not ended, are missed by nobody. Cuts in between have ended, and
/// ``CutLoop`` writes no part for those.
extension JoinShard {
  /// A shard's commits without rows, the one it stands before first.
  struct Waiting: Sendable {
    var shard: Int
    var missing: [MissingRows]
    /// Why they are not there.
    var cause: String
    /// Where our partition of `rows` began then; what was supplied before it is gone, too.
    var first: Int64
    /// The ledger's position when it was last looked at.
    var lookedAt: Int

    var reason: String {
      let names = missing.prefix(3).flatMap(\.names).prefix(3)
      let count = missing.reduce(0) { $0 + $1.needed.count { $0 } }
      let most = missing.count >= JoinShard.missingMax ? "at least " : ""
      let more = count > names.count ? " and \(most)\(count - names.count) more" : ""
      return
        "shard \(shard) waits for the rows of source '\(missing.first?.commit.source ?? "")': \(names.joined(separator: ", "))\(more) (from ledger position \(missing.first?.position ?? 0) on), which \(cause); `tributary backfill --again DEFINITION` reads them again, `tributary lost DEFINITION` lists them all and goes on without those that cannot be"
    }
  }

  /// Commits that a shard names at a time; the next ones are found when it has gone on.
  static let missingMax = 1000

  static let shortAskEvery: Int64 = 1_000_000
  static let shortMax: Int64 = 60_000_000

  /// The attempt's batches, verified against its receipt (I3). nil: not now, or it waits.
  func collect(_ commit: Commit, _ verdicts: [Bool], _ receipt: ShardReceipt, at position: Int) throws
    -> [EncodedBatch]?
  {
    guard let source = context.source(commit.source) else { return [] }
    let rows = AttemptRows(context: context, shard: shard)
    let isShort = !hasCome(commit.attempt, receipt)
    let staged = staging.take(commit.attempt)
    var found = try rows.verified(staged, receipt, source: source)
    if let batches = found.batches {
      (shortSince, goneSince) = (nil, nil)
      return batches
    }
    if context.options.sabotage == .receipt, let (batches, _) = rows.decode(staged, source: source) {
      return batches
    }
    if !isShort {
      missedRows = true
      let now = context.clock.now()
      if goneSince != nil && now - goneAskedAt < JoinShard.shortAskEvery { return nil }
      found = try rows.found(commit.attempt, receipt, source: source)
      guard case .gone = found else {
        goneSince = nil
        if let batches = found.batches { return batches }
        return try missing(commit, verdicts, receipt, at: position, isShort: isShort, found)
      }
      // They were there when the entry was appended: a bucket or a file system may be away for a moment.
      goneAskedAt = now
      goneSince = goneSince ?? now
      if now - (goneSince ?? now) < JoinShard.shortMax { return nil }
    }
    return try missing(commit, verdicts, receipt, at: position, isShort: isShort, found)
  }

  /// From whoever supplied them; nil: not now, or it waits. `found`: what there was of them.
  private func missing(
    _ commit: Commit, _ verdicts: [Bool], _ receipt: ShardReceipt, at position: Int, isShort: Bool,
    _ found: AttemptRows.Found
  ) throws -> [EncodedBatch]? {
    guard let source = context.source(commit.source) else { return [] }
    let rows = AttemptRows(context: context, shard: shard)
    // Before it is looked at: what comes meanwhile is looked at again.
    let lookedAt = context.ledger.position
    var missing = MissingRows(position: position, commit: commit, needed: verdicts, receipt: receipt)
    for supply in context.ledger.supplies(of: position) {
      guard let other = supply.receipt(replacing: receipt, shard: shard) else { continue }
      if let batches = try rows.verified(staging.take(supply.attempt), receipt, source: source).batches {
        return batches
      }
      if let batches = try rows.found(supply.attempt, other, source: source).batches { return batches }
      missing.tried.insert(supply.attempt)
    }
    // What the rest of the ledger says of them may not be known yet.
    guard let needed = needed(missing) else { return nil }
    missing.needed = needed
    guard needed.contains(true) else {
      context.log.warning(
        "rows are gone that nobody needs any more; the shard goes on without them",
        ["shard": .init("\(shard)"), "position": .init("\(position)")])
      return []
    }
    try wait(for: missing, isShort: isShort, found, lookedAt)
    return nil
  }

  /// Whether `rows` ends before what a receipt names, and has for so long that no change of a partition's leader explains
  /// it: they were there when the entry was appended, so they will not come (the topic was made anew, say).
  func isShort(of receipt: ShardReceipt) throws -> Bool {
    let now = context.clock.now()
    guard now - shortAskedAt >= JoinShard.shortAskEvery else { return false }
    shortAskedAt = now
    let partition = TopicPartition(context.topics.rows, shard)
    guard let bounds = try context.broker.bounds([partition])[partition], bounds.end < receipt.end else {
      shortSince = nil
      return false
    }
    let since = shortSince ?? now
    shortSince = since
    return now - since >= JoinShard.shortMax
  }

  /// Of the inputs that were needed when last asked; nil while the ledger is being read.
  private func needed(_ missing: MissingRows) -> [Bool]? {
    guard let source = context.source(missing.commit.source) else { return [] }
    let keeps = context.definition.sources[source].onRemove == .keep
    return context.ledger.readAtHead {
      $0.needed(missing.commit, missing.needed, at: missing.position, keepsRemoved: keeps)
    }
  }

  // MARK: Waiting

  /// `isShort`: our partition of `rows` ends before them. `found`: else, what there was of them.
  private func wait(for missing: MissingRows, isShort: Bool, _ found: AttemptRows.Found, _ lookedAt: Int) throws {
    let place = "\(context.topics.rows)[\(shard)]"
    var first: Int64?
    if !isShort, case .removed(let begins) = found { first = begins }
    var waiting = Waiting(
      shard: shard, missing: [missing],
      cause:
        "are others in \(place) than were committed: a row batch is damaged or missing, and nothing was applied",
      first: first ?? 0, lookedAt: lookedAt)
    if isShort {
      waiting.cause = "are not in \(place), which ends before them: it was made anew, or its broker has lost them"
    } else if let first {
      waiting.cause = "are no longer in \(place), which begins at offset \(first)"
    } else if case .gone(let file) = found {
      waiting.cause = "are no longer in the store: the file \(file), which \(place) tells of, is gone"
    }
    let later = laterCommits(behind: missing.position)
    if let first {
      waiting.missing += others(later, KeptRows(bounds: OffsetBounds(first: first, end: .max)))
    } else {
      // A damaged batch, or a topic that was made anew and may have grown since: what it has will tell.
      waiting.missing += others(later, try AttemptRows(context: context, shard: shard).kept(later.map(\.receipt)))
    }
    self.waiting = waiting
    context.log.error(waiting.reason, ["shard": .init("\(shard)"), "commits": .init(waiting.missing.count)])
    // The ledger need not be kept for it.
    close()
  }

  /// Commits behind a position that bring us rows.
  private func laterCommits(behind position: Int) -> [MissingRows] {
    var found: [MissingRows] = []
    var next = position + 1
    while true {
      let entries = context.ledger.entries(from: next, most: JoinShard.entriesMax)
      guard let last = entries.last else { return found }
      next = last.position + 1
      for judged in entries {
        guard case .commit(let commit) = judged.entry, case .inputs(let verdicts) = judged.verdict,
          isCurrent(commit, at: judged.position), commit.shards.indices.contains(shard), commit.shards[shard].rows > 0
        else { continue }
        found.append(
          MissingRows(position: judged.position, commit: commit, needed: verdicts, receipt: commit.shards[shard]))
      }
    }
  }

  /// Those of them whose rows are gone, too.
  private func others(_ later: [MissingRows], _ kept: KeptRows) -> [MissingRows] {
    var found: [MissingRows] = []
    for var missing in later where !kept.has(missing.commit.attempt, missing.receipt) {
      guard found.count < JoinShard.missingMax - 1, let needed = needed(missing) else { break }
      missing.needed = needed
      if needed.contains(true) && !isSupplied(missing, kept) { found.append(missing) }
    }
    return found
  }

  private func isSupplied(_ missing: MissingRows, _ kept: KeptRows) -> Bool {
    context.ledger.supplies(of: missing.position).contains { supply in
      guard !missing.tried.contains(supply.attempt),
        let other = supply.receipt(replacing: missing.receipt, shard: shard)
      else { return false }
      return kept.has(supply.attempt, other)
    }
  }

  /// Whether the ledger may say something new of what is missing.
  func isWorthLooking(_ waiting: Waiting) -> Bool {
    context.ledger.isAtHead && context.ledger.position != waiting.lookedAt
  }

  /// Whether there is nothing to wait for, or no longer. All that is known to be missing must be there, or be needed no
  /// more: going on may mean that the ledger is read once more.
  func goesOn() throws -> Bool {
    guard var held = waiting else { return true }
    guard isWorthLooking(held) else { return false }
    held.lookedAt = context.ledger.position
    var missing: [MissingRows] = []
    let kept = KeptRows(bounds: OffsetBounds(first: held.first, end: .max))
    for var one in held.missing {
      guard let needed = needed(one) else { return false }
      one.needed = needed
      if needed.contains(true) && !isSupplied(one, kept) { missing.append(one) }
    }
    held.missing = missing
    waiting = held.missing.isEmpty ? nil : held
    guard held.missing.isEmpty else { return false }
    context.log.info("the missing rows are there or given up; the shard goes on", ["shard": .init("\(shard)")])
    followLedger()
    return true
  }

  // MARK: Giving up

  /// From here on nobody has these rows; whoever had them lets them go.
  func giveUp(_ loss: Loss, _ verdicts: [Bool]) throws {
    cuts.end(holding: loss)
    // Noted at once: where a later one fails, what went before is not found again.
    for (object, isLost) in zip(loss.objects, verdicts) where isLost {
      if segments.supersede(object) { isLiveStale = true }
    }
    for (range, isLost) in zip(loss.ranges, verdicts.dropFirst(loss.objects.count)) where isLost {
      try remove(range, of: loss.position)
    }
    segments.dropDead()
  }

  /// A partition's ranges are one input of a segment, so their rows are taken out by their offsets, and the segment is
  /// made anew. (Cuts that still hold the old one have ended, or were before it.)
  private func remove(_ range: CommittedRange, of position: Int) throws {
    for (index, ref) in segments.refs.enumerated() {
      let header = ref.header
      guard header.source == range.range.source, header.first <= position, position <= header.last,
        let source = context.source(header.source), header.schema == context.plan.sources[source].schemaHash
      else { continue }
      let numbers = header.inputs.indices.filter {
        header.inputs[$0].topic == range.range.topic && header.inputs[$0].partition == range.range.partition
          && !ref.dead.contains($0)
      }
      if numbers.isEmpty { continue }
      let types = context.types(source: source)
      let kept = try batches(of: ref).map { batch, base in
        let left = try batch.decode(types: types).filtering { origin in
          // A row's number is its offset and 1.
          !numbers.contains(base + origin.input)
            || !(range.from..<range.to).contains(Int64(truncatingIfNeeded: origin.row) - 1)
        }
        return (batch: EncodedBatch(left), inputBase: base)
      }
      let (content, dead) = try SegmentBuilder.join([(ref, kept)], types: types, dropsDead: false)
      if content.header.rows == header.rows { continue }
      isLiveStale = true
      segments.noteRemoval(header.source)
      let isEmpty = content.header.rows == 0
      segments.replace(
        [index],
        with: SegmentRef(
          name: nil, bytes: content.batches.reduce(0) { $0 + $1.batch.count }, header: content.header,
          dead: isEmpty ? Set(content.header.inputs.indices) : dead, batches: content.batches))
    }
  }
}
