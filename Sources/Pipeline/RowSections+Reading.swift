internal import Columns

extension RowSections {
  /// Reads the sections in the order in which they were written. What does not fit ends the reading: nothing beyond the bytes
  /// or the batch's rows is touched, and ``isWhole`` is false.
  struct Reader {
    private let bytes: UnsafeRawBufferPointer
    private let rows: Int
    private var at = 0
    private var textsLeft: Int
    private var isDamaged = false

    init(_ bytes: UnsafeRawBufferPointer, rows: Int, textBytes: Int) {
      self.bytes = bytes
      self.rows = rows
      textsLeft = textBytes
    }

    /// Everything was there, and nothing else.
    var isWhole: Bool { !isDamaged && at == bytes.count && textsLeft == 0 }

    /// The next bytes; nil, and damaged, if there are not so many.
    private mutating func next(_ count: Int) -> UnsafeRawPointer? {
      guard !isDamaged, count <= bytes.count - at, let base = bytes.baseAddress else {
        isDamaged = true
        return nil
      }
      defer { at += count }
      return base + at
    }

    private mutating func nextByte() -> UInt8 { next(1)?.load(as: UInt8.self) ?? 0xff }

    private mutating func copy(_ count: Int, to target: UnsafeMutableRawPointer) {
      if let from = next(count) { target.copyMemory(from: from, byteCount: count) }
    }

    /// `keys`: what texts may be written as.
    mutating func take(
      texts views: UnsafeMutablePointer<ByteView>, into arena: ByteArena, keys: UnsafePointer<ByteView>?
    ) {
      let width = Int(nextByte())
      if width == asTheyAre, let keys, !isDamaged {
        views.update(from: keys, count: rows)
        return
      }
      guard width == 1 || width == 2 || width == 4, let lengths = next(rows * width) else {
        isDamaged = true
        return
      }
      var total = 0
      let start = arena.count
      for row in 0..<rows {
        let length: Int
        switch width {
        case 1: length = Int(lengths.load(fromByteOffset: row, as: UInt8.self))
        case 2: length = Int(UInt16(littleEndian: lengths.loadUnaligned(fromByteOffset: row * 2, as: UInt16.self)))
        default: length = Int(UInt32(littleEndian: lengths.loadUnaligned(fromByteOffset: row * 4, as: UInt32.self)))
        }
        guard length <= textsLeft - total else {
          isDamaged = true
          return
        }
        views[row] = ByteView(
          start: UInt32(truncatingIfNeeded: start + total), length: UInt32(truncatingIfNeeded: length))
        total += length
      }
      guard let text = next(total) else { return }
      textsLeft -= total
      arena.append(text.assumingMemoryBound(to: UInt8.self), total)
    }

    mutating func take(hashes: UnsafeMutablePointer<UInt64>, of keys: UnsafePointer<ByteView>, in arena: ByteArena) {
      switch nextByte() {
      case asTheyAre: copy(rows * 8, to: hashes)
      case derived where !isDamaged:
        let text = UnsafePointer(arena.base)
        for row in 0..<rows { hashes[row] = Hashing.hash64(text + Int(keys[row].start), keys[row].length) }
      default: isDamaged = true
      }
    }

    mutating func take(origins: UnsafeMutablePointer<RowOrigin>) {
      switch nextByte() {
      case asTheyAre: copy(rows * 8, to: origins)
      case stepped:
        guard let head = next(4), let steps = next(rows * 2) else { return }
        let wholeBytes = Int(UInt32(littleEndian: head.loadUnaligned(as: UInt32.self)))
        guard let whole = next(wholeBytes) else { return }
        var used = 0
        var packed: UInt64 = 0
        for row in 0..<rows {
          let step = UInt16(littleEndian: steps.loadUnaligned(fromByteOffset: row * 2, as: UInt16.self))
          if step != noStep {
            packed &+= UInt64(step)
          } else if used + 8 <= wholeBytes {
            packed = UInt64(littleEndian: whole.loadUnaligned(fromByteOffset: used, as: UInt64.self))
            used += 8
          } else {
            isDamaged = true
            return
          }
          origins[row] = RowOrigin(packed: packed)
        }
        if used != wholeBytes { isDamaged = true }
      default: isDamaged = true
      }
    }

    mutating func take(_ column: Column, keys: UnsafePointer<ByteView>) {
      switch nextByte() {
      case asTheyAre: copy(rows, to: column.validity)
      case derived: column.validity.update(repeating: 1, count: rows)
      default: isDamaged = true
      }
      switch column.type {
      case .string: take(texts: column.views, into: column.arena, keys: keys)
      case .int, .timestamp: take(numbers: column.int64s)
      case .double, .date, .bool, .decimal: copy(rows * column.type.stride, to: column.values)
      }
    }

    private mutating func take(numbers: UnsafeMutablePointer<Int64>) {
      let mode = nextByte()
      if mode == full {
        copy(rows * 8, to: numbers)
        return
      }
      let unit: Int64 = mode & inMillions == 0 ? 1 : 1_000_000
      let width = Int(mode & ~inMillions)
      guard width == 0 || width == 1 || width == 2 || width == 4, let head = next(8), let body = next(rows * width)
      else {
        isDamaged = true
        return
      }
      let least = Int64(littleEndian: head.loadUnaligned(as: Int64.self))
      for row in 0..<rows {
        let above: Int64
        switch width {
        case 0: above = 0
        case 1: above = Int64(body.load(fromByteOffset: row, as: UInt8.self))
        case 2: above = Int64(UInt16(littleEndian: body.loadUnaligned(fromByteOffset: row * 2, as: UInt16.self)))
        default: above = Int64(UInt32(littleEndian: body.loadUnaligned(fromByteOffset: row * 4, as: UInt32.self)))
        }
        numbers[row] = least &+ above &* unit
      }
    }

    mutating func take(times: UnsafeMutablePointer<Int64>, columns: [Column]) {
      switch nextByte() {
      case asTheyAre: copy(rows * 8, to: times)
      case derived: times.update(repeating: 0, count: rows)
      case stepped:
        let index = Int(nextByte())
        guard !isDamaged, index < columns.count, columns[index].type == .timestamp else {
          isDamaged = true
          return
        }
        times.update(from: columns[index].int64s, count: rows)
      default: isDamaged = true
      }
    }
  }
}
