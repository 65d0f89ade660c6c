internal import Definition
internal import Digests
internal import Formats
internal import Platform

/// An object's blocks of whole records, one after the other: fetched, hashed, inflated, cut. One thread at a time.
final class ObjectBlocks: @unchecked Sendable {
  // Sendable: whoever opens it hands it over whole to the thread that cuts (``BlocksAhead``).
  enum Step {
    /// `header`: the columns' names in the object's order, if it has any.
    case block(CutBlock, header: [String]?)
    /// All was given. The header may have come without a row; the hash is that of a file's stored bytes.
    case end(header: [String]?, sha256: String?)
  }

  private let input: InputFile
  private let cutter: BlockCutter
  private let hash: Digests.SHA256?
  private let chunk: Chunk
  private var used = 0
  private var isChunkUsed = true
  private var reader: (any ObjectReader)?
  private var isRead = false

  init(_ input: InputFile, format: Format, maxRowBytes: Int, columns: Int) {
    self.input = input
    cutter = BlockCutter(format: format, maxRowBytes: maxRowBytes, columns: columns)
    hash = input.info.bucket.isEmpty ? Digests.SHA256() : nil
    chunk = Chunk(objectBytes: input.info.size)
  }

  /// The next block. Waits for the store; not to be called again after the end or an error. `isEnding`: asked before each
  /// read; nobody wants the answer then.
  func next(isEnding: () -> Bool = { false }) throws(ObjectReading.Failure) -> Step {
    while !isRead {
      if isChunkUsed && isEnding() { return .end(header: nil, sha256: nil) }
      if isChunkUsed { try fetch() }
      if chunk.count == 0 { break }
      if let block = try cut({ () throws(FormatError) in try cutter.next(chunk.bytes, used: &used) }) {
        return .block(block, header: cutter.header)
      }
      isChunkUsed = true
    }
    isRead = true
    if let block = try cut({ () throws(FormatError) in try cutter.finish() }) {
      return .block(block, header: cutter.header)
    }
    return .end(header: cutter.header, sha256: hash?.finishHex())
  }

  private func fetch() throws(ObjectReading.Failure) {
    do throws(StoreError) {
      if let reader {
        chunk.count = try reader.read(into: chunk.memory)
      } else {
        let opened = try input.store.open(input.info)
        reader = opened
        chunk.count = try opened.read(into: chunk.memory)
      }
    } catch {
      switch error.code {
      case .changed, .notFound: throw .changed
      default: throw .store(error)
      }
    }
    used = 0
    isChunkUsed = false
    hash?.update(chunk.bytes)
  }

  private func cut(
    _ body: () throws(FormatError) -> CutBlock?
  ) throws(ObjectReading.Failure) -> CutBlock? {
    do {
      return try body()
    } catch {
      throw .unreadable(error.message)
    }
  }
}
