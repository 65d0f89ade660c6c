import Platform

/// Builds one file beside its final place. A large one is gathered to blocks that go past the page cache
/// (``TemporaryFile/writeBlocks(_:)``), a small one is written when it is finished.
final class LocalWriter: ObjectWriter, @unchecked Sendable {
  // Sendable: used by one thread at a time, as `ObjectWriter` demands of its callers.
  private let temporary: TemporaryFile
  /// The file's next bytes: those below `count`. Allocated with the first.
  private var block: UnsafeMutableRawBufferPointer?
  private var count = 0

  /// As many bytes at once as devices take well; a multiple of any block of theirs, and so is the alignment.
  static let blockBytes = 1 << 19
  private static let alignment = 1 << 12

  init(_ temporary: TemporaryFile) { self.temporary = temporary }

  deinit { abort() }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    do throws(StoreError) {
      try gather(bytes)
    } catch {
      abort()
      throw error
    }
  }

  func finish() throws(StoreError) {
    do throws(StoreError) {
      if let block, count > 0 { try temporary.write(UnsafeRawBufferPointer(rebasing: block[..<count])) }
      release()
      try temporary.synchronize()
      let lock = try KeyLock(temporary.destination, operation: "write")
      try temporary.publish()
      lock.release()
    } catch {
      abort()
      throw error
    }
  }

  func abort() {
    release()
    temporary.discard()
  }

  private func gather(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    try temporary.requireOpen()
    var left = bytes
    while !left.isEmpty {
      let block = block ?? .allocate(byteCount: LocalWriter.blockBytes, alignment: LocalWriter.alignment)
      self.block = block
      let taken = min(left.count, block.count - count)
      UnsafeMutableRawBufferPointer(rebasing: block[count..<count + taken]).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: left[..<taken]))
      count += taken
      left = UnsafeRawBufferPointer(rebasing: left[taken...])
      guard count == block.count else { continue }
      try temporary.writeBlocks(UnsafeRawBufferPointer(block))
      count = 0
    }
  }

  private func release() {
    block?.deallocate()
    block = nil
    count = 0
  }
}
