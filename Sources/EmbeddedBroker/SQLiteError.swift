internal import CSQLite
internal import Glibc
internal import Platform

/// What a failed call of SQLite means for the caller, and what the user can do.
func sqliteError(_ code: Int32, _ handle: OpaquePointer, operation: String, path: String) -> BrokerError {
  let said = String(cString: sqlite3_errmsg(handle))
  let system = systemError(handle)
  func error(_ code: BrokerError.Code, _ message: String, _ hint: String) -> BrokerError {
    BrokerError(code, operation: operation, location: path, message: message, hint: hint)
  }
  switch code & 0xff {
  case SQLITE_BUSY, SQLITE_LOCKED:
    return error(
      .other, "the file \(path) is open in another process, and one process owns it",
      "stop the other process (fuser \(path) names it) or give this one a file of its own")
  case SQLITE_FULL:
    return full(error)
  case SQLITE_IOERR where system == ENOSPC || system == EDQUOT || system == EFBIG:
    return full(error)
  case SQLITE_CORRUPT, SQLITE_NOTADB:
    return damaged(path, said, operation: operation)
  case SQLITE_IOERR where code == shortRead:
    return damaged(path, "it ends too early", operation: operation)
  case SQLITE_IOERR:
    return error(
      .other, "\(said) (\(String(cString: strerror(system))))", "the device failed; see the kernel's log")
  case SQLITE_CANTOPEN where system == ENOENT:
    return error(.other, "the file cannot be made: \(String(cString: strerror(system)))", "make its directory first")
  case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH:
    let reason = system == 0 ? said : String(cString: strerror(system))
    return error(.forbidden, reason, "check the permissions of the file and of its directory (ls -ld)")
  case SQLITE_TOOBIG:
    return error(.tooLarge, said, "")
  default:
    return error(.other, "\(said) (SQLite's code \(code))", "")
  }
}

/// The `errno` behind an error, as far as SQLite still knows it. Its own answer is often that of a later call that went
/// well; the files keep what failed, the write-ahead log's first because writes go there.
private func systemError(_ handle: OpaquePointer) -> Int32 {
  var file: UnsafeMutablePointer<sqlite3_file>?
  var code: Int32 = 0
  if sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) == SQLITE_OK, let file,
    let control = file.pointee.pMethods?.pointee.xFileControl
  {
    _ = control(file, SQLITE_FCNTL_LAST_ERRNO, &code)
  }
  if code == 0 { sqlite3_file_control(handle, "main", SQLITE_FCNTL_LAST_ERRNO, &code) }
  return code == 0 ? sqlite3_system_errno(handle) : code
}

/// SQLITE_IOERR_SHORT_READ; a macro that Swift does not import.
private let shortRead = SQLITE_IOERR | 2 << 8

/// The file cannot be what this program wrote.
func damaged(_ path: String, _ what: String, operation: String) -> BrokerError {
  BrokerError(
    .damaged, operation: operation, location: path, message: "the broker's file is damaged: \(what)",
    hint: "restore \(path) (with its -wal file) from a copy, or move it away and begin anew")
}

private func full(_ error: (BrokerError.Code, String, String) -> BrokerError) -> BrokerError {
  error(
    .full, "there is no room on the device",
    "free some space (df -h), or shorten the topics' retention.ms; nothing that was acknowledged is lost")
}
