internal import CRDKafka
internal import Platform

extension ClientHandle {
  /// First offset and the offset after the last. Two requests for all partitions of a leader, not two for each.
  func bounds(
    _ partitions: some Collection<TopicPartition>, _ operation: String
  ) throws(BrokerError) -> [TopicPartition: OffsetBounds] {
    if partitions.isEmpty { return [:] }
    let first = try offsets(partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING), operation)
    let end = try offsets(partitions, at: Int64(RD_KAFKA_OFFSET_END), operation)
    context.reached()
    // Both hold the same keys.
    return first.reduce(into: [:]) { $0[$1.key] = OffsetBounds(first: $1.value, end: end[$1.key] ?? $1.value) }
  }

  func firstOffsets(
    _ partitions: some Collection<TopicPartition>, _ operation: String
  ) throws(BrokerError) -> [TopicPartition: Int64] {
    if partitions.isEmpty { return [:] }
    return try offsets(partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING), operation)
  }

  /// Kafka's ListOffsets takes −2 and −1 in place of a time for the first offset and the end.
  private func offsets(
    _ partitions: some Collection<TopicPartition>, at time: Int64, _ operation: String
  ) throws(BrokerError) -> [TopicPartition: Int64] {
    // The library takes no partition twice.
    let list = PartitionList(Set(partitions), offset: time)
    let location = partitions.first.map { "\($0)" }
    let code = list.withPointer { rd_kafka_offsets_for_times(pointer, $0, context.settings.requestMilliseconds) }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw error(code, operation, location) }
    var offsets: [TopicPartition: Int64] = [:]
    for element in list.elements {
      guard element.code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        throw error(element.code, operation, "\(element.at)")
      }
      offsets[element.at] = element.offset
    }
    return offsets
  }
}
