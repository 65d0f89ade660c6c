internal import Columns
internal import Definition
internal import Formats
internal import Pipeline
internal import Platform

/// The publisher: whoever owns `control`'s partition. Gathers the shards' reports of each pending cut, publishes the
/// snapshot, and keeps the schedule; lists stores for what no notification spoke of.
///
/// Nothing depends on there being one: a second one repeats steps that are harmless when repeated, and what shards of this
/// worker hold for it in memory (``HeldParts``) goes to the store when it does nothing for it. One thread steps it.
final class ControlLoop: @unchecked Sendable {
  // Sendable: used by its own thread; what others see or ask lies in `shared`.
  let context: StreamContext
  let target: StorePlace
  let schedule: Schedule?
  let scanner: StoreScanner
  let matcher: SourceMatcher
  private var consumer: (any GroupConsumer)?
  private var starts = StartOffsets()
  private(set) var isOwner = false
  var reports: [String: [ShardReport]] = [:]
  var publishers: [String: CutPublisher] = [:]
  var failedUntil: [String: Int64] = [:]
  var retired: Set<String> = []
  /// Failed tries to publish for want of reports that agree.
  var failures: [String: Int] = [:]
  var retainedAt: Int64 = 0
  var rowsSweptAt: Int64 = 0
  var savedFold: Int?
  var asked: [CutRequest] = []
  /// The cut that this worker appended last, where and when.
  var appended: (cut: String, offset: Int64, at: Int64)?
  /// What the first of those that were asked for waits for.
  var watch: (cut: String, records: RecordsWatch)?
  let shared = Locked(Shared())

  static let sweepRowsEvery: Int64 = 3_600_000_000
  /// Files that one step removes.
  static let sweepRowsMost = 100
  static let cutAgainAfter: Int64 = 5_000_000

  struct Shared: Sendable {
    var isOwner = false
    var published = 0
    var lastPublished: (id: String, at: Int64, fingerprint: String, rows: Int)?
    var nextSlot: Int64?
    var problem: String?
    var requests: [CutRequest] = []
  }

  /// A cut that somebody asked for. `listsFirst`: it is appended once the ledger has all objects of the stores, and the
  /// records that were there.
  struct CutRequest: Sendable {
    var id: String
    var asOf: Int64
    var notBefore: Int64
    var listsFirst: Bool
  }

  init(_ context: StreamContext) throws {
    self.context = context
    target = try context.stores.open(context.definition.snapshot.to)
    let zones = ZoneFiles.system
    schedule = try Schedule(context.definition.snapshot, zones: { name throws(CastError) in try zones.rules(name) })
    scanner = try StoreScanner(context)
    matcher = try SourceMatcher(context.definition, stores: context.stores)
  }

  var group: String { "\(context.definition.dataset)-publish" }
  var status: Shared { shared.withLock { $0 } }

  /// Asks for a snapshot; harmless if repeated. Any thread.
  func request(_ request: CutRequest) {
    shared.withLock { shared in
      if !shared.requests.contains(where: { $0.id == request.id }) { shared.requests.append(request) }
    }
  }

  /// Lists the stores at the next step; with `again`, all objects are read anew. Any thread.
  func requestListing(again: Bool) { scanner.request(again: again) }

  // MARK: Steps

  func step(milliseconds: Int) throws -> Bool {
    let consumer = try joined()
    try starts.tell(consumer)
    var moved = true
    // A snapshot that is being published has its next step to do; for one that was asked for somebody waits. Of parts that
    // are held in memory no message tells.
    let longest = !publishers.isEmpty ? 0 : !context.held.isEmpty ? 1 : asked.isEmpty ? milliseconds : 5
    let patience = min(milliseconds, longest)
    switch try consumer.poll(milliseconds: patience, maxBytes: 8 << 20) {
    case .nothing: moved = false
    case .assigned(let partitions):
      // From the first: reports of cuts that are pending still lie there, whoever read them before.
      for at in partitions { starts.want(at, from: .first) }
      own(true)
    case .revoked(let partitions, _):
      for at in partitions { starts.forget(at) }
      own(false)
    case .outOfRange(let at, _, _): starts.want(at, from: .first)
    case .records(let blocks): for block in blocks { take(block) }
    }
    guard context.ledger.isAtHead, context.ledger.read({ $0.semanticHash == context.semanticHash }) else {
      return moved
    }
    moved = try cut() || moved
    if scanner.isAsked { moved = try scanner.step() || moved }
    guard isOwner else { return moved }
    moved = try publish() || moved
    moved = try scanner.step() || moved
    moved = try retain() || moved
    moved = try saveFold() || moved
    moved = sweepRows() || moved
    return moved
  }

  private func joined() throws -> any GroupConsumer {
    if let consumer { return consumer }
    let made = try context.broker.consumer(
      group: group, topics: [context.topics.control], member: "\(context.options.member)-publish")
    consumer = made
    return made
  }

  private func own(_ owns: Bool) {
    isOwner = owns
    context.held.publish(here: owns)
    shared.withLock { $0.isOwner = owns }
    if !owns {
      reports = [:]
      publishers = [:]
    }
  }

  /// The broker took us for gone: the next step joins as somebody new.
  func rejoin() {
    own(false)
    close()
  }

  func close() {
    consumer?.close()
    consumer = nil
  }
}
