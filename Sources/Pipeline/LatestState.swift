internal import Columns

/// One shard's newest row a key of one `latest` source: a record of its version and kept columns a key (``LatestLayout``).
///
/// Rows at or after the as-of time are passed over, so the state is the newest row *before* it. A removal is a row like
/// any other in that order; where it is the newest, the key has no row.
final class LatestState {
  /// Its as-of time may move forward while no row was passed over for it; see ``RollingState``.
  var plan: SourcePlan
  let layout: LatestLayout
  private(set) var records: RecordPages
  private var texts = TextChunks()
  /// Bytes of texts that no record points at.
  private var garbage = 0
  /// What a key without a row has: zeros.
  let absent: UnsafeMutableRawPointer

  init(plan: SourcePlan) {
    self.plan = plan
    layout = LatestLayout(plan.kept)
    records = RecordPages(stride: layout.stride)
    absent = .allocate(byteCount: layout.stride, alignment: 8)
    absent.initializeMemory(as: UInt8.self, repeating: 0, count: layout.stride)
  }

  deinit { absent.deallocate() }

  /// Whether the source has a row for the key.
  @inline(__always)
  func has(_ key: UInt32) -> Bool {
    guard let record = records.record(key) else { return false }
    return LatestLayout.hasRow(record)
  }

  /// About how much memory it takes.
  var bytes: Int { records.bytes + texts.capacity }
  /// Bytes of texts, those among them that nothing points at.
  var textBytes: Int { texts.count }

  /// Adds the chosen rows, whose key numbers stand in `prepared`, all below `keyCount`; `inputs` maps an input's number in
  /// the attempt to its number in `table`.
  func apply(
    _ prepared: PreparedRows, _ chosen: UnsafeBufferPointer<UInt32>, keyCount: Int, inputs: [UInt32], table: InputTable
  ) {
    guard let rows = prepared.rows else { return }
    records.grow(to: keyCount)
    prepared.findRecords(chosen, in: records)
    let (found, winners) = (prepared.records, prepared.base)
    // A timeless source has no as-of time.
    let times = plan.asOf == nil ? nil : rows.times
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
      if version.isAfter(LatestLayout.version(record), table) {
        LatestLayout.set(version, record)
        winners[count] = row
        count &+= 1
      }
    }
    // In row order, so that of two winners for one key the later one stays.
    let won = UnsafeBufferPointer(start: UnsafePointer(winners), count: count)
    for place in layout.places where place.type != .string { copy(rows.columns[place.carried], place, won, found) }
    if !layout.texts.isEmpty { copyTexts(rows, won, found) }
    if garbage > 1 << 16 && garbage * 2 > texts.count { compact() }
  }

  private func copy(
    _ from: Column, _ place: LatestLayout.Place, _ won: UnsafeBufferPointer<UInt32>,
    _ found: UnsafePointer<UnsafeMutableRawPointer>
  ) {
    switch from.type {
    case .int, .timestamp, .double: copy(from.int64s, from.validity, place, won, found)
    case .date: copy(from.int32s, from.validity, place, won, found)
    case .bool: copy(from.bytes, from.validity, place, won, found)
    case .decimal: copy(from.int128s, from.validity, place, won, found)
    case .string: break
    }
  }

  @inline(__always)
  private func copy<T: BitwiseCopyable>(
    _ values: UnsafePointer<T>, _ validity: UnsafePointer<UInt8>, _ place: LatestLayout.Place,
    _ won: UnsafeBufferPointer<UInt32>, _ found: UnsafePointer<UnsafeMutableRawPointer>
  ) {
    let (offset, presence, bit) = (place.offset, place.presenceOffset, place.presenceBit)
    for row in won {
      let record = found[Int(row)]
      let word = (record + presence).assumingMemoryBound(to: UInt32.self)
      word.pointee = word.pointee & ~bit | (validity[Int(row)] != 0 ? bit : 0)
      record.storeBytes(of: values[Int(row)], toByteOffset: offset, as: T.self)
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
          let word = (record + column.place.presenceOffset).assumingMemoryBound(to: UInt32.self)
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
            word.pointee |= column.place.presenceBit
          } else {
            word.pointee &= ~column.place.presenceBit
          }
          record.storeBytes(of: UInt32(truncatingIfNeeded: end), toByteOffset: column.place.offset, as: UInt32.self)
        }
      }
    }
    self.garbage = garbage
  }

  /// Copies the texts' bytes without what was replaced.
  private func compact() {
    let compacted = TextChunks()
    for page in records.pages {
      for row in 0..<RecordPages.rows {
        let record = page + row * layout.stride
        let address = record.load(fromByteOffset: layout.textsOffset, as: UInt.self)
        guard let from = UnsafeRawPointer(bitPattern: address) else { continue }
        let length = layout.textBytes(record)
        let start = compacted.take(length)
        start.copyMemory(from: from, byteCount: length)
        record.storeBytes(of: UInt(bitPattern: start), toByteOffset: layout.textsOffset, as: UInt.self)
      }
    }
    texts = compacted
    garbage = 0
  }
}
