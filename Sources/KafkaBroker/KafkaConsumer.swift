internal import CRDKafka
internal import Platform

/// A member of a consumer group.
///
///     assigned (by the group) ──begin──▶ starting ──poll──▶ reading ◀──pause/resume──▶ paused
///        ▲                                  ▲                 │ begin (a seek), out of range
///        └────────── revoked: at the poll after the event ────┴──────▶ (assigned, to be begun again)
///
/// The group's assignment is acknowledged at once with nothing to read; a partition is handed to librdkafka when it is
/// begun, always at an absolute offset: a logical one combined with a pause makes release 2.0.2 reset its offset.
/// Each partition's next offset is kept here and what lies before it is dropped, since a pause or resume there throws
/// prefetched records away and fetches them again.
final class KafkaConsumer: GroupConsumer, @unchecked Sendable {
  // Sendable: one thread at a time owns it (GroupConsumer); callbacks run on that thread, within poll and close.
  let handle: ClientHandle
  let group: String
  /// What the group gave us.
  var owned: [TopicPartition: Owned] = [:]
  /// What the rebalance callback told, in order, to be given out as events.
  var rebalances: [Rebalance] = []
  /// Given out as `.revoked`; to be let go at the next poll.
  var revoking: [TopicPartition]?
  /// Not before, in milliseconds of the monotonic clock: letting go begins the group's next round.
  var letGoAt: Int64 = 0
  var isMember = false
  var isClosing = false
  var isClosed = false

  private var drain: RecordDrain
  private var reachability = Reachability()
  /// An error that was found while records were being drained, for the next poll.
  private var failure: BrokerError?

  struct Owned {
    /// Where to start, said by `begin` and not yet done.
    var start: StartOffset?
    /// The next offset to be given out.
    var next: Int64 = 0
    /// In librdkafka's assignment.
    var isFetching = false
    var isPaused = false
    /// Its offset is out of range, to be told as soon as the bounds are known.
    var isOutOfRange = false
    /// What came while paused.
    var held: [RecordBlock] = []
  }

  /// What one poll takes at most: what a core's cache holds, so that records are still in it when they are copied.
  private static let drainBytes = 1 << 20

  /// Coordinators have been seen that tell members of a round's end by and by, and that forget those who have not heard of
  /// it when the next round begins: they then wait for each other.
  static let settleMilliseconds: Int64 = 100

  enum Rebalance {
    case assigned([TopicPartition])
    case revoked([TopicPartition], lost: Bool)
  }

  init(_ context: ClientContext, group: String, topics: [String], member: String) throws(BrokerError) {
    self.group = group
    drain = RecordDrain(headerless: context.settings.headerless)
    handle = try ClientHandle(.member(group: group, name: member), context)
    context.rebalanced = { [unowned self] code, list in rebalance(code, PartitionList.elements(list).map(\.at)) }
    // Errors and statistics come by the same queue as records.
    rd_kafka_poll_set_consumer(handle.pointer)
    try handle.checkReachable("join \(group)", milliseconds: context.settings.requestMilliseconds)
    let list = PartitionList(topics.map { TopicPartition($0, -1) })
    handle.isLeftBehind = true
    let code = list.withPointer { rd_kafka_subscribe(handle.pointer, $0) }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw handle.error(code, "join", group) }
  }

  deinit { abandon() }

  func poll(milliseconds: Int, maxBytes: Int) throws(BrokerError) -> ConsumerEvent {
    try checkOpen("poll")
    try letGo()
    if let event = nextEvent() { return event }
    if let failure {
      self.failure = nil
      throw failure
    }
    try startReading()
    if let event = try outOfRangeEvent() ?? heldRecords() { return event }
    let deadline = monotonicMilliseconds() + Int64(max(milliseconds, 0))
    let most = max(1, min(maxBytes, KafkaConsumer.drainBytes))
    while drain.bytes < most {
      // Waits for the first record alone, then takes what is there. One message at a call: a rebalance pauses partitions from
      // the library's own thread, which destroys what a call for many has gathered of them; before release 2.1 reading goes
      // on behind that.
      let wait = drain.isEmpty ? max(0, deadline - monotonicMilliseconds()) : 0
      // Nil: nothing is there, or a rebalance wants to be told.
      guard let message = rd_kafka_consumer_poll(handle.pointer, Int32(clamping: wait)) else { break }
      defer { rd_kafka_message_destroy(message) }
      if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        drain.take(message) { admission($0) }
      } else if note(message) {
        break
      }
    }
    let records = accept(drain.finish())
    if !records.isEmpty { return .records(records) }
    if let event = nextEvent() { return event }
    if let failure {
      self.failure = nil
      throw failure
    }
    if let event = try outOfRangeEvent() { return event }
    try checkFatal("poll")
    try reachability.check(handle, "poll \(group)")
    return .nothing
  }

  func begin(_ partition: TopicPartition, at start: StartOffset) throws(BrokerError) {
    try checkOpen("begin")
    guard owned[partition] != nil, revoking?.contains(partition) != true else {
      throw handle.error(RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, "begin", "\(partition)")
    }
    owned[partition]?.start = start
    owned[partition]?.held = []
    owned[partition]?.isOutOfRange = false
  }

  func commit(_ offsets: [TopicPartition: Int64]) throws(BrokerError) {
    try checkOpen("commit")
    let ours = offsets.filter { owned[$0.key] != nil }
    if !ours.isEmpty { try sendCommit(ours) }
    if let other = offsets.keys.filter({ owned[$0] == nil }).min() {
      throw handle.error(RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, "commit", "\(other)")
    }
  }

  /// By a queue of its own, which has a time limit; librdkafka's waiting commit has none.
  private func sendCommit(_ offsets: [TopicPartition: Int64]) throws(BrokerError) {
    let list = PartitionList(capacity: offsets.count)
    for (partition, offset) in offsets { list.add(partition, offset: offset) }
    guard let queue = rd_kafka_queue_new(handle.pointer) else {
      throw handle.error(RD_KAFKA_RESP_ERR__FAIL, "commit", group)
    }
    defer { rd_kafka_queue_destroy(queue) }
    let code = list.withPointer { rd_kafka_commit_queue(handle.pointer, $0, queue, nil, nil) }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw handle.error(code, "commit", group) }
    guard let event = rd_kafka_queue_poll(queue, handle.context.settings.requestMilliseconds) else {
      throw handle.error(RD_KAFKA_RESP_ERR__TIMED_OUT, "commit", group)
    }
    defer { rd_kafka_event_destroy(event) }
    let answer = rd_kafka_event_error(event)
    if answer == RD_KAFKA_RESP_ERR__NO_OFFSET { return }
    guard answer == RD_KAFKA_RESP_ERR_NO_ERROR else {
      try checkFatal("commit")
      throw handle.error(answer, "commit", group)
    }
    guard let answers = rd_kafka_event_topic_partition_list(event) else { return }
    for element in PartitionList.elements(answers) where element.code != RD_KAFKA_RESP_ERR_NO_ERROR {
      throw handle.error(element.code, "commit", "\(element.at)")
    }
  }

  func checkOpen(_ operation: String) throws(BrokerError) {
    guard !isClosed else {
      throw BrokerError(.closed, operation: operation, location: group, message: "the consumer was closed")
    }
    try checkFatal(operation)
  }

  private func checkFatal(_ operation: String) throws(BrokerError) {
    var text = [CChar](repeating: 0, count: 512)
    let code = rd_kafka_fatal_error(handle.pointer, &text, text.count)
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    throw handle.error(KafkaFault(code, string(text)), operation, group)
  }

  // MARK: What came

  private func admission(_ partition: TopicPartition) -> RecordDrain.Admission {
    guard let state = owned[partition], state.isFetching else { return .drop }
    return .from(state.next)
  }

  /// Moves the partitions on; what is paused is kept back.
  private func accept(_ blocks: [RecordBlock]) -> [RecordBlock] {
    var records: [RecordBlock] = []
    for block in blocks where block.count > 0 {
      guard let state = owned[block.at] else { continue }
      owned[block.at]?.next = block.nextOffset
      if state.isPaused {
        owned[block.at]?.held.append(block)
      } else {
        records.append(block)
      }
    }
    if !records.isEmpty { handle.context.reached() }
    return records
  }

  private func heldRecords() -> ConsumerEvent? {
    var records: [RecordBlock] = []
    for (partition, state) in owned where !state.isPaused && !state.held.isEmpty {
      records += state.held
      owned[partition]?.held = []
    }
    return records.isEmpty ? nil : .records(records)
  }

  /// A message that is an error. True: something to be told.
  private func note(_ message: UnsafePointer<rd_kafka_message_t>) -> Bool {
    let text = rd_kafka_message_errstr(message).map { String(cString: $0) }
    let fault = KafkaFault(message.pointee.err, text)
    let partition = RecordDrain.partition(message)
    switch fault.code {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF, RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
      // The second is followed by a rebalance that says what was lost.
      return false
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      if let partition { owned[partition]?.isOutOfRange = true }
    case RD_KAFKA_RESP_ERR__FATAL: break
    default:
      // The library goes on by itself with what passes.
      if fault.meaning == .unavailable { return false }
      failure = handle.error(fault, "poll", partition.map { "\($0)" } ?? group)
    }
    return true
  }

  private func outOfRangeEvent() throws(BrokerError) -> ConsumerEvent? {
    let torn = owned.filter { $0.value.isOutOfRange }.keys.sorted()
    guard let partition = torn.first, let state = owned[partition] else { return nil }
    guard let bounds = try handle.bounds([partition], "poll")[partition] else { return nil }
    owned[partition]?.isOutOfRange = false
    if state.next >= bounds.first, state.next <= bounds.end {
      // A replica that lagged, or the offset is back: read on there.
      owned[partition]?.start = .at(state.next)
      return nil
    }
    return .outOfRange(partition, wanted: state.next, bounds)
  }

  private func nextEvent() -> ConsumerEvent? {
    if rebalances.isEmpty { return nil }
    switch rebalances.removeFirst() {
    case .assigned(let partitions): return .assigned(partitions)
    case .revoked(let partitions, let lost):
      revoking = partitions
      return .revoked(partitions, lost: lost)
    }
  }
}
