public import Columns
public import Definition

/// A run of whole records cut from an object.
public struct CutBlock: Sendable {
  public enum Content: Sendable {
    /// Whole records; the last one of the object may lack its line end.
    case records
    /// One record longer than `max_row`, left out: its length, and its first bytes in `text`.
    case oversized(length: UInt64)
  }
  /// Handed over whole by the cutter; only its receiver uses it from then on.
  public nonisolated(unsafe) let text: ByteArena
  /// Of `text`'s first byte, in the inflated object.
  public let offset: UInt64
  public let content: Content
}

/// An object that cannot be read as what its definition says it is.
public struct FormatError: Error, Sendable, CustomStringConvertible {
  public var message: String
  public init(_ message: String) { self.message = message }
  public var description: String { message }
}

/// Turns an object's stored bytes, piece by piece, into blocks of whole records: inflates, takes off the byte order
/// mark, skipped lines and header, and cuts at record ends.
///
/// A step function: bytes in, at most one block out, so that the caller can stop at any point (back-pressure). Memory
/// is a block and a record, whatever the object's size or compression ratio. One thread at a time.
public final class BlockCutter: @unchecked Sendable {
  private let options: CSVOptions?
  private let boundary: RecordBoundary
  private let maxRowBytes: Int
  private let columns: Int
  /// Shrinks where ``cellsMax`` keeps blocks smaller.
  private var blockBytes: Int
  private let decompressor = Decompressor()
  private var text: ByteArena
  /// An arena that nobody uses any more, for a next block's text.
  public var spareText: ByteArena?
  /// Of `text`'s first byte, in the inflated object.
  private var offset: UInt64 = 0
  /// Grows up to `maxRowBytes` + a little while no record ends.
  private var target: Int
  private var linesToSkip: Int
  private var atStart = true
  private var headerWanted: Bool
  /// Set while the rest of an oversized record is passed over.
  private var oversizedHead: ByteArena?
  private var oversizedStart: UInt64 = 0
  private var inflatedAll = false

  /// The columns' names in the object's own order, once its header was seen (or from `names`).
  public private(set) var header: [String]?

  /// Fields and values that a block's records may take room for. A well-formed CSV record has no more fields than
  /// bytes, so only short lines under a wide header, or of a source with many columns, make smaller blocks.
  public static let cellsMax = 2 << 20

  /// What a block is to have, in bytes: it and all that is made of it should stay in a core's second cache until its rows are
  /// applied. At 256 KiB of CSV it does not, and a batch whose states go through all caches takes a fifteenth longer. Of JSON,
  /// whose records are longer, half as much would leave few rows a shard.
  private static let csvBytes = 128 << 10
  private static let jsonBytes = 256 << 10

  /// `columns`: how many a decoder makes of each record, whatever its length.
  public init(format: Format, maxRowBytes: Int, columns: Int = 1, blockBytes: Int? = nil) {
    if case .csv(let csv) = format { options = csv } else { options = nil }
    boundary = RecordBoundary(format)
    self.maxRowBytes = maxRowBytes
    self.columns = columns
    let blockBytes = blockBytes ?? (options == nil ? BlockCutter.jsonBytes : BlockCutter.csvBytes)
    self.blockBytes = blockBytes
    target = blockBytes
    text = ByteArena(capacity: blockBytes)
    linesToSkip = options?.skipLines ?? 0
    headerWanted = options?.header ?? false
    header = options?.names
  }

  /// Takes stored bytes behind `used`; gives a block when one is full, nil when the input is used up.
  public func next(_ input: UnsafeRawBufferPointer, used: inout Int) throws(FormatError) -> CutBlock? {
    while true {
      var written = text.count
      let before = (used, written)
      text.reserve(target - text.count)
      let room = UnsafeMutableRawBufferPointer(start: text.base, count: max(target, text.count))
      do {
        try decompressor.run(input, used: &used, room, written: &written)
      } catch {
        throw FormatError("\(error.message), near byte \(offset + UInt64(written)) of the inflated object")
      }
      text.setCount(written)
      if written >= target {
        if let block = try cut(isEnd: false) { return block }
        continue
      }
      if used >= input.count || before == (used, written) { return nil }
    }
  }

  /// Says that the object has ended. Call until it gives nil.
  public func finish() throws(FormatError) -> CutBlock? {
    while !inflatedAll {
      text.reserve(max(target - text.count, 1024))
      var written = text.count
      let room = UnsafeMutableRawBufferPointer(start: text.base, count: text.capacity)
      do {
        inflatedAll = try decompressor.finish(room, written: &written)
      } catch {
        throw FormatError("\(error.message), at byte \(offset + UInt64(written)) of the inflated object")
      }
      text.setCount(written)
      if written >= target, let block = try cut(isEnd: false) { return block }
    }
    return try cut(isEnd: true)
  }

  private func cut(isEnd: Bool) throws(FormatError) -> CutBlock? {
    if oversizedHead != nil { return passOver(isEnd: isEnd) }
    if atStart {
      let taken = try takePreamble(isEnd: isEnd)
      if !taken { return nil }
    }
    if text.count == 0 { return nil }
    var end = boundary.endOfLastRecord(text.base, from: 0, to: text.count)
    if end == 0 {
      if text.count <= maxRowBytes + 1 && !isEnd {
        target = min(max(target * 2, blockBytes), maxRowBytes + 2)
        if target <= text.count { target = text.count + 1 }
        return nil
      }
      if boundary.endsOpen(text.base, from: 0, to: text.count),
        let line = RecordBoundary.firstLineEnd(text.base, from: 0, to: text.count)
      {
        // A quote was opened and never closed: give up its first line only, and go on with the next.
        end = line + 1
      } else if text.count > maxRowBytes + 1 {
        return beginOversized(isEnd: isEnd)
      } else {
        end = text.count
      }
    } else if isEnd && end < text.count && !boundary.endsOpen(text.base, from: end, to: text.count) {
      // What follows the last line end is a record without one; an unclosed quote is left to the next call.
      end = text.count
    }
    let fewer = endWithinCells(end)
    if fewer < end { blockBytes = min(blockBytes, max(2 * fewer, 4096)) }
    return take(fewer)
  }

  /// The end of as many of the records before `end` as take at most ``cellsMax`` cells; at least one record.
  private func endWithinCells(_ end: Int) -> Int {
    let linesMax = max(BlockCutter.cellsMax / max(columns, header?.count ?? 0, 1), 1)
    // A record has a byte and a line end at least.
    if end / 2 <= linesMax { return end }
    var at = 0
    for _ in 0..<linesMax {
      guard let line = RecordBoundary.firstLineEnd(text.base, from: at, to: end) else { return end }
      at = line + 1
    }
    let last = boundary.endOfLastRecord(text.base, from: 0, to: at)
    if last > 0 { return last }
    let first = boundary.endOfFirstRecord(text.base, from: 0, to: end)
    return first > 0 ? first : end
  }

  /// Gives the first `end` bytes as a block and keeps the rest.
  private func take(_ end: Int) -> CutBlock {
    let block = CutBlock(text: text, offset: offset, content: .records)
    let rest = text.count - end
    let next = room(for: max(blockBytes, rest))
    if rest > 0 { next.append(text.base + end, rest) }
    text.setCount(end)
    text = next
    offset += UInt64(end)
    target = max(blockBytes, rest + 1)
    return block
  }

  /// An empty arena.
  private func room(for bytes: Int) -> ByteArena {
    guard let spare = spareText, spare.capacity >= bytes else { return ByteArena(capacity: bytes) }
    spareText = nil
    spare.removeAll()
    return spare
  }

  // MARK: The object's start

  /// Takes off byte order mark, skipped lines and header; false: more bytes are needed.
  private func takePreamble(isEnd: Bool) throws(FormatError) -> Bool {
    var at = 0
    if offset == 0 {
      let base = text.base
      if text.count >= 2 && ((base[0] == 0xff && base[1] == 0xfe) || (base[0] == 0xfe && base[1] == 0xff)) {
        throw FormatError("this is UTF-16 text; convert it to UTF-8")
      }
      if text.count >= 3 && base[0] == 0xef && base[1] == 0xbb && base[2] == 0xbf { at = 3 }
    }
    while linesToSkip > 0 {
      guard let line = RecordBoundary.firstLineEnd(text.base, from: at, to: text.count) else {
        drop(isEnd ? text.count : at)
        return try needMore(isEnd: isEnd, what: "skipped line")
      }
      linesToSkip -= 1
      at = line + 1
    }
    drop(at)
    if headerWanted, let options {
      // Blank lines before the header are passed over, as everywhere.
      var first = 0
      while first < text.count && (text.base[first] == 0x0a || text.base[first] == 0x0d) { first += 1 }
      drop(first)
      var end = boundary.endOfFirstRecord(text.base, from: 0, to: text.count)
      if end == 0 {
        if !isEnd || text.count == 0 { return try needMore(isEnd: isEnd, what: "header") }
        end = text.count
      }
      let names = CSVHeader.names(UnsafeBufferPointer(start: text.base, count: end), options)
      if header == nil { header = names }
      drop(end)
      headerWanted = false
    }
    atStart = false
    return true
  }

  private func needMore(isEnd: Bool, what: String) throws(FormatError) -> Bool {
    if isEnd {
      // An empty object has no header and no rows.
      atStart = false
      return true
    }
    if text.count > maxRowBytes {
      throw FormatError("the \(what) is longer than max_row (\(maxRowBytes) bytes); is this a text file?")
    }
    target = text.count * 2 + blockBytes
    return false
  }

  private func drop(_ bytes: Int) {
    guard bytes > 0 else { return }
    let rest = text.count - bytes
    let next = ByteArena(capacity: max(text.capacity, blockBytes))
    if rest > 0 { next.append(text.base + bytes, rest) }
    text = next
    offset += UInt64(bytes)
  }

  // MARK: Records over max_row

  private func beginOversized(isEnd: Bool) -> CutBlock? {
    let head = ByteArena(capacity: 4096)
    head.append(text.base, min(text.count, 4096))
    oversizedHead = head
    oversizedStart = offset
    return passOver(isEnd: isEnd)
  }

  /// Drops bytes up to and with the next line end; gives the record's stand-in once it is found.
  private func passOver(isEnd: Bool) -> CutBlock? {
    guard let head = oversizedHead else { return nil }
    let line = RecordBoundary.firstLineEnd(text.base, from: 0, to: text.count)
    guard line != nil || isEnd else {
      offset += UInt64(text.count)
      text.removeAll()
      target = blockBytes
      return nil
    }
    let end = line ?? text.count
    let length = offset + UInt64(end) - oversizedStart
    oversizedHead = nil
    let start = oversizedStart
    _ = take(min(end + 1, text.count))
    return CutBlock(text: head, offset: start, content: .oversized(length: length))
  }
}
