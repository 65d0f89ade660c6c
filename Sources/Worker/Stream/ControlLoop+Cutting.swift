internal import Definition
internal import Logging
internal import Pipeline
internal import Platform

/// Cutting: what the schedule says and what was asked for becomes entries in the ledger, once all is there that is to be in them.
extension ControlLoop {
  /// Slots that are due, and what was asked for.
  func cut() throws -> Bool {
    let now = context.clock.now()
    let requests = shared.withLock { shared in
      let taken = shared.requests
      shared.requests = []
      return taken
    }
    for request in requests where !asked.contains(where: { $0.id == request.id }) { asked.append(request) }
    if isOwner, let schedule, let slot = schedule.slot(atOrBefore: now - schedule.delay) {
      let id = Schedule.id(of: slot)
      let isNew = context.ledger.read { !$0.hasCut(id) && slot >= ($0.definedAt ?? .max) }
      if isNew && !asked.contains(where: { $0.id == id }) {
        asked.append(
          CutRequest(
            id: id, asOf: context.definition.asOf ?? slot, notBefore: slot + schedule.delay,
            listsFirst: context.definition.snapshot.listsBeforeCut))
      }
      let next = schedule.nextSlot(after: slot)
      shared.withLock { $0.nextSlot = next }
    }
    guard let first = asked.first else { return false }
    if context.ledger.read({ $0.hasCut(first.id) }) {
      asked.removeFirst()
      return true
    }
    // What was appended is not appended again before its verdict; refused as too early for its slot (our clock is fast),
    // there is time.
    if let appended, appended.cut == first.id,
      context.ledger.verdict(at: appended.offset) == nil || now - appended.at < ControlLoop.cutAgainAfter
    {
      return false
    }
    do {
      if try waitsForNewColumns() { return false }
      if first.listsFirst, try !hasRecords(first.id) || !scanner.isComplete() { return false }
    } catch let error as StoreError {
      // A store that cannot be listed holds up this cut, and nothing else.
      shared.withLock { $0.problem = "the snapshot '\(first.id)' waits: \(error)" }
      return false
    }
    let entry = LedgerEntry.cut(id: first.id, asOf: first.asOf, notBefore: first.notBefore)
    let offset = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
    context.ledger.expect(offset)
    if let appended { context.ledger.forget(appended.offset) }
    appended = (first.id, offset, now)
    watch = nil
    context.log.info("cut", ["snapshot": .init(first.id)])
    return true
  }

  /// Whether the ledger has the records that were there when the cut was first looked at.
  private func hasRecords(_ cut: String) throws -> Bool {
    var records: RecordsWatch
    if let watch, watch.cut == cut { records = watch.records } else { records = try RecordsWatch(context) }
    defer { watch = (cut, records) }
    return records.isOver(context)
  }

  /// After a change of a source's columns, its objects are read again before the next cut. Gives hints for those that are
  /// not yet. What lies where the source does not look any more is waited for by nobody: it would never come.
  private func waitsForNewColumns() throws -> Bool {
    let waiting = context.ledger.read { fold in
      fold.objects.contains { object, held in
        guard held.version != nil, let source = context.source(object.source) else { return false }
        let schema = context.plan.sources[source].schemaHash
        return !fold.schemas.isCurrent(held, of: object.source, schema: schema)
          && fold.failed[object]?.schema != schema
          && matcher.sources(bucket: object.bucket, key: object.key).contains(source)
      }
    }
    if waiting { _ = try scanner.isComplete() }
    return waiting
  }
}
