internal import Columns
internal import Definition
internal import Formats
internal import Pipeline
internal import Platform

/// Records' values as lines of one text: line n is record n, always.
///
/// Buffers are kept from one run of records to the next.
struct RecordLines {
  /// The lines; whoever scans them may append to it.
  let text = ByteArena(capacity: RecordDecoder.textBytes + 4096)
  /// The rows' ``DecodingPlan/recordTexts``, after ``appendTexts(_:_:)``.
  let texts = FieldBlock()
  private(set) var origins: [RowOrigin] = []
  /// Records that are at fault whatever their lines say.
  private(set) var faults: [(row: Int, fault: RowFault)] = []
  /// Removals, with their times in microseconds.
  private(set) var tombstones: [(row: Int, time: Int64)] = []
  /// Rows whose line is not the record's value: those of `faults` and `tombstones`, ascending.
  private(set) var standIns: [Int] = []

  private let plan: DecodingPlan
  private let boundary: RecordBoundary
  private let isJSON: Bool
  private let takesTombstones: Bool
  private let maxRowBytes: Int
  /// Headers that no column reads are no part of the record: a broker need not bring them.
  private let readsHeaders: Bool
  /// A good line with a null in each field.
  private let standIn: [UInt8]

  init(_ plan: DecodingPlan, width: Int, maxRowBytes: Int) {
    self.plan = plan
    self.maxRowBytes = maxRowBytes
    let source = plan.source.source
    takesTombstones =
      source.keep == .latest && plan.source.keyColumns.allSatisfy { source.columns[$0].location == .recordKey }
    boundary = RecordBoundary(source.format)
    readsHeaders = source.readsHeaders
    switch source.format {
    case .json:
      isJSON = true
      standIn = Array("{}\n".utf8)
    case .csv(let options):
      isJSON = false
      // One column's empty line would be a blank one.
      standIn = (width == 1 ? [UInt8(ascii: "x")] : Array(repeating: options.delimiter, count: width - 1)) + [0x0a]
    }
    texts.width = plan.recordTexts.count
  }

  /// Joins the values of `range`. `standInForAll`: they are known to be no single records.
  mutating func join(_ records: RecordBlock, _ range: Range<Int>, input: Int, standInForAll: Bool)
    throws(RecordDecoder.Failure)
  {
    text.removeAll()
    origins.removeAll(keepingCapacity: true)
    faults.removeAll(keepingCapacity: true)
    tombstones.removeAll(keepingCapacity: true)
    standIns.removeAll(keepingCapacity: true)
    if !standInForAll && joinAtOnce(records, range, input: input) { return }
    let offsetsMax = Int64(RowOrigin.rowsMax - 1)
    for entry in records.entries[range] where entry.offset < 0 || entry.offset >= offsetsMax {
      throw RecordDecoder.Failure(
        description: "\(records.at): offset \(entry.offset) is beyond what rows can be numbered with")
    }
    records.bytes.withUnsafeBufferPointer { bytes in
      for (row, entry) in records.entries[range].enumerated() {
        let fault = standInForAll ? RowFault.severalRecords : add(entry, row, bytes)
        if fault != .none { faults.append((row, fault)) }
        let isRemoval = tombstones.last?.row == row
        if fault != .none || isRemoval {
          standIns.append(row)
          standIn.withUnsafeBufferPointer { line in
            if let base = line.baseAddress { text.append(base, line.count) }
          }
        }
        origins.append(RowOrigin(input: input, row: UInt64(entry.offset) + 1, isRemoval: isRemoval))
      }
    }
  }

  /// Values that lie as lines already, each of one line: objects to all appearance, nothing beside them that is at fault. They
  /// are copied in one piece, which is what `join` makes of them one by one. False: nothing was done.
  private mutating func joinAtOnce(_ records: RecordBlock, _ range: Range<Int>, input: Int) -> Bool {
    guard isJSON, records.valuesAreLines, !range.isEmpty else { return false }
    let offsetsMax = Int64(RowOrigin.rowsMax - 1)
    let isDone = records.bytes.withUnsafeBufferPointer { bytes -> Bool in
      guard let base = bytes.baseAddress else { return false }
      return records.entries.withUnsafeBufferPointer { entries in
        let from = Int(entries[range.lowerBound].valueStart)
        var to = from
        for entry in entries[range] {
          let length = Int(entry.valueLength)
          let size = length + Int(max(entry.keyLength, 0)) + (readsHeaders ? Int(entry.headersLength) : 0)
          guard Int(entry.valueStart) == to, length > 0, base[to] == UInt8(ascii: "{"), size <= maxRowBytes,
            entry.offset >= 0, entry.offset < offsetsMax
          else { return false }
          origins.append(RowOrigin(input: input, row: UInt64(entry.offset) + 1))
          to += length + 1
        }
        // Each has its own newline, so there is none within a value.
        guard RecordBoundary.lineEnds(base, from: from, to: to) == range.count else { return false }
        text.append(base + from, to - from)
        return true
      }
    }
    if !isDone { origins.removeAll(keepingCapacity: true) }
    return isDone
  }

  /// Appends a value's line, or notes a tombstone; or gives what is wrong with the record.
  private mutating func add(_ entry: RecordBlock.Entry, _ row: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> RowFault {
    let size =
      Int(max(entry.valueLength, 0)) + Int(max(entry.keyLength, 0)) + (readsHeaders ? Int(entry.headersLength) : 0)
    if size > maxRowBytes { return .rowTooLong }
    if entry.valueLength < 0 {
      guard takesTombstones && entry.keyLength >= 0 else { return .nullValue }
      guard let time = RecordTime.microseconds(entry.timestamp) else {
        if plan.source.timeColumn != nil { return .timeIsNull }
        tombstones.append((row, 0))
        return .none
      }
      tombstones.append((row, time))
      return .none
    }
    guard let base = bytes.baseAddress, entry.valueLength > 0 else { return .emptyValue }
    let from = Int(entry.valueStart)
    let to = from + Int(entry.valueLength)
    return isJSON ? addJSON(base, from, to) : addCSV(base, from, to)
  }

  private func addJSON(_ base: UnsafePointer<UInt8>, _ from: Int, _ to: Int) -> RowFault {
    var first = from
    while first < to && (base[first] == 0x20 || (base[first] >= 0x09 && base[first] <= 0x0d)) {
      // Vertical tab and form feed are no white space to JSON.
      if base[first] == 0x0b || base[first] == 0x0c { break }
      first += 1
    }
    if first == to { return .emptyValue }
    text.reserve(to - from + 1)
    let start = text.count
    text.append(base + from, to - from)
    // A tab is white space where a newline is, and as wrong within a string.
    var at = start
    while let line = RecordBoundary.firstLineEnd(text.base, from: at, to: text.count) {
      text.base[line] = UInt8(ascii: "\t")
      at = line + 1
    }
    endLine()
    return .none
  }

  private func addCSV(_ base: UnsafePointer<UInt8>, _ from: Int, _ to: Int) -> RowFault {
    var (from, to) = (from, to)
    // Blank lines are no records, as everywhere; so they may stand around one.
    while from < to {
      if base[from] == 0x0a {
        from += 1
      } else if base[from] == 0x0d && (from + 1 == to || base[from + 1] == 0x0a) {
        from = min(from + 2, to)
      } else {
        break
      }
    }
    if from == to { return .emptyValue }
    while to > from {
      if base[to - 1] == 0x0a || (base[to - 1] == 0x0d && to - 1 > from && base[to - 2] == 0x0a) {
        to -= 1
      } else {
        break
      }
    }
    switch boundary.whole(base, from: from, to: to) {
    case .open: return .unclosedQuote
    case .several: return .severalRecords
    case .one: break
    }
    text.append(base + from, to - from)
    endLine()
    return .none
  }

  private func endLine() {
    text.reserve(1)
    text.base[text.count] = 0x0a
    text.setCount(text.count + 1)
  }

  // MARK: Texts beside the values

  /// Appends keys and headers behind the scanned lines, and fills `texts`. Those of stand-ins are null, but for a
  /// removal's key.
  mutating func appendTexts(_ records: RecordBlock, _ range: Range<Int>) {
    let wanted = plan.recordTexts
    if wanted.isEmpty { return }
    texts.reserveFields(range.count * wanted.count, keeping: 0)
    var next = 0
    records.bytes.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else {
        for field in 0..<range.count * wanted.count { texts.fields[field] = .null }
        return
      }
      for (row, entry) in records.entries[range].enumerated() {
        let fields = texts.fields + row * wanted.count
        for field in 0..<wanted.count { fields[field] = .null }
        var isRemoval = false
        if next < standIns.count && standIns[next] == row {
          next += 1
          isRemoval = origins[row].isRemoval
          if !isRemoval { continue }
        }
        for (field, kind) in wanted.enumerated() where kind == .key && entry.keyLength >= 0 {
          fields[field] = append(base + Int(entry.keyStart), Int(entry.keyLength))
        }
        if entry.headersLength > 0 && !isRemoval {
          appendHeaders(base + Int(entry.headersStart), Int(entry.headersLength), fields)
        }
      }
    }
  }

  /// Quoted, as a JSON string is: no text of a key or header means null.
  private func append(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> ByteView {
    ByteView(start: text.append(bytes, length), length: UInt32(length), flags: ByteView.quotedFlag)
  }

  private func appendHeaders(_ base: UnsafePointer<UInt8>, _ length: Int, _ fields: UnsafeMutablePointer<ByteView>) {
    let raw = UnsafeRawPointer(base)
    func word(_ at: Int) -> Int {
      Int(Int32(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: Int32.self)))
    }
    var at = 0
    while at + 4 <= length {
      let nameLength = word(at)
      let name = UnsafeBufferPointer(start: base + at + 4, count: max(nameLength, 0))
      at += 4 + nameLength
      guard nameLength >= 0, at + 4 <= length else { return }
      let valueLength = word(at)
      let value = base + at + 4
      at += 4 + max(valueLength, 0)
      guard at <= length else { return }
      for (field, kind) in plan.recordTexts.enumerated() {
        guard case .header(let wanted) = kind, wanted.count == nameLength, wanted.elementsEqual(name) else {
          continue
        }
        fields[field] = valueLength < 0 ? .null : append(value, valueLength)
      }
    }
  }
}
