internal import CRDKafka
internal import Glibc
internal import Platform

/// The group's side: rebalances, what is handed to librdkafka to be read, leaving.
extension KafkaConsumer {
  /// The callback, within a call of the library by the thread that owns this.
  func rebalance(_ code: rd_kafka_resp_err_t, _ partitions: [TopicPartition]) {
    if code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
      handle.isLeftBehind = false
      isMember = true
      for partition in partitions { owned[partition] = Owned() }
      // Acknowledged with nothing to read yet.
      change(adding: [])
      if !partitions.isEmpty { rebalances.append(.assigned(partitions)) }
    } else if isClosing {
      release(partitions)
    } else {
      let isLost = rd_kafka_assignment_lost(handle.pointer) != 0
      // Assigned and revoked before anybody heard of it: still both are told, in order.
      rebalances.append(.revoked(partitions, lost: isLost))
      // Told anew with the next assignment, be it of nothing.
      if isLost { isMember = false }
      if !isLost { letGoAt = monotonicMilliseconds() + KafkaConsumer.settleMilliseconds }
    }
    // Events come before further records.
    rd_kafka_yield(handle.pointer)
  }

  /// Lets go of what was revoked by the last event.
  func letGo() throws(BrokerError) {
    guard let partitions = revoking else { return }
    revoking = nil
    let early = letGoAt - monotonicMilliseconds()
    if early > 0 { usleep(UInt32(clamping: min(early, KafkaConsumer.settleMilliseconds) * 1000)) }
    release(partitions)
  }

  private func release(_ partitions: [TopicPartition]) {
    let fetching = partitions.filter { owned[$0]?.isFetching == true }
    for partition in partitions { owned[partition] = nil }
    remove(fetching)
  }

  /// Hands over what was begun.
  func startReading() throws(BrokerError) {
    let begun = owned.compactMapValues(\.start)
    if begun.isEmpty { return }
    var starts: [TopicPartition: Int64] = [:]
    var first: [TopicPartition] = []
    var committed: [TopicPartition] = []
    for (partition, start) in begun {
      switch start {
      case .at(let offset): starts[partition] = max(offset, 0)
      case .first: first.append(partition)
      case .committed: committed.append(partition)
      }
    }
    if !committed.isEmpty {
      let found = try self.committed(committed)
      starts.merge(found) { $1 }
      first += committed.filter { found[$0] == nil }
    }
    starts.merge(try handle.firstOffsets(first, "begin")) { $1 }
    let again = starts.keys.filter { owned[$0]?.isFetching == true }
    if !again.isEmpty {
      for partition in again { owned[partition]?.isFetching = false }
      // With the eager protocol the whole assignment is replaced below.
      if !isEager { remove(again) }
    }
    for (partition, offset) in starts {
      owned[partition]?.next = offset
      owned[partition]?.start = nil
      owned[partition]?.isFetching = true
    }
    change(adding: starts.keys.sorted())
    applyPauses(starts.keys.sorted())
  }

  /// A pause is the partition's, not the assignment's: the library keeps it through an unassign.
  private func applyPauses(_ partitions: [TopicPartition]) {
    let paused = partitions.filter { owned[$0]?.isPaused == true }
    let others = partitions.filter { owned[$0]?.isPaused != true }
    if !others.isEmpty { _ = PartitionList(others).withPointer { rd_kafka_resume_partitions(handle.pointer, $0) } }
    if !paused.isEmpty { _ = PartitionList(paused).withPointer { rd_kafka_pause_partitions(handle.pointer, $0) } }
  }

  func pause(_ partitions: [TopicPartition]) throws(BrokerError) {
    try checkOpen("pause")
    let running = partitions.filter { owned[$0]?.isPaused == false }
    for partition in running { owned[partition]?.isPaused = true }
    let list = PartitionList(running.filter { owned[$0]?.isFetching == true })
    if list.count > 0 { _ = list.withPointer { rd_kafka_pause_partitions(handle.pointer, $0) } }
  }

  func resume(_ partitions: [TopicPartition]) throws(BrokerError) {
    try checkOpen("resume")
    let paused = partitions.filter { owned[$0]?.isPaused == true }
    for partition in paused { owned[partition]?.isPaused = false }
    let list = PartitionList(paused.filter { owned[$0]?.isFetching == true })
    if list.count > 0 { _ = list.withPointer { rd_kafka_resume_partitions(handle.pointer, $0) } }
  }

  private func committed(_ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: Int64] {
    let list = PartitionList(partitions)
    let code = list.withPointer { rd_kafka_committed(handle.pointer, $0, handle.context.settings.requestMilliseconds) }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw handle.error(code, "begin", group) }
    var found: [TopicPartition: Int64] = [:]
    for element in list.elements {
      guard element.code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        throw handle.error(element.code, "begin", "\(element.at)")
      }
      if element.offset >= 0 { found[element.at] = element.offset }
    }
    return found
  }

  // MARK: librdkafka's assignment

  /// The assignor in force decides which calls the library takes.
  private var isEager: Bool {
    rd_kafka_rebalance_protocol(handle.pointer).map { String(cString: $0) } == "EAGER"
  }

  private func change(adding partitions: [TopicPartition]) {
    guard !isEager else { return replaceAll() }
    let list = PartitionList(capacity: partitions.count)
    for partition in partitions { list.add(partition, offset: owned[partition]?.next ?? 0) }
    report(list.withPointer { rd_kafka_incremental_assign(handle.pointer, $0) })
  }

  private func remove(_ partitions: [TopicPartition]) {
    if isEager {
      // A revocation takes everything.
      rd_kafka_assign(handle.pointer, nil)
      return
    }
    report(PartitionList(partitions).withPointer { rd_kafka_incremental_unassign(handle.pointer, $0) })
  }

  /// The eager protocol knows the assignment as a whole; positions are ours, so nothing is lost by setting it anew.
  private func replaceAll() {
    let fetching = owned.filter { $0.value.isFetching }
    let list = PartitionList(capacity: fetching.count)
    for (partition, state) in fetching { list.add(partition, offset: state.next) }
    let code = list.withPointer { rd_kafka_assign(handle.pointer, $0) }
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { handle.context.say("kafka: assign: \(KafkaFault(code).text)") }
    applyPauses(fetching.keys.sorted())
  }

  private func report(_ failure: OpaquePointer?) {
    guard let failure else { return }
    handle.context.say("kafka: assignment of \(group): \(String(cString: rd_kafka_error_string(failure)))")
    rd_kafka_error_destroy(failure)
  }

  // MARK: Leaving

  func close() {
    guard !isClosed else { return }
    isClosing = true
    if let partitions = revoking { release(partitions) }
    for case .revoked(let partitions, _) in rebalances { release(partitions) }
    revoking = nil
    rebalances = []
    // A static member that only closes keeps its place until its session ends; one that unsubscribes first leaves.
    rd_kafka_unsubscribe(handle.pointer)
    let deadline = monotonicMilliseconds() + 3000
    while hasMemberID, monotonicMilliseconds() < deadline {
      if let message = rd_kafka_consumer_poll(handle.pointer, 20) { rd_kafka_message_destroy(message) }
    }
    // Waits for the answer to the leaving, five seconds at most.
    _ = rd_kafka_consumer_close(handle.pointer)
    isClosed = true
    owned = [:]
  }

  /// Ends without leaving, as a process that was killed would.
  func abandon() {
    isClosed = true
    owned = [:]
  }

  /// The library forgets its member id when it has sent the request to leave.
  private var hasMemberID: Bool {
    guard let id = rd_kafka_memberid(handle.pointer) else { return false }
    defer { rd_kafka_mem_free(handle.pointer, id) }
    return id.pointee != 0
  }
}
