internal import Definition
internal import Logging
internal import Pipeline
internal import Platform
internal import Threads

/// Records that are gone before they were read, and topics that are not what the ledger has read.
extension RecordIngest {
  /// Retention has taken what was to be read next, or the topic is another one.
  func gap(_ at: TopicPartition, _ bounds: OffsetBounds) {
    lock.withLock {
      for (identity, feed) in feeds where feed.at == at {
        switch feed.phase {
        case .active, .seeking:
          if context.options.sabotage == .gap { feeds[identity]?.phase = .seeking(bounds.first) }
          feeds[identity]?.torn = context.options.sabotage == .gap ? nil : bounds
        case .new, .opening, .stopped: break
        }
      }
      lock.wakeAll()
    }
  }

  /// Torn partitions: what is gone is skipped or ends the feed, as the definition says.
  func tear() throws -> Bool {
    var moved = false
    let torn = lock.withLock { feeds.values.filter { $0.torn != nil && $0.queue.isEmpty && $0.underWay <= 0 } }
    for feed in torn where !feed.isRefused {
      guard var bounds = feed.torn, let held = context.ledger.readAtHead({ $0.ranges[feed.identity] }), let held else {
        continue
      }
      if let since = feed.shortSince {
        guard let now = try askedAgain(feed) else { continue }
        bounds = now
        if let reason = madeAnew(feed.at, bounds), context.clock.now() - since >= RecordIngest.shortMax {
          context.log.error(reason)
          restart(feed.identity, .stopped(reason))
          moved = true
          continue
        }
      }
      if let reason = madeAnew(feed.at, bounds) {
        if feed.shortSince == nil { begin(feed, asking: reason) }
        continue
      }
      moved = true
      if held.end >= bounds.first {
        restart(feed.identity, .seeking(held.end))
      } else {
        try passOver(feed, from: held.end, to: bounds.first)
      }
    }
    return moved
  }

  /// A partition that ends before what was read of it is asked for its end for a while, before it counts as another one.
  static let shortMax: Int64 = 60_000_000
  static let shortAskEvery: Int64 = 1_000_000

  private func begin(_ feed: RecordFeed, asking reason: String) {
    context.log.warning(
      "a partition ends before what was read of it: a replica that is behind answers, or it is another one; it is asked again",
      ["partition": .init("\(feed.at)"), "reason": .init(reason)])
    let now = context.clock.now()
    lock.withLock {
      feeds[feed.identity]?.shortSince = now
      feeds[feed.identity]?.shortAskedAt = now
    }
  }

  /// The bounds now of a partition that was short; nil: it is not time yet.
  private func askedAgain(_ feed: RecordFeed) throws -> OffsetBounds? {
    let now = context.clock.now()
    guard now - feed.shortAskedAt >= RecordIngest.shortAskEvery else { return nil }
    lock.withLock { feeds[feed.identity]?.shortAskedAt = now }
    return try context.broker.bounds([feed.at])[feed.at] ?? feed.torn
  }

  /// Records that are gone before they were read: skipped, or the feed ends, as the definition says.
  func passOver(_ feed: RecordFeed, from end: Int64, to first: Int64) throws {
    let source = context.definition.sources[feed.source]
    if source.onGap == .skip {
      let entry = LedgerEntry.skipped(feed.identity, from: end, to: first, reason: "retention")
      let offset = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
      context.ledger.expect(offset)
      context.log.warning(
        "records were lost to retention and are skipped, as on_gap says",
        [
          "source": .init(source.name), "partition": .init("\(feed.at)"), "from": .init("\(end)"),
          "to": .init("\(first)"),
        ])
      // On from the accepted end, whoever put it there, once the entry is folded.
      restart(feed.identity, .opening(offset))
    } else {
      let reason =
        "records \(end) to \(first) of \(feed.at) were removed by retention before they were read; source '\(source.name)' stops there (on_gap: skip would go on without them)"
      context.log.error(reason)
      restart(feed.identity, .stopped(reason))
    }
  }

  /// Why a partition cannot be the one that the ledger has read; nil if it can. If one source has read further than it
  /// reaches, then what it holds is new to all of them, also where another source has not come as far.
  ///
  /// A topic that was made anew and has grown beyond all that was read cannot be told from the old one: Kafka's numbers of
  /// topics are not to be had from its client here.
  private func madeAnew(_ at: TopicPartition, _ bounds: OffsetBounds) -> String? {
    guard let (source, end) = furthest()[at], end > bounds.end else { return nil }
    return
      "\(at) ends at \(bounds.end), but source '\(source)' has read it to \(end): the topic was made anew, or its broker has lost records; give its sources another topic, or other names to read this one from its beginning"
  }

  /// How far each partition was read by the source that is ahead of the others.
  func furthest() -> [TopicPartition: (source: String, end: Int64)] {
    let names = Set(context.definition.sources.map(\.name))
    return context.ledger.read { fold in
      var furthest: [TopicPartition: (source: String, end: Int64)] = [:]
      for (identity, held) in fold.ranges where names.contains(identity.source) {
        let at = TopicPartition(identity.topic, identity.partition)
        if held.end > furthest[at]?.end ?? -1 { furthest[at] = (identity.source, held.end) }
      }
      return furthest
    }
  }
}
