internal import CScan
public import Columns
public import Definition

/// Finds the records and fields of a block of CSV text (RFC 4180 and what is found in the wild).
///
/// A field that begins with the quote byte is quoted: it may hold delimiters and line ends; a doubled quote (or the
/// escape byte before a quote or itself) stands for one. A quote anywhere else is an ordinary byte. Records end with
/// LF or CRLF; blank lines are no records. A record with another number of fields than `width` is at fault, and so is
/// text behind a closing quote; neighbours are unharmed. Reused from block to block by one thread.
public struct CSVScanner: Sendable {
  let delimiter: UInt8
  let quote: UInt8?
  let escape: UInt8?
  let emptyIsNull: Bool
  /// Null spellings but the empty one.
  let nullSpellings: [[UInt8]]
  let maxRowBytes: Int

  public init(_ options: CSVOptions, maxRowBytes: Int) {
    delimiter = options.delimiter
    quote = options.quote
    escape = options.escape
    emptyIsNull = options.nullValues.contains("")
    nullSpellings = options.nullValues.filter { !$0.isEmpty }.map { Array($0.utf8) }
    self.maxRowBytes = maxRowBytes
  }

  /// Scans all of `block.text`, which holds whole records (the last one may lack its line end). `width`: fields a
  /// record must have. Fills fields, records, rows and faults.
  public func scan(_ block: FieldBlock, width: Int) {
    block.width = width
    block.rows = 0
    if let quote, cscan_find(block.text.base, 0, block.text.count, quote) < block.text.count {
      if !scanRegular(block, width: width, quote: quote) { scanQuotes(block, width: width, quote: quote) }
    } else {
      scanPlain(block, width: width)
    }
    if !nullSpellings.isEmpty { markNulls(block) }
  }

  /// Scans any text in which there may be quotes, a field at a time.
  func scanQuotes(_ block: FieldBlock, width: Int, quote: UInt8) {
    var base = block.text.base
    var cursor = Cursor(base: base, end: block.text.count, delimiter: delimiter)
    var faultsNoted: [(row: Int, fault: RowFault)] = []
    let end = block.text.count
    var start = 0
    var row = 0
    while start < end {
      // A blank line is no record.
      let first = base[start]
      if first == 0x0a {
        start += 1
        cursor.moveTo(start)
        continue
      }
      if first == 0x0d && (start + 1 == end || base[start + 1] == 0x0a) {
        start = min(start + 2, end)
        cursor.moveTo(start)
        continue
      }
      block.reserveFields((row + 1) * width, keeping: row * width)
      block.reserveRecords(row + 1, keeping: row)
      let fields = block.fields + row * width
      var column = 0
      var fieldStart = start
      var fault = RowFault.none
      var recordEnd = end
      var next = end
      while true {
        var view: ByteView
        var stop: Int
        if fieldStart < end, base[fieldStart] == quote {
          let quoted = scanQuoted(block, from: fieldStart, end: end)
          view = quoted.view
          stop = quoted.stop
          if quoted.fault != .none && fault == .none { fault = quoted.fault }
          // Unescaping may have moved the text.
          base = block.text.base
          cursor.base = base
          cursor.moveTo(stop + 1)
        } else {
          stop = cursor.next()
          view = ByteView(
            start: UInt32(truncatingIfNeeded: fieldStart),
            length: UInt32(truncatingIfNeeded: stop - fieldStart))
        }
        let endsRecord = stop >= end || base[stop] == 0x0a
        if endsRecord && !view.isQuoted && view.length > 0 && base[stop - 1] == 0x0d {
          view.lengthAndFlags -= 1
        }
        if view.length == 0 && emptyIsNull && !view.isQuoted { view = .null }
        if column < width { fields[column] = view }
        column += 1
        if endsRecord {
          recordEnd = stop
          next = stop + 1
          break
        }
        fieldStart = stop + 1
      }
      if column != width {
        if fault == .none { fault = column < width ? .tooFewFields : .tooManyFields }
        var missing = column
        while missing < width {
          fields[missing] = .null
          missing += 1
        }
      }
      // An unclosed quote has its line end within.
      if fault == .unclosedQuote && recordEnd > start && base[recordEnd - 1] == 0x0a { recordEnd -= 1 }
      if recordEnd > start && base[recordEnd - 1] == 0x0d { recordEnd -= 1 }
      block.records[row] = ByteView(
        start: UInt32(truncatingIfNeeded: start),
        length: UInt32(truncatingIfNeeded: max(recordEnd - start, 0)))
      if recordEnd - start > maxRowBytes { fault = .rowTooLong }
      if fault != .none { faultsNoted.append((row, fault)) }
      row += 1
      start = next
    }
    block.rows = row
    block.faults.reset(rows: row)
    for (row, fault) in faultsNoted { block.faults.note(row: row, fault, column: RowFaults.record) }
  }

  private func markNulls(_ block: FieldBlock) {
    for index in 0..<(block.rows * block.width) {
      let view = block.fields[index]
      if view.isNull || view.isQuoted { continue }
      for spelling in nullSpellings where spelling.count == view.length {
        var same = true
        for i in 0..<spelling.count where block.text.base[Int(view.start) + i] != spelling[i] {
          same = false
          break
        }
        if same {
          block.fields[index] = .null
          break
        }
      }
    }
  }

  /// Reads a quoted field whose opening quote is at `from`; gives its content, where the field ends (the position of
  /// its delimiter or line end, or `end`), and what is wrong with it.
  private func scanQuoted(_ block: FieldBlock, from: Int, end: Int)
    -> (view: ByteView, stop: Int, fault: RowFault)
  {
    guard let quote else { return (.null, end, .unclosedQuote) }
    let escape = escape ?? quote
    var at = from + 1
    var escaped = false
    while true {
      if escape == quote {
        at = cscan_find(block.text.base, at, end, quote)
        if at < end && at + 1 < end && block.text.base[at + 1] == quote {
          escaped = true
          at += 2
          continue
        }
      } else {
        while at < end && block.text.base[at] != quote && block.text.base[at] != escape { at += 1 }
        if at < end && block.text.base[at] == escape {
          escaped = true
          at = min(at + 2, end)
          continue
        }
      }
      break
    }
    if at >= end {
      // Not closed: the caller of the block cut it so that only the first line is lost.
      let view = ByteView(start: UInt32(from), length: UInt32(end - from), flags: ByteView.quotedFlag)
      return (view, end, .unclosedQuote)
    }
    var view = ByteView(start: UInt32(from + 1), length: UInt32(at - from - 1), flags: ByteView.quotedFlag)
    if escaped { view = unescape(view, block, quote: quote, escape: escape) }
    var stop = at + 1
    var fault = RowFault.none
    let base = block.text.base
    if stop < end && base[stop] == 0x0d && (stop + 1 == end || base[stop + 1] == 0x0a) { stop += 1 }
    if stop < end && base[stop] != delimiter && base[stop] != 0x0a {
      fault = .textAfterQuote
      while stop < end && base[stop] != delimiter && base[stop] != 0x0a { stop += 1 }
    }
    return (view, stop, fault)
  }

  /// The field's content without escapes, appended to the arena: the record's own bytes stay as they came.
  func unescape(_ view: ByteView, _ block: FieldBlock, quote: UInt8, escape: UInt8) -> ByteView {
    let text = block.text
    let kept = text.count
    text.reserve(view.length)
    var to = kept
    var from = Int(view.start)
    let end = from + view.length
    while from < end {
      var byte = text.base[from]
      if byte == escape && from + 1 < end && (text.base[from + 1] == quote || text.base[from + 1] == escape) {
        from += 1
        byte = text.base[from]
      }
      text.base[to] = byte
      to += 1
      from += 1
    }
    text.setCount(to)
    return ByteView(start: UInt32(kept), length: UInt32(to - kept), flags: ByteView.quotedFlag)
  }

  /// Walks delimiters and line ends 64 bytes at a time.
  private struct Cursor {
    var base: UnsafeMutablePointer<UInt8>
    let end: Int
    let delimiter: UInt8
    var chunk = 0
    var mask: UInt64 = 0

    init(base: UnsafeMutablePointer<UInt8>, end: Int, delimiter: UInt8) {
      self.base = base
      self.end = end
      self.delimiter = delimiter
      if end > 0 { mask = cscan_match2(base, delimiter, 0x0a) }
    }

    /// The next delimiter or line end, or `end`. Reads at most 63 bytes behind the end: the arena's padding.
    @inline(__always)
    mutating func next() -> Int {
      while mask == 0 {
        chunk &+= 64
        if chunk >= end {
          chunk = end
          return end
        }
        mask = cscan_match2(base + chunk, delimiter, 0x0a)
      }
      let at = chunk &+ mask.trailingZeroBitCount
      mask &= mask &- 1
      return min(at, end)
    }

    /// Goes on from `position`.
    mutating func moveTo(_ position: Int) {
      if position >= end {
        chunk = end
        mask = 0
        return
      }
      chunk = position & ~63
      mask = cscan_match2(base + chunk, delimiter, 0x0a) & (UInt64.max &<< UInt64(position & 63))
    }
  }
}
