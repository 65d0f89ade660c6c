internal import CScan

/// Small numbers of so many bits each, one behind the other from the lowest bit of the first byte on.
extension RowSections {
  /// Bits of a number at most: one word holds it together with the bits of a byte that come before it.
  static let widthMax = 56

  /// Bits that numbers up to `most` need.
  @inline(__always)
  static func width(_ most: UInt64) -> Int { 64 - most.leadingZeroBitCount }

  /// Bytes of so many numbers.
  @inline(__always)
  static func bytes(_ rows: Int, width: Int) -> Int { (rows * width + 7) / 8 }

  /// Numbers as they lie in a batch's bytes.
  struct Numbers {
    let base: UnsafeRawPointer
    let width: Int
    private let mask: UInt64

    init(_ base: UnsafeRawPointer, width: Int) {
      self.base = base
      self.width = width
      mask = (1 &<< UInt64(width)) &- 1
    }

    /// Loads the word that the number begins in: up to eight bytes behind the section's. They are there: a batch's hash is
    /// eight bytes long and lies behind all sections.
    @inline(__always)
    subscript(row: Int) -> UInt64 {
      let bit = row &* width
      let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self))
      return (word &>> UInt64(bit & 7)) & mask
    }
  }
}

extension RowSections.Writer {
  /// How far each row's number is above the least, in `width` bits.
  mutating func put(_ width: Int, _ numbers: UnsafePointer<Int64>, above least: Int64) {
    let target = (base + count).assumingMemoryBound(to: UInt8.self)
    if width > 0, cscan_pack_int64s(numbers, rows, least, UInt32(truncatingIfNeeded: width), target) != 0 {
      count += RowSections.bytes(rows, width: width)
    } else {
      put(width) { UInt64(bitPattern: numbers[$0] &- least) }
    }
  }

  /// Each row's number below 256.
  mutating func put(_ width: Int, _ numbers: UnsafePointer<UInt8>) {
    let target = (base + count).assumingMemoryBound(to: UInt8.self)
    if width > 0, cscan_pack_bytes(numbers, rows, UInt32(truncatingIfNeeded: width), target) != 0 {
      count += RowSections.bytes(rows, width: width)
    } else {
      put(width) { UInt64(numbers[$0]) }
    }
  }

  /// The least and the greatest of the rows' numbers; `max` and `min` if there are none.
  func range(_ numbers: UnsafePointer<Int64>) -> (least: Int64, most: Int64) {
    var (least, most) = (Int64.max, Int64.min)
    if rows > 0, cscan_range_int64s(numbers, rows, &least, &most) == rows { return (least, most) }
    for row in 0..<rows {
      least = min(least, numbers[row])
      most = max(most, numbers[row])
    }
    return (least, most)
  }

  /// Each row's number, of `width` bits at most ``RowSections/widthMax``. Words are stored whole: what is too much of one is
  /// overwritten by the next, and there is room behind the last.
  @inline(__always)
  private mutating func put(_ width: Int, _ number: (Int) -> UInt64) {
    if width == 0 { return }
    let target = base + count
    var (at, held, word) = (0, 0, UInt64(0))
    for row in 0..<rows {
      word |= number(row) &<< UInt64(held)
      target.storeBytes(of: word.littleEndian, toByteOffset: at, as: UInt64.self)
      // Fewer than eight bits were held, so 63 at most are now.
      held &+= width
      at &+= held &>> 3
      word &>>= UInt64(held & ~7)
      held &= 7
    }
    count += RowSections.bytes(rows, width: width)
  }
}

extension RowSections.Reader {
  /// The rows' numbers of so many bits; nil, and damaged, if they are not there.
  mutating func nextNumbers(_ width: Int) -> RowSections.Numbers? {
    guard width <= RowSections.widthMax, let base = next(RowSections.bytes(rows, width: width)) else {
      isDamaged = true
      return nil
    }
    return RowSections.Numbers(base, width: width)
  }
}
