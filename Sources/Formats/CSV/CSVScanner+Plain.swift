internal import CScan
internal import Columns

extension CSVScanner {
  /// Scans text without quotes, as most is.
  func scanPlain(_ block: FieldBlock, width: Int) {
    if !scanRegular(block, width: width) { scanMarked(block, width: width) }
  }

  /// Scans text in which every record has `width` fields, and quotes stand where they should, where the processor can do so
  /// at once. False: it is other text, or another processor. `quote`: nil if there is none in the text.
  func scanRegular(_ block: FieldBlock, width: Int, quote: UInt8? = nil) -> Bool {
    guard let width = UInt32(exactly: width), block.text.count <= ByteView.lengthMask else { return false }
    if let quote, quote == delimiter || escape ?? quote != quote { return false }
    while true {
      var rows = 0
      var hasDoubled: Int32 = 0
      let (fieldRoom, recordRoom) = (block.fieldCapacity, block.recordCapacity)
      // Views are two 32-bit words on both sides, and trivial types.
      let status = cscan_regular(
        block.text.base, block.text.count, delimiter, quote.map { Int32($0) } ?? -1, width, emptyIsNull ? 1 : 0,
        maxRowBytes, UnsafeMutableRawPointer(block.fields).assumingMemoryBound(to: cscan_view.self), fieldRoom,
        UnsafeMutableRawPointer(block.records).assumingMemoryBound(to: cscan_view.self), recordRoom, &rows, &hasDoubled)
      switch Int(status) {
      case CSCAN_REGULAR:
        block.rows = rows
        block.faults.reset(rows: rows)
        if hasDoubled != 0, let quote { unescapeAll(block, quote) }
        return true
      case CSCAN_MORE_ROOM:
        // One of them is used up; twice as many records, then, and their fields.
        block.reserveFields(max(2 * rows * Int(width), fieldRoom + 1), keeping: 0)
        block.reserveRecords(max(2 * rows, block.fieldCapacity / Int(width) + 128), keeping: 0)
      default:
        return false
      }
    }
  }

  /// Takes the second of each two quotes out of quoted fields.
  private func unescapeAll(_ block: FieldBlock, _ quote: UInt8) {
    for index in 0..<(block.rows * block.width) where block.fields[index].isQuoted {
      let view = block.fields[index]
      let (start, end) = (Int(view.start), Int(view.start) + view.length)
      if cscan_find(block.text.base, start, end, quote) < end {
        block.fields[index] = unescape(view, block, quote: quote, escape: quote)
      }
    }
  }

  /// Scans any text without quotes: first where all fields end, then a record at a time from those marks.
  func scanMarked(_ block: FieldBlock, width: Int) {
    let base = UnsafePointer(block.text.base)
    let end = block.text.count
    // Each byte may be a mark; one more ends the last record, and eight are written for nothing.
    block.reserveMarks(end + 16)
    let marks = block.marks
    let count = cscan_positions(base, end, delimiter, 0x0a, marks)
    marks[count] = UInt32(truncatingIfNeeded: end)
    let emptyFlag = emptyIsNull ? ByteView.nullFlag : 0
    var faultsNoted: [(row: Int, fault: RowFault)] = []
    var rowsMax = 0
    var row = 0
    var start = 0
    var mark = 0
    while start < end {
      // A blank line is no record.
      if base[start] == 0x0a || (base[start] == 0x0d && (start + 1 == end || base[start + 1] == 0x0a)) {
        start = Int(marks[mark]) + 1
        mark += 1
        continue
      }
      if row == rowsMax {
        // Enough at once, unless records have too few fields.
        rowsMax = max(rowsMax * 2, count / max(width, 1) + 1)
        block.reserveFields(rowsMax * width, keeping: row * width)
        block.reserveRecords(rowsMax, keeping: row)
      }
      let fields = block.fields + row &* width
      var fieldStart = start
      var column = 0
      var stop = start
      while true {
        stop = Int(marks[mark])
        mark &+= 1
        // (Behind the end lies padding, which may hold anything.)
        if base[stop] == 0x0a || stop == end { break }
        if column < width {
          let length = UInt32(truncatingIfNeeded: stop &- fieldStart)
          fields[column] = ByteView(
            start: UInt32(truncatingIfNeeded: fieldStart), length: length, flags: length == 0 ? emptyFlag : 0)
        }
        column &+= 1
        fieldStart = stop &+ 1
      }
      let next = stop &+ 1
      if stop > fieldStart && base[stop &- 1] == 0x0d { stop &-= 1 }
      if column < width {
        let length = UInt32(truncatingIfNeeded: stop &- fieldStart)
        fields[column] = ByteView(
          start: UInt32(truncatingIfNeeded: fieldStart), length: length, flags: length == 0 ? emptyFlag : 0)
      }
      column &+= 1
      block.records[row] = ByteView(
        start: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: stop &- start))
      if column != width || stop &- start > maxRowBytes {
        var missing = column
        while missing < width {
          fields[missing] = .null
          missing += 1
        }
        let fault = column < width ? RowFault.tooFewFields : .tooManyFields
        faultsNoted.append((row, stop &- start > maxRowBytes ? .rowTooLong : fault))
      }
      row &+= 1
      start = next
    }
    block.rows = row
    block.faults.reset(rows: row)
    for (row, fault) in faultsNoted { block.faults.note(row: row, fault, column: RowFaults.record) }
  }
}
