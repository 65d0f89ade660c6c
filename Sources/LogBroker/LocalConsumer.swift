internal import Platform
internal import Threads

/// A member of a group inside the process. One thread at a time uses it, as the protocol says.
final class LocalConsumer: GroupConsumer, @unchecked Sendable {
  // Sendable: the positions are touched by the one thread that owns the consumer; all else is made for many.
  private let broker: LocalBroker
  private let group: String
  private let session: GroupState.Session
  private var positions = ReadPositions()
  /// Told to the member; forgotten with its next poll.
  private var releasing: [TopicPartition] = []
  private var isClosed = false
  /// Inside a process joining does not wait.
  var isMember: Bool { true }

  init(_ broker: LocalBroker, group: String, topics: [String], member: String) {
    self.broker = broker
    self.group = group
    session = broker.groups.with(group) { state, now in state.join(name: member, topics: topics, now: now) }
  }

  func poll(milliseconds: Int, maxBytes: Int) throws(BrokerError) -> ConsumerEvent {
    let deadline = monotonicMicroseconds() + Int64(max(0, milliseconds)) * 1000
    defer { broker.groups.with(group) { state, now in state.endCall(session, now: now) } }
    while true {
      // Before anything is looked at: what happens from here on ends the wait.
      let version = broker.groups.version
      try checkOpen("poll")
      if let event = try step() { return event }
      if let event = try read(maxBytes: maxBytes) { return event }
      guard milliseconds > 0, broker.groups.wait(since: version, until: deadline, group: group) else {
        return .nothing
      }
    }
  }

  func begin(_ partition: TopicPartition, at start: StartOffset) throws(BrokerError) {
    try checkOpen("begin")
    guard owns(partition) else { throw fenced("begin", partition.description) }
    let bounds = try broker.existing(partition, "begin")
    switch start {
    case .at(let offset): positions.begin(partition, at: offset)
    case .first: positions.begin(partition, at: bounds.first)
    case .committed:
      let committed = try broker.log.committed(group: group, [partition])
      positions.begin(partition, at: committed[partition] ?? bounds.first)
    }
  }

  func pause(_ partitions: [TopicPartition]) throws(BrokerError) {
    try checkOpen("pause")
    positions.pause(partitions.filter(owns))
  }

  func resume(_ partitions: [TopicPartition]) throws(BrokerError) {
    try checkOpen("resume")
    positions.resume(partitions)
  }

  func commit(_ offsets: [TopicPartition: Int64]) throws(BrokerError) {
    try checkOpen("commit")
    // Inside a call the session does not end: nobody takes over between the question of ownership and the commit.
    guard broker.groups.with(group, { state, now in state.beginCall(session, now: now) }) else {
      throw fenced("commit", group)
    }
    defer { broker.groups.with(group) { state, now in state.endCall(session, isPoll: false, now: now) } }
    let owned = offsets.filter { owns($0.key) }
    if !owned.isEmpty { try broker.log.commit(group: group, owned) }
    if owned.count < offsets.count {
      let others = offsets.keys.filter { owned[$0] == nil }.sorted()
      throw fenced("commit", others.map(\.description).joined(separator: ", "))
    }
  }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    broker.groups.with(group) { state, now in state.leave(session, now: now) }
  }

  private func step() throws(BrokerError) -> ConsumerEvent? {
    positions.forget(releasing)
    releasing = []
    switch broker.groups.with(group, { state, now in state.poll(session, now: now) }) {
    case .nothing: return nil
    case .assigned(let partitions): return .assigned(partitions)
    case .revoked(let partitions, let lost):
      if lost { positions.forget(partitions) } else { releasing = partitions }
      return .revoked(partitions, lost: lost)
    case .fenced: throw fenced("poll", group)
    }
  }

  private func read(maxBytes: Int) throws(BrokerError) -> ConsumerEvent? {
    var blocks: [RecordBlock] = []
    var left = max(1, maxBytes)
    for (partition, offset) in positions.readable {
      let bounds = try broker.existing(partition, "poll")
      guard bounds.first <= offset, offset <= bounds.end else {
        if !blocks.isEmpty { break }
        positions.stop(partition)
        return .outOfRange(partition, wanted: offset, bounds)
      }
      guard offset < bounds.end, let block = try broker.log.read(partition, from: offset, maxBytes: left) else {
        continue
      }
      positions.advance(partition, to: block.nextOffset)
      blocks.append(block)
      left -= block.bytes.count
      if left <= 0 { break }
    }
    return blocks.isEmpty ? nil : .records(blocks)
  }

  private func owns(_ partition: TopicPartition) -> Bool {
    broker.groups.with(group) { state, _ in state.owns(session, partition) }
  }

  private func checkOpen(_ operation: String) throws(BrokerError) {
    try broker.groups.checkOpen(operation, group)
    guard isClosed else { return }
    throw BrokerError(.closed, operation: operation, location: group, message: "the consumer was closed")
  }

  private func fenced(_ operation: String, _ location: String) -> BrokerError {
    BrokerError(
      .fenced, operation: operation, location: location, message: "this member of group \(group) does not own it (now)")
  }
}
