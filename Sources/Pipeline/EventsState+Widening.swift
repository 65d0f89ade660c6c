/// Narrow slots that wrapped become wider ones, in all records of the shard: between batches each holds its whole value.
extension EventsState {
  /// Widens the slots of those groups of which one wrapped, and takes their wraps in.
  func widen() {
    needsWidening = false
    var totals: [SlotKey: Int128] = [:]
    var widths: [AccumulatorLayout.Group: Int] = [:]
    for (name, wrapped) in wraps {
      let slot = layout.slots[Int(name.slot)]
      guard slot.width < 8, let record = record(name.key) else { continue }
      let total = Int128(slot.integer(record)) + wrapped << Int128(8 * slot.width)
      totals[name] = total
      // What has wrapped in between is widened, too, if it fits in the end: else it would be at each such batch.
      widths[AccumulatorLayout.Group(slot), default: 2 * slot.width] = max(
        widths[AccumulatorLayout.Group(slot)] ?? 2 * slot.width, EventsState.width(for: total))
    }
    let (before, wider) = (layout, layout.widened(widths))
    move(to: wider) { from, to in
      for (was, now) in zip(before.slots, wider.slots) {
        if was.width == now.width {
          (to + now.offset).copyMemory(from: from + was.offset, byteCount: was.width)
        } else {
          now.set(was.integer(from), to)
        }
      }
      (to + wider.presence).copyMemory(from: from + before.presence, byteCount: (wider.slots.count + 7) / 8)
    }
    for (name, total) in totals {
      guard let record = record(name.key) else { continue }
      let low = Int64(truncatingIfNeeded: total)
      layout.slots[Int(name.slot)].set(low, record)
      let rest = (total - Int128(low)) >> 64
      wraps[name] = rest == 0 ? nil : rest
    }
  }

  /// Bytes of a slot that holds this, and sixteen times as much: what has grown goes on to grow.
  private static func width(for total: Int128) -> Int { total.magnitude < 1 << 27 ? 4 : 8 }
}

extension AccumulatorLayout.Slot {
  /// A count, or a sum of integers, as far as the slot holds it.
  @inline(__always)
  func integer(_ record: UnsafeMutableRawPointer) -> Int64 {
    switch width {
    case 2: Int64((record + offset).load(as: Int16.self))
    case 4: Int64((record + offset).load(as: Int32.self))
    default: (record + offset).load(as: Int64.self)
    }
  }

  /// Those of its bits that the slot has room for.
  func set(_ value: Int64, _ record: UnsafeMutableRawPointer) {
    switch width {
    case 2: (record + offset).storeBytes(of: Int16(truncatingIfNeeded: value), as: Int16.self)
    case 4: (record + offset).storeBytes(of: Int32(truncatingIfNeeded: value), as: Int32.self)
    default: (record + offset).storeBytes(of: value, as: Int64.self)
    }
  }
}
