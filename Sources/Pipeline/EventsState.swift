internal import Columns
internal import Definition

/// One shard's accumulators of one `events` source: a record of slots a key (``AccumulatorLayout``).
///
/// Every update is commutative and associative, so the state is a function of the multiset of rows (I1): integers
/// and decimals wrap and count their wraps, doubles are summed exactly, first and last go by ``RowVersion``.
final class EventsState {
  let layout: AccumulatorLayout
  let asOf: Int64?
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

  /// Adds a batch's rows. `numbers[i]` is row i's key number, all below `keyCount`; `inputs` maps an input's number
  /// in the attempt to its number in `table`.
  func apply(
    _ batch: RowBatch, numbers: UnsafePointer<UInt32>, keyCount: Int, inputs: [UInt32], table: InputTable
  ) {
    grow(to: keyCount)
    let rows = batch.count
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: max(rows, 1)) { records in
      let stride = layout.stride
      pages.withUnsafeBufferPointer { pages in
        for row in 0..<rows {
          let key = Int(numbers[row])
          records[row] =
            pages[key >> EventsState.pageShift] + (key & (EventsState.pageRows - 1)) * stride
        }
      }
      guard let records = records.baseAddress else { return }
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(rows, 1)) { selection in
        guard let selection = selection.baseAddress else { return }
        for filter in layout.filters.indices {
          let count = select(filter, batch, into: selection)
          if count == 0 { continue }
          for (index, slot) in layout.slots.enumerated() where slot.filter == filter {
            let target = SlotUpdate(
              batch: batch, numbers: numbers, records: records, selection: selection, count: count,
              slot: slot, index: index)
            update(target, inputs: inputs, table: table)
          }
        }
      }
    }
    if garbage > 1 << 16 && garbage * 2 > arena.count { compact() }
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
    var low = Int64.min
    var high = Int64.max
    var timed = false
    if let asOf {
      high = asOf
      timed = true
      if let over = layout.filters[filter].over {
        let (start, overflow) = asOf.subtractingReportingOverflow(over)
        low = overflow ? .min : start
      }
    }
    var count = 0
    if let program = layout.programs[filter] {
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(rows, 1)) { truth in
        guard let truth = truth.baseAddress else { return }
        program.evaluate(batch, into: truth)
        if timed {
          for row in 0..<rows {
            let time = batch.times[row]
            selection[count] = UInt32(truncatingIfNeeded: row)
            count &+= truth[row] == 1 && time >= low && time < high ? 1 : 0
          }
        } else {
          for row in 0..<rows {
            selection[count] = UInt32(truncatingIfNeeded: row)
            count &+= truth[row] == 1 ? 1 : 0
          }
        }
      }
    } else if timed {
      for row in 0..<rows {
        let time = batch.times[row]
        selection[count] = UInt32(truncatingIfNeeded: row)
        count &+= time >= low && time < high ? 1 : 0
      }
    } else {
      for row in 0..<rows { selection[row] = UInt32(truncatingIfNeeded: row) }
      count = rows
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

  func countRows() {
    for i in 0..<count { add(1, Int(selection[i])) }
  }

  func countValues() {
    guard let column else { return }
    for i in 0..<count {
      let row = Int(selection[i])
      add(Int64(column.validity[row]), row)
    }
  }
}
