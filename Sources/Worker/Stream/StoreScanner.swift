internal import Definition
internal import Logging
internal import Notifications
internal import Pipeline
internal import Platform

/// Lists the sources' stores now and then and puts a hint on the events topic for each object that differs from what the
/// ledger has: for stores without notifications, and for notifications that were lost.
///
/// One thread at a time.
final class StoreScanner {
  let context: StreamContext
  private var lister: SourceLister
  /// Sees files that have not stood still yet, too: a cut that is to be complete waits for them.
  private var strict: SourceLister
  private var scannedAt: Int64?
  private var awaited = Awaited()
  /// Hints given and not yet seen in the ledger: repeated only after a while.
  private var given: [ObjectIdentity: (version: String, at: Int64)] = [:]
  private let wanted = Locked((now: false, again: false))

  /// Sources whose place was told to be missing.
  private var absent: Set<Int> = []

  /// How long a hint is given to arrive in the ledger.
  static let patience: Int64 = 60_000_000
  /// Between two listings for a cut that is to be complete, at least; and at least as often what a listing takes.
  static let completeEvery: Int64 = 250_000
  private static let listingShare: Int64 = 4
  /// And at most.
  private static let completePause: Int64 = 60_000_000

  init(_ context: StreamContext) throws {
    self.context = context
    lister = SourceLister(context.definition, stores: context.stores)
    var definition = context.definition
    for index in definition.sources.indices { definition.sources[index].settle = 0 }
    strict = SourceLister(definition, stores: context.stores)
  }

  /// Lists at the next step; with `again`, gives a hint for every object, accepted or not. Any thread.
  func request(again: Bool) { wanted.withLock { $0 = (true, $0.again || again) } }

  /// Whether somebody asked for a listing now.
  var isAsked: Bool { wanted.withLock { $0.now } }

  /// Lists if it is time; false if it is not.
  func step() throws -> Bool {
    let now = context.clock.now()
    let asked = wanted.withLock { wanted in
      defer { wanted = (false, false) }
      return wanted
    }
    let isDue = scannedAt.map { now - $0 >= context.options.listEvery } ?? true
    guard isDue || asked.now else { return false }
    let isFirst = scannedAt == nil
    do {
      try scan(now, again: asked.again, isRepair: !isFirst && !context.options.listsForEvents)
    } catch {
      // What was asked for is still wanted.
      if asked.now { request(again: asked.again) }
      throw error
    }
    scannedAt = now
    return true
  }

  /// Whether the stores hold nothing that the ledger has not. Gives hints for what is missing.
  ///
  /// Lists again as soon as the ledger has something newer of all that was missing, else now and then.
  func isComplete() throws -> Bool {
    let now = context.clock.now()
    let hasCome = context.ledger.read { awaited.hasCome($0) }
    guard hasCome || now >= awaited.listAgainAt else { return false }
    try scan(now, again: false, isRepair: false)
    // As it was before the listing: what comes meanwhile has come.
    let before = context.ledger.read { (position: $0.position, failed: $0.failed) }
    let (differences, problems) = differences(&strict, now)
    let listed = context.clock.now()
    let pause = min(
      max(StoreScanner.completeEvery, (listed - now) * StoreScanner.listingShare), StoreScanner.completePause)
    awaited = Awaited(
      differences.map { ($0.identity, before.failed[$0.identity]) }, since: before.position,
      listAgainAt: differences.isEmpty && problems.isEmpty ? now + StoreScanner.completeEvery : listed + pause)
    if let problem = problems.first { throw problem.value }
    return !differences.contains { difference in
      // What cannot be looked at differs from everything, for as long as that is so.
      context.ledger.read { $0.failed[difference.identity]?.version != ObjectTask.unknownVersion }
    }
  }

  /// What a listing found missing.
  private struct Awaited {
    private var objects: [(identity: ObjectIdentity, failed: LedgerFold.FailedObject?)] = []
    /// The ledger's position before the listing.
    private var since = 0
    var listAgainAt: Int64 = .min

    init() {}

    /// `objects`: with how each was set aside before the listing.
    init(
      _ objects: [(identity: ObjectIdentity, failed: LedgerFold.FailedObject?)], since: Int, listAgainAt: Int64
    ) {
      self.objects = objects
      self.since = since
      self.listAgainAt = listAgainAt
    }

    /// Whether the ledger has something newer of all of them; of none, it has nothing newer. Asked often: what has come
    /// is not looked at again.
    mutating func hasCome(_ fold: LedgerFold) -> Bool {
      if objects.isEmpty { return false }
      while let last = objects.last,
        (fold.objects[last.identity]?.position ?? -1) >= since || fold.failed[last.identity] != last.failed
      {
        objects.removeLast()
      }
      return objects.isEmpty
    }
  }

  private struct Difference {
    var identity: ObjectIdentity
    var hint: ObjectHint
  }

  private func scan(_ now: Int64, again: Bool, isRepair: Bool) throws {
    var (found, problems) = differences(&lister, now, all: again)
    for (source, error) in problems.sorted(by: { $0.key < $1.key }) {
      context.log.warning(
        "a source could not be listed",
        ["source": .init(context.definition.sources[source].name), "error": .init(error.description)])
    }
    found.removeAll { difference in
      guard let earlier = given[difference.identity], !again else { return false }
      return earlier.version == text(difference.hint) && now - earlier.at < StoreScanner.patience
    }
    given = given.filter { now - $0.value.at < StoreScanner.patience }
    // What was set aside may be of use to somebody who looks again, but is nothing that notifications missed.
    let failed = context.ledger.read { fold in Set(found.map(\.identity).filter { fold.failed[$0] != nil }) }
    if found.isEmpty { return }
    var messages: [OutgoingMessage] = []
    for var difference in found {
      difference.hint.again = again
      difference.hint.isRepair = isRepair && !failed.contains(difference.identity)
      given[difference.identity] = (text(difference.hint), now)
      messages.append(
        OutgoingMessage(
          topic: context.eventsTopic, partition: nil,
          key: Array("\(difference.hint.bucket)/\(difference.hint.key)".utf8),
          value: NotificationParser.encode(difference.hint)))
      if messages.count == 1000 {
        _ = try context.broker.append(messages)
        messages = []
      }
    }
    if !messages.isEmpty { _ = try context.broker.append(messages) }
    if isRepair && found.count > failed.count {
      context.log.info(
        "found objects that no notification spoke of", ["objects": .init(found.count - failed.count)])
    }
  }

  private func text(_ hint: ObjectHint) -> String {
    "\(hint.kind) \(hint.version ?? "") \(hint.etag ?? "") \(hint.size ?? 0)"
  }

  private func differences(_ lister: inout SourceLister, _ now: Int64, all: Bool = false) -> (
    [Difference], [Int: StoreError]
  ) {
    var found: [Difference] = []
    var problems: [Int: StoreError] = [:]
    // One pass over the fold for what it has of each source.
    let held = context.ledger.read { fold in
      var held: [String: [String: String]] = [:]
      for (object, accepted) in fold.objects {
        guard let version = accepted.version, let source = context.source(object.source) else { continue }
        let isCurrent = fold.schemas.isCurrent(
          accepted, of: object.source, schema: context.plan.sources[source].schemaHash)
        held[object.source, default: [:]][object.key] = isCurrent ? version : "of other columns"
      }
      // A version that is set aside is known, too; once it is gone, that clears it. By other columns it may be of use again.
      for (object, failed) in fold.failed {
        guard let source = context.source(object.source) else { continue }
        let isCurrent = failed.schema == context.plan.sources[source].schemaHash
        held[object.source, default: [:]][object.key] = isCurrent ? failed.version : "of other columns"
      }
      return held
    }
    for (index, source) in context.definition.sources.enumerated() {
      guard case .objects = source.input else { continue }
      let keys = held[source.name] ?? [:]
      do throws(StoreError) {
        let hints = try lister.differences(
          source: index, now: now, accepted: { _, key in all ? nil : keys[key] },
          acceptedKeys: all ? [] : Array(keys.keys))
        found += hints.map {
          Difference(
            identity: ObjectIdentity(source: source.name, bucket: $0.bucket, key: $0.key), hint: $0)
        }
      } catch {
        // A directory that is not there yet may come; or its name is mistyped, so it is told once.
        if error.code != .notFound || !context.options.listsForEvents {
          problems[index] = error
        } else if absent.insert(index).inserted {
          context.log.warning(
            "there is nothing at a source's place yet",
            ["source": .init(source.name), "place": .init(error.location)])
        }
      }
    }
    return (found, problems)
  }
}
