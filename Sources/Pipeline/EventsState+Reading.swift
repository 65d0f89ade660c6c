internal import Columns
internal import Definition

extension EventsState {
  /// The keys' records, for all aggregates; that of a key without rows is all zeros.
  func find(_ keys: [UInt32]) -> [UnsafeMutableRawPointer] {
    let absent = absent
    return keys.map { records.record($0) ?? absent }
  }

  /// As below, of keys whose records are found.
  func read(_ reading: AggregateReading, keys: [UInt32], into column: Column, at: Int) -> UInt32? {
    keys.withUnsafeBufferPointer { keys in
      find(Array(keys)).withUnsafeBufferPointer { read(reading, keys: keys, $0, into: column, at: at) }
    }
  }

  /// Writes an aggregate's answers for `keys`, whose records were found, into `column` from row `at` on. Nothing of these
  /// rows is left as it was.
  ///
  /// Gives the first key whose sum does not fit the column's type, or nil.
  func read(
    _ reading: AggregateReading, keys: UnsafeBufferPointer<UInt32>,
    _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int
  ) -> UInt32? {
    let slot = layout.slots[reading.slot]
    let validity = column.validity + at
    switch reading.function {
    case .count, .countDistinct:
      // A key without rows has a count of 0.
      validity.update(repeating: 1, count: keys.count)
      readIntegers(found, slot, into: column.int64s + at)
    case .sum where slot.isNarrow && wraps.isEmpty:
      readPresence(found, layout.place(reading.slot), into: validity)
      readIntegers(found, slot, into: column.int64s + at)
    case .sum where slot.type == .double && wideIndex.isEmpty:
      readPresence(found, layout.place(reading.slot), into: validity)
      readSums(found, slot, into: column.doubles + at)
    case .mean where slot.type == .double && wideIndex.isEmpty && reading.values != nil:
      readPresence(found, layout.place(reading.slot), into: validity)
      readSums(found, slot, into: column.doubles + at)
      if let values = reading.values { readMeans(found, layout.slots[values], validity, column.doubles + at) }
    case .min where isWord(slot), .max where isWord(slot):
      readPresence(found, layout.place(reading.slot), into: validity)
      let (offset, words) = (slot.offset, column.int64s + at)
      for row in 0..<found.count { words[row] = found[row].load(fromByteOffset: offset, as: Int64.self) }
    default:
      column.clear(from: at, count: keys.count)
      return readOthers(reading, slot, keys, found, into: column, at: at)
    }
    return nil
  }

  /// Whether the slot's value is an integer as it lies there.
  private func isWord(_ slot: AccumulatorLayout.Slot) -> Bool { slot.type == .int || slot.type == .timestamp }

  /// Sums of doubles that lie in their windows.
  private func readSums(
    _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, _ slot: AccumulatorLayout.Slot,
    into sums: UnsafeMutablePointer<Double>
  ) {
    let offset = slot.offset
    for row in 0..<found.count {
      sums[row] = ExactSum.round(window: found[row].load(fromByteOffset: offset, as: Int128.self))
    }
  }

  /// Means in the place of sums.
  private func readMeans(
    _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, _ counts: AccumulatorLayout.Slot,
    _ validity: UnsafePointer<UInt8>, _ sums: UnsafeMutablePointer<Double>
  ) {
    for row in 0..<found.count where validity[row] != 0 { sums[row] /= Double(counts.integer(found[row])) }
  }

  /// The keys' counts, or sums of integers.
  private func readIntegers(
    _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, _ slot: AccumulatorLayout.Slot,
    into words: UnsafeMutablePointer<Int64>
  ) {
    let offset = slot.offset
    switch slot.width {
    case 2: for row in 0..<found.count { words[row] = Int64(found[row].load(fromByteOffset: offset, as: Int16.self)) }
    case 4: for row in 0..<found.count { words[row] = Int64(found[row].load(fromByteOffset: offset, as: Int32.self)) }
    default: for row in 0..<found.count { words[row] = found[row].load(fromByteOffset: offset, as: Int64.self) }
    }
  }

  private func readPresence(
    _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, _ place: AccumulatorLayout.Place,
    into validity: UnsafeMutablePointer<UInt8>
  ) {
    for row in 0..<found.count {
      let bits = found[row].load(fromByteOffset: Int(place.presenceOffset), as: UInt8.self)
      validity[row] = bits & place.presenceBit != 0 ? 1 : 0
    }
  }

  private func readOthers(
    _ reading: AggregateReading, _ slot: AccumulatorLayout.Slot, _ keys: UnsafeBufferPointer<UInt32>,
    _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int
  ) -> UInt32? {
    var row = at
    for key in keys {
      defer { row += 1 }
      let record = found[row - at]
      switch reading.function {
      case .count, .countDistinct: continue
      case .sum:
        guard isPresent(record, reading.slot) else { continue }
        if !readSum(record, key, reading.slot, into: column, row) { return key }
        column.validity[row] = 1
      case .mean:
        guard isPresent(record, reading.slot) else { continue }
        column.doubles[row] = total(record, key, reading.slot) / count(record, reading.values)
        column.validity[row] = 1
      case .stddev:
        guard isPresent(record, reading.slot), count(record, reading.values) > 1 else { continue }
        column.doubles[row] = deviation(record, key, reading)
        column.validity[row] = 1
      case .min, .max:
        guard isPresent(record, reading.slot) else { continue }
        readValue(record + slot.offset, into: column, row)
        column.validity[row] = 1
      case .first, .last:
        guard isPresent(record, reading.slot) else { continue }
        readValue(record + slot.offset + AccumulatorLayout.versionedValueOffset, into: column, row)
        column.validity[row] = 1
      }
    }
    return nil
  }

  private func isPresent(_ record: UnsafeMutableRawPointer, _ slot: Int) -> Bool {
    (record + layout.presence + slot >> 3).load(as: UInt8.self) >> UInt8(slot & 7) & 1 == 1
  }

  private func count(_ record: UnsafeMutableRawPointer, _ slot: Int?) -> Double {
    guard let slot else { return 0 }
    return Double(layout.slots[slot].integer(record))
  }

  /// Whether the sum fit.
  private func readSum(
    _ record: UnsafeMutableRawPointer, _ key: UInt32, _ index: Int, into column: Column, _ row: Int
  ) -> Bool {
    let slot = layout.slots[index]
    let wrapped = wraps.isEmpty ? 0 : wraps[SlotKey(key: key, slot: Int32(index))] ?? 0
    switch slot.type {
    case .double:
      column.doubles[row] = total(record, key, index)
      return true
    case .decimal:
      let sum = (record + slot.offset).load(as: Int128.self)
      column.int128s[row] = sum
      // decimal(38) ends below 10³⁸, which is less than Int128's bound.
      return wrapped == 0 && sum.magnitude < 100_000_000_000_000_000_000_000_000_000_000_000_000
    default:
      column.int64s[row] = slot.integer(record)
      return wrapped == 0
    }
  }

  /// The sum as a double, rounded once from the exact sum (decimals: then divided by their scale).
  private func total(_ record: UnsafeMutableRawPointer, _ key: UInt32, _ index: Int) -> Double {
    let slot = layout.slots[index]
    let name = SlotKey(key: key, slot: Int32(index))
    switch slot.type {
    case .double:
      let window = (record + slot.offset).load(as: Int128.self)
      guard !wideIndex.isEmpty, let wide = wideIndex[name] else { return ExactSum.round(window: window) }
      var sum = wides[wide]
      sum.add(window: window)
      return sum.rounded()
    case .decimal(_, let scale):
      let sum = (record + slot.offset).load(as: Int128.self)
      if wraps.isEmpty || wraps[name] == nil { return Double(sum) / powerOfTen(scale) }
      return exactSum(record, key, index).rounded() / powerOfTen(scale)
    default:
      let sum = Int128(slot.integer(record))
      let wrapped = wraps.isEmpty ? 0 : wraps[name] ?? 0
      return Double(sum + wrapped << 64)
    }
  }

  /// The sample standard deviation, from the exact sum and the exact sum of squares: nothing cancels, however large
  /// the mean is against the spread.
  private func deviation(_ record: UnsafeMutableRawPointer, _ key: UInt32, _ reading: AggregateReading)
    -> Double
  {
    guard let squares = reading.squares, let values = reading.values else { return .nan }
    let index = (record + layout.slots[squares].offset).load(as: Int64.self)
    let count = layout.slots[values].integer(record)
    guard index > 0,
      let deviation = ExactMoments.standardDeviation(
        count: Int(count), sum: exactSum(record, key, reading.slot), squares: wides[Int(index) - 1])
    else { return .nan }
    guard case .decimal(_, let scale) = layout.slots[squares].type else { return deviation }
    return deviation / powerOfTen(scale)
  }

  /// The unscaled sum without any rounding.
  private func exactSum(_ record: UnsafeMutableRawPointer, _ key: UInt32, _ index: Int) -> WideSum {
    let slot = layout.slots[index]
    let name = SlotKey(key: key, slot: Int32(index))
    if slot.type == .double {
      var sum = wideIndex[name].map { wides[$0] } ?? WideSum()
      sum.add(window: (record + slot.offset).load(as: Int128.self))
      return sum
    }
    var sum = WideSum()
    let wrapped = wraps.isEmpty ? 0 : wraps[name] ?? 0
    var width = 64
    if case .decimal = slot.type {
      width = 128
      sum.add(integer: (record + slot.offset).load(as: Int128.self))
    } else {
      sum.add(integer: Int128(slot.integer(record)))
    }
    sum.add(UInt128(wrapped.magnitude), exponent: width, negative: wrapped < 0)
    return sum
  }

  private func readValue(_ value: UnsafeMutableRawPointer, into column: Column, _ row: Int) {
    switch column.type {
    case .string:
      let view = value.load(as: ByteView.self)
      let start = column.arena.append(arena.base + Int(view.start), view.length)
      column.views[row] = ByteView(start: start, length: UInt32(view.length))
    case .decimal: column.int128s[row] = value.load(as: Int128.self)
    case .double: column.doubles[row] = fromOrderedBits(value.load(as: Int64.self))
    case .date: column.int32s[row] = Int32(truncatingIfNeeded: value.load(as: Int64.self))
    case .bool: column.bytes[row] = UInt8(truncatingIfNeeded: value.load(as: Int64.self))
    default: column.int64s[row] = value.load(as: Int64.self)
    }
  }
}
