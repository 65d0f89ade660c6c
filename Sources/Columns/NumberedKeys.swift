internal import CScan

/// What keys look like that are numbered: digits behind one beginning, all of one length ("c00342545").
public struct NumberedKeys: Sendable, Equatable {
  /// 1…16.
  private let length: Int
  /// 1…8, the last bytes.
  private let digits: Int
  /// The bytes before the digits, up to eight, and zeros behind them.
  private let beginning: UInt64

  /// As a key does; nil if it is not numbered. Eight bytes must be readable.
  public init?(like key: UnsafePointer<UInt8>, _ length: Int) {
    var digits = 0
    while digits < min(length, 8) && DigitWord.isDigit(key[length - 1 - digits]) { digits += 1 }
    guard digits > 0, length - digits <= 8 else { return nil }
    (self.length, self.digits) = (length, digits)
    beginning = DigitWord.load(key) & NumberedKeys.mask(length - digits)
  }

  /// Writes of each key, views into `arena`, one more than the number that its digits write; 0 where it looks otherwise or the
  /// number is not below `limit`. Asks the processor for the words of `table` at these places, which are going to be read.
  public func find(
    _ keys: UnsafePointer<ByteView>, _ count: Int, in arena: ByteArena, below limit: UInt32,
    into numbers: UnsafeMutablePointer<UInt32>, asking table: UnsafeRawPointer
  ) {
    if !CastLoop.isWide {
      findEach(keys, count, in: arena, below: limit, into: numbers, asking: table)
      return
    }
    let shape = cscan_numbered(
      beginning: beginning, length: UInt32(truncatingIfNeeded: length), digits: UInt32(truncatingIfNeeded: digits))
    _ = cscan_numbers_of_keys(UnsafePointer(arena.base), CastLoop.views(keys), count, shape, limit, table, numbers)
  }

  /// The same, one key after the other.
  func findEach(
    _ keys: UnsafePointer<ByteView>, _ count: Int, in arena: ByteArena, below limit: UInt32,
    into numbers: UnsafeMutablePointer<UInt32>, asking table: UnsafeRawPointer
  ) {
    let bytes = UnsafePointer(arena.base)
    for row in 0..<count {
      let view = keys[row]
      numbers[row] = 0
      guard let number = number(of: bytes + Int(view.start), view.length), number < limit else { continue }
      numbers[row] = UInt32(truncatingIfNeeded: number) &+ 1
      cscan_prefetch(table + 4 &* Int(numbers[row]))
    }
  }

  /// The number that a key's digits write; nil: it looks otherwise. Eight bytes must be readable.
  @inline(__always)
  public func number(of key: UnsafePointer<UInt8>, _ length: Int) -> UInt64? {
    if length != self.length { return nil }
    if (DigitWord.load(key) ^ beginning) & NumberedKeys.mask(length - digits) != 0 { return nil }
    // Of the last eight bytes, read from the key's end or, if it is shorter, moved there.
    let shift = UInt64(max(8 - length, 0) * 8)
    let ours = UInt64.max &<< UInt64((8 - digits) * 8)
    let values = (DigitWord.load(key + max(length - 8, 0)) &<< shift ^ DigitWord.zeros) & ours
    return DigitWord.areDigits(values) ? DigitWord.number(values) : nil
  }

  /// Of a word's first bytes, up to eight.
  private static func mask(_ bytes: Int) -> UInt64 { bytes == 8 ? .max : 1 &<< UInt64(bytes * 8) &- 1 }
}
