internal import Columns
internal import Definition

/// One shard's accumulators of one `events` source: a record of slots a key (``AccumulatorLayout``).
///
/// Every update is commutative and associative, so the state is a function of the multiset of rows (I1): integers
/// and decimals wrap and count their wraps, doubles are summed exactly, first and last go by ``RowVersion``.
final class EventsState {
  /// Its narrow slots are widened as they need it.
  private(set) var layout: AccumulatorLayout
  /// May move forward while no row was passed over for it; see ``RollingState``.
  var asOf: Int64?
  private(set) var records: RecordPages
  /// What a key without rows has: zeros.
  private var zeros: TableMemory
  var absent: UnsafeMutableRawPointer { zeros.base }
  /// How often a wrapping sum overflowed (+1) or underflowed (−1): the sum is slot + wraps × 2^width. Between batches only
  /// of the widest slots.
  var wraps: [SlotKey: Int128] = [:]
  /// A narrow slot wrapped.
  var needsWidening = false
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

  /// Rows that are updated together: few enough that their records stay in the nearest cache from slot to slot.
  private static let rowsAtOnce = 192

  init(layout: AccumulatorLayout, asOf: Int64?) {
    // Slots of 16 bytes are read as they lie.
    assert(layout.stride % 16 == 0)
    self.layout = layout
    self.asOf = asOf
    records = RecordPages(stride: layout.stride)
    zeros = TableMemory(byteCount: layout.stride)
  }

  /// The record of a key, or nil where there is no room for a key that high.
  @inline(__always)
  func record(_ key: UInt32) -> UnsafeMutableRawPointer? { records.record(key) }

  /// About how much memory it takes.
  var bytes: Int {
    records.bytes + arena.capacity + distinct.count * 32 + wides.count * MemoryLayout<WideSum>.stride
      + wideIndex.count * 48 + wraps.count * 64
  }

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
    let base = prepared.base
    for i in 0..<chosen.count { base[i] = chosen[i] }
    let counted = narrow(base, chosen.count, before: asOf, rows)
    prepared.findRecords(chosen, in: records)
    var from = 0
    while from < counted {
      let count = min(EventsState.rowsAtOnce, counted - from)
      update(prepared, rows, base + from, count, inputs, table)
      from += count
    }
    if needsWidening { widen() }
    if garbage > 1 << 16 && garbage * 2 > arena.count { compact() }
  }

  /// Lays all records out again.
  func move(
    to wider: AccumulatorLayout, _ copy: (_ from: UnsafeMutableRawPointer, _ to: UnsafeMutableRawPointer) -> Void
  ) {
    var moved = RecordPages(stride: wider.stride)
    moved.grow(to: records.pages.count * RecordPages.rows)
    for (from, to) in zip(records.pages, moved.pages) {
      for row in 0..<RecordPages.rows { copy(from + row * layout.stride, to + row * wider.stride) }
    }
    records = moved
    layout = wider
    zeros = TableMemory(byteCount: wider.stride)
  }

  private func update(
    _ prepared: PreparedRows, _ rows: RowColumns, _ base: UnsafePointer<UInt32>, _ counted: Int, _ inputs: [UInt32],
    _ table: InputTable
  ) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: counted) { rest in
      guard let rest = rest.baseAddress else { return }
      for set in layout.laneSets {
        let count = set.add(prepared, rows, asOf: asOf, base, counted, rest: rest)
        if count > 0 { update(set.choice, prepared, rows, rest, count, inputs, table) }
      }
    }
    if let others = layout.others { update(others, prepared, rows, base, counted, inputs, table) }
  }

  /// Goes through the slots, one after the other.
  private func update(
    _ slots: SlotChoice, _ prepared: PreparedRows, _ rows: RowColumns, _ base: UnsafePointer<UInt32>, _ counted: Int,
    _ inputs: [UInt32], _ table: InputTable
  ) {
    let selection = prepared.selection
    func update<P: SlotPlaces>(_ slot: Int, _ places: P, _ chosen: UnsafePointer<UInt32>, _ count: Int) {
      let target = SlotUpdate(
        rows: rows, numbers: prepared.numbers, records: prepared.records, selection: chosen, count: count,
        slot: layout.slots[slot], places: places)
      self.update(target, inputs: inputs, table: table)
    }

    for (filter, slots) in slots.singles {
      let over = layout.filters[filter].over
      var (chosen, count) = (base, counted)
      if layout.programs[filter] != nil || over != nil {
        chosen = UnsafePointer(selection)
        if layout.programs[filter] == nil {
          selection.update(from: base, count: counted)
        } else {
          count = select(prepared.truth(filter), base, counted, into: selection)
        }
        count = narrow(selection, count, over: over, rows)
      }
      if count == 0 { continue }
      for slot in slots { update(slot, OnePlace(layout.place(slot)), chosen, count) }
    }
    for (index, families) in slots.switches {
      let codes = prepared.codes(index)
      for family in families {
        family.places.withUnsafeBufferPointer { places in
          guard let places = places.baseAddress else { return }
          var count = 0
          for i in 0..<counted {
            selection[count] = base[i]
            count &+= places[Int(codes[Int(base[i])])].index >= 0 ? 1 : 0
          }
          count = narrow(selection, count, over: layout.filters[layout.slots[family.slot].filter].over, rows)
          if count > 0 { update(family.slot, PlaceByCode(codes: codes, places: places), selection, count) }
        }
      }
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
      for page in records.pages {
        for row in 0..<RecordPages.rows {
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

  /// Those of the chosen rows with which the condition is true; gives how many they are.
  private func select(
    _ truth: UnsafePointer<UInt8>, _ chosen: UnsafePointer<UInt32>, _ chosenCount: Int,
    into selection: UnsafeMutablePointer<UInt32>
  ) -> Int {
    var count = 0
    for i in 0..<chosenCount {
      selection[count] = chosen[i]
      count &+= truth[Int(chosen[i])] == 1 ? 1 : 0
    }
    return count
  }

  /// Keeps those of the chosen rows that lie before a time; gives how many they are.
  private func narrow(
    _ selection: UnsafeMutablePointer<UInt32>, _ chosen: Int, before end: Int64?, _ rows: RowColumns
  ) -> Int {
    guard let end, let times = rows.times else { return chosen }
    var count = 0
    for i in 0..<chosen {
      let row = selection[i]
      selection[count] = row
      count &+= times[Int(row)] < end ? 1 : 0
    }
    return count
  }

  /// Keeps those of the chosen rows, all of which lie before the as-of time, that lie in the window that ends there.
  private func narrow(
    _ selection: UnsafeMutablePointer<UInt32>, _ chosen: Int, over: Int64?, _ rows: RowColumns
  ) -> Int {
    guard let over, let asOf, let times = rows.times else { return chosen }
    let (start, overflow) = asOf.subtractingReportingOverflow(over)
    let first = overflow ? .min : start
    var count = 0
    for i in 0..<chosen {
      let row = selection[i]
      selection[count] = row
      count &+= times[Int(row)] >= first ? 1 : 0
    }
    return count
  }

  private func update<P: SlotPlaces>(_ at: SlotUpdate<P>, inputs: [UInt32], table: InputTable) {
    switch at.slot.kind {
    case .rows, .values, .distinct: updateNarrow(at)
    case .sum:
      switch at.slot.type {
      case .double: sumDoubles(at)
      case .decimal: sumDecimals(at)
      default: updateNarrow(at)
      }
    case .squares: addSquares(at)
    case .min, .max:
      if at.slot.type == .string { extremeString(at) } else { extreme(at) }
    case .first, .last: boundary(at, inputs: inputs, table: table)
    }
  }

  private func updateNarrow<P: SlotPlaces>(_ at: SlotUpdate<P>) {
    switch at.slot.width {
    case 2: updateNarrow(at, Int16.self)
    case 4: updateNarrow(at, Int32.self)
    default: updateNarrow(at, Int64.self)
    }
  }

  private func updateNarrow<P: SlotPlaces, T: FixedWidthInteger>(_ at: SlotUpdate<P>, _ width: T.Type) {
    switch at.slot.kind {
    case .rows: countRows(at, width)
    case .values: countValues(at, width)
    case .distinct: addDistinct(at, width)
    default: if at.slot.type == .bool { sumBools(at, width) } else { sumInts(at, width) }
    }
  }

  private func addDistinct<P: SlotPlaces, T: FixedWidthInteger>(_ at: SlotUpdate<P>, _: T.Type) {
    guard let column = at.column else { return }
    for i in 0..<at.count {
      let row = Int(at.selection[i])
      guard column.validity[row] != 0 else { continue }
      let (low, high) = column.hash128(row)
      let owner = Hashing.mix(UInt64(at.numbers[row]) &<< 16 | UInt64(at.places.place(row).index & 0xffff))
      if distinct.insert(low ^ owner, high &+ owner) { increment(at.pointer(row, as: T.self), at, row) }
    }
  }
}
