import Platform

/// Builds one file beside its final place.
final class LocalWriter: ObjectWriter {
  private let temporary: TemporaryFile

  init(_ temporary: TemporaryFile) { self.temporary = temporary }

  deinit { temporary.discard() }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    do throws(StoreError) {
      try temporary.write(bytes)
    } catch {
      temporary.discard()
      throw error
    }
  }

  func finish() throws(StoreError) {
    do throws(StoreError) {
      try temporary.synchronize()
      let lock = try KeyLock(temporary.destination, operation: "write")
      try temporary.publish()
      lock.release()
    } catch {
      temporary.discard()
      throw error
    }
  }

  func abort() { temporary.discard() }
}
