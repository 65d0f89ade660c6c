internal import CScan
internal import Columns

#if canImport(Glibc)
  internal import Glibc
#endif

/// Finds a chunk's statistics in its values without nulls.
enum ParquetBounds {
  /// Bytes of a string's bound at most.
  static let stringBytesMax = 64

  /// The same memory as unsigned words of the same size.
  static func bits<T: BitwiseCopyable, Key: BitwiseCopyable>(
    _ values: UnsafePointer<T>, as: Key.Type, _ count: Int
  ) -> UnsafePointer<Key> {
    precondition(MemoryLayout<T>.size == MemoryLayout<Key>.size)
    // Only read, as plain bits of the same size and alignment; nobody writes it through the other type meanwhile.
    return UnsafeRawPointer(values).assumingMemoryBound(to: Key.self)
  }

  static func integers<T: FixedWidthInteger & BitwiseCopyable>(
    within range: (low: T, high: T)?, _ rows: ChunkRows
  ) -> ParquetStatistics {
    guard let range else { return ParquetStatistics(nullCount: rows.nulls) }
    return ParquetStatistics(
      nullCount: rows.nulls, min: bytes(of: range.low.littleEndian), max: bytes(of: range.high.littleEndian))
  }

  /// The least and the greatest; nil if there are no values.
  static func range(_ values: UnsafePointer<Int64>, _ count: Int) -> (low: Int64, high: Int64)? {
    guard count > 0 else { return nil }
    var (low, high) = (values[0], values[0])
    return cscan_range_int64s(values, count, &low, &high) == count ? (low, high) : plainRange(values, count)
  }

  static func range(_ values: UnsafePointer<Int32>, _ count: Int) -> (low: Int32, high: Int32)? {
    guard count > 0 else { return nil }
    var (low, high) = (values[0], values[0])
    return cscan_range_int32s(values, count, &low, &high) == count ? (low, high) : plainRange(values, count)
  }

  /// Decimals in `width` big-endian bytes, ordered by value.
  static func bigEndian(_ values: UnsafePointer<Int128>, _ rows: ChunkRows, width: Int) -> ParquetStatistics {
    guard rows.valid > 0 else { return ParquetStatistics(nullCount: rows.nulls) }
    let (low, high) = plainRange(values, rows.valid)
    return ParquetStatistics(
      nullCount: rows.nulls, min: bytes(of: low.bigEndian).suffix(width),
      max: bytes(of: high.bigEndian).suffix(width))
  }

  /// NaN is left out; a zero is written with the sign that keeps both zeros within the bounds.
  static func doubles(_ values: UnsafePointer<Double>, _ rows: ChunkRows) -> ParquetStatistics {
    var low = Double.infinity
    var high = -Double.infinity
    var nans = 0
    for i in 0..<rows.valid {
      let value = values[i]
      // Comparisons with NaN are false, so it never becomes a bound.
      low = value < low ? value : low
      high = value > high ? value : high
      nans &+= value == value ? 0 : 1
    }
    var statistics = ParquetStatistics(nullCount: rows.nulls, nanCount: nans)
    if nans < rows.valid {
      statistics.min = bytes(of: (low == 0 ? -0.0 : low).bitPattern.littleEndian)
      statistics.max = bytes(of: (high == 0 ? 0.0 : high).bitPattern.littleEndian)
    }
    return statistics
  }

  static func booleans(_ values: UnsafePointer<UInt8>, _ rows: ChunkRows) -> ParquetStatistics {
    guard rows.valid > 0 else { return ParquetStatistics(nullCount: rows.nulls) }
    let (low, high) = plainRange(values, rows.valid)
    return ParquetStatistics(nullCount: rows.nulls, min: [low & 1], max: [high & 1])
  }

  /// Least and greatest by unsigned bytes; long ones are cut, the greatest then raised in its last character.
  static func strings(
    _ views: UnsafePointer<ByteView>, _ count: Int, _ text: UnsafePointer<UInt8>, _ rows: ChunkRows
  ) -> ParquetStatistics {
    var statistics = ParquetStatistics(nullCount: rows.nulls)
    guard count > 0 else { return statistics }
    // The first eight bytes as a number decide most comparisons.
    var low = views[0]
    var high = views[0]
    var lowHead = head(low, text)
    var highHead = lowHead
    for i in 1..<max(count, 1) {
      let view = views[i]
      let head = head(view, text)
      if head <= lowHead, head < lowHead || isLess(view, low, text) {
        low = view
        lowHead = head
      }
      if head >= highHead, head > highHead || isLess(high, view, text) {
        high = view
        highHead = head
      }
    }
    let lowBytes = UnsafeBufferPointer(start: text + Int(low.start), count: low.length)
    let highBytes = UnsafeBufferPointer(start: text + Int(high.start), count: high.length)
    statistics.isMinExact = lowBytes.count <= stringBytesMax
    statistics.min = Array(lowBytes.prefix(cut(lowBytes)))
    statistics.isMaxExact = highBytes.count <= stringBytesMax
    statistics.max =
      statistics.isMaxExact ? Array(highBytes) : raised(Array(highBytes.prefix(cut(highBytes))))
    return statistics
  }

  /// Of a value at least.
  static func plainRange<T: Comparable & BitwiseCopyable>(
    _ values: UnsafePointer<T>, _ count: Int
  ) -> (low: T, high: T) {
    var low = values[0]
    var high = values[0]
    for i in 0..<count {
      low = values[i] < low ? values[i] : low
      high = values[i] > high ? values[i] : high
    }
    return (low, high)
  }

  private static func bytes<T: BitwiseCopyable>(of value: T) -> [UInt8] {
    withUnsafeBytes(of: value) { Array($0) }
  }

  // MARK: Strings

  /// Big-endian, filled up with zeros; reads a whole word (an arena is followed by 64 readable bytes).
  @inline(__always)
  private static func head(_ view: ByteView, _ text: UnsafePointer<UInt8>) -> UInt64 {
    let word = UInt64(bigEndian: UnsafeRawPointer(text + Int(view.start)).loadUnaligned(as: UInt64.self))
    let length = view.length
    if length >= 8 { return word }
    return length == 0 ? 0 : word & ~(UInt64.max &>> UInt64(8 &* length))
  }

  private static func isLess(_ a: ByteView, _ b: ByteView, _ text: UnsafePointer<UInt8>) -> Bool {
    let order = memcmp(text + Int(a.start), text + Int(b.start), min(a.length, b.length))
    return order < 0 || (order == 0 && a.length < b.length)
  }

  /// Where to cut a string of more than ``stringBytesMax`` bytes so that no character is torn.
  private static func cut(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    guard bytes.count > stringBytesMax else { return bytes.count }
    var end = stringBytesMax
    while end > 0 && bytes[end] & 0xc0 == 0x80 { end -= 1 }
    return end
  }

  /// The least string we can easily find above all that begin with `prefix`: its last character that has a successor of
  /// the same length, raised. nil if there is none; then the bound is left out.
  static func raised(_ prefix: [UInt8]) -> [UInt8]? {
    var scalars = Array(String(decoding: prefix, as: UTF8.self).unicodeScalars)
    while let last = scalars.popLast() {
      // The surrogates' gap has no scalars; the one behind it sorts above, in code points as in UTF-8.
      let next = last.value == 0xd7ff ? 0xe000 : last.value + 1
      if let scalar = Unicode.Scalar(next) {
        var text = String.UnicodeScalarView(scalars)
        text.append(scalar)
        return Array(String(text).utf8)
      }
    }
    return nil
  }
}
