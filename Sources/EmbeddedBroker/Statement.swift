internal import CSQLite

/// A prepared statement; owned by its ``Connection``, which finalizes it.
final class Statement {
  private let handle: OpaquePointer

  init(_ handle: OpaquePointer) { self.handle = handle }

  func finalize() { sqlite3_finalize(handle) }

  // Binding fails only for numbers that the statement does not have, or for values beyond SQLite's limit of 1 GB, which
  // a topic's message limit (an Int32 at most, see ``SQLiteLog``) keeps out.
  func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }

  func bind(_ index: Int32, _ text: String) {
    var text = text
    text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        _ = sqlite3_bind_text(handle, index, characters.baseAddress, Int32(characters.count), Self.transient)
      }
    }
  }

  /// Binds bytes, which are copied only by the step that `body` takes; nil is null.
  func bind<Result>(_ index: Int32, _ bytes: [UInt8]?, _ body: () -> Result) -> Result {
    guard let bytes else {
      sqlite3_bind_null(handle, index)
      return body()
    }
    return bytes.withUnsafeBytes { raw in
      // An empty array may have no address, and no address would mean null.
      if raw.isEmpty {
        sqlite3_bind_zeroblob(handle, index, 0)
      } else {
        sqlite3_bind_blob64(handle, index, raw.baseAddress, UInt64(raw.count), nil)
      }
      return body()
    }
  }

  func step() -> Int32 { sqlite3_step(handle) }

  func reset() { sqlite3_reset(handle) }

  func int(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  func text(_ column: Int32) -> String {
    guard let text = sqlite3_column_text(handle, column) else { return "" }
    return String(cString: text)
  }

  /// The column's bytes, which are valid until the next step or reset; nil for null.
  func withBytes<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
    if isNull(column) { return body(nil) }
    let start = sqlite3_column_blob(handle, column)
    return body(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : byteCount(column)))
  }

  func byteCount(_ column: Int32) -> Int { Int(sqlite3_column_bytes(handle, column)) }

  /// SQLITE_TRANSIENT: the bytes are copied at once. A macro with a cast, which Swift does not import.
  private static var transient: sqlite3_destructor_type? { unsafeBitCast(-1, to: sqlite3_destructor_type?.self) }
}
