internal import Columns

extension RowSections {
  /// Reads the sections in the order in which they were written. What does not fit ends the reading: nothing beyond the bytes
  /// or the batch's rows is touched, and ``isWhole`` is false.
  struct Reader {
    private let bytes: UnsafeRawBufferPointer
    /// Behind the last byte.
    let end: UnsafeRawPointer?
    let rows: Int
    private var at = 0
    /// Bytes that texts may still take.
    var textsLeft: Int
    /// Numbers are of whole bytes.
    let isBytewise: Bool
    var isDamaged = false
    /// The keys' hashes were made with the keys.
    var hasHashes = false

    /// Behind `bytes` there are eight more that may be loaded.
    init(_ bytes: UnsafeRawBufferPointer, rows: Int, textBytes: Int, isBytewise: Bool) {
      self.isBytewise = isBytewise
      self.bytes = bytes
      end = bytes.baseAddress.map { UnsafeRawPointer($0) + bytes.count }
      self.rows = rows
      textsLeft = textBytes
    }

    /// Everything was there, and nothing else.
    var isWhole: Bool { !isDamaged && at == bytes.count && textsLeft == 0 }

    mutating func damage() { isDamaged = true }

    /// The next bytes; nil, and damaged, if there are not so many.
    mutating func next(_ count: Int) -> UnsafeRawPointer? {
      guard !isDamaged, count <= bytes.count - at, let base = bytes.baseAddress else {
        isDamaged = true
        return nil
      }
      defer { at += count }
      return base + at
    }

    mutating func nextByte() -> UInt8 { next(1)?.load(as: UInt8.self) ?? 0xff }

    mutating func copy(_ count: Int, to target: UnsafeMutableRawPointer) {
      if let from = next(count) { target.copyMemory(from: from, byteCount: count) }
    }

    mutating func take(hashes: UnsafeMutablePointer<UInt64>, of keys: UnsafePointer<ByteView>, in arena: ByteArena) {
      switch nextByte() {
      case asTheyAre: copy(rows * 8, to: hashes)
      case derived where hasHashes: break
      case derived where !isDamaged:
        Hashing.hash64(of: keys, rows, in: arena, into: hashes)
      default: isDamaged = true
      }
    }

    mutating func take(origins: UnsafeMutablePointer<RowOrigin>) {
      switch nextByte() {
      case asTheyAre: copy(rows * 8, to: origins)
      case stepped: take(steps: origins, UInt16.self)
      case steppedByBytes: take(steps: origins, UInt8.self)
      default: isDamaged = true
      }
    }

    private mutating func take<Step: FixedWidthInteger & UnsignedInteger>(
      steps origins: UnsafeMutablePointer<RowOrigin>, _: Step.Type
    ) {
      let size = MemoryLayout<Step>.size
      guard let head = next(4), let steps = next(rows * size) else { return }
      let wholeBytes = Int(UInt32(littleEndian: head.loadUnaligned(as: UInt32.self)))
      guard let whole = next(wholeBytes) else { return }
      var used = 0
      var packed: UInt64 = 0
      for row in 0..<rows {
        let step = Step(littleEndian: steps.loadUnaligned(fromByteOffset: row &* size, as: Step.self))
        if step != .max {
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
      case .double: take(doubles: column)
      case .date, .bool, .decimal: copy(rows * column.type.stride, to: column.values)
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
