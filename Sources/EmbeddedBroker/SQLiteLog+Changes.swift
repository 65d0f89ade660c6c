internal import LogBroker
internal import Platform

/// What is changed in the file. Each body runs in a transaction, and again if that had to be undone.
extension SQLiteLog {
  func append(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64] {
    var offsets: [Int64] = []
    let bytes = messages.reduce(0) { $0 + ($1.key?.count ?? 0) + ($1.value?.count ?? 0) + 32 }
    try change(bytes: bytes, "append") { connection throws(BrokerError) in
      offsets.removeAll(keepingCapacity: true)
      offsets.reserveCapacity(messages.count)
      let now = self.clock.now() / 1000
      var log: PartitionLog?
      var insert: Statement?
      for message in messages {
        if log?.at.partition != message.partition || log?.at.topic != message.topic {
          let partition = TopicPartition(message.topic, message.partition ?? 0)
          let found = try self.stage(partition)
          (log, insert) = (found, try connection.statement(found.insert, "append"))
        }
        guard let log, let insert else { continue }
        let offset = log.staged.end
        insert.bind(1, offset)
        insert.bind(2, now)
        let code = insert.bind(3, message.key) { insert.bind(4, message.value) { insert.step() } }
        try connection.finish(insert, code, "append")
        log.staged.end = offset + 1
        offsets.append(offset)
      }
    }
    return offsets
  }

  func commit(group: String, _ offsets: [TopicPartition: Int64]) throws(BrokerError) {
    try change("commit") { connection throws(BrokerError) in
      let statement = try connection.statement("INSERT OR REPLACE INTO commits VALUES (?, ?, ?, ?)", "commit")
      for (partition, offset) in offsets {
        statement.bind(1, group)
        statement.bind(2, partition.topic)
        statement.bind(3, Int64(partition.partition))
        statement.bind(4, offset)
        try connection.run(statement, "commit")
      }
    }
  }

  func create(_ specs: [TopicSpec]) throws(BrokerError) {
    for spec in specs {
      if try topic(spec.name) != nil { continue }
      let config = try TopicConfig(spec.config, topic: spec.name)
      try change("create topic") { connection throws(BrokerError) in
        try Catalogue.create(spec, config, connection)
      }
    }
    try reload()
  }

  func alter(_ topic: String, config: TopicConfig) throws(BrokerError) {
    try change("alter") { connection throws(BrokerError) in try Catalogue.set(config, of: topic, connection) }
    try reload()
  }

  func truncate(_ partition: TopicPartition, before offset: Int64) throws(BrokerError) {
    try change("truncate") { connection throws(BrokerError) in
      let log = try self.stage(partition)
      guard offset > log.staged.first else { return }
      try self.drop(log, before: min(offset, log.staged.end), connection)
    }
  }

  /// The partition, which the transaction under way is going to change.
  func stage(_ partition: TopicPartition) throws(BrokerError) -> PartitionLog {
    guard let log = partitions[partition] else {
      throw BrokerError(
        .noSuchTopic, operation: "append", location: partition.description, message: "there is no such partition")
    }
    touch(log)
    return log
  }

  func touch(_ log: PartitionLog) {
    if !touched.contains(where: { $0 === log }) { touched.append(log) }
  }

  /// Removes all records before an offset. The end is noted beside, since the last record may go too.
  func drop(_ log: PartitionLog, before offset: Int64, _ connection: Connection) throws(BrokerError) {
    let delete = try connection.statement(log.deleteBefore, "retention")
    delete.bind(1, offset)
    try connection.run(delete, "retention")
    log.staged.first = offset
    let note = try connection.statement("UPDATE partitions SET first = ?, next = ? WHERE id = ?", "retention")
    note.bind(1, offset)
    note.bind(2, log.staged.end)
    note.bind(3, log.id)
    try connection.run(note, "retention")
  }
}
