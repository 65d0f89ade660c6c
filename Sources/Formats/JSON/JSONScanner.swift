internal import CSimdJSON
public import Columns
internal import Definition

/// Finds the fields of a block of JSON lines: one object a line.
///
/// Each record is walked once, in document order, whatever the number of columns. Every byte of it is checked, also of
/// values that no column asks for: a record is good or at fault independently of the columns. The rules:
///
/// - Lines end with LF or CRLF. Lines of white space only are no records.
/// - JSON as RFC 8259 has it; no comments, `NaN`, trailing commas. A string with half a surrogate pair (`"\ud83d"`) is
///   `.invalidJSON`: it has no UTF-8 form, and a replacement would change a value (or join two keys) silently.
/// - Of a member that comes more than once the last one counts, as in Python and JavaScript.
/// - Over 1,024 levels: `.jsonTooDeep`. A document that is no object: `.notAnObject`. Over `maxRowBytes`: `.rowTooLong`.
/// - A record at fault costs only itself; the fields of its row are null. So is a field of wrong shape, but the row's
///   other fields stand.
///
/// A field's view is the *text* of the value, for the same casts as CSV's fields: numbers as they are written,
/// `true` and `false`, strings unescaped with the quoted flag (in place if they have no escapes, else appended to the
/// block's text). JSON `null` and absent members (of any step) are null.
///
/// A list's view (a path with `[]`) is (first item, items) in `block.items`, whose nulls are kept; the items of one list
/// lie together, row after row. An absent or null array is null, `[]` a list of none. Of several `[]`, inner arrays follow
/// one another; inner arrays that are absent add none. A count's view is null or has the number as its length.
///
/// All text that views of good rows point to is valid UTF-8. One thread at a time.
public final class JSONScanner {
  /// No memory was left for a block's index. The block's rows are undefined.
  public struct OutOfMemory: Error, CustomStringConvertible {
    public var description: String {
      "no memory for scanning JSON: give the run fewer threads or more memory"
    }
  }

  public let extractions: [JSONExtraction]
  private let handle: OpaquePointer
  private let lists: [Int]

  public init(extractions: [JSONExtraction], maxRowBytes: Int = 900 * 1024) throws(OutOfMemory) {
    let lineMax = UInt32(clamping: max(maxRowBytes, 0))
    guard let handle = ctj_scanner_new(UInt32(extractions.count), lineMax) else { throw OutOfMemory() }
    self.extractions = extractions
    self.handle = handle
    lists = extractions.indices.filter { extractions[$0].shape == .value && extractions[$0].path.hasElements }
    for (field, extraction) in extractions.enumerated() where extraction.shape != .nothing {
      try declare(extraction, field)
    }
  }

  deinit { ctj_scanner_free(handle) }

  /// Scans all of `block.text`, which holds whole lines (the last one may lack its line end), fewer than 2³² bytes.
  /// Fills fields, records, rows, faults and items; appends to the text.
  public func scan(_ block: FieldBlock) throws(OutOfMemory) {
    let text = block.text
    block.width = extractions.count
    block.rows = 0
    block.items.removeAll(keepingCapacity: true)
    if text.count > 0 && text.base[text.count - 1] != UInt8(ascii: "\n") {
      text.reserve(1)
      text.base[text.count] = UInt8(ascii: "\n")
      text.setCount(text.count + 1)
    }
    ctj_scan_begin(handle, text.count)
    while true {
      var view = block.scanView()
      let status = ctj_scan(handle, &view)
      block.rows = view.rows
      text.setCount(view.text_count)
      switch Int(status) {
      case CTJ_OK:
        noteFaults(block)
        collectItems(block)
        return
      case CTJ_MORE_ROWS:
        block.reserveFields(view.wanted_rows * block.width, keeping: block.rows * block.width)
        block.reserveRecords(view.wanted_rows, keeping: block.rows)
      case CTJ_MORE_TEXT:
        text.reserve(view.wanted_text)
      default:
        throw OutOfMemory()
      }
    }
  }

  private func declare(_ extraction: JSONExtraction, _ field: Int) throws(OutOfMemory) {
    var status = ctj_path_begin(handle)
    for step in extraction.path.steps where status == 0 {
      switch step {
      case .member(var name):
        status = name.withUTF8 { ctj_path_member(handle, $0.baseAddress, $0.count) }
      case .elements:
        status = ctj_path_elements(handle)
      case .index(let index):
        // A negative index becomes one that no array reaches.
        status = ctj_path_index(handle, UInt64(bitPattern: Int64(index)))
      }
    }
    guard status == 0 else { throw OutOfMemory() }
    status = ctj_path_end(
      handle, UInt32(field), Int32(extraction.shape == .count ? CTJ_COUNT : CTJ_VALUE),
      extraction.allowsContainer ? 1 : 0, extraction.setsNullOnWrongShape ? 1 : 0)
    guard status == 0 else { throw OutOfMemory() }
  }

  private func noteFaults(_ block: FieldBlock) {
    block.faults.reset(rows: block.rows)
    var count = 0
    let faults = UnsafeBufferPointer(start: ctj_faults(handle, &count), count: count)
    for fault in faults {
      switch Int(fault.code) {
      case CTJ_WRONG_SHAPE:
        block.faults.note(
          row: fault.row, .wrongShape, column: extractions[Int(fault.field)].columnIndex)
      case CTJ_TOO_DEEP: block.faults.note(row: fault.row, .jsonTooDeep, column: RowFaults.record)
      case CTJ_NOT_AN_OBJECT: block.faults.note(row: fault.row, .notAnObject, column: RowFaults.record)
      case CTJ_INVALID_UTF8: block.faults.note(row: fault.row, .invalidUTF8, column: RowFaults.record)
      case CTJ_LINE_TOO_LONG: block.faults.note(row: fault.row, .rowTooLong, column: RowFaults.record)
      default: block.faults.note(row: fault.row, .invalidJSON, column: RowFaults.record)
      }
    }
  }

  /// Puts the lists' items one list after the other, and lets the views count from there.
  private func collectItems(_ block: FieldBlock) {
    for field in lists {
      var count = 0
      guard let items = ctj_items(handle, UInt32(field), &count), count > 0 else { continue }
      let base = UInt32(block.items.count)
      // The C struct has `ByteView`'s two words, and trivial types may be read as one another's words.
      UnsafeRawPointer(items).withMemoryRebound(to: ByteView.self, capacity: count) {
        block.items.append(contentsOf: UnsafeBufferPointer(start: $0, count: count))
      }
      guard base > 0 else { continue }
      var at = field
      for _ in 0..<block.rows {
        if !block.fields[at].isNull { block.fields[at].start &+= base }
        at &+= block.width
      }
    }
  }
}

extension FieldBlock {
  /// The block's buffers as the C++ side takes them. Views are two 32-bit words on both sides.
  fileprivate func scanView() -> ctj_block {
    ctj_block(
      text: text.base, text_count: text.count, text_capacity: text.capacity,
      fields: UnsafeMutableRawPointer(fields).assumingMemoryBound(to: ctj_view.self),
      records: UnsafeMutableRawPointer(records).assumingMemoryBound(to: ctj_view.self),
      row_capacity: width == 0 ? recordCapacity : min(recordCapacity, fieldCapacity / width),
      rows: rows, wanted_rows: 0, wanted_text: 0)
  }
}
