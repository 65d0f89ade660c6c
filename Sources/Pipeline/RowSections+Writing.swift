internal import CScan
internal import Columns

extension RowSections {
  /// Writes one section after another; the caller has made room for the largest form of each.
  struct Writer {
    let base: UnsafeMutableRawPointer
    let rows: Int
    /// Room for a number of each row, while a section is written.
    let scratch: UnsafeMutablePointer<Int64>
    var count = 0
    /// Bytes of texts that a reader has to make room for.
    var textBytes = 0

    init(_ base: UnsafeMutableRawPointer, rows: Int, scratch: UnsafeMutablePointer<Int64>) {
      self.base = base
      self.rows = rows
      self.scratch = scratch
    }

    @inline(__always)
    mutating func put<T: FixedWidthInteger>(_ value: T) {
      base.storeBytes(of: value.littleEndian, toByteOffset: count, as: T.self)
      count &+= MemoryLayout<T>.size
    }

    mutating func put(_ bytes: UnsafeRawPointer, _ length: Int) {
      (base + count).copyMemory(from: bytes, byteCount: length)
      count += length
    }

    mutating func put(origins: UnsafePointer<RowOrigin>) {
      // A `RowOrigin` is its number. Steps of bytes are written where they are going to be if they are the smallest.
      let numbers = UnsafeRawPointer(origins).assumingMemoryBound(to: UInt64.self)
      let places = (base + count + 5).assumingMemoryBound(to: UInt8.self)
      var large = (bytes: 0, words: 0)
      let done = cscan_byte_steps(numbers, rows, places, &large.bytes, &large.words)
      var before = done > 0 ? numbers[done - 1] : 0
      for row in done..<rows {
        let step = numbers[row] &- before
        before = numbers[row]
        if step >= UInt64(UInt8.max) { large.bytes += 1 }
        if step >= UInt64(UInt16.max) { large.words += 1 }
        places[row] = UInt8(truncatingIfNeeded: min(step, UInt64(UInt8.max)))
      }
      // The smallest of the three.
      let (byBytes, byWords) = (rows + large.bytes * 8, rows * 2 + large.words * 8)
      if min(byBytes, byWords) + 4 >= rows * 8 {
        put(asTheyAre)
        put(origins, rows * 8)
      } else if byBytes <= byWords {
        put(steppedByBytes)
        put(UInt32(large.bytes * 8))
        count += rows
        put(numbers, behind: places, large: large.bytes)
      } else {
        put(stepped)
        put(steps: numbers, large: large.words)
      }
    }

    /// The whole values of those steps that are the largest there is.
    private mutating func put(_ numbers: UnsafePointer<UInt64>, behind steps: UnsafePointer<UInt8>, large: Int) {
      var row = 0
      for _ in 0..<large {
        while steps[row] != UInt8.max { row += 1 }
        put(numbers[row])
        row += 1
      }
    }

    /// Steps of two bytes. One that does not fit is written as the largest there is, and the whole value behind all steps.
    private mutating func put(steps numbers: UnsafePointer<UInt64>, large: Int) {
      put(UInt32(large * 8))
      let places = base + count
      count += rows * 2
      var before: UInt64 = 0
      for row in 0..<rows {
        let step = numbers[row] &- before
        before = numbers[row]
        let isLarge = step >= UInt64(UInt16.max)
        places.storeBytes(
          of: isLarge ? UInt16.max : UInt16(truncatingIfNeeded: step).littleEndian, toByteOffset: row &* 2,
          as: UInt16.self)
        if isLarge { put(numbers[row]) }
      }
    }

    mutating func put(_ column: Column, keys: UnsafePointer<ByteView>, in arena: ByteArena) {
      let validity = areAllValid(column.validity) ? nil : UnsafePointer(column.validity)
      put(validity: validity)
      switch column.type {
      case .string where validity == nil && areKeys(column, keys, arena): put(asTheyAre)
      case .string: put(texts: column.views, validity: validity, in: column.arena)
      default: put(values: column.values, column.type, validity)
      }
    }

    /// nil: there is no null.
    mutating func put(validity: UnsafePointer<UInt8>?) {
      guard let validity else { return put(derived) }
      put(asTheyAre)
      put(validity, rows)
    }

    /// A column's elements, but for texts.
    mutating func put(values: UnsafeMutableRawPointer, _ type: ColumnType, _ validity: UnsafePointer<UInt8>?) {
      switch type {
      case .int, .timestamp:
        put(numbers: values.assumingMemoryBound(to: Int64.self), validity, mayBeWhole: type == .timestamp)
      case .double: put(doubles: values.assumingMemoryBound(to: Double.self), validity)
      case .string, .date, .bool, .decimal:
        put(values, rows * type.stride)
        guard let validity else { return }
        for row in 0..<rows where validity[row] == 0 {
          (base + count - (rows - row) * type.stride).initializeMemory(as: UInt8.self, repeating: 0, count: type.stride)
        }
      }
    }

    func areAllValid(_ validity: UnsafePointer<UInt8>) -> Bool {
      var all: UInt8 = 1
      for row in 0..<rows { all &= validity[row] }
      return all == 1
    }

    private func areKeys(_ column: Column, _ keys: UnsafePointer<ByteView>, _ arena: ByteArena) -> Bool {
      let (keyText, text) = (UnsafeRawPointer(arena.base), UnsafeRawPointer(column.arena.base))
      for row in 0..<rows {
        let (key, view) = (keys[row], column.views[row])
        guard key.length == view.length else { return false }
        let (a, b) = (keyText + Int(key.start), text + Int(view.start))
        if key.length <= 16 {
          guard words(a, key.length) == words(b, key.length) else { return false }
        } else {
          guard
            UnsafeRawBufferPointer(start: a, count: key.length)
              .elementsEqual(UnsafeRawBufferPointer(start: b, count: key.length))
          else { return false }
        }
      }
      return true
    }

    mutating func put(times: UnsafePointer<Int64>, columns: [Column]) {
      var any: Int64 = 0
      for row in 0..<rows { any |= times[row] }
      if any == 0 {
        put(derived)
        return
      }
      for (index, column) in columns.enumerated()
      where column.type == .timestamp && index < 256 && areAllValid(column.validity) {
        var differences: Int64 = 0
        for row in 0..<rows { differences |= column.int64s[row] ^ times[row] }
        guard differences == 0 else { continue }
        put(stepped)
        put(UInt8(index))
        return
      }
      put(asTheyAre)
      put(times, rows * 8)
    }
  }
}
