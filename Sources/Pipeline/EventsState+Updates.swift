internal import Columns

/// The update loops, one a kind and type: free of closures, existentials and allocation but for promotions.
extension EventsState {
  func countRows<P: SlotPlaces, T: FixedWidthInteger>(_ at: SlotUpdate<P>, _: T.Type) {
    let (records, selection, places) = (at.records, at.selection, at.places)
    for i in 0..<at.count {
      let row = Int(selection[i])
      increment((records[row] + Int(places.place(row).offset)).assumingMemoryBound(to: T.self), at, row)
    }
  }

  func countValues<P: SlotPlaces, T: FixedWidthInteger>(_ at: SlotUpdate<P>, _: T.Type) {
    guard let column = at.column else { return }
    let (records, selection, places, validity) = (at.records, at.selection, at.places, column.validity)
    for i in 0..<at.count {
      let row = Int(selection[i])
      guard validity[row] != 0 else { continue }
      increment((records[row] + Int(places.place(row).offset)).assumingMemoryBound(to: T.self), at, row)
    }
  }

  @inline(__always)
  func increment<P: SlotPlaces, T: FixedWidthInteger>(
    _ slot: UnsafeMutablePointer<T>, _ at: SlotUpdate<P>, _ row: Int
  ) {
    let (sum, overflow) = slot.pointee.addingReportingOverflow(1)
    slot.pointee = sum
    if overflow { wrap(at, row, by: 1) }
  }

  func sumInts<P: SlotPlaces, T: FixedWidthInteger>(_ at: SlotUpdate<P>, _: T.Type) {
    guard let column = at.column else { return }
    let values = column.int64s
    at.eachPresent(column.validity, as: T.self) { row, slot in
      let value = values[row]
      let low = T(truncatingIfNeeded: value)
      let (sum, overflow) = slot.pointee.addingReportingOverflow(low)
      slot.pointee = sum
      if overflow || Int64(truncatingIfNeeded: low) != value {
        // What the slot cannot hold of the value, and what its sum went over by; both in units of 2^width.
        let carried = ((value >> Int64(T.bitWidth - 1)) >> 1) + (low < 0 ? 1 : 0)
        wrap(at, row, by: carried + (overflow ? (low < 0 ? -1 : 1) : 0))
      }
    }
  }

  func sumBools<P: SlotPlaces, T: FixedWidthInteger>(_ at: SlotUpdate<P>, _: T.Type) {
    guard let column = at.column else { return }
    let values = column.bytes
    at.eachPresent(column.validity, as: T.self) { row, slot in
      if values[row] != 0 { increment(slot, at, row) }
    }
  }

  func sumDecimals<P: SlotPlaces>(_ at: SlotUpdate<P>) {
    guard let column = at.column else { return }
    let values = column.int128s
    at.eachPresent(column.validity, as: Int128.self) { row, slot in
      let (sum, overflow) = slot.pointee.addingReportingOverflow(values[row])
      slot.pointee = sum
      if overflow { wrap(at, row, by: values[row] < 0 ? -1 : 1) }
    }
  }

  @inline(never)
  private func wrap<P: SlotPlaces>(_ at: SlotUpdate<P>, _ row: Int, by direction: Int64) {
    if at.slot.width < 8 { needsWidening = true }
    wraps[SlotKey(key: at.numbers[row], slot: at.places.place(row).index), default: 0] += Int128(direction)
  }

  func sumDoubles<P: SlotPlaces>(_ at: SlotUpdate<P>) {
    guard let column = at.column else { return }
    let values = column.doubles
    at.eachPresent(column.validity, as: Int128.self) { row, slot in
      if !ExactSum.addToWindow(&slot.pointee, values[row]) { promote(at, row, values[row]) }
    }
  }

  /// A value that the window cannot take goes to the slot's wide sum; the window keeps what it has. The sum is both.
  @inline(never)
  private func promote<P: SlotPlaces>(_ at: SlotUpdate<P>, _ row: Int, _ value: Double) {
    let index = wide(at, row)
    let slot = at.pointer(row, as: Int128.self)
    wides[index].add(window: slot.pointee)
    slot.pointee = 0
    wides[index].add(value)
  }

  private func wide<P: SlotPlaces>(_ at: SlotUpdate<P>, _ row: Int) -> Int {
    let key = SlotKey(key: at.numbers[row], slot: at.places.place(row).index)
    if let index = wideIndex[key] { return index }
    wides.append(WideSum())
    wideIndex[key] = wides.count - 1
    return wides.count - 1
  }

  func addSquares<P: SlotPlaces>(_ at: SlotUpdate<P>) {
    guard let column = at.column else { return }
    for i in 0..<at.count {
      let row = Int(at.selection[i])
      guard column.validity[row] != 0 else { continue }
      let slot = at.pointer(row, as: Int64.self)
      if slot.pointee == 0 {
        // Found through the slot alone: in the index it would cost every read of a sum of doubles a look-up.
        wides.append(WideSum())
        slot.pointee = Int64(wides.count)
      }
      let sum = Int(slot.pointee) - 1
      switch column.type {
      case .double: wides[sum].addSquare(column.doubles[row])
      case .decimal: wides[sum].addSquare(integer: column.int128s[row])
      default: wides[sum].addSquare(integer: Int128(column.ordinal(row)))
      }
    }
  }

  /// Extremes of everything but strings, as values that order as integers do.
  func extreme<P: SlotPlaces>(_ at: SlotUpdate<P>) {
    guard let column = at.column else { return }
    let least = at.slot.kind == .min
    if case .decimal = column.type {
      for i in 0..<at.count {
        let row = Int(at.selection[i])
        guard column.validity[row] != 0 else { continue }
        let slot = at.pointer(row, as: Int128.self)
        let value = column.int128s[row]
        let present = at.markPresent(row)
        if !present || (least ? value < slot.pointee : value > slot.pointee) { slot.pointee = value }
      }
      return
    }
    if column.type == .int || column.type == .timestamp {
      let values = column.int64s
      extreme(at, column) { values[$0] }
    } else {
      extreme(at, column) { column.ordinal($0) }
    }
  }

  @inline(__always)
  private func extreme<P: SlotPlaces>(_ at: SlotUpdate<P>, _ column: Column, _ ordinal: (Int) -> Int64) {
    let least = at.slot.kind == .min
    let (records, selection, validity) = (at.records, at.selection, column.validity)
    let places = at.places
    for i in 0..<at.count {
      let row = Int(selection[i])
      guard validity[row] != 0 else { continue }
      let record = records[row]
      let place = places.place(row)
      let presence = (record + Int(place.presenceOffset)).assumingMemoryBound(to: UInt8.self)
      let slot = (record + Int(place.offset)).assumingMemoryBound(to: Int64.self)
      let (before, held, value) = (presence.pointee, slot.pointee, ordinal(row))
      presence.pointee = before | place.presenceBit
      // Without a branch: whether a value wins is as good as random.
      let wins = before & place.presenceBit == 0 || (least ? value < held : value > held)
      slot.pointee = wins ? value : held
    }
  }

  func extremeString<P: SlotPlaces>(_ at: SlotUpdate<P>) {
    guard let column = at.column else { return }
    let least = at.slot.kind == .min
    let bytes = column.arena.base
    for i in 0..<at.count {
      let row = Int(at.selection[i])
      guard column.validity[row] != 0 else { continue }
      let slot = at.pointer(row, as: ByteView.self)
      let view = column.views[row]
      if at.markPresent(row) {
        let order = compareBytes(
          bytes + Int(view.start), view.length, arena.base + Int(slot.pointee.start), slot.pointee.length)
        if least ? order >= 0 : order <= 0 { continue }
      } else {
        slot.pointee = ByteView(start: 0, length: 0)
      }
      store(view, bytes, in: slot)
    }
  }

  /// Keeps a string in the state's arena, in the old one's place where it fits.
  func store(_ view: ByteView, _ bytes: UnsafeMutablePointer<UInt8>, in slot: UnsafeMutablePointer<ByteView>) {
    let held = slot.pointee.length
    if view.length <= held {
      garbage += held - view.length
      (arena.base + Int(slot.pointee.start)).update(from: bytes + Int(view.start), count: view.length)
      slot.pointee = ByteView(start: slot.pointee.start, length: UInt32(view.length))
    } else {
      garbage += held
      let start = arena.append(bytes + Int(view.start), view.length)
      slot.pointee = ByteView(start: start, length: UInt32(view.length))
    }
  }

  func boundary<P: SlotPlaces>(_ at: SlotUpdate<P>, inputs: [UInt32], table: InputTable) {
    guard let column = at.column else { return }
    let last = at.slot.kind == .last
    // Of a source with event time only.
    let times = asOf == nil ? nil : at.rows.times
    for i in 0..<at.count {
      let row = Int(at.selection[i])
      guard column.validity[row] != 0 else { continue }
      let origin = at.rows.origin(row)
      let input = inputs[origin.input]
      let version = RowVersion(
        time: times?[row] ?? table.entries[Int(input)].modified, input: input, row: origin.row)
      let held = at.pointer(row, as: RowVersion.self)
      if at.markPresent(row) {
        let wins = last ? version.isAfter(held.pointee, table) : held.pointee.isAfter(version, table)
        if !wins { continue }
      }
      held.pointee = version
      let value = at.records[row] + Int(at.places.place(row).offset) + AccumulatorLayout.versionedValueOffset
      switch column.type {
      case .string:
        store(column.views[row], column.arena.base, in: value.assumingMemoryBound(to: ByteView.self))
      case .decimal: value.assumingMemoryBound(to: Int128.self).pointee = column.int128s[row]
      default: value.assumingMemoryBound(to: Int64.self).pointee = column.ordinal(row)
      }
    }
  }
}

extension Column {
  /// An integer that orders as the value does (all types but string and decimal).
  ///
  /// Doubles: the sign-magnitude bits turned into two's complement, so −0 < +0 and NaN (made canonical) is greatest.
  @inline(__always)
  func ordinal(_ row: Int) -> Int64 {
    switch type {
    case .double:
      let value = doubles[row]
      return orderedBits(value.isNaN ? Double.nan : value)
    case .date: return Int64(int32s[row])
    case .bool: return Int64(bytes[row])
    default: return int64s[row]
    }
  }

  /// Two hashes of the value, for distinct counts. −0 counts as 0 and all NaNs as one.
  func hash128(_ row: Int) -> (UInt64, UInt64) {
    switch type {
    case .string:
      let view = views[row]
      let bytes = UnsafePointer(arena.base + Int(view.start))
      return (
        Hashing.hash64(bytes, view.length, seed: 0x51), Hashing.hash64(bytes, view.length, seed: 0xa7)
      )
    case .decimal:
      let value = UInt128(truncatingIfNeeded: int128s[row])
      let low = UInt64(truncatingIfNeeded: value)
      let high = UInt64(truncatingIfNeeded: value >> 64)
      return (Hashing.mix(low ^ Hashing.mix(high ^ 0x51)), Hashing.mix(high ^ Hashing.mix(low ^ 0xa7)))
    case .double:
      let value = doubles[row]
      let bits = value == 0 ? 0 : value.isNaN ? Double.nan.bitPattern : value.bitPattern
      return (Hashing.mix(bits ^ 0x51), Hashing.mix(bits &+ 0xa7a7))
    default:
      let bits = UInt64(bitPattern: ordinal(row))
      return (Hashing.mix(bits ^ 0x51), Hashing.mix(bits &+ 0xa7a7))
    }
  }
}

/// Bits of a double, ordered as integers; its own inverse is ``fromOrderedBits(_:)``.
@inline(__always)
func orderedBits(_ value: Double) -> Int64 {
  let bits = Int64(bitPattern: value.bitPattern)
  return bits ^ ((bits >> 63) & Int64.max)
}

@inline(__always)
func fromOrderedBits(_ ordered: Int64) -> Double {
  Double(bitPattern: UInt64(bitPattern: ordered ^ ((ordered >> 63) & Int64.max)))
}

/// 10^n as a double, exact up to n = 22 and correctly rounded above.
func powerOfTen(_ n: Int) -> Double {
  let powers: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19,
    1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33, 1e34, 1e35, 1e36,
    1e37,
    1e38,
  ]
  return powers[min(max(n, 0), 38)]
}
