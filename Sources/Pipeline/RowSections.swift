internal import Columns

/// The sections of a row batch's bytes. Each begins with a byte that says in which of a few plain ways it is written: what
/// repeats, follows from something else or is small is not written out. Compression by the broker's client goes on top.
///
/// - texts: the lengths in 1, 2 or 4 bytes each, then the bytes; or nothing, if they are the keys'
/// - hashes: as they are; or nothing, if they are ``Hashing/hash64(_:_:seed:)`` of the keys
/// - origins: as they are; or steps of 2 bytes, and in full where a step is larger
/// - validity: a byte each; or nothing, if all are valid
/// - numbers: as they are; or how far above the least, in 0, 1, 2 or 4 bytes, of microseconds in whole seconds if they are
/// - times: as they are; or nothing, if all are zero or a column's
enum RowSections {
  static let asTheyAre: UInt8 = 0
  static let derived: UInt8 = 1
  static let stepped: UInt8 = 2
  /// A step that does not fit.
  static let noStep: UInt16 = .max
  /// Numbers: the width in bytes, with this bit if they are in units of a million.
  static let inMillions: UInt8 = 0x80
  static let full: UInt8 = 8

  /// The bytes behind a null are never read.
  @inline(__always)
  static func element(_ column: Column, _ row: Int) -> Int64 { column.validity[row] != 0 ? column.int64s[row] : 0 }
}

extension RowSections {
  /// Writes one section after another; the caller has made room for the largest form of each.
  struct Writer {
    private let base: UnsafeMutableRawPointer
    private let rows: Int
    private(set) var count = 0
    /// Bytes of texts that were written.
    private(set) var textBytes = 0

    init(_ base: UnsafeMutableRawPointer, rows: Int) {
      self.base = base
      self.rows = rows
    }

    private mutating func put<T: FixedWidthInteger>(_ value: T) {
      base.storeBytes(of: value.littleEndian, toByteOffset: count, as: T.self)
      count &+= MemoryLayout<T>.size
    }

    private mutating func put(_ bytes: UnsafeRawPointer, _ length: Int) {
      (base + count).copyMemory(from: bytes, byteCount: length)
      count += length
    }

    mutating func put(texts views: UnsafePointer<ByteView>, validity: UnsafePointer<UInt8>?, in arena: ByteArena) {
      var longest = 0
      for row in 0..<rows where validity?[row] != 0 { longest = max(longest, views[row].length) }
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
      let text = UnsafeRawPointer(arena.base)
      for row in 0..<rows where validity?[row] != 0 {
        let (start, length) = (Int(views[row].start), views[row].length)
        if length <= 16 {
          // Two words, whatever the length: arenas are padded, and so is the room behind what is written.
          let from = text + start
          base.storeBytes(of: from.loadUnaligned(as: UInt64.self), toByteOffset: count, as: UInt64.self)
          base.storeBytes(
            of: from.loadUnaligned(fromByteOffset: 8, as: UInt64.self), toByteOffset: count + 8, as: UInt64.self)
          count &+= length
        } else {
          put(text + start, length)
        }
      }
      textBytes += count - before
    }

    mutating func put(hashes: UnsafePointer<UInt64>, of keys: UnsafePointer<ByteView>, in arena: ByteArena) {
      let text = UnsafePointer(arena.base)
      for row in 0..<rows where Hashing.hash64(text + Int(keys[row].start), keys[row].length) != hashes[row] {
        put(asTheyAre)
        put(hashes, rows * 8)
        return
      }
      put(derived)
    }

    mutating func put(origins: UnsafePointer<RowOrigin>) {
      let mode = count
      put(stepped)
      let places = count + 4
      count = places + rows * 2
      let most = count + rows * 6 - 4
      var before: UInt64 = 0
      for row in 0..<rows {
        let packed = origins[row].packed
        let step = packed &- before
        before = packed
        if row > 0 && step < UInt64(noStep) {
          base.storeBytes(
            of: UInt16(truncatingIfNeeded: step).littleEndian, toByteOffset: places + row * 2, as: UInt16.self)
          continue
        }
        if count + 8 > most {
          count = mode
          put(asTheyAre)
          put(origins, rows * 8)
          return
        }
        base.storeBytes(of: noStep.littleEndian, toByteOffset: places + row * 2, as: UInt16.self)
        put(packed)
      }
      base.storeBytes(of: UInt32((count - places) - rows * 2).littleEndian, toByteOffset: places - 4, as: UInt32.self)
    }

    mutating func put(_ column: Column, keys: UnsafePointer<ByteView>, in arena: ByteArena) {
      let isValid = areAllValid(column)
      if isValid {
        put(derived)
      } else {
        put(asTheyAre)
        put(column.validity, rows)
      }
      switch column.type {
      case .string where isValid && areKeys(column, keys, arena): put(asTheyAre)
      case .string: put(texts: column.views, validity: isValid ? nil : column.validity, in: column.arena)
      case .int, .timestamp: put(numbers: column)
      case .double:
        for row in 0..<rows { put(UInt64(bitPattern: RowSections.element(column, row))) }
      case .date, .bool, .decimal:
        let stride = column.type.stride
        put(column.values, rows * stride)
        for row in 0..<rows where column.validity[row] == 0 {
          (base + count - (rows - row) * stride).initializeMemory(as: UInt8.self, repeating: 0, count: stride)
        }
      }
    }

    private func areAllValid(_ column: Column) -> Bool {
      var all: UInt8 = 1
      for row in 0..<rows { all &= column.validity[row] }
      return all == 1
    }

    private func areKeys(_ column: Column, _ keys: UnsafePointer<ByteView>, _ arena: ByteArena) -> Bool {
      for row in 0..<rows {
        let (a, b) = (keys[row], column.views[row])
        guard a.length == b.length else { return false }
        let key = UnsafeRawBufferPointer(start: arena.base + Int(a.start), count: a.length)
        let text = UnsafeRawBufferPointer(start: column.arena.base + Int(b.start), count: b.length)
        guard key.elementsEqual(text) else { return false }
      }
      return true
    }

    private mutating func put(numbers column: Column) {
      var (least, most) = (Int64.max, Int64.min)
      var isWhole = column.type == .timestamp
      for row in 0..<rows {
        let value = RowSections.element(column, row)
        least = min(least, value)
        most = max(most, value)
        if isWhole && value % 1_000_000 != 0 { isWhole = false }
      }
      let unit: UInt64 = isWhole ? 1_000_000 : 1
      let range = rows == 0 ? 0 : UInt64(bitPattern: most &- least) / unit
      let width: UInt8 = range == 0 ? 0 : range < 1 << 8 ? 1 : range < 1 << 16 ? 2 : range < 1 << 32 ? 4 : full
      if width == full {
        put(full)
        for row in 0..<rows { put(RowSections.element(column, row)) }
        return
      }
      put(isWhole ? width | inMillions : width)
      put(rows == 0 ? 0 : least)
      if width == 0 { return }
      for row in 0..<rows {
        var above = UInt64(bitPattern: RowSections.element(column, row) &- least)
        if isWhole { above /= 1_000_000 }
        switch width {
        case 1: put(UInt8(truncatingIfNeeded: above))
        case 2: put(UInt16(truncatingIfNeeded: above))
        default: put(UInt32(truncatingIfNeeded: above))
        }
      }
    }

    mutating func put(times: UnsafePointer<Int64>, columns: [Column]) {
      var any: Int64 = 0
      for row in 0..<rows { any |= times[row] }
      if any == 0 {
        put(derived)
        return
      }
      for (index, column) in columns.enumerated() where column.type == .timestamp && index < 256 && areAllValid(column)
      {
        guard (0..<rows).allSatisfy({ column.int64s[$0] == times[$0] }) else { continue }
        put(stepped)
        put(UInt8(index))
        return
      }
      put(asTheyAre)
      put(times, rows * 8)
    }
  }
}
