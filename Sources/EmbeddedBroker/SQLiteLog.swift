internal import LogBroker
internal import Platform
internal import Threads

/// Topics in one SQLite file, which one process owns.
///
/// All use of the connection is under `use`; what readers ask all the time (topics, bounds) is published under `known`,
/// so that nobody waits for the device to learn that there is nothing new. `use` is taken before `known`, never after.
final class SQLiteLog: RecordLog, @unchecked Sendable {
  // Sendable: see above.
  let path: String
  let clock: any WallClock
  private let commits = GroupCommit()
  private let use = ConditionLock()
  private var connection: Connection?
  /// Touched under `use`.
  var partitions: [TopicPartition: PartitionLog] = [:]
  var configs: [String: TopicConfig] = [:]
  /// Changed by the transaction under way.
  var touched: [PartitionLog] = []
  /// Where the sweep of old records stands among all partitions.
  var sweep = Sweep()

  private let known = ConditionLock()
  private var topics: [String: LogTopic] = [:]
  private var bounds: [TopicPartition: OffsetBounds] = [:]

  /// Touched under `use`.
  private var shrinking: Shrinking

  /// New records in a compacted partition that make a pass worth its while.
  let compactionRecordsMin: Int64

  init(path: String, clock: any WallClock, compactionRecordsMin: Int64 = 10_000) throws(BrokerError) {
    self.path = path
    self.compactionRecordsMin = compactionRecordsMin
    self.clock = clock
    let connection = try Connection(path: path)
    try Layout.prepare(connection)
    shrinking = try Shrinking(connection)
    self.connection = connection
    try reload(connection)
  }

  // MARK: Reading

  func topic(_ name: String) throws(BrokerError) -> LogTopic? { known.withLock { topics[name] } }

  func partitionCounts() throws(BrokerError) -> [String: Int] { known.withLock { topics.mapValues(\.partitions) } }

  func bounds(_ partition: TopicPartition) throws(BrokerError) -> OffsetBounds? { known.withLock { bounds[partition] } }

  func read(
    _ partition: TopicPartition, from offset: Int64, maxBytes: Int
  ) throws(BrokerError) -> RecordBlock? {
    try using("read") { connection throws(BrokerError) in
      guard let log = partitions[partition] else { return nil }
      let block = RecordBlock(partition)
      let statement = try connection.statement(log.select, "read")
      statement.bind(1, offset)
      var bytes = 0
      try connection.rows(statement, "read") { row throws(BrokerError) in
        let size = row.byteCount(2) + row.byteCount(3)
        if block.count > 0, bytes + size > maxBytes { return false }
        bytes += size
        row.withBytes(2) { key in
          row.withBytes(3) { value in
            block.append(offset: row.int(0), timestamp: row.int(1), key: key, value: value)
          }
        }
        return bytes < maxBytes
      }
      return block.count == 0 ? nil : block
    }
  }

  func committed(group: String, _ wanted: [TopicPartition]) throws(BrokerError) -> [TopicPartition: Int64] {
    try using("committed") { connection throws(BrokerError) in
      var answer: [TopicPartition: Int64] = [:]
      let statement = try connection.statement(
        "SELECT next FROM commits WHERE member_group = ? AND topic = ? AND number = ?", "committed")
      for partition in wanted {
        statement.bind(1, group)
        statement.bind(2, partition.topic)
        statement.bind(3, Int64(partition.partition))
        try connection.rows(statement, "committed") { row throws(BrokerError) in
          answer[partition] = row.int(0)
          return false
        }
      }
      return answer
    }
  }

  // MARK: Changing

  /// Runs a change in a transaction, joined with those of other threads; on return it is durable.
  func change(
    bytes: Int = 0, _ operation: String, _ apply: @escaping (Connection) throws(BrokerError) -> Void
  ) throws(BrokerError) {
    let change = Change(bytes: bytes) { () throws(BrokerError) in try apply(try self.open(operation)) }
    try commits.run(change) { batch in perform(batch) }
  }

  func close() { use.withLock { connection = nil } }

  private func perform(_ batch: [Change]) {
    use.withLock {
      guard let error = transact(batch) else {
        if let connection { shrinking.step(connection) }
        return
      }
      // Old records make room for new ones, even if no transaction with new ones fits any more.
      if error.code == .full { _ = transact([]) }
      // One of many may be what does not fit; alone, the others still have their chance.
      for change in batch { change.error = batch.count == 1 ? error : transact([change]) }
    }
  }

  private func transact(_ batch: [Change]) -> BrokerError? {
    do throws(BrokerError) {
      let connection = try open("append")
      try connection.run(try connection.statement("BEGIN IMMEDIATE", "append"), "append")
      for change in batch { try change.apply() }
      try clean(connection)
      try connection.run(try connection.statement("COMMIT", "append"), "append")
    } catch {
      connection?.rollback()
      for partition in touched { partition.rollback() }
      touched.removeAll(keepingCapacity: true)
      return error
    }
    for partition in touched { partition.commit() }
    known.withLock { for partition in touched { bounds[partition.at] = partition.bounds } }
    touched.removeAll(keepingCapacity: true)
    return nil
  }

  private func open(_ operation: String) throws(BrokerError) -> Connection {
    guard let connection else {
      throw BrokerError(.closed, operation: operation, location: path, message: "the broker was closed")
    }
    return connection
  }

  private func using<Result>(
    _ operation: String, _ body: (Connection) throws(BrokerError) -> Result
  ) throws(BrokerError) -> Result {
    try use.withLock { () throws(BrokerError) in try body(try open(operation)) }
  }

  /// Reads the catalogue anew: when the file was opened, and after topics changed.
  private func reload(_ connection: Connection) throws(BrokerError) {
    let catalogue = try Catalogue(connection, keeping: partitions)
    partitions = catalogue.partitions
    configs = catalogue.topics.mapValues(\.config)
    for log in partitions.values { log.oldestDue = 0 }  // what is too old may be told otherwise now
    sweep = Sweep(over: partitions.values.sorted { $0.id < $1.id })
    known.withLock {
      topics = catalogue.topics
      bounds = catalogue.partitions.mapValues(\.bounds)
    }
  }

  /// The same, after a change of topics.
  func reload() throws(BrokerError) {
    try using("open") { connection throws(BrokerError) in try reload(connection) }
  }
}
