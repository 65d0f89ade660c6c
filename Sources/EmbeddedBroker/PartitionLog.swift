internal import Platform

/// One partition in the file: a table of its own, so that an append is always at a table's right edge, where SQLite's
/// trees are quickest and pages become full; measured against one table for all, it saves a sixth.
final class PartitionLog {
  let at: TopicPartition
  /// The row in `partitions`.
  let id: Int64
  /// As of the last transaction that was committed.
  private(set) var bounds: OffsetBounds
  /// As of the transaction that is under way.
  var staged: OffsetBounds
  /// Milliseconds since 1970: no record is too old before. 0: not known.
  var oldestDue: Int64 = 0
  var compaction: Compaction

  let insert: String
  let select: String
  let scan: String
  let delete: String
  let deleteBefore: String

  init(_ at: TopicPartition, id: Int64, bounds: OffsetBounds, cleaned: Int64) {
    self.at = at
    self.id = id
    self.bounds = bounds
    staged = bounds
    compaction = Compaction(cleaned: cleaned)
    let table = Self.table(id)
    insert = "INSERT INTO \(table) VALUES (?, ?, ?, ?)"
    select = "SELECT position, timestamp, key, value FROM \(table) WHERE position >= ? ORDER BY position"
    scan = "SELECT position, timestamp, key FROM \(table) WHERE position >= ? ORDER BY position LIMIT ?"
    delete = "DELETE FROM \(table) WHERE position = ?"
    deleteBefore = "DELETE FROM \(table) WHERE position < ?"
  }

  static func table(_ id: Int64) -> String { "log_\(id)" }

  /// The transaction is in the file.
  func commit() {
    bounds = staged
    compaction.commit()
  }

  /// The transaction is not, and never will be.
  func rollback() {
    staged = bounds
    compaction.rollback()
    oldestDue = 0
  }
}
