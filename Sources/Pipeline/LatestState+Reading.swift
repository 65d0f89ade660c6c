internal import Columns

extension LatestState {
  /// Writes one row's value into row 0 of `column`, and nothing else stays there.
  func read(_ kept: Int, of key: UInt32, into column: Column) {
    column.arena.removeAll()
    var record = absent
    if let found = records.record(key), LatestLayout.hasRow(found) { record = found }
    withUnsafePointer(to: record) { read(kept, UnsafeBufferPointer(start: $0, count: 1), into: column, at: 0) }
  }

  /// Writes a kept column of the found records into `column` from row `at` on; the record of a key without a row is one of
  /// zeros. Nothing of these rows is left as it was.
  func read(_ kept: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int) {
    let place = layout.places[kept]
    let validity = column.validity + at
    for row in 0..<found.count {
      let word = found[row].load(fromByteOffset: place.presenceOffset, as: UInt32.self)
      validity[row] = word & place.presenceBit != 0 ? 1 : 0
    }
    switch place.type {
    case .string: readTexts(kept, found, into: column, at: at)
    case .int, .timestamp, .double: read(place.offset, found, validity, into: column.int64s + at)
    case .date: read(place.offset, found, validity, into: column.int32s + at)
    case .bool: read(place.offset, found, validity, into: column.bytes + at)
    case .decimal: read(place.offset, found, validity, into: column.int128s + at)
    }
  }

  /// Nulls are zeros: nothing that a snapshot is made of depends on what was in a record.
  @inline(__always)
  private func read<T: FixedWidthInteger & BitwiseCopyable>(
    _ offset: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, _ validity: UnsafePointer<UInt8>,
    into values: UnsafeMutablePointer<T>
  ) {
    for row in 0..<found.count {
      let value = found[row].loadUnaligned(fromByteOffset: offset, as: T.self)
      values[row] = validity[row] != 0 ? value : 0
    }
  }

  private func readTexts(
    _ kept: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int
  ) {
    let (offset, textsOffset) = (layout.places[kept].offset, layout.textsOffset)
    // The first text begins with the bytes: there is no end before it.
    let before = layout.texts.first == kept ? nil : offset - LatestLayout.textEndBytes
    let (views, validity) = (column.views + at, column.validity + at)
    var bytes = 0
    for row in 0..<found.count {
      let start = before.map { found[row].load(fromByteOffset: $0, as: UInt32.self) } ?? 0
      let length = found[row].load(fromByteOffset: offset, as: UInt32.self) &- start
      // A null's text is empty; its view must not point behind the column's bytes.
      views[row] = ByteView(start: validity[row] != 0 ? start : 0, length: length)
      bytes &+= Int(length)
    }
    let arena = column.arena
    arena.reserve(bytes)
    let target = UnsafeMutableRawPointer(arena.base)
    var end = arena.count
    for row in 0..<found.count where validity[row] != 0 {
      let (from, length) = (Int(views[row].start), views[row].length)
      views[row] = ByteView(start: UInt32(truncatingIfNeeded: end), length: UInt32(truncatingIfNeeded: length))
      // Who has a text has an address.
      let texts = UnsafeRawPointer(
        bitPattern: found[row].load(fromByteOffset: textsOffset, as: UInt.self)
      ).unsafelyUnwrapped
      if length <= 16 {
        // Sixteen bytes at once: both sides are padded by more.
        let word = (texts + from).loadUnaligned(as: UInt128.self)
        (target + end).storeBytes(of: word, as: UInt128.self)
      } else {
        (target + end).copyMemory(from: texts + from, byteCount: length)
      }
      end &+= length
    }
    arena.setCount(end)
  }
}
