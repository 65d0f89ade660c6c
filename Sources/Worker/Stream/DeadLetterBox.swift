public import Definition
internal import FoundationEssentials
internal import Notifications
internal import Pipeline
public import Platform

/// Reads a dataset's dead letters and has their objects read again. Blocks; any thread.
///
/// The ledger tells which letters count: a crash leaves the letters of attempts that were never accepted, and those of
/// objects that were read anew are settled.
public struct DeadLetterBox: Sendable {
  private let definition: Definition
  private let topics: DatasetTopics
  private let broker: any Broker
  private let ledger: LedgerView

  /// Letters looked at in one call at most, the newest of each partition: what a worker does for a client is bounded.
  public static let scanMax: Int64 = 50_000
  private static let patienceMilliseconds = 200
  private static let patience = 10
  private static let ledgerPatience = 150

  init(_ definition: Definition, broker: any Broker, ledger: LedgerView) {
    self.definition = definition
    self.broker = broker
    self.ledger = ledger
    topics = DatasetTopics(definition.dataset)
  }

  /// Beside a broker that no worker of this process uses: reads the whole ledger first.
  public init(reading definition: Definition, broker: any Broker) throws {
    let view = LedgerView(broker: broker, topic: DatasetTopics(definition.dataset).ledger)
    let topic = DatasetTopics(definition.dataset).ledger
    if try broker.describe([topic])[topic] != nil {
      defer { view.close() }
      var patience = Self.ledgerPatience
      while !view.isAtHead {
        if try view.step(milliseconds: Self.patienceMilliseconds) { continue }
        patience -= 1
        if patience == 0 { throw StreamError("\(topic) gives nothing before its end; try again later") }
      }
    }
    self.init(definition, broker: broker, ledger: view)
  }

  // MARK: Listing

  public func list(_ query: DeadLetterQuery) throws -> DeadLetterListing {
    var listing = DeadLetterListing()
    var counts: [DeadLetterListing.Count: Int] = [:]
    try scan(query, &listing.notLookedAt) { letter in
      let kind = DeadLetterListing.Count(
        kind: letter.kind, source: letter.source ?? "", reason: letter.kind == .object ? "set aside" : letter.reason,
        count: 0)
      counts[kind, default: 0] += 1
      listing.letters.append(letter)
      if listing.letters.count > 2 * query.limit + 256 { Self.keepNewest(&listing.letters, query.limit) }
    }
    Self.keepNewest(&listing.letters, query.limit)
    listing.counts = counts.map { kind, count in
      var kind = kind
      kind.count = count
      return kind
    }.sorted { ($1.count, $0.source, $0.reason, $0.kind.rawValue) < ($0.count, $1.source, $1.reason, $1.kind.rawValue) }
    return listing
  }

  private static func keepNewest(_ letters: inout [DeadLetter], _ limit: Int) {
    letters.sort { ($0.appendedAt, $0.id) > ($1.appendedAt, $1.id) }
    letters.removeLast(max(0, letters.count - limit))
  }

  // MARK: Replaying

  /// Puts a hint on the topic of events for each object concerned: whoever takes it reads the object again, and commits it
  /// under the definition in force.
  public func replay(_ query: DeadLetterQuery) throws -> DeadLetterReplay {
    var replay = DeadLetterReplay()
    var wanted: [String: OutgoingMessage] = [:]
    var ignored: Int64 = 0
    try scan(query, &ignored) { letter in
      guard letter.kind != .message, let name = letter.source, let location = letter.object else {
        replay.left["a notification that cannot be read; the next listing finds what it spoke of", default: 0] += 1
        return
      }
      guard let source = definition.source(name) else {
        replay.left["the definition has no source '\(name)' any more", default: 0] += 1
        return
      }
      guard case .objects = source.input, let object = Self.identity(name, location) else {
        replay.left["records of '\(name)' are committed with their offsets; produce them again", default: 0] += 1
        return
      }
      guard wanted[location] == nil else { return }
      let hint = ObjectHint(bucket: object.bucket, key: object.key, kind: .created, again: true)
      wanted[location] = OutgoingMessage(
        topic: definition.eventsTopic, partition: nil, key: Array("\(object.bucket)/\(object.key)".utf8),
        value: NotificationParser.encode(hint))
    }
    let messages = wanted.sorted { $0.key < $1.key }
    for start in stride(from: 0, to: messages.count, by: 1000) {
      _ = try broker.append(messages[start..<min(start + 1000, messages.count)].map(\.value))
    }
    replay.objects = messages.map(\.key)
    return replay
  }

  // MARK: Reading

  private func scan(_ query: DeadLetterQuery, _ notLookedAt: inout Int64, _ body: (DeadLetter) -> Void) throws {
    guard let partitions = try broker.describe([topics.deadLetters])[topics.deadLetters]?.partitions else { return }
    var all = (0..<partitions).map { TopicPartition(topics.deadLetters, $0) }
    var only: Int64?
    if let id = query.id {
      guard let place = DeadLetterQuery.place(id), place.partition < partitions else { return }
      all = [TopicPartition(topics.deadLetters, place.partition)]
      only = place.offset
    }
    let bounds = try broker.bounds(all)
    for at in all {
      guard let held = bounds[at], held.first < held.end else { continue }
      var next = max(held.first, held.end - Self.scanMax / Int64(all.count))
      var end = held.end
      if let only {
        guard (held.first..<held.end).contains(only) else { return }
        (next, end) = (only, only + 1)
      } else {
        notLookedAt += next - held.first
      }
      try read(at, next, end) { letter in
        if let source = query.source, letter.source != source { return }
        // Of one letter that is asked for by name, it is said what it is.
        let isWanted = letter.state == .open || only != nil || (query.all && letter.state == .settled)
        if isWanted { body(letter) }
      }
    }
  }

  private func read(_ at: TopicPartition, _ from: Int64, _ end: Int64, _ body: (DeadLetter) -> Void) throws {
    let reader = try broker.reader(at, from: from)
    defer { reader.close() }
    let decoder = JSONDecoder()
    var next = from
    var patience = Self.patience
    while next < end {
      guard let block = try reader.poll(milliseconds: Self.patienceMilliseconds, maxBytes: 4 << 20) else {
        // The last offsets may be holes.
        patience -= 1
        if patience == 0 || reader.position >= end { return }
        continue
      }
      for index in 0..<block.count where block.entries[index].offset < end {
        guard let bytes = block.value(index), let wire = try? decoder.decode(Wire.self, from: Data(bytes)) else {
          continue
        }
        let entry = block.entries[index]
        body(letter(wire, id: "\(at.partition):\(entry.offset)", appendedAt: entry.timestamp))
      }
      next = block.nextOffset
    }
  }

  /// A letter as ``DeadLetterSender`` writes it.
  private struct Wire: Decodable {
    var kind: DeadLetter.Kind
    var attempt: String?
    var source: String?
    var object: String?
    var row: UInt64?
    var byte: UInt64?
    var reason: String
    var column: String?
    var message: String?
    var raw: String?
    var rawBase64: String?
    var length: UInt64?
    var version: String?
    var tries: Int?
    var topic: String?
    var partition: UInt64?
    var offset: UInt64?

    enum CodingKeys: String, CodingKey {
      case kind, attempt, source, object, row, byte, reason, column, message, raw, length, version, tries, topic
      case partition, offset
      case rawBase64 = "raw_base64"
    }
  }

  private func letter(_ wire: Wire, id: String, appendedAt: Int64) -> DeadLetter {
    DeadLetter(
      id: id, state: state(wire), kind: wire.kind, appendedAt: appendedAt, attempt: wire.attempt, source: wire.source,
      object: wire.object, row: wire.row, byte: wire.byte, reason: wire.reason, column: wire.column,
      message: wire.message, raw: wire.raw, rawBase64: wire.rawBase64, length: wire.length, version: wire.version,
      tries: wire.tries, topic: wire.topic, partition: wire.partition, offset: wire.offset)
  }

  private func state(_ wire: Wire) -> DeadLetter.State {
    guard wire.kind != .message, let source = wire.source, let location = wire.object else { return .open }
    let object = Self.identity(source, location)
    if wire.kind == .object {
      let failed = object.flatMap { object in ledger.read { $0.failed[object] } }
      return failed != nil && failed?.version == wire.version ? .open : .settled
    }
    guard let attempt = wire.attempt.flatMap({ AttemptID($0) }),
      let position = ledger.position(rejecting: attempt, at: location)
    else { return .unaccepted }
    // What was read of a topic is never read anew.
    guard let object, let held = ledger.accepted(object) else { return .open }
    return held.position == position ? .open : .settled
  }

  private static func identity(_ source: String, _ location: String) -> ObjectIdentity? {
    guard S3Location.isS3(location) else { return ObjectIdentity(source: source, bucket: "", key: location) }
    guard let place = try? S3Location.parse(location) else { return nil }
    return ObjectIdentity(source: source, bucket: place.bucket, key: place.key)
  }
}

extension Definition {
  /// Where notifications arrive, whoever brings them there.
  var eventsTopic: String {
    if case .topic(let name)? = events { name } else { DatasetTopics.events }
  }
}
