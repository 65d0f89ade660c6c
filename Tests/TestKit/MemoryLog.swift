internal import LogBroker
internal import Platform

/// Topics in memory, with what a test may do to them behind everybody's back.
final class MemoryLog: RecordLog, @unchecked Sendable {
  // Sendable: all that changes is touched under the lock only.
  private struct Stored {
    var offset: Int64
    var timestamp: Int64
    var key: [UInt8]?
    var value: [UInt8]?
  }

  private struct Partition {
    var first: Int64 = 0
    var end: Int64 = 0
    var records: [Stored] = []

    /// The first record at an offset or behind.
    func index(of offset: Int64) -> Int {
      var low = 0
      var high = records.count
      while low < high {
        let middle = (low + high) / 2
        if records[middle].offset < offset { low = middle + 1 } else { high = middle }
      }
      return low
    }

    mutating func drop(before offset: Int64) {
      first = max(first, min(offset, end))
      records.removeFirst(index(of: first))
    }
  }

  private struct State {
    var topics: [String: LogTopic] = [:]
    var partitions: [TopicPartition: Partition] = [:]
    var commits: [String: [TopicPartition: Int64]] = [:]
  }

  private let state = Guarded(State())
  private let clock: any WallClock

  init(clock: any WallClock) { self.clock = clock }

  func create(_ topics: [TopicSpec]) throws(BrokerError) {
    for spec in topics {
      let config = try TopicConfig(spec.config, topic: spec.name)
      state.withLock { state in
        if state.topics[spec.name] != nil { return }
        state.topics[spec.name] = LogTopic(partitions: spec.partitions, config: config)
        for number in 0..<spec.partitions { state.partitions[TopicPartition(spec.name, number)] = Partition() }
      }
    }
  }

  func topic(_ name: String) -> LogTopic? { state.withLock { $0.topics[name] } }

  func partitionCounts() -> [String: Int] { state.withLock { $0.topics.mapValues(\.partitions) } }

  func alter(_ topic: String, config: TopicConfig) { state.withLock { $0.topics[topic]?.config = config } }

  func bounds(_ partition: TopicPartition) -> OffsetBounds? {
    state.withLock { $0.partitions[partition].map { OffsetBounds(first: $0.first, end: $0.end) } }
  }

  func append(_ messages: [OutgoingMessage]) -> [Int64] {
    let now = clock.now() / 1000
    return state.withLock { state in
      messages.map { message in
        let at = TopicPartition(message.topic, message.partition ?? 0)
        var partition = state.partitions.removeValue(forKey: at) ?? Partition()  // removed: not copied to change it
        let offset = partition.end
        partition.records.append(Stored(offset: offset, timestamp: now, key: message.key, value: message.value))
        partition.end += 1
        if let keep = state.topics[message.topic]?.config.retentionMilliseconds {
          let young = partition.records.first { $0.timestamp >= now - keep }
          partition.drop(before: young?.offset ?? partition.end)
        }
        state.partitions[at] = partition
        return offset
      }
    }
  }

  func read(_ at: TopicPartition, from offset: Int64, maxBytes: Int) -> RecordBlock? {
    state.withLock { state in
      guard let partition = state.partitions[at] else { return nil }
      let block = RecordBlock(at)
      for record in partition.records[partition.index(of: offset)...] {
        let size = (record.key?.count ?? 0) + (record.value?.count ?? 0)
        if block.count > 0, block.bytes.count + size > maxBytes { break }
        Self.withBytes(record.key) { key in
          Self.withBytes(record.value) { value in
            block.append(offset: record.offset, timestamp: record.timestamp, key: key, value: value)
          }
        }
      }
      return block.count == 0 ? nil : block
    }
  }

  func committed(group: String, _ partitions: [TopicPartition]) -> [TopicPartition: Int64] {
    state.withLock { ($0.commits[group] ?? [:]).filter { partitions.contains($0.key) } }
  }

  func commit(group: String, _ offsets: [TopicPartition: Int64]) {
    state.withLock { $0.commits[group, default: [:]].merge(offsets) { $1 } }
  }

  func truncate(_ partition: TopicPartition, before offset: Int64) {
    state.withLock { $0.partitions[partition]?.drop(before: offset) }
  }

  func skip(_ partition: TopicPartition, offsets: Int64) {
    state.withLock { $0.partitions[partition]?.end += offsets }
  }

  func remake(_ topic: String) {
    state.withLock { state in
      for at in state.partitions.keys where at.topic == topic { state.partitions[at] = Partition() }
    }
  }

  func close() {}

  private static func withBytes(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Void) {
    guard let bytes else { return body(nil) }
    bytes.withUnsafeBytes { body($0) }
  }
}
