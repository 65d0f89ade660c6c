internal import Columns
internal import Definition

/// One shard's accumulators of one `events` source: a record of slots a key (``AccumulatorLayout``).
///
/// Every update is commutative and associative, so the state is a function of the multiset of rows (I1): integers
/// and decimals wrap and count their wraps, doubles are summed exactly, first and last go by ``RowVersion``.
final class EventsState {
  let layout: AccumulatorLayout
  /// May move forward while no row was passed over for it; see ``RollingState``.
  var asOf: Int64?
  /// Records in pages, so that growing copies nothing.
  private var pages: [UnsafeMutableRawPointer] = []
  /// How often a wrapping sum overflowed (+1) or underflowed (−1): the sum is slot + wraps × 2^width.
  var wraps: [SlotKey: Int64] = [:]
  /// Sums of doubles that do not fit the window (by `wideIndex`), and sums of squares (by their slots).
  var wideIndex: [SlotKey: Int] = [:]
  var wides: [WideSum] = []
  /// Bytes of min, max, first and last strings.
  private(set) var arena = ByteArena(capacity: 256)
  /// Bytes of the arena that no slot points at.
  var garbage = 0
  private var distinct = DistinctSet()
  /// What ``find(_:_:into:)`` loaded, so that no compiler leaves its loads out.
  private var seen: UInt64 = 0

  /// A slot of a key.
  struct SlotKey: Hashable {
    var key: UInt32
    var slot: Int32
  }

  static let pageShift = 10
  static let pageRows = 1 << pageShift

  init(layout: AccumulatorLayout, asOf: Int64?) {
    self.layout = layout
    self.asOf = asOf
  }

  deinit { for page in pages { page.deallocate() } }

  /// The record of a key, or nil where no row of this source reached a key that high.
  @inline(__always)
  func record(_ key: UInt32) -> UnsafeMutableRawPointer? {
    let page = Int(key) >> EventsState.pageShift
    if page >= pages.count { return nil }
    return pages[page] + (Int(key) & (EventsState.pageRows - 1)) * layout.stride
  }

  /// About how much memory it takes.
  var bytes: Int {
    pages.count * EventsState.pageRows * layout.stride + arena.capacity + distinct.count * 32
      + wides.count * MemoryLayout<WideSum>.stride + (wideIndex.count + wraps.count) * 48
  }

  /// Adds a batch's rows. `numbers[i]` is row i's key number, all below `keyCount`; `inputs` maps an input's number
  /// in the attempt to its number in `table`.
  func apply(
    _ batch: RowBatch, numbers: UnsafePointer<UInt32>, keyCount: Int, inputs: [UInt32], table: InputTable
  ) {
    grow(to: keyCount)
    let rows = batch.count
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: max(rows, 1)) { records in
      guard let records = records.baseAddress else { return }
      find(numbers, rows, into: records)
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(rows, 1)) { selection in
        guard let selection = selection.baseAddress else { return }
        let rows = Rows(batch: batch, numbers: numbers, records: records, inputs: inputs, table: table)
        for filter in layout.singleFilters {
          update(filter, rows, selection, select(filter, batch, into: selection))
        }
        for filters in layout.switches { update(filters, rows, selection) }
      }
    }
    if garbage > 1 << 16 && garbage * 2 > arena.count { compact() }
  }

  /// A batch's rows and where they go.
  private struct Rows {
    let batch: RowBatch
    let numbers: UnsafePointer<UInt32>
    let records: UnsafeMutablePointer<UnsafeMutableRawPointer>
    let inputs: [UInt32]
    let table: InputTable
  }

  /// Finds each row's record, and loads all of it: the cache misses of many rows overlap here, and the updates meet none.
  private func find(
    _ numbers: UnsafePointer<UInt32>, _ rows: Int, into records: UnsafeMutablePointer<UnsafeMutableRawPointer>
  ) {
    let stride = layout.stride
    var seen: UInt64 = 0
    pages.withUnsafeBufferPointer { pages in
      for row in 0..<rows {
        let key = Int(numbers[row])
        let record = pages[key >> EventsState.pageShift] + (key & (EventsState.pageRows - 1)) &* stride
        records[row] = record
        seen |= record.load(as: UInt64.self)
        var at = 64
        while at < stride {
          seen |= record.load(fromByteOffset: at, as: UInt64.self)
          at &+= 64
        }
      }
    }
    self.seen = seen
  }

  /// Updates the slots of each constant's filters.
  private func update(_ filters: FilterSwitch, _ rows: Rows, _ selection: UnsafeMutablePointer<UInt32>) {
    let batch = rows.batch
    let count = batch.count
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(count, 1)) { codes in
      guard let codes = codes.baseAddress else { return }
      filters.constants.evaluate(batch.columns[filters.column], count, into: codes)
      withUnsafeTemporaryAllocation(of: Int.self, capacity: filters.filters.count + 2) { ends in
        EventsState.sort(codes, count, into: selection, ends: ends)
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(count, 1)) { narrowed in
          guard let narrowed = narrowed.baseAddress else { return }
          for (index, filters) in filters.filters.enumerated() {
            let from = ends[index]
            let chosen = ends[index + 1] - from
            for filter in filters {
              narrowed.update(from: selection + from, count: chosen)
              let count = timeRange(filter).map { EventsState.narrow(narrowed, chosen, to: $0, batch) } ?? chosen
              update(filter, rows, narrowed, count)
            }
          }
        }
      }
    }
  }

  /// Puts the rows of code c, for each c from 1, to `order` from `ends[c - 1]` to `ends[c]`. `ends` has two elements more
  /// than there are codes.
  private static func sort(
    _ codes: UnsafePointer<UInt8>, _ rows: Int, into order: UnsafeMutablePointer<UInt32>,
    ends: UnsafeMutableBufferPointer<Int>
  ) {
    ends.initialize(repeating: 0)
    // Rows of code c are counted at c + 1, so that the sums below are at c where they begin.
    for row in 0..<rows where codes[row] != 0 { ends[Int(codes[row]) &+ 1] &+= 1 }
    for code in 2..<ends.count { ends[code] &+= ends[code &- 1] }
    for row in 0..<rows where codes[row] != 0 {
      let code = Int(codes[row])
      order[ends[code]] = UInt32(truncatingIfNeeded: row)
      ends[code] &+= 1
    }
  }

  private func update(
    _ filter: Int, _ rows: Rows, _ selection: UnsafeMutablePointer<UInt32>, _ count: Int
  ) {
    if count == 0 { return }
    for index in layout.slotsOfFilter[filter] {
      let target = SlotUpdate(
        batch: rows.batch, numbers: rows.numbers, records: rows.records, selection: selection, count: count,
        slot: layout.slots[index], index: index)
      update(target, inputs: rows.inputs, table: rows.table)
    }
  }

  /// Rewrites the strings' bytes without what was replaced.
  private func compact() {
    let compacted = ByteArena(capacity: arena.count - garbage)
    for slot in layout.slots where slot.type == .string {
      let offset: Int
      switch slot.kind {
      case .min, .max: offset = slot.offset
      case .first, .last: offset = slot.offset + AccumulatorLayout.versionedValueOffset
      default: continue
      }
      for page in pages {
        for row in 0..<EventsState.pageRows {
          let view = (page + row * layout.stride + offset).assumingMemoryBound(to: ByteView.self)
          let length = view.pointee.length
          let start = compacted.append(arena.base + Int(view.pointee.start), length)
          view.pointee = ByteView(start: start, length: UInt32(length))
        }
      }
    }
    arena = compacted
    garbage = 0
  }

  private func grow(to keys: Int) {
    let needed = (keys + EventsState.pageRows - 1) >> EventsState.pageShift
    while pages.count < needed {
      let bytes = EventsState.pageRows * layout.stride
      let page = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      page.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
      pages.append(page)
    }
  }

  /// Rows that a filter takes, as ascending indices.
  private func select(_ filter: Int, _ batch: RowBatch, into selection: UnsafeMutablePointer<UInt32>) -> Int {
    let rows = batch.count
    if let program = layout.programs[filter] {
      return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(rows, 1)) { truth in
        guard let truth = truth.baseAddress else { return 0 }
        program.evaluate(batch, into: truth)
        var count = 0
        for row in 0..<rows {
          selection[count] = UInt32(truncatingIfNeeded: row)
          count &+= truth[row] == 1 ? 1 : 0
        }
        guard let times = timeRange(filter) else { return count }
        return EventsState.narrow(selection, count, to: times, batch)
      }
    }
    for row in 0..<rows { selection[row] = UInt32(truncatingIfNeeded: row) }
    guard let times = timeRange(filter) else { return rows }
    return EventsState.narrow(selection, rows, to: times, batch)
  }

  /// The event times of rows that count; nil: all.
  private func timeRange(_ filter: Int) -> Range<Int64>? {
    guard let asOf else { return nil }
    guard let over = layout.filters[filter].over else { return .min..<asOf }
    let (start, overflow) = asOf.subtractingReportingOverflow(over)
    return (overflow ? .min : min(start, asOf))..<asOf
  }

  /// Keeps those of the chosen rows whose time is in the range; gives how many they are.
  private static func narrow(
    _ selection: UnsafeMutablePointer<UInt32>, _ chosen: Int, to range: Range<Int64>, _ batch: RowBatch
  ) -> Int {
    let times = batch.times
    let (low, high) = (range.lowerBound, range.upperBound)
    var count = 0
    for i in 0..<chosen {
      let row = selection[i]
      let time = times[Int(row)]
      selection[count] = row
      count &+= time >= low && time < high ? 1 : 0
    }
    return count
  }

  private func update(_ at: SlotUpdate, inputs: [UInt32], table: InputTable) {
    switch at.slot.kind {
    case .rows: at.countRows()
    case .values: at.countValues()
    case .sum:
      switch at.slot.type {
      case .double: sumDoubles(at)
      case .decimal: sumDecimals(at)
      case .bool: sumBools(at)
      default: sumInts(at)
      }
    case .squares: addSquares(at)
    case .min, .max:
      if at.slot.type == .string { extremeString(at) } else { extreme(at) }
    case .first, .last: boundary(at, inputs: inputs, table: table)
    case .distinct: addDistinct(at)
    }
  }

  private func addDistinct(_ at: SlotUpdate) {
    guard let column = at.column else { return }
    for i in 0..<at.count {
      let row = Int(at.selection[i])
      guard column.validity[row] != 0 else { continue }
      let (low, high) = column.hash128(row)
      let owner = Hashing.mix(UInt64(at.numbers[row]) &<< 16 | UInt64(at.index & 0xffff))
      if distinct.insert(low ^ owner, high &+ owner) {
        at.add(1, row)
      }
    }
  }
}

/// One slot's update by the selected rows of a batch.
struct SlotUpdate {
  let batch: RowBatch
  let numbers: UnsafePointer<UInt32>
  let records: UnsafeMutablePointer<UnsafeMutableRawPointer>
  let selection: UnsafeMutablePointer<UInt32>
  let count: Int
  let slot: AccumulatorLayout.Slot
  let index: Int

  var column: Column? { slot.column.map { batch.columns[$0] } }
  /// Byte offset of the presence word, and the bit in it.
  @inline(__always) var presenceOffset: Int { (index >> 6) * 8 }
  @inline(__always) var presenceBit: UInt64 { 1 &<< UInt64(index & 63) }

  @inline(__always)
  func pointer<T>(_ row: Int, as type: T.Type) -> UnsafeMutablePointer<T> {
    (records[row] + slot.offset).assumingMemoryBound(to: type)
  }

  /// Sets the presence bit; gives whether it was set before.
  @inline(__always)
  func markPresent(_ row: Int) -> Bool {
    let word = (records[row] + presenceOffset).assumingMemoryBound(to: UInt64.self)
    let before = word.pointee
    word.pointee = before | presenceBit
    return before & presenceBit != 0
  }

  @inline(__always)
  func add(_ value: Int64, _ row: Int) { pointer(row, as: Int64.self).pointee &+= value }

  /// Calls `body` with each row whose value is not null and with its slot, and marks the slot present. Always inlined
  /// with `body` known, so what runs is one plain loop.
  @inline(__always)
  func eachPresent<T>(
    _ validity: UnsafePointer<UInt8>, as type: T.Type, _ body: (Int, UnsafeMutablePointer<T>) -> Void
  ) {
    let (records, selection) = (records, selection)
    let (offset, presenceOffset, presenceBit) = (slot.offset, presenceOffset, presenceBit)
    for i in 0..<count {
      let row = Int(selection[i])
      guard validity[row] != 0 else { continue }
      let record = records[row]
      (record + presenceOffset).assumingMemoryBound(to: UInt64.self).pointee |= presenceBit
      body(row, (record + offset).assumingMemoryBound(to: type))
    }
  }

  func countRows() {
    let (records, selection, offset) = (records, selection, slot.offset)
    for i in 0..<count {
      (records[Int(selection[i])] + offset).assumingMemoryBound(to: Int64.self).pointee &+= 1
    }
  }

  func countValues() {
    guard let column else { return }
    let (records, selection, offset) = (records, selection, slot.offset)
    let validity = column.validity
    for i in 0..<count {
      let row = Int(selection[i])
      (records[row] + offset).assumingMemoryBound(to: Int64.self).pointee &+= Int64(validity[row])
    }
  }
}
