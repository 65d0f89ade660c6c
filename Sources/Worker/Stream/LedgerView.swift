internal import Columns
internal import FoundationEssentials
internal import Pipeline
internal import Platform
internal import Threads

/// A process's view of the ledger: reads it in order, judges each entry, and keeps the judged ones for those who follow.
///
/// One thread steps it; any thread asks. `@unchecked Sendable`: all mutable state lies under `lock`, the reader belongs to
/// the stepping thread.
final class LedgerView: @unchecked Sendable {
  /// An entry with its verdict, as every follower sees it.
  struct Judged: Sendable {
    var position: Int
    var entry: LedgerEntry
    var verdict: LedgerFold.Verdict
    /// The chain behind this entry.
    var chain: LedgerChain
    /// The broker's append time, microseconds.
    var appendedAt: Int64
    /// For an accepted cut: what it holds.
    var cut: LedgerFold.CutState?
    /// For an accepted definition: the columns since then.
    var schemas: SourceSchemas?
    /// For a commit: per object input, whether the source keeps rows of removed objects is the follower's matter.
    var isOurs = false
  }

  private struct Rejecting {
    var position: Int
    /// Inputs of the attempt that were refused beside accepted ones.
    var refused: Set<String> = []
  }

  private let broker: any Broker
  private let sabotage: StreamSabotage?
  private let partition: TopicPartition
  private var reader: (any PartitionReader)?
  private let lock = ConditionLock()
  private var fold = LedgerFold()
  private var judged: [Judged] = []
  /// How many of `judged` are forgotten from the front (removed now and then).
  private var forgotten = 0
  /// Accepted attempts with rejected rows, for the dead letters; a few words each.
  private var rejecting: [AttemptID: Rejecting] = [:]
  /// Rows that were supplied again, by their commit's position: few, and found by shards that stand still before them.
  private var supplies: [Int: [Supply]] = [:]
  private var cursors: [Int: Int] = [:]
  private var nextCursor = 0
  /// Verdicts that somebody waits for, by offset; nil: not folded yet.
  private var expected: [Int64: LedgerFold.Verdict?] = [:]
  private var headSeen = false
  private var isRewinding = false
  private var failure: String?

  /// A saved fold that lies before all that anybody may need, to begin from.
  private let saved: @Sendable () throws -> LedgerFold?

  init(
    broker: any Broker, topic: String, sabotage: StreamSabotage? = nil,
    saved: @escaping @Sendable () throws -> LedgerFold? = { nil }
  ) {
    self.broker = broker
    self.sabotage = sabotage
    self.saved = saved
    partition = TopicPartition(topic, 0)
  }

  // MARK: Following

  /// Reads and judges what is there; false when there was nothing. Throws what ends all work: an entry that cannot be
  /// understood.
  func step(milliseconds: Int) throws -> Bool {
    // What could not be understood is not passed over by asking again.
    if let failure = lock.withLock({ failure }) { throw StreamError(failure) }
    // The reader belongs to this thread, so a rewinding follower leaves it to us to start over.
    let restarts = lock.withLock { () -> Bool in
      defer { isRewinding = false }
      return isRewinding
    }
    if restarts {
      reader?.close()
      reader = nil
    }
    let reader = try opened()
    guard let block = try reader.poll(milliseconds: milliseconds, maxBytes: 4 << 20) else {
      if !isAtHead { try noteHead(reader) }
      return false
    }
    let decoder = JSONDecoder()
    for index in 0..<block.count {
      let record = block.entries[index]
      let bytes = block.value(index) ?? []
      let entry: LedgerEntry
      do {
        entry = try decoder.decode(LedgerEntry.self, from: Data(bytes))
      } catch {
        let text =
          "\(partition) offset \(record.offset): \((error as? LedgerEntry.UnknownForm)?.description ?? "this is no ledger entry; something else writes to the topic, or it is damaged")"
        lock.withLock {
          failure = text
          lock.wakeAll()
        }
        throw StreamError(text)
      }
      let hash = bytes.withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { Hashing.hash64($0, buffer.count) } ?? 0
      }
      let goesOn = lock.withLock { () -> Bool in
        if !isRewinding { judge(entry, record, hash) }
        return !isRewinding
      }
      if !goesOn { return true }
    }
    lock.withLock { lock.wakeAll() }
    if !isAtHead { try noteHead(reader) }
    return true
  }

  private func opened() throws -> any PartitionReader {
    if let reader { return reader }
    let begin = try saved() ?? LedgerFold()
    let bounds = try broker.bounds([partition])[partition] ?? OffsetBounds(first: 0, end: 0)
    guard bounds.first <= Int64(begin.position) else {
      throw StreamError(
        "\(partition): entries \(begin.position) to \(bounds.first) of the ledger are gone; its topic must keep everything (retention.ms=-1): compare with `tributary topics diff`"
      )
    }
    guard bounds.end >= Int64(begin.position) else {
      throw StreamError(
        "\(partition): the ledger ends at \(bounds.end), before the fold that was saved at \(begin.position): the broker has lost entries that it had acknowledged, or another broker is asked"
      )
    }
    let opened = try broker.reader(partition, from: Int64(begin.position))
    lock.withLock { fold = begin }
    reader = opened
    return opened
  }

  /// The reader's place counts, not the fold's: behind the last entry there may be offsets without one.
  private func noteHead(_ reader: any PartitionReader) throws(BrokerError) {
    let end = try broker.bounds([partition])[partition]?.end ?? 0
    lock.withLock {
      if !isRewinding && reader.position >= end { headSeen = true }
      lock.wakeAll()
    }
  }

  /// The fold as it stands, to be saved; nil while cuts are pending or less than `least` has come since `position`.
  func forSaving(since position: Int, least: Int) -> LedgerFold? {
    lock.withLock {
      guard headSeen, fold.cuts.isEmpty, fold.position - position >= least else { return nil }
      return fold
    }
  }

  /// Within the lock.
  private func judge(_ entry: LedgerEntry, _ record: RecordBlock.Entry, _ hash: UInt64) {
    let position = Int(record.offset)
    let appendedAt = record.timestamp * 1000
    let seen = sabotage == nil ? entry : entry.sabotaged(sabotage, fold)
    let verdict = fold.judge(seen, at: position, appendedAt: appendedAt, hash: hash)
    var cut: LedgerFold.CutState?
    if case .cut(let id, _, _) = entry, verdict == .accepted { cut = fold.cuts[id] }
    var schemas: SourceSchemas?
    if case .defined = entry, verdict == .accepted { schemas = fold.schemas }
    judged.append(
      Judged(
        position: position, entry: entry, verdict: verdict, chain: fold.chain, appendedAt: appendedAt, cut: cut,
        schemas: schemas))
    if case .commit(let commit) = entry, case .inputs(let verdicts) = verdict { note(commit, verdicts, at: position) }
    if case .supplied(let supply) = entry, verdict == .accepted {
      supplies[supply.position, default: []].append(supply)
    }
    if expected.keys.contains(record.offset) { expected[record.offset] = .some(verdict) }
    // Until the head is seen, those who will follow have not come yet.
    let needed = cursors.values.min() ?? (headSeen ? position : 0)
    // An appender says that it waits only once it knows the offset: a few entries are kept whoever follows.
    let keepFrom = min(needed, position - LedgerView.verdictsKept)
    while forgotten < judged.count, judged[forgotten].position < keepFrom { forgotten += 1 }
    if forgotten > 4096 && forgotten * 2 > judged.count {
      judged.removeFirst(forgotten)
      forgotten = 0
    }
  }

  /// Within the lock.
  private func note(_ commit: Commit, _ verdicts: [Bool], at position: Int) {
    let hasRejects = commit.inputs.contains { $0.rowsRejected > 0 } || commit.ranges.contains { $0.rowsRejected > 0 }
    guard hasRejects, verdicts.contains(true) else { return }
    let names = commit.inputs.map(\.object.location) + commit.ranges.map { "\($0.range.topic)[\($0.range.partition)]" }
    var noted = Rejecting(position: position)
    for (name, isAccepted) in zip(names, verdicts) where !isAccepted { noted.refused.insert(name) }
    rejecting[commit.attempt] = noted
  }

  private static let verdictsKept = 256

  // MARK: Asking

  /// Whether everything that was in the ledger when this view began has been judged.
  var isAtHead: Bool { lock.withLock { headSeen } }
  var position: Int { lock.withLock { fold.position } }
  var generation: Int? { lock.withLock { fold.generation } }

  /// The same as ``read(_:)``, but only while the fold is of all that there is: nil while it is (again) on its way there.
  func readAtHead<R>(_ body: (LedgerFold) throws -> R) rethrows -> R? {
    try lock.withLock { headSeen ? try body(fold) : nil }
  }

  /// Reads the fold within the lock: take out what is needed, never the fold itself (its tables would be copied).
  func read<R>(_ body: (LedgerFold) throws -> R) rethrows -> R { try lock.withLock { try body(fold) } }

  func accepted(_ object: ObjectIdentity) -> LedgerFold.Accepted? { lock.withLock { fold.objects[object] } }

  /// The position at which an attempt's input with rejected rows was accepted; nil if it was not.
  func position(rejecting attempt: AttemptID, at location: String) -> Int? {
    lock.withLock {
      guard let noted = rejecting[attempt], !noted.refused.contains(location) else { return nil }
      return noted.position
    }
  }

  /// Rows that were supplied of the commit at a position.
  func supplies(of position: Int) -> [Supply] { lock.withLock { supplies[position] ?? [] } }

  func acceptedEnd(_ range: RangeIdentity) -> Int64? { lock.withLock { fold.ranges[range]?.end } }

  /// The verdict on the entry at an offset, nil while it has not been folded.
  func verdict(at offset: Int64) -> LedgerFold.Verdict? {
    lock.withLock {
      guard let held = expected[offset] else { return find(Int(offset))?.verdict }
      return held
    }
  }

  /// Whoever appended an entry says so at once, so that its verdict is kept until ``forget(_:)``, however late it is asked
  /// for. If so much has been folded since that it is forgotten already, it counts as refused: looking again finds out.
  func expect(_ offset: Int64) {
    lock.withLock {
      if let known = find(Int(offset)) {
        expected[offset] = .some(known.verdict)
      } else if Int64(fold.position) > offset {
        expected[offset] = .some(.refused("its verdict is not known any more"))
      } else {
        expected[offset] = .some(nil)
      }
    }
  }

  func forget(_ offset: Int64) { lock.withLock { _ = expected.removeValue(forKey: offset) } }

  /// The judged entries from a position on, at most so many. Those that no cursor needed are gone.
  func entries(from position: Int, most: Int) -> ArraySlice<Judged> {
    lock.withLock {
      let start = index(of: position)
      return judged[start..<min(judged.count, start + most)]
    }
  }

  /// A follower's place: entries from there on are kept.
  func addCursor(at position: Int) -> Int {
    lock.withLock {
      nextCursor += 1
      cursors[nextCursor] = position
      return nextCursor
    }
  }

  func moveCursor(_ cursor: Int, to position: Int) { lock.withLock { cursors[cursor] = position } }
  func removeCursor(_ cursor: Int) { lock.withLock { _ = cursors.removeValue(forKey: cursor) } }

  var followers: Int { lock.withLock { cursors.count } }

  /// Whether entries from `position` on are still kept.
  func holds(_ position: Int) -> Bool {
    lock.withLock {
      guard forgotten < judged.count else { return position >= fold.position }
      return judged[forgotten].position <= position
    }
  }

  /// Starts over from the ledger's beginning, for a follower that needs older entries than are kept.
  func rewind() {
    lock.withLock {
      fold = LedgerFold()
      judged = []
      rejecting = [:]
      supplies = [:]
      forgotten = 0
      headSeen = false
      isRewinding = true
    }
  }

  func close() { reader?.close() }

  // MARK: Within the lock

  /// Of the first kept entry at or behind a position.
  private func index(of position: Int) -> Int {
    var low = forgotten
    var high = judged.count
    while low < high {
      let middle = (low + high) / 2
      if judged[middle].position < position { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func find(_ position: Int) -> Judged? {
    let at = index(of: position)
    return at < judged.count && judged[at].position == position ? judged[at] : nil
  }
}

/// What ends a worker's part, or its process: what, where, what next.
struct StreamError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// Appends entries to the ledger.
enum LedgerWriter {
  /// An entry stays under this (ARCHITECTURE.md §4).
  static let entryBytesMax = 900_000

  static func encode(_ entry: LedgerEntry) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(entry))
  }

  /// Appends one entry and gives its offset, which is its position.
  static func append(_ entry: LedgerEntry, to broker: any Broker, _ topic: String) throws -> Int64 {
    let bytes = try encode(entry)
    guard bytes.count <= entryBytesMax else {
      throw StreamError("a ledger entry of \(bytes.count) bytes is larger than \(entryBytesMax)")
    }
    return try broker.append([OutgoingMessage(topic: topic, partition: 0, value: bytes)])[0]
  }
}
