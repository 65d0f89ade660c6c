internal import Columns

/// One shard's newest row a key of one `latest` source: a record of its version and kept columns a key (``LatestLayout``).
///
/// Rows at or after the as-of time are passed over, so the state is the newest row *before* it. A removal is a row like
/// any other in that order; where it is the newest, the key has no row.
final class LatestState {
  /// Its as-of time may move forward while no row was passed over for it; see ``RollingState``.
  var plan: SourcePlan
  /// Its narrow integers and codes become wider ones and texts as they need it.
  private(set) var layout: LatestLayout
  private(set) var records: RecordPages
  /// Of kept columns whose texts are codes.
  private(set) var dictionaries: [TextDictionary?]
  private var texts = TextChunks()
  /// Codes of the rows that win, one column behind the other.
  private var codes: [UInt8] = []
  /// Bytes of texts that no record points at.
  private var garbage = 0
  /// What a key without a row has: zeros.
  private(set) var absent: UnsafeMutableRawPointer

  init(plan: SourcePlan) {
    self.plan = plan
    layout = LatestLayout(plan.kept, isTimed: plan.asOf != nil)
    records = RecordPages(stride: layout.stride)
    dictionaries = Array(repeating: nil, count: plan.kept.count)
    absent = LatestState.zeros(layout.stride)
  }

  private static func zeros(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let zeros = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 8)
    zeros.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    return zeros
  }

  deinit { absent.deallocate() }

  /// Lays all records out again, and their texts without what was replaced.
  private func move(to wider: LatestLayout) {
    let compacted = TextChunks()
    var moved = RecordPages(stride: wider.stride)
    moved.grow(to: records.pages.count * RecordPages.rows)
    for (from, to) in zip(records.pages, moved.pages) {
      for row in 0..<RecordPages.rows {
        let record = from + row * layout.stride
        if LatestLayout.row(record) != 0 { copy(record, to: to + row * wider.stride, wider, compacted) }
      }
    }
    (texts, garbage) = (compacted, 0)
    (records, layout) = (moved, wider)
    absent.deallocate()
    absent = LatestState.zeros(wider.stride)
  }

  /// Whether the source has a row for the key.
  @inline(__always)
  func has(_ key: UInt32) -> Bool {
    guard let record = records.record(key) else { return false }
    return LatestLayout.hasRow(record)
  }

  /// About how much memory it takes.
  var bytes: Int {
    records.bytes + texts.capacity + dictionaries.reduce(0) { $0 + ($1 == nil ? 0 : TextDictionary.byteCount) }
  }
  /// Bytes of texts, those among them that nothing points at.
  var textBytes: Int { texts.count }

  /// See ``RecordPages/wanted(for:lastCame:)``.
  func roomWanted(keys: Int, lastCame more: Int) -> RecordRoom? { records.wanted(for: keys, lastCame: more) }
  func add(_ room: TableMemory) { records.add(room) }

  /// Adds the chosen rows, whose key numbers stand in `prepared`, all below `keyCount`; `inputs` maps an input's number in
  /// the attempt to its number in `table`.
  func apply(
    _ prepared: PreparedRows, _ chosen: UnsafeBufferPointer<UInt32>, keyCount: Int, inputs: [UInt32], table: InputTable
  ) {
    guard let rows = prepared.rows else { return }
    records.grow(to: keyCount)
    prepared.findRecords(chosen, in: records)
    let (found, winners) = (prepared.records, prepared.base)
    let layout = layout
    let times = layout.isTimed ? rows.times : nil
    let asOf = plan.asOf ?? .max
    var count = 0
    for row in chosen {
      let origin = rows.origin(Int(row))
      let input = inputs[origin.input]
      var time: Int64
      if let times {
        time = times[Int(row)]
        if time >= asOf { continue }
      } else {
        time = table.entries[Int(input)].modified
      }
      let version = RowVersion(
        time: time, input: input, row: origin.row &<< 1 | (origin.isRemoval ? 1 : 0))
      let record = found[Int(row)]
      if version.isAfter(layout.version(record, table), table) {
        layout.set(version, record)
        winners[count] = row
        count &+= 1
      }
    }
    if count == 0 { return }
    // In row order, so that of two winners for one key the later one stays.
    let won = UnsafeBufferPointer(start: UnsafePointer(winners), count: count)
    if makeRoom(rows, won) { records.find(won, prepared.numbers, into: found) }
    copy(rows, won, found)
    if garbage > 1 << 16 && garbage * 2 > texts.count { move(to: self.layout) }
  }

  /// Finds the winners' codes, and widens columns that have no room for a winner's value; says whether records moved.
  private func makeRoom(_ rows: RowColumns, _ won: UnsafeBufferPointer<UInt32>) -> Bool {
    var forms: [Int: LatestLayout.Form] = [:]
    let coded = layout.places.count { $0.form == .code } * won.count
    if codes.count < coded { codes = Array(repeating: 0, count: coded) }
    codes.withUnsafeMutableBufferPointer { codes in
      var at = 0
      for (index, place) in layout.places.enumerated() {
        let column = rows.columns[place.carried]
        switch place.form {
        case .value(let bytes) where place.type == .int && bytes < 8:
          let needed = LatestState.bytesNeeded(column, won)
          if needed > bytes { forms[index] = .value(needed) }
        case .code:
          guard let base = codes.baseAddress else { continue }
          let dictionary = dictionaries[index] ?? TextDictionary()
          dictionaries[index] = dictionary
          if !dictionary.read(column, won, into: base + at) { forms[index] = .text }
          at += won.count
        default: break
        }
      }
    }
    if forms.isEmpty { return false }
    move(to: layout.widened(forms))
    // Those of columns that stay codes come one behind the other again.
    for index in layout.places.indices where layout.places[index].form != .code { dictionaries[index] = nil }
    _ = makeRoom(rows, won)
    return true
  }

  /// 2, 4 or 8.
  private static func bytesNeeded(_ column: Column, _ won: UnsafeBufferPointer<UInt32>) -> Int {
    let (values, validity) = (column.int64s, column.validity)
    // All bits in which a value differs from its sign.
    var bits: Int64 = 0
    for row in won where validity[Int(row)] != 0 {
      let value = values[Int(row)]
      bits |= value ^ (value >> 63)
    }
    return bits < 1 << 15 ? 2 : bits < 1 << 31 ? 4 : 8
  }

  private func copy(
    _ rows: RowColumns, _ won: UnsafeBufferPointer<UInt32>, _ found: UnsafePointer<UnsafeMutableRawPointer>
  ) {
    codes.withUnsafeBufferPointer { codes in
      var at = 0
      for place in layout.places {
        let from = rows.columns[place.carried]
        switch (place.form, from.type) {
        case (.value(2), .int): copy(from.validity, place, won, found) { Int16(truncatingIfNeeded: from.int64s[$1]) }
        case (.value(4), .int): copy(from.validity, place, won, found) { Int32(truncatingIfNeeded: from.int64s[$1]) }
        case (.value, .int), (.value, .timestamp), (.value, .double):
          copy(from.validity, place, won, found) { from.int64s[$1] }
        case (.value, .date): copy(from.validity, place, won, found) { from.int32s[$1] }
        case (.value, .bool): copy(from.validity, place, won, found) { from.bytes[$1] }
        case (.value, .decimal): copy(from.validity, place, won, found) { from.int128s[$1] }
        case (.code, _):
          guard let codes = codes.baseAddress else { continue }
          copy(from.validity, place, won, found) { i, _ in codes[at + i] }
          at += won.count
        case (.text, _), (.value, .string): break
        }
      }
    }
    if !layout.texts.isEmpty { copyTexts(rows, won, found) }
  }

  /// `value`: of the i-th winner, which is that row.
  @inline(__always)
  private func copy<T: BitwiseCopyable>(
    _ validity: UnsafePointer<UInt8>, _ place: LatestLayout.Place, _ won: UnsafeBufferPointer<UInt32>,
    _ found: UnsafePointer<UnsafeMutableRawPointer>, _ value: (_ i: Int, _ row: Int) -> T
  ) {
    let (offset, presence, bit) = (place.offset, place.presenceOffset, place.presenceBit)
    for i in 0..<won.count {
      let row = Int(won[i])
      let record = found[row]
      let byte = (record + presence).assumingMemoryBound(to: UInt8.self)
      byte.pointee = byte.pointee & ~bit | (validity[row] != 0 ? bit : 0)
      record.storeBytes(of: value(i, row), toByteOffset: offset, as: T.self)
    }
  }

  /// Where a column of texts comes from and goes to.
  private struct TextColumn {
    var views: UnsafeMutablePointer<ByteView>
    var validity: UnsafeMutablePointer<UInt8>
    var bytes: UnsafeMutableRawPointer
    var place: LatestLayout.Place
  }

  /// A record's texts lie one behind the other, in the old ones' place where they fit.
  private func copyTexts(
    _ rows: RowColumns, _ won: UnsafeBufferPointer<UInt32>, _ found: UnsafePointer<UnsafeMutableRawPointer>
  ) {
    let columns = layout.texts.map { index in
      let place = layout.places[index]
      let column = rows.columns[place.carried]
      return TextColumn(
        views: column.views, validity: column.validity, bytes: UnsafeMutableRawPointer(column.arena.base), place: place)
    }
    let (texts, textsOffset) = (texts, layout.textsOffset)
    var garbage = garbage
    columns.withUnsafeBufferPointer { columns in
      let last = columns[columns.count - 1].place.offset
      for row in won {
        let (row, record) = (Int(row), found[Int(row)])
        var length = 0
        for column in columns where column.validity[row] != 0 { length &+= column.views[row].length }
        let held = Int(record.load(fromByteOffset: last, as: UInt32.self))
        let old = UnsafeMutableRawPointer(bitPattern: record.load(fromByteOffset: textsOffset, as: UInt.self))
        let fits = old != nil && length <= held
        let start = fits ? old.unsafelyUnwrapped : texts.take(length)
        garbage &+= fits ? held &- length : held
        record.storeBytes(of: UInt(bitPattern: start), toByteOffset: textsOffset, as: UInt.self)
        var end = 0
        for column in columns {
          let byte = (record + column.place.presenceOffset).assumingMemoryBound(to: UInt8.self)
          if column.validity[row] != 0 {
            let view = column.views[row]
            let from = column.bytes + Int(view.start)
            if view.length <= 16 && !fits {
              // Sixteen bytes at once: both sides are padded by more, and behind new bytes there are none yet.
              (start + end).storeBytes(of: from.loadUnaligned(as: UInt128.self), as: UInt128.self)
            } else {
              (start + end).copyMemory(from: from, byteCount: view.length)
            }
            end &+= view.length
            byte.pointee |= column.place.presenceBit
          } else {
            byte.pointee &= ~column.place.presenceBit
          }
          record.storeBytes(of: UInt32(truncatingIfNeeded: end), toByteOffset: column.place.offset, as: UInt32.self)
        }
      }
    }
    self.garbage = garbage
  }
}
