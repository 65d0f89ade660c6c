internal import CSQLite
internal import Platform

/// The one connection to a database file, and its owner: prepared statements and the handle end with it.
///
/// One thread at a time uses it (``SQLiteLog`` holds a lock around every use).
final class Connection {
  let path: String
  private let handle: OpaquePointer
  private var prepared: [String: Statement] = [:]

  init(path: String) throws(BrokerError) {
    self.path = path
    var opened: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    let code = sqlite3_open_v2(path, &opened, flags, nil)
    guard let opened else {
      throw BrokerError(.other, operation: "open", location: path, message: "there is no memory for a database handle")
    }
    guard code == SQLITE_OK else {
      let error = sqliteError(code, opened, operation: "open", path: path)
      sqlite3_close_v2(opened)
      throw error
    }
    handle = opened
  }

  deinit {
    for statement in prepared.values { statement.finalize() }
    sqlite3_close_v2(handle)
  }

  /// Runs statements that are used once and give no rows that matter.
  func execute(_ sql: String, _ operation: String = "open") throws(BrokerError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw error(code, operation) }
  }

  /// A statement that is prepared once and kept.
  func statement(_ sql: String, _ operation: String) throws(BrokerError) -> Statement {
    if let known = prepared[sql] { return known }
    var made: OpaquePointer?
    let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &made, nil)
    guard code == SQLITE_OK, let made else { throw error(code, operation) }
    let statement = Statement(made)
    prepared[sql] = statement
    return statement
  }

  /// Runs a statement that gives no rows.
  func run(_ statement: Statement, _ operation: String) throws(BrokerError) {
    try finish(statement, statement.step(), operation)
  }

  /// Judges the one step of a statement that gives no rows.
  func finish(_ statement: Statement, _ code: Int32, _ operation: String) throws(BrokerError) {
    defer { statement.reset() }
    guard code == SQLITE_DONE else { throw error(code, operation) }
  }

  /// Gives each row to `body` until that says false.
  func rows(
    _ statement: Statement, _ operation: String, _ body: (Statement) throws(BrokerError) -> Bool
  ) throws(BrokerError) {
    defer { statement.reset() }
    while true {
      let code = statement.step()
      if code == SQLITE_DONE { return }
      guard code == SQLITE_ROW else { throw error(code, operation) }
      if try !body(statement) { return }
    }
  }

  /// The first column of the first row, as a number.
  func number(_ sql: String, _ operation: String) throws(BrokerError) -> Int64? {
    var answer: Int64?
    try rows(try statement(sql, operation), operation) { row throws(BrokerError) in
      answer = row.isNull(0) ? nil : row.int(0)
      return false
    }
    return answer
  }

  /// Undoes what the transaction did; SQLite may have done so itself.
  func rollback() {
    if sqlite3_get_autocommit(handle) == 0 { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
  }

  func error(_ code: Int32, _ operation: String) -> BrokerError {
    sqliteError(code, handle, operation: operation, path: path)
  }
}
