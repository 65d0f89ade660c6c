extension Array where Element == UInt8 {
  /// `withUnsafeBytes` that keeps the error's type.
  func withRawBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try self[...].withRawBytes(body)
  }
}

extension ArraySlice where Element == UInt8 {
  /// `withUnsafeBytes` that keeps the error's type.
  func withRawBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    var result: Result<R, E>?
    withUnsafeBytes { bytes in
      do throws(E) {
        result = .success(try body(bytes))
      } catch {
        result = .failure(error)
      }
    }
    guard let result else { preconditionFailure("the closure above always runs") }
    return try result.get()
  }
}
