internal import Columns
internal import Definition
internal import Formats
internal import Pipeline

/// One thread's room for decoding blocks of one source: fields, typed columns, keys. Reused from block to block.
final class BlockDecoder: @unchecked Sendable {
  let plan: DecodingPlan
  let block = FieldBlock()
  private(set) var columns: [Column]
  private(set) var keyArena: ByteArena
  /// A column's own, or `madeKeys`.
  private(set) var keys: UnsafeMutablePointer<ByteView>
  private var hashes: UnsafeMutablePointer<UInt64>
  /// A column's own, or `madeTimes`.
  private(set) var times: UnsafeMutablePointer<Int64>
  private var madeKeys: UnsafeMutablePointer<ByteView>
  private var madeTimes: UnsafeMutablePointer<Int64>
  private var capacity = 0
  private var isValidText = false
  private var recordTexts: FieldBlock?
  private let json: JSONScanner?
  private let keyScratch = ByteArena(capacity: 1024)

  init(_ plan: DecodingPlan, maxRowBytes: Int) throws(JSONScanner.OutOfMemory) {
    self.plan = plan
    json = plan.csv == nil ? try JSONScanner(extractions: plan.extractions, maxRowBytes: maxRowBytes) : nil
    columns = []
    keyArena = keyScratch
    madeKeys = .allocate(capacity: 1)
    hashes = .allocate(capacity: 1)
    madeTimes = .allocate(capacity: 1)
    keys = madeKeys
    times = madeTimes
  }

  deinit {
    madeKeys.deallocate()
    hashes.deallocate()
    madeTimes.deallocate()
  }

  var rows: Int { block.rows }
  var faults: RowFaults { block.faults }
  var carried: [Column] { plan.source.carried.map { columns[$0] } }

  /// Reads a block's records into `columns`, `keys` and `times`; bad rows are marked in `faults`.
  ///
  /// `positions`: ``DecodingPlan/positions(in:)`` of the object's header; `width`: its number of columns.
  func decode(_ text: ByteArena, positions: [Int], width: Int) throws(JSONScanner.OutOfMemory) {
    try scan(text, width: width)
    cast(positions: positions)
  }

  /// The first half of decoding: finds the records and their fields.
  func scan(_ text: ByteArena, width: Int) throws(JSONScanner.OutOfMemory) {
    block.text = text
    if let csv = plan.csv {
      csv.scan(block, width: width)
      isValidText = isValidUTF8(text)
    } else {
      try json?.scan(block)
      // The scanner has seen to it, of all that good rows' fields point to; those of others are null.
      isValidText = true
    }
    reserve(block.rows)
  }

  /// The second half: types the fields. `recordTexts` has the rows' ``DecodingPlan/recordTexts`` as fields, views into
  /// the block's text.
  func cast(positions: [Int], recordTexts: FieldBlock? = nil) {
    let rows = block.rows
    let valid = isValidText
    self.recordTexts = recordTexts
    for (index, origin) in plan.origins.enumerated() {
      let column = columns[index]
      switch origin {
      case .csv:
        if positions[index] >= 0 {
          _ = plan.casts[index].run(
            text: block.text, textIsValidUTF8: valid, fields: block.fields + positions[index],
            stride: block.width, rows: rows, into: column, faults: block.faults, columnIndex: UInt16(index))
        } else {
          castAbsent(index, into: column)
        }
      case .json(let extraction):
        if let reduction = plan.reductions[index] {
          reduction.run(block, field: extraction, into: column, columnIndex: UInt16(index))
        } else {
          _ = plan.casts[index].run(
            text: block.text, textIsValidUTF8: valid, fields: block.fields + extraction, stride: block.width,
            rows: rows, into: column, faults: block.faults, columnIndex: UInt16(index))
        }
      case .recordText(let text):
        guard let recordTexts else { continue }
        // Checked one by one: two keys that are no text may be text one behind the other.
        _ = plan.casts[index].run(
          text: block.text, textIsValidUTF8: false, fields: recordTexts.fields + text, stride: recordTexts.width,
          rows: rows, into: column, faults: block.faults, columnIndex: UInt16(index))
      case .recordTime: break  // Filled by the caller.
      case .object, .row, .modified: break  // Filled by `complete`, when the row's place is known.
      }
    }
  }

  /// Fills what depends on the row's place — `$object`, `$row`, `$modified` — and then keys and times.
  func complete(object: String, modified: Int64, firstRow: UInt64) {
    for (index, origin) in plan.origins.enumerated() {
      let column = columns[index]
      switch origin {
      case .object:
        column.arena = ByteArena(capacity: object.utf8.count)
        let view = column.arena.append(object)
        for row in 0..<rows {
          column.views[row] = view
          column.validity[row] = 1
        }
      case .row:
        for row in 0..<rows {
          column.int64s[row] = Int64(truncatingIfNeeded: firstRow) &+ Int64(row)
          column.validity[row] = 1
        }
      case .modified:
        for row in 0..<rows {
          column.int64s[row] = modified
          column.validity[row] = 1
        }
      case .csv, .json, .recordText, .recordTime: break
      }
    }
    complete(object: object.utf8.count, ownTimes: false)
  }

  /// Makes times and keys of the typed columns, and rejects rows that are too long. `object`: the bytes of its name;
  /// `ownTimes`: the caller may write to `times`, which are no column's then.
  func complete(object: Int = 0, ownTimes: Bool = true) {
    makeTimes(own: ownTimes)
    makeKeys()
    plan.limit.check(block, columns: columns, keys: keys, recordTexts: recordTexts, object: object) { row in
      block.faults.note(row: row, .rowTooLong, column: RowFaults.record)
    }
  }

  /// The decoded and completed rows, bad ones among them. Valid until the next block. `hashed`: with their keys' hashes.
  func rowColumns(
    input: Int, firstRow: UInt64, origins: UnsafePointer<RowOrigin>? = nil, hashed: Bool
  ) -> RowColumns {
    if hashed { Hashing.hash64(of: keys, rows, in: keyArena, into: hashes) }
    return RowColumns(
      count: rows, keyArena: keyArena, keys: keys, hashes: hashed ? UnsafePointer(hashes) : nil,
      times: plan.source.timeColumn == nil ? nil : times, columns: carried, input: input, firstRow: firstRow,
      origins: origins)
  }

  /// Good rows whose event time is at or after `time`.
  func rowsAtOrAfter(_ time: Int64) -> UInt64 {
    let (times, codes) = (times, block.faults.codes)
    var count: UInt64 = 0
    for row in 0..<rows { count &+= (times[row] >= time ? 1 : 0) & (codes[row] == 0 ? 1 : 0) }
    return count
  }

  private func reserve(_ rows: Int) {
    guard rows > capacity || columns.isEmpty else { return }
    capacity = max(rows + rows / 8, 16)
    columns = plan.source.source.columns.map { Column(type: $0.type, capacity: capacity) }
    madeKeys.deallocate()
    hashes.deallocate()
    madeTimes.deallocate()
    madeKeys = .allocate(capacity: capacity)
    hashes = .allocate(capacity: capacity)
    madeTimes = .allocate(capacity: capacity)
    keys = madeKeys
    times = madeTimes
  }

  /// Keys of one column of integers. Rows of one key often follow one another (the lines of a receipt): they share a text.
  private func makeKeys(_ column: Column) {
    keyScratch.removeAll()
    // The longest is "-9223372036854775808".
    keyScratch.reserve(20 * rows)
    let (base, values, validity) = (keyScratch.base, column.int64s, column.validity)
    var at = 0
    var previous: Int64?
    var view = ByteView(start: 0, length: 0)
    for row in 0..<rows {
      guard validity[row] != 0 else {
        keys[row] = ByteView(start: 0, length: 0)
        continue
      }
      if values[row] != previous {
        let length = ValueText.write(values[row], into: base + at)
        view = ByteView(start: UInt32(truncatingIfNeeded: at), length: UInt32(truncatingIfNeeded: length))
        at += length
        previous = values[row]
      }
      keys[row] = view
    }
    keyScratch.setCount(at)
    keyArena = keyScratch
  }

  /// A column that the object does not have: its default in every row.
  private func castAbsent(_ index: Int, into column: Column) {
    var absent = ByteView.null
    withUnsafePointer(to: &absent) { pointer in
      _ = plan.casts[index].run(
        text: block.text, textIsValidUTF8: true, fields: pointer, stride: 0, rows: block.rows, into: column,
        faults: block.faults, columnIndex: UInt16(index))
    }
  }

  private func makeTimes(own: Bool) {
    guard let index = plan.source.timeColumn else { return }
    let column = columns[index]
    let hasNull = column.hasNull(among: rows)
    if column.type == .timestamp && !own {
      times = column.int64s
    } else if column.type == .date {
      times = madeTimes
      for row in 0..<rows { times[row] = Int64(column.int32s[row]) &* 86_400_000_000 }
    } else {
      times = madeTimes
      times.update(from: column.int64s, count: rows)
    }
    if !hasNull { return }
    for row in 0..<rows where column.validity[row] == 0 {
      block.faults.note(row: row, .timeIsNull, column: UInt16(index))
      // (What stands there for a null means nothing.)
      times[row] = 0
    }
  }

  private func contains(_ byte: UInt8, _ view: ByteView, _ arena: ByteArena) -> Bool {
    UnsafeBufferPointer(start: arena.base + Int(view.start), count: view.length).contains(byte)
  }

  private func makeKeys() {
    let indices = plan.source.keyColumns
    for index in indices {
      let column = columns[index]
      if !column.hasNull(among: rows) { continue }
      for row in 0..<rows where column.validity[row] == 0 {
        block.faults.note(row: row, .keyIsNull, column: UInt16(index))
      }
    }
    if indices.count == 1, columns[indices[0]].type == .string {
      // The common case: the key's text is the column's.
      let column = columns[indices[0]]
      keyArena = column.arena
      keys = column.views
    } else if indices.count == 1, columns[indices[0]].type == .int {
      keys = madeKeys
      makeKeys(columns[indices[0]])
    } else {
      keys = madeKeys
      keyScratch.removeAll()
      for row in 0..<rows {
        let start = keyScratch.count
        for (part, index) in indices.enumerated() where columns[index].validity[row] != 0 {
          if part > 0 {
            keyScratch.reserve(1)
            keyScratch.base[keyScratch.count] = 0x1f
            keyScratch.setCount(keyScratch.count + 1)
          }
          let view = ValueText.appendCanonical(columns[index], row, into: keyScratch)
          // Two keys must not have one text.
          if indices.count > 1 && contains(0x1f, view, keyScratch) {
            block.faults.note(row: row, .separatorInKey, column: UInt16(index))
          }
        }
        keys[row] = ByteView(start: UInt32(start), length: UInt32(keyScratch.count - start))
      }
      keyArena = keyScratch
    }
  }
}
