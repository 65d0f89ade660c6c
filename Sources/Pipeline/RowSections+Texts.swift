internal import Columns

/// Keys and strings.
extension RowSections.Writer {
  /// `mayBeFew`: whether it is worth looking for values that repeat.
  mutating func put(
    texts views: UnsafePointer<ByteView>, validity: UnsafePointer<UInt8>?, in arena: ByteArena, mayBeFew: Bool = true
  ) {
    var (shortest, longest) = (Int.max, 0)
    for row in 0..<rows {
      let length = validity?[row] != 0 ? views[row].length : 0
      shortest = min(shortest, length)
      longest = max(longest, length)
    }
    let text = UnsafeRawPointer(arena.base)
    if mayBeFew && rows >= RowSections.fewRowsMin && longest <= RowSections.fewBytesMax && putFew(views, validity, text)
    {
      return
    }
    if shortest == longest && longest > 0 && longest < 256 {
      put(views, ofLength: longest, text)
      return
    }
    let width = longest < 1 << 8 ? 1 : longest < 1 << 16 ? 2 : 4
    put(UInt8(width))
    for row in 0..<rows {
      let length = validity?[row] != 0 ? views[row].length : 0
      switch width {
      case 1: put(UInt8(truncatingIfNeeded: length))
      case 2: put(UInt16(truncatingIfNeeded: length))
      default: put(UInt32(truncatingIfNeeded: length))
      }
    }
    let before = count
    for row in 0..<rows where validity?[row] != 0 { put(text + Int(views[row].start), short: views[row].length) }
    textBytes += count - before
  }

  @inline(__always)
  private mutating func put(_ text: UnsafeRawPointer, short length: Int) {
    if length > 16 {
      put(text, length)
      return
    }
    // Two words, whatever the length: arenas are padded, and so is the room behind what is written.
    base.storeBytes(of: text.loadUnaligned(as: UInt64.self), toByteOffset: count, as: UInt64.self)
    base.storeBytes(
      of: text.loadUnaligned(fromByteOffset: 8, as: UInt64.self), toByteOffset: count &+ 8, as: UInt64.self)
    count &+= length
  }

  /// All of one length: what all begin with once, then the rest of each.
  private mutating func put(_ views: UnsafePointer<ByteView>, ofLength length: Int, _ text: UnsafeRawPointer) {
    let first = text + Int(views[0].start)
    var differences: (UInt64, UInt64) = (0, 0)
    for row in 0..<rows {
      let other = text + Int(views[row].start)
      differences.0 |= first.loadUnaligned(as: UInt64.self) ^ other.loadUnaligned(as: UInt64.self)
      differences.1 |=
        first.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        ^ other.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    }
    let equal =
      differences.0 != 0
      ? UInt64(littleEndian: differences.0).trailingZeroBitCount / 8
      : 8 + UInt64(littleEndian: differences.1).trailingZeroBitCount / 8
    let prefix = min(equal, length)
    if prefix < length && putDigits(views, length, prefix, text) { return }
    put(RowSections.ofOneLength)
    put(UInt8(length))
    put(UInt8(prefix))
    put(first, prefix)
    textBytes += rows * length
    if prefix == length { return }
    for row in 0..<rows { put(text + Int(views[row].start) + prefix, short: length - prefix) }
  }

  /// The distinct texts and a byte each; false, and nothing is written, if there are too many.
  private mutating func putFew(
    _ views: UnsafePointer<ByteView>, _ validity: UnsafePointer<UInt8>?, _ text: UnsafeRawPointer
  ) -> Bool {
    let start = count
    let isPut = withUnsafeTemporaryAllocation(of: FewTexts.Entry.self, capacity: RowSections.fewMax) { entries in
      withUnsafeTemporaryAllocation(of: UInt16.self, capacity: FewTexts.slots) { slots in
        guard let entriesBase = entries.baseAddress, let slotsBase = slots.baseAddress else { return false }
        var texts = FewTexts(entriesBase, slotsBase)
        // The codes wait behind the largest dictionary, and a word further on: no word of packed codes reaches those that
        // have not been read.
        let codes = base + count + 2 + RowSections.fewMax * (1 + RowSections.fewBytesMax) + 8
        for row in 0..<rows {
          let view = validity?[row] != 0 ? views[row] : ByteView(start: 0, length: 0)
          guard let code = texts.code(RowSections.words(text + Int(view.start), view.length), view.length) else {
            return false
          }
          codes.storeBytes(of: code, toByteOffset: row, as: UInt8.self)
        }
        put(few: texts.count) { entriesBase[$0] }
        put(RowSections.width(UInt64(texts.count - 1)), UnsafePointer(codes.assumingMemoryBound(to: UInt8.self)))
        return true
      }
    }
    if !isPut { count = start }
    return isPut
  }

  /// What stands before the rows' codes.
  mutating func put(few count: Int, _ entry: (Int) -> FewTexts.Entry) {
    put(RowSections.few)
    put(UInt8(count - 1))
    for index in 0..<count { put(UInt8(entry(index).length)) }
    for index in 0..<count {
      let (words, length) = (entry(index).words, entry(index).length)
      base.storeBytes(of: words.0.littleEndian, toByteOffset: self.count, as: UInt64.self)
      base.storeBytes(of: words.1.littleEndian, toByteOffset: self.count + 8, as: UInt64.self)
      self.count += length
      textBytes += length
    }
  }
}

extension RowSections {
  /// What texts of one length begin with alike, as two words.
  struct Beginning {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// `count`: at most ``RowSections/prefixMax``.
    init(_ bytes: UnsafeRawPointer, _ count: Int) {
      for index in 0..<count {
        let byte = UInt64(bytes.load(fromByteOffset: index, as: UInt8.self)) &<< UInt64(8 * (index & 7))
        if index < 8 { low |= byte } else { high |= byte }
      }
    }

    /// Its bytes, and zeros behind them.
    var words: (low: UInt64, high: UInt64) { (low, high) }

    /// Both words, whatever its length: what is too much is overwritten by what follows, and arenas are padded.
    @inline(__always)
    func store(at place: UnsafeMutableRawPointer) {
      place.storeBytes(of: low.littleEndian, as: UInt64.self)
      place.storeBytes(of: high.littleEndian, toByteOffset: 8, as: UInt64.self)
    }
  }
}

extension RowSections.Reader {
  /// `keys`: what texts may be written as. `hashes`: as of ``takeOfDigits(_:_:hashes:)``.
  mutating func take(
    texts views: UnsafeMutablePointer<ByteView>, into arena: ByteArena, keys: UnsafePointer<ByteView>?,
    hashes: UnsafeMutablePointer<UInt64>? = nil
  ) {
    let mode = nextByte()
    switch mode {
    case RowSections.asTheyAre:
      guard let keys, !isDamaged else { return damage() }
      views.update(from: keys, count: rows)
    case RowSections.ofOneLength: takeOfOneLength(views, arena)
    case RowSections.few: takeFew(views, arena)
    case RowSections.ofDigits: takeOfDigits(views, arena, hashes: hashes)
    case 1, 2, 4: takeLengths(views, arena, width: Int(mode))
    default: damage()
    }
  }

  private mutating func takeOfOneLength(_ views: UnsafeMutablePointer<ByteView>, _ arena: ByteArena) {
    let (length, prefix) = (Int(nextByte()), Int(nextByte()))
    guard !isDamaged, prefix <= length, prefix <= RowSections.prefixMax, rows * length <= textsLeft,
      let beginning = next(prefix), let rest = next(rows * (length - prefix))
    else { return damage() }
    textsLeft -= rows * length
    arena.reserve(rows * length)
    let start = arena.count
    let target = UnsafeMutableRawPointer(arena.base) + start
    let each = length - prefix
    let shared = RowSections.Beginning(beginning, prefix)
    for row in 0..<rows {
      let place = target + row &* length
      shared.store(at: place)
      copy(rest + row &* each, each, to: place + prefix)
      views[row] = ByteView(
        start: UInt32(truncatingIfNeeded: start &+ row &* length), length: UInt32(truncatingIfNeeded: length))
    }
    arena.setCount(start + rows * length)
  }

  /// A short run by whole words, as long as they lie within the bytes.
  @inline(__always)
  private func copy(_ from: UnsafeRawPointer, _ length: Int, to target: UnsafeMutableRawPointer) {
    if length <= 16, let end, from + 16 <= end {
      target.storeBytes(of: from.loadUnaligned(as: UInt64.self), as: UInt64.self)
      target.storeBytes(of: from.loadUnaligned(fromByteOffset: 8, as: UInt64.self), toByteOffset: 8, as: UInt64.self)
    } else {
      target.copyMemory(from: from, byteCount: length)
    }
  }

  private mutating func takeFew(_ views: UnsafeMutablePointer<ByteView>, _ arena: ByteArena) {
    let distinct = Int(nextByte()) + 1
    guard !isDamaged, let lengths = next(distinct) else { return damage() }
    withUnsafeTemporaryAllocation(of: ByteView.self, capacity: distinct) { dictionary in
      var total = 0
      for index in 0..<distinct {
        let length = Int(lengths.load(fromByteOffset: index, as: UInt8.self))
        dictionary.initializeElement(
          at: index,
          to: ByteView(
            start: UInt32(truncatingIfNeeded: arena.count + total), length: UInt32(truncatingIfNeeded: length)))
        total += length
      }
      let width = isBytewise ? 8 : RowSections.width(UInt64(distinct - 1))
      guard total <= textsLeft, let text = next(total), let codes = nextNumbers(width) else { return damage() }
      textsLeft -= total
      arena.append(text.assumingMemoryBound(to: UInt8.self), total)
      for row in 0..<rows {
        let code = Int(truncatingIfNeeded: codes[row])
        guard code < distinct else { return damage() }
        views[row] = dictionary[code]
      }
    }
  }

  private mutating func takeLengths(_ views: UnsafeMutablePointer<ByteView>, _ arena: ByteArena, width: Int) {
    guard let lengths = next(rows * width) else { return damage() }
    var total = 0
    let start = arena.count
    for row in 0..<rows {
      let length: Int
      switch width {
      case 1: length = Int(lengths.load(fromByteOffset: row, as: UInt8.self))
      case 2: length = Int(UInt16(littleEndian: lengths.loadUnaligned(fromByteOffset: row * 2, as: UInt16.self)))
      default: length = Int(UInt32(littleEndian: lengths.loadUnaligned(fromByteOffset: row * 4, as: UInt32.self)))
      }
      guard length <= textsLeft - total else { return damage() }
      views[row] = ByteView(
        start: UInt32(truncatingIfNeeded: start + total), length: UInt32(truncatingIfNeeded: length))
      total += length
    }
    guard let text = next(total) else { return }
    textsLeft -= total
    arena.append(text.assumingMemoryBound(to: UInt8.self), total)
  }
}
