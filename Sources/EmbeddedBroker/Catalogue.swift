internal import LogBroker
internal import Platform

/// The topics and partitions of a file.
struct Catalogue {
  private(set) var topics: [String: LogTopic] = [:]
  private(set) var partitions: [TopicPartition: PartitionLog] = [:]

  /// `known`: partitions whose state is in memory already.
  init(_ connection: Connection, keeping known: [TopicPartition: PartitionLog]) throws(BrokerError) {
    var settings: [String: [String: String]] = [:]
    let operation = "open"
    try connection.rows(
      try connection.statement("SELECT topic, name, value FROM settings", operation), operation
    ) { row throws(BrokerError) in
      settings[row.text(0), default: [:]][row.text(1)] = row.text(2)
      return true
    }
    var counts: [String: Int64] = [:]
    try connection.rows(
      try connection.statement("SELECT name, partitions FROM topics", operation), operation
    ) { row throws(BrokerError) in
      counts[row.text(0)] = row.int(1)
      return true
    }
    var rows: [(TopicPartition, id: Int64, first: Int64, next: Int64, cleaned: Int64)] = []
    try connection.rows(
      try connection.statement("SELECT topic, number, id, first, next, cleaned FROM partitions", operation), operation
    ) { row throws(BrokerError) in
      rows.append(
        (TopicPartition(row.text(0), Int(row.int(1))), row.int(2), row.int(3), row.int(4), row.int(5)))
      return true
    }
    for row in rows {
      if let log = known[row.0], log.id == row.id {
        partitions[row.0] = log
        continue
      }
      let last = try connection.number("SELECT max(position) FROM \(PartitionLog.table(row.id))", operation)
      let end = max(row.next, (last ?? -1) + 1)
      guard row.first >= 0, row.first <= end else {
        throw damaged(connection.path, "the bounds of \(row.0) contradict each other", operation: operation)
      }
      let bounds = OffsetBounds(first: row.first, end: end)
      partitions[row.0] = PartitionLog(row.0, id: row.id, bounds: bounds, cleaned: row.cleaned)
    }
    for (name, count) in counts {
      guard count > 0, (0..<count).allSatisfy({ partitions[TopicPartition(name, Int($0))] != nil }) else {
        throw damaged(connection.path, "topic \(name) has lost partitions", operation: operation)
      }
      let config = try TopicConfig(settings[name] ?? [:], topic: name)
      topics[name] = LogTopic(partitions: Int(count), config: config)
    }
  }

  /// Inside a transaction; nothing if another made the topic meanwhile.
  static func create(_ spec: TopicSpec, _ config: TopicConfig, _ connection: Connection) throws(BrokerError) {
    let operation = "create topic"
    let find = try connection.statement("SELECT 1 FROM topics WHERE name = ?", operation)
    var isThere = false
    find.bind(1, spec.name)
    try connection.rows(find, operation) { _ throws(BrokerError) in
      isThere = true
      return false
    }
    if isThere { return }
    let topic = try connection.statement("INSERT INTO topics VALUES (?, ?)", operation)
    topic.bind(1, spec.name)
    topic.bind(2, Int64(spec.partitions))
    try connection.run(topic, operation)
    try set(config, of: spec.name, connection)
    for number in 0..<spec.partitions {
      let partition = try connection.statement(
        "INSERT INTO partitions (topic, number) VALUES (?, ?) RETURNING id", operation)
      partition.bind(1, spec.name)
      partition.bind(2, Int64(number))
      var id: Int64 = 0
      try connection.rows(partition, operation) { row throws(BrokerError) in
        id = row.int(0)
        return true
      }
      try connection.execute(
        "CREATE TABLE \(PartitionLog.table(id)) (position INTEGER PRIMARY KEY, timestamp INTEGER, key BLOB, value BLOB)",
        operation)
    }
  }

  static func set(_ config: TopicConfig, of topic: String, _ connection: Connection) throws(BrokerError) {
    let statement = try connection.statement("INSERT OR REPLACE INTO settings VALUES (?, ?, ?)", "alter")
    for (name, value) in config.overrides {
      statement.bind(1, topic)
      statement.bind(2, name)
      statement.bind(3, value)
      try connection.run(statement, "alter")
    }
  }
}
