internal import CScan
internal import Columns

/// Numbers, and doubles that are numbers in disguise.
extension RowSections.Writer {
  mutating func put(numbers values: UnsafePointer<Int64>, _ validity: UnsafePointer<UInt8>?, mayBeWhole: Bool) {
    withValues(values, validity) { $0.put(numbers: $1, mayBeWhole: mayBeWhole) }
  }

  mutating func put(doubles values: UnsafePointer<Double>, _ validity: UnsafePointer<UInt8>?) {
    withValues(UnsafeRawPointer(values).assumingMemoryBound(to: Int64.self), validity) { writer, words in
      let doubles = UnsafeRawPointer(words).assumingMemoryBound(to: Double.self)
      let numbers = writer.scratch
      for (code, scale) in RowSections.scales.enumerated() where writer.areMultiples(doubles, scale, numbers) {
        writer.put(UInt8(code + 1))
        writer.put(numbers: numbers, mayBeWhole: false)
        return
      }
      writer.put(RowSections.asTheyAre)
      writer.put(words, writer.rows * 8)
    }
  }

  /// The words, those of nulls zero: what lies behind a null is never read.
  private mutating func withValues(
    _ values: UnsafePointer<Int64>, _ validity: UnsafePointer<UInt8>?,
    _ body: (inout RowSections.Writer, UnsafePointer<Int64>) -> Void
  ) {
    guard let validity else { return body(&self, values) }
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: max(rows, 1)) { buffer in
      guard let own = buffer.baseAddress else { return }
      for row in 0..<rows { own[row] = validity[row] != 0 ? values[row] : 0 }
      body(&self, own)
    }
  }

  /// What rounds magnitudes below ``roundedMax`` to the nearest integer when it is added: a sum that large has no room for a
  /// fraction. (`rounded()` is a call of the C library for each row, on processors as old as those that this is compiled for.)
  private static var rounding: Double { 0x1.8p52 }
  private static var roundedMax: Double { 0x1p51 }

  /// Whether each is an integer below 2⁵¹ divided by `scale`, to the bit: then that quotient is what it is read back as.
  /// Gives these integers.
  private func areMultiples(
    _ doubles: UnsafePointer<Double>, _ scale: Double, _ numbers: UnsafeMutablePointer<Int64>
  ) -> Bool {
    var from = cscan_multiples(doubles, rows, scale, numbers)
    while from < rows {
      // In strides, so that the first row that is none ends it soon, and the rest goes without branches.
      let to = min(rows, from + 64)
      var isNone = false
      for row in from..<to {
        let value = doubles[row]
        // With the large number added, an integer's bits are the lowest ones.
        let shifted = value * scale + Self.rounding
        // Minus zero becomes zero, as it would as an integer, and so is found to be none.
        let product = (shifted - Self.rounding) + 0
        numbers[row] = Int64(bitPattern: shifted.bitPattern &- Self.rounding.bitPattern)
        isNone =
          isNone || (product / scale).bitPattern != value.bitPattern || !(product.magnitude < Self.roundedMax)
      }
      if isNone { return false }
      from = to
    }
    return true
  }

  private mutating func put(numbers values: UnsafePointer<Int64>, mayBeWhole: Bool) {
    if mayBeWhole && putWhole(values) { return }
    let (least, most) = range(values)
    let width = RowSections.width(rows == 0 ? 0 : UInt64(bitPattern: most &- least))
    guard width <= RowSections.widthMax else {
      put(RowSections.full)
      put(values, rows * 8)
      return
    }
    put(UInt8(width))
    put(rows == 0 ? 0 : least)
    put(width, values, above: least)
  }

  /// Microseconds as seconds; false, and nothing is written, if one is not whole.
  private mutating func putWhole(_ values: UnsafePointer<Int64>) -> Bool {
    let seconds = scratch
    var from = cscan_seconds(values, rows, seconds)
    while from < rows {
      // In strides, as above.
      let to = min(rows, from + 64)
      var rest: Int64 = 0
      for row in from..<to {
        let second = values[row] / 1_000_000
        rest |= values[row] &- second &* 1_000_000
        seconds[row] = second
      }
      if rest != 0 { return false }
      from = to
    }
    let (least, most) = range(seconds)
    // Seconds are so few that their difference needs no more bits than there may be.
    let width = RowSections.width(rows == 0 ? 0 : UInt64(most - least))
    put(UInt8(width) | RowSections.inMillions)
    put(rows == 0 ? 0 : least * 1_000_000)
    put(width, seconds, above: least)
    return true
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
    let done = cscan_quotients(column.int64s, rows, scale, column.doubles)
    for row in done..<rows { column.doubles[row] = Double(column.int64s[row]) / scale }
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
    let done = cscan_unpack_int64s(body.base, rows, UInt32(truncatingIfNeeded: width), least, unit, numbers)
    for row in done..<rows { numbers[row] = least &+ Int64(truncatingIfNeeded: body[row]) &* unit }
  }
}
