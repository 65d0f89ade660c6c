internal import Platform

/// The partitions in turn, so that those to which nobody writes are looked after too.
struct Sweep {
  private let partitions: [PartitionLog]
  private var position = 0

  init(over partitions: [PartitionLog] = []) { self.partitions = partitions }

  mutating func next(_ count: Int) -> [PartitionLog] {
    var found: [PartitionLog] = []
    for _ in 0..<min(count, partitions.count) {
      found.append(partitions[position])
      position = (position + 1) % partitions.count
    }
    return found
  }
}

/// What makes room: a bounded bit with each transaction, more than comes in.
extension SQLiteLog {
  /// Looks after the partitions that changed and some of the others.
  func clean(_ connection: Connection) throws(BrokerError) {
    // With nothing to write this is all there is to do: the device is full.
    let others = sweep.next(touched.isEmpty ? 64 : 2).filter { other in !touched.contains { $0 === other } }
    for log in touched + others {
      guard let config = configs[log.at.topic] else { continue }
      let added = Int(log.staged.end - log.bounds.end)
      if let keep = config.retentionMilliseconds {
        try dropOld(log, keepMilliseconds: keep, rowsMax: 64 + 2 * added, connection)
      }
      if config.isCompacted {
        let first = log.staged.first
        if log.compaction.isDue(first: first, end: log.staged.end, recordsMin: compactionRecordsMin) {
          touch(log)
          try compact(log, rowsMax: 256 + 4 * added, connection)
        }
      }
    }
  }

  private func dropOld(
    _ log: PartitionLog, keepMilliseconds keep: Int64, rowsMax: Int, _ connection: Connection
  ) throws(BrokerError) {
    let now = clock.now() / 1000
    guard log.staged.first < log.staged.end, now >= log.oldestDue else { return }
    var old = log.staged.first
    // Unless an old record says otherwise: nothing is there (compaction), or all that was looked at is old.
    var due = now
    let scan = try connection.statement(log.scan, "retention")
    scan.bind(1, log.staged.first)
    scan.bind(2, Int64(rowsMax))
    try connection.rows(scan, "retention") { row throws(BrokerError) in
      let (end, overflow) = row.int(1).addingReportingOverflow(keep)
      if overflow || end >= now {
        due = overflow ? .max : end
        return false
      }
      old = row.int(0) + 1
      return true
    }
    log.oldestDue = due
    if old > log.staged.first {
      touch(log)
      try drop(log, before: old, connection)
    }
  }

  private func compact(_ log: PartitionLog, rowsMax: Int, _ connection: Connection) throws(BrokerError) {
    let end = log.staged.end
    switch log.compaction.phase {
    case .idle: return
    case .collecting(let next):
      var count = 0
      var reached = next
      var isMore = true
      try scan(log, from: next, rowsMax, connection) { key, offset in
        count += 1
        reached = offset + 1
        isMore = log.compaction.collect(key, at: offset)
        return isMore
      }
      if !isMore || count < rowsMax {
        log.compaction.beginDeleting(from: log.staged.first, end: isMore ? end : reached)
      }
    case .deleting(let next, let passEnd):
      var old: [Int64] = []
      var count = 0
      var isAtEnd = false
      try scan(log, from: next, rowsMax, connection) { key, offset in
        if offset >= passEnd {
          isAtEnd = true
          return false
        }
        count += 1
        if log.compaction.isOld(key, at: offset, end: passEnd) { old.append(offset) }
        return true
      }
      let delete = try connection.statement(log.delete, "compaction")
      for offset in old {
        delete.bind(1, offset)
        try connection.run(delete, "compaction")
      }
      if isAtEnd || count < rowsMax {
        log.compaction.finish(at: passEnd)
        let note = try connection.statement("UPDATE partitions SET cleaned = ? WHERE id = ?", "compaction")
        note.bind(1, passEnd)
        note.bind(2, log.id)
        try connection.run(note, "compaction")
      }
    }
  }

  /// Keys and offsets of some records, until `body` says false.
  private func scan(
    _ log: PartitionLog, from offset: Int64, _ rowsMax: Int, _ connection: Connection,
    _ body: ([UInt8]?, Int64) -> Bool
  ) throws(BrokerError) {
    let scan = try connection.statement(log.scan, "compaction")
    scan.bind(1, offset)
    scan.bind(2, Int64(rowsMax))
    try connection.rows(scan, "compaction") { row throws(BrokerError) in
      body(row.withBytes(2) { bytes in bytes.map { Array($0) } }, row.int(0))
    }
  }
}
