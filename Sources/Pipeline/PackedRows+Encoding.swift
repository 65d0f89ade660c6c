internal import Columns

/// Room for a batch's bytes while it is not known how many they are, used again for the next one.
public final class EncodingRoom {
  private var base = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 16)
  private var capacity = 1

  public init() {}

  deinit { base.deallocate() }

  func reserve(_ bytes: Int) -> UnsafeMutableRawPointer {
    if bytes > capacity {
      base.deallocate()
      capacity = bytes
      base = .allocate(byteCount: bytes, alignment: 16)
    }
    return base
  }
}

extension RowBatchCodec {
  /// The same bytes as those of a ``RowBatch`` of these rows, unless earlier blocks have widened the form: then what follows
  /// from the keys or the time column may be written out. `reserving`: bytes left free in front, for a caller's header.
  public static func encode(_ rows: PackedRows, reserving: Int = 0, in room: EncodingRoom) -> [UInt8] {
    let n = rows.count
    // Each section at its largest, and room for whole words behind the last text.
    var most = headerBytes + n * 32 + rows.textBytes + RowSections.prefixMax + hashBytes + 64
    for column in rows.columns {
      most += RowSections.overheadMax + n * (max(column.type.stride, RowSections.fewBytesMax) + 1)
    }
    // Behind all that, in whole words.
    let scratchAt = (most + 7) & ~7
    let base = room.reserve(scratchAt + n * MemoryLayout<Int64>.stride)
    let scratch = (base + scratchAt).bindMemory(to: Int64.self, capacity: n)
    var sections = RowSections.Writer(base + headerBytes, rows: n, scratch: scratch)
    sections.put(keysOf: rows)
    sections.put(RowSections.derived)
    sections.put(origins: rows.origins)
    for index in rows.columns.indices { sections.put(column: index, of: rows) }
    sections.put(timesOf: rows)
    let end = finish(base, sections, shard: rows.shard, columns: rows.columns.count)
    return [UInt8](unsafeUninitializedCapacity: reserving + end) { buffer, count in
      guard let target = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
      target.initializeMemory(as: UInt8.self, repeating: 0, count: reserving)
      (target + reserving).copyMemory(from: base, byteCount: end)
      count = reserving + end
    }
  }
}

extension RowSections.Writer {
  fileprivate mutating func put(keysOf packed: PackedRows) {
    if let form = packed.form.keys {
      put(digits: packed.numbers, form)
    } else {
      put(texts: packed.keys, validity: nil, in: packed.arena, mayBeFew: false)
    }
  }

  /// What ``put(texts:validity:in:mayBeFew:)`` makes of such texts.
  private mutating func put(digits numbers: UnsafePointer<UInt64>, _ form: DigitKeys) {
    // Of sixteen digits at most: no number is too large to be a signed one.
    let signed = UnsafeRawPointer(numbers).assumingMemoryBound(to: Int64.self)
    let range = range(signed)
    let (least, most) = (UInt64(range.least), UInt64(range.most))
    // Digits that all have in common belong to the beginning.
    var prefix = form.prefix
    var unit: UInt64 = 1
    for _ in 1..<form.digits { unit *= 10 }
    while prefix < min(form.length, RowSections.prefixMax), least / unit == most / unit {
      prefix += 1
      unit /= 10
      if unit == 0 { break }
    }
    withUnsafeTemporaryAllocation(byteCount: 40, alignment: 8) { text in
      guard let text = text.baseAddress else { return }
      form.write(least, to: text)
      put(prefix == form.length ? RowSections.ofOneLength : RowSections.ofDigits)
      put(UInt8(form.length))
      put(UInt8(prefix))
      put(text, prefix)
    }
    textBytes += rows * form.length
    if prefix == form.length { return }
    let width = RowSections.width(most - least)
    put(UInt8(width))
    // `unit` is that of the first digit behind the beginning.
    put(least % (unit * 10))
    put(width, signed, above: range.least)
  }

  fileprivate mutating func put(column index: Int, of packed: PackedRows) {
    let column = packed.columns[index]
    var validity = packed.validity(index)
    if let held = validity, areAllValid(held) { validity = nil }
    put(validity: validity)
    switch packed.form.columns[index] {
    case .keys: put(RowSections.asTheyAre)
    case .few:
      if let dictionary = column.dictionary { put(few: column.values, dictionary, validity) }
    case .plain where column.type == .string:
      put(texts: column.values.assumingMemoryBound(to: ByteView.self), validity: validity, in: packed.arena)
    case .plain: put(values: column.values, column.type, validity)
    }
  }

  /// Codes of a dictionary become those of one that holds what these rows have, in the order in which they have it.
  private mutating func put(
    few values: UnsafeRawPointer, _ dictionary: TextDictionary, _ validity: UnsafePointer<UInt8>?
  ) {
    let codes = values.assumingMemoryBound(to: UInt8.self)
    guard rows >= RowSections.fewRowsMin else {
      let arena = ByteArena(capacity: rows * RowSections.fewBytesMax)
      withUnsafeTemporaryAllocation(of: ByteView.self, capacity: rows) { views in
        guard let views = views.baseAddress else { return }
        for row in 0..<rows { (views + row).initialize(to: dictionary.append(Int(codes[row]), to: arena)) }
        put(texts: views, validity: validity, in: arena)
      }
      return
    }
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: RowSections.fewMax) { own in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: RowSections.fewMax) { order in
        guard let own = own.baseAddress, let order = order.baseAddress else { return }
        own.initialize(repeating: .max, count: RowSections.fewMax)
        var count = 0
        // All that there are have been seen soon, as a rule.
        var row = 0
        while row < rows && count < dictionary.count {
          if own[Int(codes[row])] == .max {
            own[Int(codes[row])] = UInt16(truncatingIfNeeded: count)
            (order + count).initialize(to: codes[row])
            count += 1
          }
          row += 1
        }
        put(few: count) { dictionary[Int(order[$0])] }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: rows) { renumbered in
          guard let renumbered = renumbered.baseAddress else { return }
          for row in 0..<rows { (renumbered + row).initialize(to: UInt8(truncatingIfNeeded: own[Int(codes[row])])) }
          put(RowSections.width(UInt64(count - 1)), UnsafePointer(renumbered))
        }
      }
    }
  }

  fileprivate mutating func put(timesOf packed: PackedRows) {
    switch packed.form.times {
    case .none: put(RowSections.derived)
    case .column(let index):
      let times = packed.columns[index].values.assumingMemoryBound(to: Int64.self)
      var any: Int64 = 0
      for row in 0..<rows { any |= times[row] }
      if any == 0 {
        put(RowSections.derived)
      } else {
        put(RowSections.stepped)
        put(UInt8(index))
      }
    case .own:
      var any: Int64 = 0
      for row in 0..<rows { any |= packed.times[row] }
      put(any == 0 ? RowSections.derived : RowSections.asTheyAre)
      if any != 0 { put(packed.times, rows * 8) }
    }
  }
}

extension TextDictionary {
  fileprivate func append(_ code: Int, to arena: ByteArena) -> ByteView {
    let entry = self[code]
    let view = ByteView(
      start: UInt32(truncatingIfNeeded: arena.count), length: UInt32(truncatingIfNeeded: entry.length))
    arena.reserve(entry.length)
    let target = UnsafeMutableRawPointer(arena.base) + arena.count
    target.storeBytes(of: entry.words.0.littleEndian, as: UInt64.self)
    target.storeBytes(of: entry.words.1.littleEndian, toByteOffset: 8, as: UInt64.self)
    arena.setCount(arena.count + entry.length)
    return view
  }
}
