internal import Columns

/// Numbers, and doubles that are numbers in disguise.
extension RowSections.Writer {
  mutating func put(numbers column: Column) {
    withValues(of: column) { writer, values in
      writer.put(numbers: values, mayBeWhole: column.type == .timestamp)
    }
  }

  mutating func put(doubles column: Column) {
    withValues(of: column) { writer, values in
      let doubles = UnsafeRawPointer(values).assumingMemoryBound(to: Double.self)
      for (code, scale) in RowSections.scales.enumerated() where writer.areMultiples(doubles, scale) {
        writer.put(UInt8(code + 1))
        for row in 0..<writer.rows { values[row] = Int64(Self.rounded(doubles[row] * scale)) }
        writer.put(numbers: values, mayBeWhole: false)
        return
      }
      writer.put(RowSections.asTheyAre)
      for row in 0..<writer.rows { writer.put(values[row]) }
    }
  }

  /// The column's words, those of nulls zero: what lies behind a null is never read.
  private mutating func withValues(
    of column: Column, _ body: (inout RowSections.Writer, UnsafeMutablePointer<Int64>) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: max(rows, 1)) { buffer in
      guard let values = buffer.baseAddress else { return }
      for row in 0..<rows { values[row] = column.validity[row] != 0 ? column.int64s[row] : 0 }
      body(&self, values)
    }
  }

  /// To the nearest integer, for magnitudes below ``roundedMax``: a sum that large has no room for a fraction. (`rounded()` is
  /// a call of the C library for each row, on processors as old as those that this is compiled for.)
  @inline(__always)
  private static func rounded(_ value: Double) -> Double { (value + 0x1.8p52) - 0x1.8p52 }
  private static var roundedMax: Double { 0x1p51 }

  /// Whether each is an integer below 2⁵¹ divided by `scale`, to the bit: then that quotient is what it is read back as.
  private func areMultiples(_ doubles: UnsafePointer<Double>, _ scale: Double) -> Bool {
    var from = 0
    while from < rows {
      // In strides, so that the first row that is none ends it soon, and the rest goes without branches.
      let to = min(rows, from + 64)
      var isNone = false
      for row in from..<to {
        let value = doubles[row]
        // Minus zero becomes zero, as it would as an integer, and so is found to be none.
        let product = Self.rounded(value * scale) + 0
        isNone =
          isNone || (product / scale).bitPattern != value.bitPattern || !(product.magnitude < Self.roundedMax)
      }
      if isNone { return false }
      from = to
    }
    return true
  }

  private mutating func put(numbers values: UnsafePointer<Int64>, mayBeWhole: Bool) {
    var (least, most) = (Int64.max, Int64.min)
    for row in 0..<rows {
      least = min(least, values[row])
      most = max(most, values[row])
    }
    var isWhole = mayBeWhole
    if isWhole { for row in 0..<rows where values[row] % 1_000_000 != 0 { isWhole = false } }
    let unit: UInt64 = isWhole ? 1_000_000 : 1
    let range = rows == 0 ? 0 : UInt64(bitPattern: most &- least) / unit
    let width = RowSections.width(range)
    guard width <= RowSections.widthMax else {
      put(RowSections.full)
      for row in 0..<rows { put(values[row]) }
      return
    }
    put(isWhole ? UInt8(width) | RowSections.inMillions : UInt8(width))
    put(rows == 0 ? 0 : least)
    if isWhole {
      put(width) { UInt64(bitPattern: values[$0] &- least) / 1_000_000 }
    } else {
      put(width) { UInt64(bitPattern: values[$0] &- least) }
    }
  }
}

extension RowSections.Reader {
  mutating func take(doubles column: Column) {
    let code = nextByte()
    if code == RowSections.asTheyAre {
      copy(rows * 8, to: column.values)
      return
    }
    guard Int(code) <= RowSections.scales.count else {
      isDamaged = true
      return
    }
    let scale = RowSections.scales[Int(code) - 1]
    take(numbers: column.int64s)
    if isDamaged { return }
    for row in 0..<rows { column.doubles[row] = Double(column.int64s[row]) / scale }
  }

  mutating func take(numbers: UnsafeMutablePointer<Int64>) {
    let mode = nextByte()
    let unit: Int64 = mode & RowSections.inMillions == 0 ? 1 : 1_000_000
    // Bytes are so many bits.
    let width = Int(mode & ~RowSections.inMillions) * (isBytewise ? 8 : 1)
    if width == RowSections.full {
      copy(rows * 8, to: numbers)
      return
    }
    guard let head = next(8), let body = nextNumbers(width) else { return damage() }
    let least = Int64(littleEndian: head.loadUnaligned(as: Int64.self))
    for row in 0..<rows { numbers[row] = least &+ Int64(truncatingIfNeeded: body[row]) &* unit }
  }
}
