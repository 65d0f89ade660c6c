internal import CScan
internal import Columns

/// Lanes: counts and sums of integers that lie side by side in a record, all of one width, and are added to by one vector
/// addition a row.
///
/// What a row adds is put together from tables: by the row's index of each group of slots (``LaneGroup``) a mask of the lanes
/// that get its value, or 1. A row that a lane has no room for is left to the loops that know what to do with it.
final class LaneSet: Sendable {
  /// Its slots, in the order of their offsets.
  let slots: [Int]
  /// The same for the loops over single slots.
  let choice: SlotChoice

  private struct Part: Sendable {
    let index: Int
    let values: Int?
    /// From the tables' start.
    let masks: Int
    let presences: Int
  }

  private let parts: [Part]
  private let width: Int
  /// Bytes from a record's start, and how many.
  let window: Int
  let windowBytes: Int
  /// Bytes from a record's start to the word that has the presence bits.
  private let presence: Int
  // Sendable: written before anybody has the object, and only read then.
  private nonisolated(unsafe) let tables: UnsafeMutableRawPointer

  private static let presenceBytes = 8

  /// A layout's sets, all of whose lanes there are.
  static func sets(_ layout: AccumulatorLayout) -> [LaneSet] {
    let windowMax = min(64, layout.stride >= 64 ? 64 : layout.stride >= 32 ? 32 : 16)
    var sets: [LaneSet] = []
    for width in [4, 2] {
      var some: [Int] = []
      let slots = layout.slots.indices.filter { layout.slots[$0].isLane && layout.slots[$0].width == width }
      for slot in slots.sorted(by: { layout.slots[$0].offset < layout.slots[$1].offset }) {
        if let first = some.first, let least = some.min(), let greatest = some.max() {
          let bytes = layout.slots[slot].offset + width - layout.slots[first].offset
          let bits = presenceWord(layout, min(least, slot))
          if bytes > windowMax || bits.shift + max(greatest, slot) - bits.first >= 8 * presenceBytes {
            sets.append(LaneSet(layout, some, width: width))
            some = []
          }
        }
        some.append(slot)
      }
      if !some.isEmpty { sets.append(LaneSet(layout, some, width: width)) }
    }
    return sets
  }

  /// The word of presence bits that a slot's is in: bytes from the record's start, within the record, the first slot whose
  /// bit is there and at which bit.
  private static func presenceWord(_ layout: AccumulatorLayout, _ slot: Int) -> (offset: Int, first: Int, shift: Int) {
    let byte = layout.presence + slot >> 3
    let offset = min(byte, layout.stride - presenceBytes)
    return (offset, slot & ~7, 8 * (byte - offset))
  }

  private init(_ layout: AccumulatorLayout, _ slots: [Int], width: Int) {
    self.slots = slots
    self.width = width
    choice = SlotChoice(layout, slots)
    let (first, last) = (layout.slots[slots[0]].offset, layout.slots[slots[slots.count - 1]].offset)
    let needed = last + width - first
    windowBytes = needed <= 16 ? 16 : needed <= 32 ? 32 : 64
    // Records are multiples of 16 bytes, windows no larger than they: it does not go beyond the record's end.
    window = min(first, layout.stride - windowBytes)
    let bits = LaneSet.presenceWord(layout, slots.min() ?? 0)
    presence = bits.offset

    let chosen = Set(slots)
    var parts: [Part] = []
    var (size, groups) = (0, [LaneGroup]())
    // Counts come first.
    for isSum in [false, true] {
      for var group in layout.laneGroups where (group.values != nil) == isSum {
        group.slots = group.slots.map { $0.filter(chosen.contains) }
        if group.slots.allSatisfy(\.isEmpty) { continue }
        let masks = (size + 63) & ~63
        let presences = masks + group.slots.count * windowBytes
        parts.append(Part(index: group.index, values: group.values, masks: masks, presences: presences))
        groups.append(group)
        size = presences + group.slots.count * LaneSet.presenceBytes
      }
    }
    tables = .allocate(byteCount: max(size, 1), alignment: 64)
    tables.initializeMemory(as: UInt8.self, repeating: 0, count: max(size, 1))
    for (part, group) in zip(parts, groups) {
      for (index, slots) in group.slots.enumerated() {
        var present: UInt64 = 0
        for slot in slots {
          let lane = part.masks + index * windowBytes + layout.slots[slot].offset - window
          (tables + lane).initializeMemory(as: UInt8.self, repeating: 0xff, count: width)
          present |= 1 &<< UInt64(bits.shift + slot - bits.first)
        }
        tables.storeBytes(
          of: present.littleEndian, toByteOffset: part.presences + index * LaneSet.presenceBytes, as: UInt64.self)
      }
    }
    self.parts = parts
  }

  deinit { tables.deallocate() }

  /// Adds the chosen rows, whose records are found. Those that it leaves come to `rest`; gives their number.
  func add(
    _ prepared: PreparedRows, _ rows: RowColumns, asOf: Int64?, _ chosen: UnsafePointer<UInt32>, _ count: Int,
    rest: UnsafeMutablePointer<UInt32>
  ) -> Int {
    withUnsafeTemporaryAllocation(of: cscan_lane_group.self, capacity: parts.count) { groups in
      var valued: UInt32 = 0
      for (number, part) in parts.enumerated() {
        if part.values != nil { valued |= 1 &<< UInt32(number) }
        groups.initializeElement(
          at: number,
          to: cscan_lane_group(
            index: prepared.laneIndex(part.index, asOf: asOf), values: part.values.map { rows.columns[$0].int64s },
            masks: UnsafeRawPointer(tables + part.masks),
            presences: UnsafeRawPointer(tables + part.presences).assumingMemoryBound(to: UInt64.self)))
      }
      guard let groups = groups.baseAddress else { return 0 }
      var lanes = cscan_lanes(
        window: window, presence: presence, lane_bytes: UInt32(width), window_bytes: UInt32(windowBytes),
        group_count: UInt32(parts.count), valued: valued, groups: groups)
      return cscan_add_lanes(&lanes, prepared.records, chosen, count, rest)
    }
  }
}
