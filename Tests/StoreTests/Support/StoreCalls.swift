import Platform

extension ObjectStore {
  func listAll(_ prefix: String) throws(StoreError) -> [ObjectInfo] {
    var all: [ObjectInfo] = []
    try list(prefix: prefix) { found in
      all += found
      return true
    }
    return all
  }

  /// Reads a whole object, asking for `piece` bytes at a time.
  func contents(_ info: ObjectInfo, piece: Int = 1 << 20) throws(StoreError) -> [UInt8] {
    try open(info).rest(piece: piece)
  }
}

extension ObjectReader {
  /// All that is left.
  func rest(piece: Int = 1 << 20) throws(StoreError) -> [UInt8] {
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try read(into: buffer)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }
}

extension ObjectWriter {
  func write(_ bytes: [UInt8]) throws(StoreError) {
    var failure: StoreError?
    bytes.withUnsafeBytes { raw in
      do throws(StoreError) { try write(raw) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}

/// The code of what `body` throws; nil when it does not.
func code<Value>(_ body: () throws(StoreError) -> Value) -> StoreError.Code? {
  do throws(StoreError) {
    _ = try body()
    return nil
  } catch {
    return error.code
  }
}

/// What `body` throws; nil when it does not.
func failure<Value>(_ body: () throws(StoreError) -> Value) -> StoreError? {
  do throws(StoreError) {
    _ = try body()
    return nil
  } catch {
    return error
  }
}
